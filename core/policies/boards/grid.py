"""Every combination of exits of every stage at once: leakage, false alarms, uncertain, cost and AUROC of the cascade.

The reference of these rules is `core.cascade.cascade.Cascade`; tests/core/policies/test_one_reference.py holds this
copy to it.

A stage has L real exits and L fake exits, "never" among them, hence P = L x L pairs; M stages have P^M combinations, a
million or two. They are not replayed one by one: the counts over cells between the levels are contracted, stage by
stage, with the matrices that say which cells exit and which stay open. All counts are exact, since levels lie on the
table's coarse edges.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.policies.boards.joint_counts import histogram_auroc
from core.policies.boards.joint_table import JointTable

MOST_COMBINATIONS = 2_000_000
AUROC_CELLS = 128
"""Steps of p_fake at which the AUROC of a combination is summed; scores of one step count as tied."""


@dataclass(frozen=True)
class Grid:
    """Figures of all combinations of exits; axis m is stage m's pair of exits.

    Attributes:
        pairs: For each stage (P_m, 2) fine-edge indices of its pairs of exits.
        leaked: (P_1, ..., P_M) fakes called real.
        false_alarms: (P_1, ..., P_M) reals called fake.
        undecided: (P_1, ..., P_M) items without a verdict.
        arrived: M arrays (P_1, ..., P_m-1), items that stage m scores.
        auroc: (P_1, ..., P_M-1), NaN with one class: the last stage's own exits change no score.
        n_real: Reals.
        n_fake: Fakes.
    """

    pairs: tuple[np.ndarray, ...]
    leaked: np.ndarray
    false_alarms: np.ndarray
    undecided: np.ndarray
    arrived: tuple[np.ndarray, ...]
    auroc: np.ndarray
    n_real: int
    n_fake: int

    @property
    def n(self) -> int:
        return self.n_real + self.n_fake

    @property
    def size(self) -> int:
        return self.leaked.size

    @property
    def auroc_loss(self) -> np.ndarray:
        """(P_1, ..., P_M-1) AUROC of the last stage on every item - AUROC; negative where the cascade is better."""
        closed = tuple(int(np.flatnonzero((p == [0, p[:, 1].max()]).all(axis=1))[0]) for p in self.pairs[:-1])
        return self.auroc[closed] - self.auroc

    def cost(self, costs: Sequence[float]) -> np.ndarray:
        """Compute the expected cost of an item.

        Args:
            costs: A cost for each member, in one unit.

        Returns:
            (P_1, ..., P_M-1).
        """
        shape = self.leaked.shape[:-1]
        total = np.zeros(shape)
        for cost, arrived in zip(costs, self.arrived, strict=True):
            total += cost * arrived.reshape(arrived.shape + (1,) * (len(shape) - arrived.ndim)) / self.n
        return total

    def cuts(self, index: Sequence[int]) -> list[tuple[int, int]]:
        """Return the exits of one combination.

        Args:
            index: An index of the pair of exits for each stage.

        Returns:
            A pair of fine-edge indices a stage, as for `joint_tally`.
        """
        return [(int(p[i, 0]), int(p[i, 1])) for p, i in zip(self.pairs, index, strict=True)]


def levels_of(members: int) -> int:
    """Compute how many real (and fake) exits a stage may have, "never" included.

    Args:
        members: Number of stages.

    Returns:
        At least 2; at most so many that there are MOST_COMBINATIONS combinations.
    """
    return max(2, int(MOST_COMBINATIONS ** (1 / (2 * members)) + 1e-9))


def exit_levels(table: JointTable, member: int, levels: int) -> tuple[np.ndarray, np.ndarray]:
    """Choose the exits of one stage that the grid tries.

    Between never and p_fake = .5 they part the items on that side evenly. They are coarse edges, so counts are exact.

    Args:
        table: Counts of the items.
        member: Position of the stage.
        levels: Most exits a side.

    Returns:
        (real, fake) fine-edge indices, never first.
    """
    edges, counts, onto = table.edges[member], table.marginals[member].sum(axis=1), table.onto[member]
    starts = np.flatnonzero(np.concatenate(([True], onto[1:] != onto[:-1])))
    size = edges.size - 1
    upto = np.concatenate(([0], np.cumsum(counts)))
    below, above = starts[(starts > 0) & (edges[starts] <= 0.5)], starts[edges[starts] >= 0.5]
    wanted = np.arange(1, levels) / (levels - 1)
    real = _even(below, upto[below], wanted)
    fake = _even(above[::-1], upto[-1] - upto[above[::-1]], wanted)
    return np.concatenate(([0], real)), np.concatenate(([size], fake))


def _even(edges: np.ndarray, counts: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Edges at which the rising `counts` come nearest to the wanted shares of their last, without doubles."""
    if not edges.size or not counts[-1]:
        return np.zeros(0, np.int64)
    at = np.searchsorted(counts, wanted * counts[-1], side="left")
    return edges[np.unique(np.minimum(at, edges.size - 1))]


