"""A cascade of any number of stages as a small table: counts over the bins of every member's p_fake, by label.

Two resolutions. Thresholds move over fine bins, hundreds a member, and the counts of each member over them are exact.
How the members go together is kept over coarse bins, unions of fine ones: only the combinations that occur, at most
MOST_ROWS of them, so that ten million items make no larger a table than thirty thousand, and a page goes through it
for every move of a slider.

Exits are fine-edge indices as in `core.policies.boards.binning`. Stage 1 is always exact. A later stage is exact where
its exits lie on coarse edges (the customary exits and those handed in always do; all edges do when items are few);
between them, the items of a label that share a row are spread over its fine bins as all items of that label and coarse
bin are (at 1e6 and 1e7 simulated items of four members that moved no count by more than 2 in 100,000 items).
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from core.documents.policy import Exits
from core.policies.boards.binning import (
    CUSTOMARY_EDGES,
    bin_index,
    default_edges,
    edge_exits,
    edge_indices,
    exact_edges,
)

MOST_ROWS = 32_000
"""Fewer items than this are kept exactly; more, and coarse bins are widened until the rows fit."""
MOST_CELLS = 1 << 22
"""Most combinations of coarse bins and labels that are counted in one go."""
FINE = 256

Cuts = Sequence[tuple[int, int]]
"""A fine-edge index pair a member: leaves as real below the first, as fake from the second on."""


@dataclass(frozen=True)
class JointTable:
    """members: M names in the order asked, stage 3 last if it is one. edges: M arrays (F_m + 1,), the fine edges.
    marginals: M arrays (F_m, 2), reals and fakes in each fine bin. onto: M arrays (F_m,), its coarse bin.

    bins: (K, M) uint16, the coarse bin of each member; counts: (K, 2) uint32, reals and fakes with these bins.
    """

    members: tuple[str, ...]
    edges: tuple[np.ndarray, ...]
    marginals: tuple[np.ndarray, ...]
    onto: tuple[np.ndarray, ...]
    bins: np.ndarray
    counts: np.ndarray

    @classmethod
    def build(
        cls,
        p_fake: np.ndarray | Sequence[np.ndarray],
        labels: np.ndarray,
        members: Sequence[str],
        n_bins: int = FINE,
        exits: Mapping[str, Exits] | None = None,
    ) -> JointTable:
        """p_fake: (N, M) calibrated, in [0, 1], or its M columns; labels: (N,), 1 = fake. n_bins: fine bins a member.
        exits: by member, to be exact whatever the bins.

        Raises ValueError on values outside [0, 1], no items, or more than 4,096 bins.
        """
        columns = [
            np.ascontiguousarray(c, np.float64) for c in (p_fake.T if isinstance(p_fake, np.ndarray) else p_fake)
        ]
        y = np.asarray(labels)
        if len(columns) != len(members) or not len(y) or any(c.shape != (len(y),) for c in columns):
            shape = (len(columns[0]) if columns else 0, len(columns))
            raise ValueError(
                f"p_fake has the shape {shape}; ({len(y)}, {len(members)}) with at least one row is needed"
            )
        if n_bins > 4096 or not ((y == 0) | (y == 1)).all() or not all(_unit(c) for c in columns):
            raise ValueError("p_fake must lie in [0, 1], labels must be 0 or 1, and there are at most 4,096 bins")
        y = y.astype(np.uint16)
        kept = [exact_edges((exits or {}).get(name, Exits())) for name in members]
        edges = [default_edges(n_bins, values) for values in kept]
        kept = [[*CUSTOMARY_EDGES, *values] for values in kept]
        fine = [bin_index(e, column) for e, column in zip(edges, columns, strict=True)]
        marginals = [
            np.bincount(2 * of + y, minlength=2 * e.size - 2).reshape(-1, 2) for of, e in zip(fine, edges, strict=True)
        ]
        onto, bins, counts = _rows(fine, y, edges, kept)
        return cls(tuple(members), tuple(edges), tuple(marginals), tuple(onto), bins, counts)

    @classmethod
    def of_frame(
        cls,
        frame: pd.DataFrame,
        members: Sequence[str],
        n_bins: int = FINE,
        exits: Mapping[str, Exits] | None = None,
    ) -> JointTable:
        """From columns `p_<member>` and `label` of a predictions table."""
        columns = [frame[f"p_{name}"].to_numpy(np.float64) for name in members]
        return cls.build(columns, frame["label"].to_numpy(), members, n_bins, exits)

    def indices(self, member: int, exits: Exits) -> tuple[int, int]:
        """See `edge_indices`; member: its position."""
        return edge_indices(self.edges[member], exits)

    def exits(self, member: int, real: int, fake: int) -> Exits:
        """See `edge_exits`; member: its position."""
        return edge_exits(self.edges[member], real, fake)

    def closed(self) -> list[tuple[int, int]]:
        """The cuts at which nobody leaves anywhere."""
        return [(0, edges.size - 1) for edges in self.edges]

    @property
    def exact(self) -> bool:
        """True when every threshold of every stage is exact."""
        return all(onto[-1] + 1 == onto.size for onto in self.onto)

    @cached_property
    def shares(self) -> list[np.ndarray]:
        """M arrays (F_m, 2): each fine bin's share of its coarse bin, by label."""
        found = []
        for counts, onto in zip(self.marginals, self.onto, strict=True):
            whole = np.stack([np.bincount(onto, counts[:, label]) for label in (0, 1)], axis=1)[onto]
            found.append(np.divide(counts, whole, out=np.zeros(counts.shape), where=whole > 0))
        return found

    def open_share(self, member: int, real: int, fake: int) -> np.ndarray:
        """(C_m, 2) share of each coarse bin that stays open, by label."""
        share, onto = self.shares[member][real:fake], self.onto[member]
        found = np.stack([np.bincount(onto[real:fake], share[:, k], int(onto[-1]) + 1) for k in (0, 1)], axis=1)
        return np.minimum(found, 1.0)

    def arrivals(self, cuts: Cuts) -> tuple[list[np.ndarray], np.ndarray]:
        """(M arrays (F_m, 2) of what arrives at each stage by its fine bins, (2,) what is open at the end)."""
        passed = [self.open_share(m, real, fake) for m, (real, fake) in enumerate(cuts)]
        arrived = [self.first]
        if len(passed) > 1:
            arrived.append(np.stack([passed[0][:, label] @ self.pair[label] for label in (0, 1)], axis=1))
        if len(passed) > 2:
            weight = self.counts * passed[0][self.bins[:, 0]]
            for m in range(2, len(passed)):
                weight *= passed[m - 1][self.bins[:, m - 1]]
                arrived.append(_by_label(self.bins[:, m], weight, len(passed[m])))
        found = [of[onto] * share for of, onto, share in zip(arrived, self.onto, self.shares, strict=True)]
        return found, (arrived[-1] * passed[-1]).sum(axis=0)

    @cached_property
    def first(self) -> np.ndarray:
        """(C_0, 2) items in each coarse bin of the first stage, where all arrive."""
        return _by_label(self.bins[:, 0], self.counts, int(self.onto[0][-1]) + 1)

    @cached_property
    def pair(self) -> np.ndarray:
        """(2, C_0, C_1) items by label in the coarse bins of the first two stages: who arrives at the second is one
        product, without a walk over the rows.
        """
        sizes = [int(onto[-1]) + 1 for onto in self.onto[:2]]
        cells = self.bins[:, 0].astype(np.int64) * sizes[1] + self.bins[:, 1]
        return np.ascontiguousarray(_by_label(cells, self.counts, sizes[0] * sizes[1]).T).reshape(2, *sizes)

    def tally(self, cuts: Cuts) -> np.ndarray:
        """(M + 1, 3, 2) counts: [stage][left as real, left as fake, arrived][label]; the last row holds, as `arrived`,
        what no stage decided. Whole numbers where the table is exact.
        """
        return self._tally(cuts, *self.arrivals(cuts))

    def _tally(self, cuts: Cuts, stages: Sequence[np.ndarray], left: np.ndarray) -> np.ndarray:
        out = np.zeros((len(self.members) + 1, 3, 2))
        for m, ((real, fake), counts) in enumerate(zip(cuts, stages, strict=True)):
            out[m] = counts[:real].sum(axis=0), counts[fake:].sum(axis=0), counts.sum(axis=0)
        out[-1, 2] = left
        return out

    @cached_property
    def score_cells(self) -> tuple[list[np.ndarray], int]:
        """(for each member the cell of each of its fine bins on one common axis of p_fake, number of cells)."""
        together = np.unique(np.concatenate(self.edges))
        cells = [np.searchsorted(together, (e[:-1] + e[1:]) / 2, side="left") - 1 for e in self.edges]
        return cells, together.size - 1

    def score_histogram(self, cuts: Cuts) -> np.ndarray:
        """(S, 2) counts of reals and fakes over `score_cells`: each item at the p_fake of the stage that decides it,
        of the last stage where it stays open.
        """
        return self._histogram(cuts, self.arrivals(cuts)[0])

    def tally_and_auroc(self, cuts: Cuts) -> tuple[np.ndarray, float | None]:
        """(`tally`, `auroc`) in one go."""
        stages, left = self.arrivals(cuts)
        return self._tally(cuts, stages, left), histogram_auroc(self._histogram(cuts, stages))

    def _histogram(self, cuts: Cuts, stages: Sequence[np.ndarray]) -> np.ndarray:
        cells, size = self.score_cells
        found = np.zeros((size, 2))
        for m, (real, fake) in enumerate(cuts):
            decided = np.ones(self.edges[m].size - 1, bool)
            if m + 1 < len(self.members):
                decided[real:fake] = False
            found[cells[m][decided]] += stages[m][decided]
        return found

    def auroc(self, cuts: Cuts) -> float | None:
        """AUROC of the cascade; None with one class. Items of one fine bin count as tied: see `auroc_error`."""
        return histogram_auroc(self.score_histogram(cuts))

    def auroc_error(self, cuts: Cuts) -> float:
        """By how much `auroc` of an exact table may differ from that of the items themselves: half of the pairs of a
        real and a fake that share a bin, for such a pair counts one half and could count 0 or 1. About .01 with
        hundreds of items of few distinct scores, .002 with thousands spread out; 0 with one class.
        """
        real, fake = self.score_histogram(cuts).T
        pairs = real.sum() * fake.sum()
        return float((real * fake).sum() / (2 * pairs)) if pairs else 0.0

    def to_document(self) -> dict[str, Any]:
        """JSON for the page, base64 of little-endian numbers: bins uint16 (K,) a member; counts uint32 (K, 2); onto and
        cells uint16 (F,), marginals uint32 (F, 2), a member. Its size depends on K, never on the number of items.
        """
        cells, size = self.score_cells
        return {
            "edges": [edges.tolist() for edges in self.edges],
            "members": list(self.members),
            "rows": len(self.bins),
            "bins": [_text(column.astype("<u2")) for column in self.bins.T],
            "counts": _text(self.counts.astype("<u4")),
            "onto": [_text(of.astype("<u2")) for of in self.onto],
            "marginals": [_text(of.astype("<u4")) for of in self.marginals],
            "cells": [_text(of.astype("<u2")) for of in cells],
            "score_cells": size,
            "exact": self.exact,
        }


