"""What a cascade does at given exits, from the counts of a joint table: who exits where, AUROC, shares, cost.

The reference of these rules is `core.cascade.cascade.Cascade`; tests/core/policies/test_one_reference.py holds this
copy to it. assets/components/cascade_board.js repeats the arithmetic of this file in the browser.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from core.policies.boards.joint_table import JointTable, sums_by_label

Cuts = Sequence[tuple[int, int]]
"""A pair of fine-edge indices a member: an item exits as real in a bin below the first, as fake from the second on."""


def arrivals(table: JointTable, cuts: Cuts) -> tuple[list[np.ndarray], np.ndarray]:
    """Count what arrives at every stage.

    Args:
        table: Counts of the items.
        cuts: Exits, a pair a member.

    Returns:
        (M arrays (F_m, 2) of what arrives at each stage by its fine bins and by label, (2,) what is open at the end).
    """
    passed = [_open_share(table, m, real, fake) for m, (real, fake) in enumerate(cuts)]
    arrived = [table.first]
    if len(passed) > 1:
        arrived.append(np.stack([passed[0][:, label] @ table.pair[label] for label in (0, 1)], axis=1))
    if len(passed) > 2:
        # From the third stage on a walk over the rows: each keeps the share that no stage before has decided.
        weight = table.counts * passed[0][table.bins[:, 0]]
        for m in range(2, len(passed)):
            weight *= passed[m - 1][table.bins[:, m - 1]]
            arrived.append(sums_by_label(table.bins[:, m], weight, len(passed[m])))
    stages = [of[onto] * share for of, onto, share in zip(arrived, table.onto, table.shares, strict=True)]
    return stages, (arrived[-1] * passed[-1]).sum(axis=0)


def joint_tally(table: JointTable, cuts: Cuts) -> np.ndarray:
    """Count who exits at every stage, and as what.

    Args:
        table: Counts of the items.
        cuts: Exits, a pair a member.

    Returns:
        (M + 1, 3, 2) counts: [stage][exit as real, exit as fake, arrived][label]. The last row holds, as `arrived`,
        what no stage decided. Whole numbers where the table is exact.
    """
    return _tally(cuts, *arrivals(table, cuts))


def joint_tally_and_auroc(table: JointTable, cuts: Cuts) -> tuple[np.ndarray, float | None]:
    """Compute `joint_tally` and `joint_auroc` in one go.

    Args:
        table: Counts of the items.
        cuts: Exits, a pair a member.

    Returns:
        (tally, AUROC; None with one class).
    """
    stages, left = arrivals(table, cuts)
    return _tally(cuts, stages, left), histogram_auroc(_histogram(table, cuts, stages))


def joint_auroc(table: JointTable, cuts: Cuts) -> float | None:
    """Compute the AUROC of the cascade, each item at the p_fake of the stage that decides it.

    Args:
        table: Counts of the items.
        cuts: Exits, a pair a member.

    Returns:
        A float in [0, 1], None with one class. Items of one fine bin count as tied: see `joint_auroc_error`.
    """
    return histogram_auroc(score_histogram(table, cuts))


def joint_auroc_error(table: JointTable, cuts: Cuts) -> float:
    """Compute by how much `joint_auroc` of an exact table may differ from that of the items themselves.

    It is half of the pairs of a real and a fake that share a bin: such a pair counts one half and could count 0 or 1.
    About .01 with hundreds of items of few distinct scores, .002 with thousands spread out.

    Args:
        table: Counts of the items.
        cuts: Exits, a pair a member.

    Returns:
        A float in [0, .5]; 0 with one class.
    """
    real, fake = score_histogram(table, cuts).T
    pairs = real.sum() * fake.sum()
    return float((real * fake).sum() / (2 * pairs)) if pairs else 0.0


def score_histogram(table: JointTable, cuts: Cuts) -> np.ndarray:
    """Count the items by the p_fake that the cascade gives them.

    Args:
        table: Counts of the items.
        cuts: Exits, a pair a member.

    Returns:
        (S, 2) reals and fakes over `table.score_cells`: each item at the p_fake of the stage that decides it, of the
        last stage where it stays open.
    """
    return _histogram(table, cuts, arrivals(table, cuts)[0])


def histogram_auroc(counts: np.ndarray) -> Any:
    """Compute the AUROC of counts over ascending scores; items of one cell count as tied (Mann and Whitney 1947).

    Args:
        counts: (..., S, 2) reals and fakes.

    Returns:
        (...) AUROC, NaN with one class; of an (S, 2) array a float, None with one class.
    """
    real, fake = counts[..., 0].astype(np.float64), counts[..., 1].astype(np.float64)
    pairs = real.sum(-1) * fake.sum(-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        area = (fake * (np.cumsum(real, -1) - real / 2)).sum(-1) / pairs
    if np.ndim(area):
        return area
    return float(area) if pairs else None


def joint_figures(counts: np.ndarray, costs: Sequence[float]) -> dict[str, float | None]:
    """Compute the figures of a tally.

    filtration: released as real by stage 1 / all. coverage: passed on by stage 1 / all. leakage1: fakes released as
    real by stage 1 / all fakes. leakage: fakes called real anywhere / all fakes. false_alarms: reals called fake / all
    reals. precision_real: reals / all called real; precision_fake: fakes / all called fake. uncertain: undecided / all.
    cost: sum over members of cost x share that arrives. speed_up: cost of all members behind stage 1 on every item /
    cost of the cascade (1 / (r + 1 - f) of `core.policies.cost`).

    Args:
        counts: (M + 1, 3, 2) of `joint_tally`.
        costs: Cost of an item at each of the M members, in one unit.

    Returns:
        The figures by name; a share over nothing is None.
    """
    real, fake, arrived = counts[:, 0], counts[:, 1], counts[:, 2]
    n, n_real, n_fake = arrived[0].sum(), arrived[0, 0], arrived[0, 1]
    called_real, called_fake = real.sum(axis=0), fake.sum(axis=0)
    cost = float(sum(c * a.sum() for c, a in zip(costs, arrived, strict=False)) / n)
    return {
        "filtration": float(real[0].sum() / n),
        "coverage": float(1 - (real[0].sum() + fake[0].sum()) / n),
        "leakage1": _share(real[0, 1], n_fake),
        "leakage": _share(called_real[1], n_fake),
        "false_alarms": _share(called_fake[0], n_real),
        "precision_real": _share(called_real[0], called_real.sum()),
        "precision_fake": _share(called_fake[1], called_fake.sum()),
        "uncertain": float(arrived[-1].sum() / n),
        "cost": cost,
        "speed_up": _share(sum(costs[1:]), cost),
    }


def _open_share(table: JointTable, member: int, real: int, fake: int) -> np.ndarray:
    """(C_m, 2) share of each coarse bin that stays open, by label."""
    share, onto = table.shares[member][real:fake], table.onto[member]
    passed = np.stack([np.bincount(onto[real:fake], share[:, k], int(onto[-1]) + 1) for k in (0, 1)], axis=1)
    return np.minimum(passed, 1.0)


def _tally(cuts: Cuts, stages: Sequence[np.ndarray], left: np.ndarray) -> np.ndarray:
    out = np.zeros((len(stages) + 1, 3, 2))
    for m, ((real, fake), counts) in enumerate(zip(cuts, stages, strict=True)):
        out[m] = counts[:real].sum(axis=0), counts[fake:].sum(axis=0), counts.sum(axis=0)
    out[-1, 2] = left
    return out


def _histogram(table: JointTable, cuts: Cuts, stages: Sequence[np.ndarray]) -> np.ndarray:
    cells, size = table.score_cells
    histogram = np.zeros((size, 2))
    for m, (real, fake) in enumerate(cuts):
        decided = np.ones(table.edges[m].size - 1, bool)
        if m + 1 < len(table.members):  # the last stage gives its score to what it leaves open too
            decided[real:fake] = False
        histogram[cells[m][decided]] += stages[m][decided]
    return histogram


def _share(part: float, whole: float) -> float | None:
    return float(part / whole) if whole else None