def cascade_grid(table: JointTable, levels: int | None = None) -> Grid:
    """Compute the figures of all combinations of exits; about a second at most.

    Args:
        table: Counts of the items.
        levels: Exits a side and stage; None: by `levels_of`.

    Returns:
        The grid.
    """
    members = len(table.members)
    count = levels or levels_of(members)
    pairs, cells, leaves = [], [], []
    for m in range(members):
        real, fake = exit_levels(table, m, count)
        pair = np.array([(r, f) for r in real for f in fake])
        cuts = np.unique(np.concatenate((real, fake)))
        pairs.append(pair)
        first = np.searchsorted(table.onto[m], np.arange(table.onto[m][-1] + 1))  # first fine bin of each coarse one
        cells.append(np.searchsorted(cuts, first, side="right") - 1)
        leaves.append(_leaves(pair, cuts[:-1]))
    total = table.counts.sum(axis=0).astype(np.int64)
    leaked, false_alarms, undecided, arrived = _verdicts(_dense(table, cells), leaves)
    auroc = _aurocs(table, cells, pairs, leaves)
    return Grid(tuple(pairs), leaked, false_alarms, undecided, tuple(arrived), auroc, int(total[0]), int(total[1]))


def _leaves(pairs: np.ndarray, starts: np.ndarray) -> dict[str, np.ndarray]:
    """(P, C) indicators of cells (by first fine bin) that exit as real, exit as fake, or stay open."""
    real, fake = starts < pairs[:, :1], starts >= pairs[:, 1:]
    return {
        "real": real.astype(np.float64),
        "fake": fake.astype(np.float64),
        "open": (~real & ~fake).astype(np.float64),
    }


def _dense(table: JointTable, cells: Sequence[np.ndarray]) -> np.ndarray:
    """(C_1, ..., C_M, 2) counts."""
    shape = [int(of.max()) + 1 for of in cells]
    flat = np.ravel_multi_index(tuple(of[table.bins[:, m]] for m, of in enumerate(cells)), shape)
    size = int(np.prod(shape))
    both = [np.bincount(flat, table.counts[:, label], size) for label in (0, 1)]
    return np.stack(both, axis=1).reshape(*shape, 2)


def _verdicts(counts: np.ndarray, leaves: Sequence[dict[str, np.ndarray]]) -> tuple[Any, Any, Any, list[np.ndarray]]:
    """Contract one stage after the other; `counts` has the axes (P_1, ..., P_m-1, C_m, ..., C_M, label)."""
    arrived, leaked, false_alarms = [], np.zeros(()), np.zeros(())
    members = len(leaves)
    for m, leave in enumerate(leaves):
        at = counts.sum(axis=tuple(range(m + 1, members)))  # (P_1, ..., P_m-1, C_m, label)
        arrived.append(at.sum(axis=(-1, -2)))
        leaked = leaked[..., None] + at[..., 1] @ _padded(leave["real"], at.shape[-2]).T
        false_alarms = false_alarms[..., None] + at[..., 0] @ _padded(leave["fake"], at.shape[-2]).T
        counts = np.moveaxis(np.tensordot(counts, _padded(leave["open"], counts.shape[m]), axes=(m, 1)), -1, m)
    return leaked, false_alarms, counts.sum(axis=-1), arrived


def _padded(matrix: np.ndarray, cells: int) -> np.ndarray:
    """The first columns: cells above the highest one that holds an item are not there."""
    return matrix[:, :cells]