def histogram_auroc(counts: np.ndarray) -> Any:
    """AUROC of (..., S, 2) counts of reals and fakes over ascending scores; None (NaN in an array) with one class."""
    real, fake = counts[..., 0].astype(np.float64), counts[..., 1].astype(np.float64)
    pairs = real.sum(-1) * fake.sum(-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        area = (fake * (np.cumsum(real, -1) - real / 2)).sum(-1) / pairs
    if np.ndim(area):
        return area
    return float(area) if pairs else None


def joint_figures(tally: np.ndarray, costs: Sequence[float]) -> dict[str, float | None]:
    """Figures of a tally; a share over nothing is None. The page's JavaScript computes these same formulas.

    filtration: released as real by stage 1 / all. coverage: passed on by stage 1 / all. leakage1: fakes released as
    real by stage 1 / all fakes. leakage: fakes called real anywhere / all fakes. false_alarms: reals called fake / all
    reals. precision_real: reals / all called real; precision_fake: fakes / all called fake. uncertain: undecided / all.
    cost: sum over members of cost x share that arrives. speed_up: cost of all members behind stage 1 on every item /
    cost of the cascade (1 / (r + 1 - f) of `core.policies.cost`).
    """
    real, fake, arrived = tally[:, 0], tally[:, 1], tally[:, 2]
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


def _by_label(at: np.ndarray, counts: np.ndarray, size: int) -> np.ndarray:
    """(size, 2) sums of the (K, 2) counts by `at`, (K,)."""
    return np.stack([np.bincount(at, counts[:, label], size) for label in (0, 1)], axis=1)


def _share(part: float, whole: float) -> float | None:
    return float(part / whole) if whole else None


def _unit(column: np.ndarray) -> bool:
    return bool(column.min() >= 0 and column.max() <= 1)  # false for NaN too


def _text(array: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def _coarse(edges: np.ndarray, kept: Sequence[float], step: int) -> np.ndarray:
    """(F,) coarse bin of each fine bin when every `step`-th edge and the kept ones stay."""
    starts = np.zeros(edges.size - 1, bool)
    starts[::step] = True
    starts |= np.isin(edges[:-1], kept)
    return np.cumsum(starts) - 1


def _rows(
    fine: Sequence[np.ndarray], y: np.ndarray, edges: Sequence[np.ndarray], kept: Sequence[Sequence[float]]
) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """(onto, bins, counts) of a table: coarse bins as fine as the rows allow, earlier stages finer than later ones."""
    steps = [1] * len(fine)
    onto = [_coarse(e, k, 1) for e, k in zip(edges, kept, strict=True)]

    def widen() -> int:
        m = max(range(len(onto)), key=lambda i: (int(onto[i][-1]), i))
        steps[m] *= 2
        onto[m] = _coarse(edges[m], kept[m], steps[m])
        return m

    def narrowest() -> bool:
        return all(step >= of.size for step, of in zip(steps, onto, strict=True))

    if len(y) <= MOST_ROWS:
        bins, inverse = np.unique(np.stack(fine, axis=1), axis=0, return_inverse=True)
        counts = np.bincount(2 * inverse.ravel() + y, minlength=2 * len(bins)).reshape(-1, 2)
        return onto, bins.astype(np.uint16), counts.astype(np.uint32)
    while np.prod([of[-1] + 1 for of in onto], dtype=np.float64) * 2 > MOST_CELLS and not narrowest():
        widen()
    key = np.zeros(len(y), np.int32)
    for of, coarse in zip(fine, onto, strict=True):
        key *= np.int32(coarse[-1] + 1)
        key += coarse.astype(np.int32)[of]
    key += key
    key += y
    shape = [int(of[-1]) + 1 for of in onto]
    cells = np.bincount(key, minlength=2 * int(np.prod(shape))).reshape(-1, 2)
    occupied = np.flatnonzero(cells[:, 0] + cells[:, 1])
    counts, at = cells[occupied], list(np.unravel_index(occupied, shape))
    row = occupied
    while occupied.size > MOST_ROWS and not narrowest():  # over what occurs, a tenth of the cells
        before = list(onto)
        m = widen()
        at[m] = onto[m][np.searchsorted(before[m], np.arange(before[m][-1] + 1))][at[m]]
        shape = [int(of[-1]) + 1 for of in onto]
        row = np.ravel_multi_index(at, shape)
        seen = np.zeros(int(np.prod(shape)), bool)
        seen[row] = True
        occupied = np.flatnonzero(seen)
    if row.size > occupied.size:
        counts = np.stack([np.bincount(row, counts[:, k], int(np.prod(shape)))[occupied] for k in (0, 1)], axis=1)
    bins = np.stack(np.unravel_index(occupied, shape), axis=1)
    return onto, bins.astype(np.uint16), counts.astype(np.uint32)
