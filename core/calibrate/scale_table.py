"""Scores before and after calibration as small tables of cells: any temperature and any bins without the items."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from core.metrics.metrics import probabilities

MAX_CELLS = 2048
SAMPLED_SCORES = 200_000
"""Above so many items the cuts of equal mass are taken from every so-many-th one."""


@dataclass(frozen=True)
class Cells:
    """Cells of neighbouring scores, ascending.

    There is one cell for each distinct score up to MAX_CELLS of them, else cells of equal mass; a score may then be
    taken for one of a cell's width away, which moves an ECE by some 1e-4.

    Attributes:
        x: (C,) mean score of each cell.
        counts: (C, 2) reals and fakes of each cell.
    """

    x: np.ndarray
    counts: np.ndarray

    @classmethod
    def of(cls, scores: np.ndarray, labels: np.ndarray) -> Cells:
        """Build the cells of scores.

        Args:
            scores: (N,) finite numbers.
            labels: (N,) 0 = real, 1 = fake.

        Returns:
            The cells.
        """
        return cls.placed(scores, labels)[0]

    @classmethod
    def placed(cls, scores: np.ndarray, labels: np.ndarray) -> tuple[Cells, np.ndarray]:
        """Build the cells of scores, and tell the cell of each item.

        Args:
            scores: (N,) finite numbers.
            labels: (N,) 0 = real, 1 = fake.

        Returns:
            The cells, and (N,) the cell of each item.
        """
        cell, size = _cells(scores)
        counts = np.bincount(2 * cell + labels, minlength=2 * size).reshape(size, 2)
        held = counts.sum(1) > 0
        cells = cls(np.bincount(cell, scores, size)[held] / counts.sum(1)[held], counts[held])
        return cells, (np.cumsum(held) - 1)[cell]

    def to_document(self) -> dict[str, str]:
        """Base64 of little-endian float64 x and uint32 counts."""
        return {
            "x": base64.b64encode(self.x.astype("<f8").tobytes()).decode(),
            "counts": base64.b64encode(self.counts.astype("<u4").tobytes()).decode(),
        }


@dataclass(frozen=True)
class ScaleTable:
    """The cells of a calibration.

    Attributes:
        before: Cells of log-odds.
        after: Cells of calibrated p_fake of the same items.
    """

    before: Cells
    after: Cells

    @classmethod
    def build(cls, log_odds: ArrayLike, p_after: ArrayLike, labels: ArrayLike) -> ScaleTable:
        """Build the cells before and after calibration.

        Args:
            log_odds: (N,) uncalibrated log-odds of fake.
            p_after: (N,) calibrated p_fake in [0, 1].
            labels: (N,) 0 = real, 1 = fake.

        Returns:
            The table.

        Raises:
            ValueError: p_fake lies outside [0, 1], lengths differ, or log-odds are not finite.
        """
        p, y = probabilities(p_after, labels)
        z = np.asarray(log_odds, np.float64)
        if z.shape != p.shape or not np.isfinite(z).all():
            raise ValueError(f"log_odds must be {p.size} finite numbers")
        return cls(Cells.of(z, y), Cells.of(p, y))

    def to_document(self) -> dict[str, Any]:
        """JSON for the page; some 90 kB whatever the number of items."""
        return {"before": self.before.to_document(), "after": self.after.to_document()}


def _cells(scores: np.ndarray) -> tuple[np.ndarray, int]:
    """(cell of each item, ascending with its score; number of cells)."""
    sample = scores[:: max(1, scores.size // SAMPLED_SCORES)]
    distinct = np.unique(sample)
    if distinct.size > MAX_CELLS:
        distinct = np.unique(np.quantile(sample, np.linspace(0, 1, MAX_CELLS + 1)[1:], method="inverted_cdf"))
    return np.searchsorted(distinct[:-1], scores, side="left"), distinct.size
