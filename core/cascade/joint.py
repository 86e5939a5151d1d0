"""A cascade of any number of stages as a small table: counts over the bins of every member's p_fake, by label.

Only the combinations that occur are kept, sorted by their bins. A million items of four members make some ten
thousand rows; a page goes through them for every move of a slider, and answers exactly. Exits are edge indices as in
`core.cascade.table`: an item leaves a stage as real when its bin < real, as fake when its bin >= fake.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from core.cascade.table import default_edges, edge_exits, edge_indices
from core.cascade.types import Exits

MOST_ROWS = 100_000
"""More combinations than this and the bins are made coarser: a page stays within one frame of a screen."""


@dataclass(frozen=True)
class JointTable:
    """edges: (B + 1,) of [0, 1]. members: M names in the order asked, stage 3 last if it is one.

    bins: (K, M) uint8, the bin of each member. counts: (K, 2) uint32, reals and fakes with these bins."""

    edges: np.ndarray
    members: tuple[str, ...]
    bins: np.ndarray
    counts: np.ndarray

    @classmethod
    def build(cls, p_fake: np.ndarray, labels: np.ndarray, members: Sequence[str], n_bins: int = 128) -> JointTable:
        """p_fake: (N, M) calibrated, in [0, 1]; labels: (N,), 1 = fake. Halves `n_bins` until K <= MOST_ROWS.

        Raises ValueError on values outside [0, 1], no items, or more than 256 bins."""
        p, y = np.asarray(p_fake, np.float64), np.asarray(labels).astype(np.int64)
        if p.ndim != 2 or p.shape != (len(y), len(members)) or not len(y):
            raise ValueError(
                f"p_fake has the shape {p.shape}; ({len(y)}, {len(members)}) with at least one row is needed"
            )
        if not ((p >= 0) & (p <= 1)).all() or not set(np.unique(y)) <= {0, 1} or n_bins > 256:
            raise ValueError("p_fake must lie in [0, 1], labels must be 0 or 1, and there are at most 256 bins")
        edges = default_edges(n_bins)
        binned = np.searchsorted(edges[1:-1], p, side="left").astype(np.uint8)
        rows, inverse = np.unique(binned, axis=0, return_inverse=True)
        if len(rows) > MOST_ROWS and n_bins > 32:
            return cls.build(p, y, members, n_bins // 2)
        counts = np.bincount(inverse.ravel() * 2 + y, minlength=2 * len(rows)).reshape(-1, 2)
        return cls(edges, tuple(members), rows, counts.astype(np.uint32))

    @classmethod
    def of_frame(cls, frame: pd.DataFrame, members: Sequence[str], n_bins: int = 128) -> JointTable:
        """From columns `p_<member>` and `label` of a predictions table."""
        p = np.column_stack([frame[f"p_{name}"].to_numpy(np.float64) for name in members])
        return cls.build(p, frame["label"].to_numpy(), members, n_bins)

    def indices(self, exits: Exits) -> tuple[int, int]:
        """See `edge_indices`."""
        return edge_indices(self.edges, exits)

    def exits(self, real: int, fake: int) -> Exits:
        """See `edge_exits`."""
        return edge_exits(self.edges, real, fake)

    def tally(self, cuts: Sequence[tuple[int, int]]) -> np.ndarray:
        """(M + 1, 3, 2) counts: [stage][left as real, left as fake, arrived][label]; the last row holds, as `arrived`,
        what no stage decided. `cuts`: an edge-index pair a member."""
        out = np.zeros((len(self.members) + 1, 3, 2), np.int64)
        here = np.ones(len(self.bins), bool)
        for stage, (real, fake) in enumerate(cuts):
            column = self.bins[:, stage]
            out[stage, 2] = self.counts[here].sum(axis=0)
            as_real, as_fake = here & (column < real), here & (column >= fake)
            out[stage, 0] = self.counts[as_real].sum(axis=0)
            out[stage, 1] = self.counts[as_fake].sum(axis=0)
            here &= ~(as_real | as_fake)
        out[-1, 2] = self.counts[here].sum(axis=0)
        return out

    def to_document(self, costs: Sequence[float], titles: Sequence[str]) -> dict[str, Any]:
        """JSON for the page. bins: base64 uint8 (K x M); counts: base64 little-endian uint32 (K x 2); costs and titles
        a member, in one unit of cost."""
        return {
            "edges": self.edges.tolist(),
            "members": list(self.members),
            "titles": list(titles),
            "costs": [float(c) for c in costs],
            "rows": len(self.bins),
            "bins": base64.b64encode(np.ascontiguousarray(self.bins).tobytes()).decode(),
            "counts": base64.b64encode(self.counts.astype("<u4").tobytes()).decode(),
        }


def figures(tally: np.ndarray, costs: Sequence[float]) -> dict[str, float | None]:
    """Figures of a tally; a share over nothing is None. The page's JavaScript computes these same formulas.

    filtration: released as real by stage 1 / all. coverage: passed on by stage 1 / all. leakage1: fakes released as
    real by stage 1 / all fakes. leakage: fakes called real anywhere / all fakes. false_alarms: reals called fake / all
    reals. precision_real: reals / all called real; precision_fake: fakes / all called fake. uncertain: undecided / all.
    cost: sum over members of cost x share that arrives. speed_up: cost of all members behind stage 1 on every item /
    cost of the cascade (1 / (r + 1 - f) of `core.cascade.cost`)."""
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


def _share(part: float, whole: float) -> float | None:
    return float(part / whole) if whole else None
