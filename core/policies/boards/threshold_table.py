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

FINE_BINS = 1024
LEAST_STEP = 1e-9
"""Two edges nearer than this are one step of the slider: nobody can tell them apart."""


@dataclass(frozen=True)
class ThresholdTable:
    """Counts of one detector over fine bins of p_fake.

    A threshold is an edge index t: called fake when bin >= t. Counts are exact there; AUROC takes items of one bin as
    tied.

    Attributes:
        edges: (B + 1,) from 0 to 1.
        counts: (B, 2) reals and fakes with edges[i] < p <= edges[i + 1].
    """

    edges: np.ndarray
    counts: np.ndarray

    @classmethod
    def build(
        cls, p_fake: ArrayLike, labels: ArrayLike, bins: int = FINE_BINS, thresholds: Iterable[float] = (0.5,)
    ) -> ThresholdTable:
        """Count items into a table.

        Args:
            p_fake: (N,) in [0, 1].
            labels: (N,), 1 = fake.
            bins: Number of bins, at least 32.
            thresholds: Exact whatever the bins are (called fake at p_fake >= threshold).

        Returns:
            The table.

        Raises:
            ValueError: A value lies outside its range.
        """
        p, y = probabilities(p_fake, labels)
        exact = [value for t in thresholds for value in exact_edges(Exits(fake_above=t))]
        edges = _apart(default_edges(bins, exact), exact)
        flat = 2 * bin_index(edges, p).astype(np.int64) + y
        return cls(edges, np.bincount(flat, minlength=2 * edges.size - 2).reshape(-1, 2))

    def index(self, threshold: float) -> int:
        """Return the edge index of "called fake at p_fake >= threshold".

        Args:
            threshold: In [0, 1].

        Returns:
            The nearest edge at or above it.
        """
        return int(np.searchsorted(np.nextafter(self.edges, 2.0), threshold, side="left"))

    def threshold(self, index: int) -> float:
        """Return the threshold of an edge index.

        Args:
            index: 0 to B.

        Returns:
            Above 1 for the last one, at which nothing is called fake.
        """
        return float(np.nextafter(self.edges[index], 2.0)) if index else 0.0

    def confusion(self, index: int) -> tuple[int, int, int, int]:
        """Count the confusion at an edge index; positive is fake.

        Args:
            index: 0 to B.

        Returns:
            (true positives, false positives, false negatives, true negatives).
        """
        above, below = self.counts[index:].sum(axis=0), self.counts[:index].sum(axis=0)
        return int(above[1]), int(above[0]), int(below[1]), int(below[0])

    def auroc(self) -> float | None:
        """Compute the AUROC; None with one class."""
        return histogram_auroc(self.counts)

    def to_document(self) -> dict[str, Any]:
        """Return JSON for the page: edges as numbers, counts base64 of little-endian uint32 (B, 2).

        Some 30 kB at 1,024 bins, whatever the number of items.
        """
        return {
            "edges": self.edges.tolist(),
            "counts": base64.b64encode(self.counts.astype("<u4").tobytes()).decode(),
        }


def _apart(edges: np.ndarray, exact: list[float]) -> np.ndarray:
    """`edges` without those that lie next to an exact one ("from 0.5 on" ends just below the even step at 0.5)."""
    kept = np.isin(edges, [0.0, 1.0, *exact])
    near = np.diff(edges) < LEAST_STEP
    beside = np.concatenate(([False], near & kept[:-1])) | np.concatenate((near & kept[1:], [False]))
    return edges[kept | ~beside]
