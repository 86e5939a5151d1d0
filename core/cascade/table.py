"""A two-stage cascade as a small table: counts over (stage 1, stage 2, label), summed along both axes.

Built once from a million items, it answers any four exits with a handful of look-ups, on the server or
in a benchmark. Bin i holds edges[i] < p <= edges[i + 1]; edges[0] takes in 0. Exits are edge indices:

    leaves stage 1 as real   i <  real1      p1 <= edges[real1]
    leaves stage 1 as fake   i >= fake1      p1 >  edges[fake1]
    what is open, at stage 2, by real2 and fake2 alike; the rest stays open and goes to stage 3

C[label][a][b] = items with stage-1 bin < a and stage-2 bin < b, so a block [a0, a1) x [b0, b1) holds
C[a1][b1] - C[a0][b1] - C[a1][b0] + C[a0][b0]. With B bins, per label:

    real at 1 = C[real1][B]                         fake at 1 = C[B][B] - C[fake1][B]
    real at 2 = block([real1, fake1) x [0, real2))  fake at 2 = block([real1, fake1) x [fake2, B))
    open      = block([real1, fake1) x [real2, fake2))

Counts are exact for these thresholds; only the AUROC treats items of one bin as tied.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from core.cascade.binning import bin_index, default_edges, edge_exits, edge_indices
from core.cascade.types import Exits
from core.evaluate.metrics import probabilities


@dataclass(frozen=True)
class Costs:
    """Cost of one item in one unit of measure (GFLOP or seconds): stage 1, stage 2, and what stage 3 adds."""

    stage1: float
    stage2: float
    stage3: float = 0.0


@dataclass(frozen=True)
class CascadeTable:
    """edges: (B + 1,). cells: (2, B, B) int64, [label][stage 1][stage 2]. cumulative: (2, B + 1, B + 1) int64."""

    edges: np.ndarray
    cells: np.ndarray
    cumulative: np.ndarray

    @classmethod
    def build(
        cls, p1: ArrayLike, p2: ArrayLike, labels: ArrayLike, bins: int = 512, edges: np.ndarray | None = None
    ) -> CascadeTable:
        """p1, p2: (N,) calibrated p_fake of stage 1 and stage 2 on all items; labels: (N,), 1 = fake.

        edges: (B + 1,) ascending from 0 to 1 instead of `default_edges(bins)`. Raises ValueError on bad input."""
        first, y = probabilities(p1, labels)
        second, _ = probabilities(p2, labels)
        edges = default_edges(bins) if edges is None else np.asarray(edges, np.float64)
        if edges.ndim != 1 or edges.size < 3 or edges[0] != 0 or edges[-1] != 1 or (np.diff(edges) <= 0).any():
            raise ValueError("edges must ascend strictly from 0 to 1")
        size = edges.size - 1
        flat = (y * size + bin_index(edges, first)) * size
        flat += bin_index(edges, second)
        return cls.of_cells(edges, np.bincount(flat, minlength=2 * size * size).reshape(2, size, size))

    @classmethod
    def of_cells(cls, edges: np.ndarray, cells: np.ndarray) -> CascadeTable:
        """From counts that are there already."""
        cumulative = np.zeros((2, cells.shape[1] + 1, cells.shape[2] + 1), np.int64)
        np.cumsum(np.cumsum(cells, axis=1), axis=2, out=cumulative[:, 1:, 1:])
        return cls(edges, cells, cumulative)

    @property
    def bins(self) -> int:
        return self.edges.size - 1

    @property
    def n(self) -> int:
        return int(self.cumulative[:, -1, -1].sum())

    @property
    def n_fake(self) -> int:
        return int(self.cumulative[1, -1, -1])

    def indices(self, exits: Exits) -> tuple[int, int]:
        """See `edge_indices`."""
        return edge_indices(self.edges, exits)

    def exits(self, real: int, fake: int) -> Exits:
        """See `edge_exits`."""
        return edge_exits(self.edges, real, fake)

    def _block(self, a0: int, a1: int, b0: int, b1: int) -> np.ndarray:
        """(2,) counts of reals and fakes in a block of bins."""
        c = self.cumulative
        return c[:, a1, b1] - c[:, a0, b1] - c[:, a1, b0] + c[:, a0, b0]

    def ask(self, stage1: Exits, stage2: Exits | None = None, costs: Costs | None = None) -> dict[str, Any]:
        """All figures of a pair of exits; see `figures`."""
        return self.figures(*self.indices(stage1), *self.indices(stage2 or Exits()), costs)

    def figures(
        self, real1: int, fake1: int, real2: int, fake2: int, costs: Costs | None = None, auroc: bool = True
    ) -> dict[str, Any]:
        """Figures at four edge indices. A share over nothing is None.

        filtration: released as real by stage 1 / all. decided_early: leave stage 1, as real or as fake / all. coverage:
        passed on by stage 1 / all. leakage1: fakes that leave stage 1 as real / all fakes; leakage: at either stage.
        false_alarms: reals that leave as fake / all reals. precision_real: reals / all that leave as real;
        precision_fake likewise. open: undecided after stage 2 / all. cost: expected, an item; speed_up: cost of stages
        2 and 3 on every item / cost, which is 1 / (r + 1 - f). auroc: of the cascade, each item ranked by the p_fake of
        the stage that decides it, stage 2's where it stays open."""
        size = self.bins
        (real_r1, fake_r1) = (int(v) for v in self._block(0, real1, 0, size))
        (real_f1, fake_f1) = (int(v) for v in self._block(fake1, size, 0, size))
        (real_r2, fake_r2) = (int(v) for v in self._block(real1, fake1, 0, real2))
        (real_f2, fake_f2) = (int(v) for v in self._block(real1, fake1, fake2, size))
        n, fakes = self.n, self.n_fake
        left1 = real_r1 + fake_r1 + real_f1 + fake_f1
        left2 = real_r2 + fake_r2 + real_f2 + fake_f2
        as_real, as_fake = real_r1 + fake_r1 + real_r2 + fake_r2, real_f1 + fake_f1 + real_f2 + fake_f2
        found: dict[str, Any] = {
            "n": n,
            "n_fake": fakes,
            "filtration": (real_r1 + fake_r1) / n,
            "decided_early": left1 / n,
            "coverage": (n - left1) / n,
            "leakage1": _share(fake_r1, fakes),
            "leakage": _share(fake_r1 + fake_r2, fakes),
            "false_alarms": _share(real_f1 + real_f2, n - fakes),
            "precision_real": _share(real_r1 + real_r2, as_real),
            "precision_fake": _share(fake_f1 + fake_f2, as_fake),
            "open": (n - left1 - left2) / n,
        }
        if costs is not None:
            found["cost"] = costs.stage1 + costs.stage2 * found["coverage"] + costs.stage3 * found["open"]
            found["speed_up"] = _share(costs.stage2 + costs.stage3, found["cost"])
        if auroc:
            found["auroc"] = self.auroc(real1, fake1)
        return found

    def auroc(self, real1: int, fake1: int) -> float | None:
        """AUROC of the cascade (stage 1's p_fake for what it decides, stage 2's otherwise). None with one class.

        Stage 2's own exits do not change it: they do not change any item's score."""
        c = self.cumulative
        last = np.diff(c[:, fake1, :] - c[:, real1, :], axis=1)
        first = np.diff(c[:, :, -1], axis=1)
        first[:, real1:fake1] = 0
        real, fake = (first + last).astype(np.float64)
        pairs = real.sum() * fake.sum()
        return float(fake @ (np.cumsum(real) - real / 2) / pairs) if pairs else None


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None
