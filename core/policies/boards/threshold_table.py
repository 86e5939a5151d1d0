"""One detector's counts over fine bins of p_fake, by label: every threshold's confusion without the items."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from core.documents.policy import Exits
from core.metrics.metrics import probabilities
from core.policies.boards.binning import bin_index, default_edges, exact_edges
from core.policies.boards.joint_counts import histogram_auroc

BINS = 1024


NEAR = 1e-9
"""Closer to an exact edge than this, another edge is a step of the slider that nobody can tell from it."""


@dataclass(frozen=True)
class ThresholdTable:
    """edges: (B + 1,) from 0 to 1. counts: (B, 2) reals and fakes with edges[i] < p <= edges[i + 1].

    A threshold is an edge index t: called fake when bin >= t. Counts are exact there; AUROC takes items of one bin as
    tied.
    """

    edges: np.ndarray
    counts: np.ndarray

    @classmethod
    def build(
        cls, p_fake: ArrayLike, labels: ArrayLike, bins: int = BINS, thresholds: Iterable[float] = (0.5,)
    ) -> ThresholdTable:
        """p_fake: (N,) in [0, 1]; labels: (N,), 1 = fake. thresholds: exact whatever the bins (called fake at
        p_fake >= threshold). Raises ValueError on bad input.
        """
        p, y = probabilities(p_fake, labels)
        exact = [value for t in thresholds for value in exact_edges(Exits(fake_above=t))]
        edges = _apart(default_edges(bins, exact), exact)
        flat = 2 * bin_index(edges, p).astype(np.int64) + y
        return cls(edges, np.bincount(flat, minlength=2 * edges.size - 2).reshape(-1, 2))

    def index(self, threshold: float) -> int:
        """The edge index of "called fake at p_fake >= threshold": the nearest at or above it."""
        return int(np.searchsorted(np.nextafter(self.edges, 2.0), threshold, side="left"))

    def threshold(self, index: int) -> float:
        """The threshold of an edge index; above 1 for the last one, at which nothing is called fake."""
        return float(np.nextafter(self.edges[index], 2.0)) if index else 0.0

    def confusion(self, index: int) -> tuple[int, int, int, int]:
        """(true positives, false positives, false negatives, true negatives); positive is fake."""
        above, below = self.counts[index:].sum(axis=0), self.counts[:index].sum(axis=0)
        return int(above[1]), int(above[0]), int(below[1]), int(below[0])

    def auroc(self) -> float | None:
        """None with one class."""
        return histogram_auroc(self.counts)

    def to_document(self) -> dict[str, Any]:
        """JSON for the page: edges as numbers, counts base64 of little-endian uint32 (B, 2); some 30 kB at 1,024 bins,
        whatever the number of items.
        """
        return {
            "edges": self.edges.tolist(),
            "counts": base64.b64encode(self.counts.astype("<u4").tobytes()).decode(),
        }


def _apart(edges: np.ndarray, exact: list[float]) -> np.ndarray:
    """`edges` without those that lie next to an exact one ("from 0.5 on" ends just below the even step at 0.5)."""
    kept = np.isin(edges, [0.0, 1.0, *exact])
    near = np.diff(edges) < NEAR
    beside = np.concatenate(([False], near & kept[:-1])) | np.concatenate((near & kept[1:], [False]))
    return edges[kept | ~beside]