def _aurocs(
    table: JointTable, cells: Sequence[np.ndarray], pairs: Sequence[np.ndarray], leaves: Sequence[dict[str, np.ndarray]]
) -> np.ndarray:
    """(P_1, ..., P_M-1) AUROC, each item at the p_fake of the stage that decides it."""
    steps, size = _steps(table, pairs)
    arrivals = [_by_step(table, cells, m, steps[m], size) for m in range(len(pairs))]
    if len(pairs) == 1:
        area = histogram_auroc(arrivals[0])
        return np.asarray(np.nan if area is None else area)
    decides = []
    for pair, of in zip(pairs, steps, strict=True):
        fine = np.arange(of.size)
        out = np.zeros((len(pair), size))
        out[:, of] = (fine < pair[:, :1]) | (fine >= pair[:, 1:])
        decides.append(out)
    return np.stack([_aurocs_of(arrivals, leaves, decides, first) for first in range(len(pairs[0]))])


def _aurocs_of(
    arrivals: Sequence[np.ndarray], leaves: Sequence[dict[str, np.ndarray]], decides: Sequence[np.ndarray], first: int
) -> np.ndarray:
    """(P_2, ..., P_M-1) for one pair of exits of stage 1: a slice, so that histograms stay within some megabytes.

    arrivals: of stage m (C_1, ..., C_m-1, S, label). decides: (P_m, S), 1 where a step exits.
    """
    total = arrivals[0] * decides[0][first][:, None]
    for m, arrived in enumerate(arrivals[1:], 1):
        arrived = np.tensordot(_padded(leaves[0]["open"], arrived.shape[0])[first], arrived, axes=(0, 0))
        for k in range(1, m):
            matrix = _padded(leaves[k]["open"], arrived.shape[k - 1])
            arrived = np.moveaxis(np.tensordot(arrived, matrix, axes=(k - 1, 1)), -1, k - 1)
        if m == len(arrivals) - 1:
            return histogram_auroc(total + arrived)
        total = total[..., None, :, :] + arrived[..., None, :, :] * decides[m][:, :, None]
    raise AssertionError("a cascade of one stage has no exits that move its AUROC")


def _steps(table: JointTable, pairs: Sequence[np.ndarray]) -> tuple[list[np.ndarray], int]:
    """(step of each fine bin of each member, number of steps): cells joined to about AUROC_CELLS of like weight.

    No step reaches across an exit of the grid.
    """
    cells, size = table.score_cells
    weight = np.zeros(size)
    for of, counts in zip(cells, table.marginals, strict=True):
        np.add.at(weight, of, counts.sum(axis=1))
    upto = np.cumsum(weight) - weight / 2
    joined = (upto / max(weight.sum(), 1) * AUROC_CELLS).astype(np.int64)
    breaks = np.concatenate(([False], joined[1:] != joined[:-1]))
    for of, pair in zip(cells, pairs, strict=True):
        inside = np.unique(pair)
        breaks[of[inside[inside < of.size]]] = True
    breaks[0] = False
    step = np.cumsum(breaks)
    return [step[of] for of in cells], int(step[-1]) + 1


def _by_step(table: JointTable, cells: Sequence[np.ndarray], m: int, steps: np.ndarray, size: int) -> np.ndarray:
    """(C_1, ..., C_m-1, S, label) items by the cells of the stages before and the step of stage m's p_fake."""
    shape = [int(of.max()) + 1 for of in cells[:m]] + [int(table.onto[m][-1]) + 1]
    at = (*(cells[k][table.bins[:, k]] for k in range(m)), table.bins[:, m])
    flat = np.ravel_multi_index(at, shape)
    both = [np.bincount(flat, table.counts[:, label], int(np.prod(shape))) for label in (0, 1)]
    coarse = np.stack(both, axis=1).reshape(*shape, 2)
    fine = coarse[..., table.onto[m], :] * table.shares[m]
    starts = np.flatnonzero(np.concatenate(([True], steps[1:] != steps[:-1])))
    stepped = np.zeros((*shape[:-1], size, 2))
    stepped[..., steps[starts], :] = np.add.reduceat(fine, starts, axis=-2)
    return stepped
