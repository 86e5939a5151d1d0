"""Intervals of a calibrator's sliders from draws of whole groups, over the cells of a scale table.

NLL and Brier score at any temperature are sums over cells, so one table of drawn counts serves all temperatures; the
draws are those of `core.metrics.all_metrics`. An ECE in any number of bins cannot be drawn beforehand: for it,
`effective_counts` gives the number of independent items that carry as much information on the calibration gap.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

from core.calibrate.scale_table import Cells
from core.metrics.bootstrap import group_codes
from core.metrics.bootstrap_draws import drawn_counts
from core.metrics.effective_groups import MIN_GROUPS, interval_limits, smallest_class
from core.metrics.metrics import MIN_PROBABILITY, probabilities
from core.metrics.rate_bands import effective_counts

STEPS = 200
TEMPERATURES = 10 ** (np.arange(STEPS + 1) / 100 - 1)
"""(STEPS + 1,) from 0.1 to 10, even in the logarithm."""


@dataclass(frozen=True)
class ScaleBands:
    """Limits of the metrics that the Calibrate board draws; NaN where there is no interval.

    Attributes:
        scaled: (STEPS + 1, 2, 2) by temperature: low and high of NLL and of Brier.
        calibrated: (2, 2) the same of p_fake as calibrated.
        best: (2,) limits of the temperature of least NLL, on the grid.
        effective_counts: Independent items that carry as much information on the calibration gap of the scores as they
            are ("before") and as calibrated ("after"), and on a share of all items beyond a score ("items").
        note: How far to trust all of it; may be empty.
    """

    scaled: np.ndarray
    calibrated: np.ndarray
    best: np.ndarray
    effective_counts: dict[str, float]
    note: str

    @classmethod
    def build(
        cls, log_odds: ArrayLike, p_after: ArrayLike, labels: ArrayLike, groups: ArrayLike | None, draws: int = 1000,
        seed: int = 0,
    ) -> ScaleBands:  # fmt: skip
        """Compute the limits.

        Args:
            log_odds: (N,) uncalibrated log-odds of fake.
            p_after: (N,) calibrated p_fake.
            labels: (N,) 0 = real, 1 = fake.
            groups: (N,) names of groups; None when every item is its own group.
            draws: Bootstrap draws of groups.
            seed: Seed of the draws.

        Returns:
            The limits.

        Raises:
            ValueError: Lengths differ or a value is out of its range.
        """
        z = np.asarray(log_odds, np.float64)
        before, y = probabilities(expit(z), labels)
        after, _ = probabilities(p_after, labels)
        codes, _ = group_codes(groups, y.size)
        enough = smallest_class(y, codes).groups >= MIN_GROUPS
        scaled, best = _bands(z, y, groups, expit(np.divide.outer(Cells.of(z, y).x, TEMPERATURES)), draws, seed, enough)
        calibrated, _ = _bands(after, y, groups, Cells.of(after, y).x[:, None], draws, seed, enough)
        edges = np.unique(np.quantile(before, np.linspace(0, 1, 21)))
        share = effective_counts(np.concatenate(([0.0], edges[(edges > 0) & (edges < 1)], [1.0])), before, y, groups)[
            "all"
        ]
        gap_counts = {
            "before": effective_gap_count(before, y, codes),
            "after": effective_gap_count(after, y, codes),
            "items": float(share.min()),
        }
        return cls(scaled, calibrated[0], best, gap_counts, smallest_class(y, codes).note)

    def to_document(self) -> dict[str, Any]:
        """Return JSON, with None for NaN."""
        named = (("scaled", self.scaled), ("calibrated", self.calibrated), ("best", self.best))
        bare = {name: np.where(np.isnan(of), np.array(None, object), of).tolist() for name, of in named}
        return {**bare, "worth": self.effective_counts, "note": self.note}


def _bands(
    scores: np.ndarray, y: np.ndarray, groups: ArrayLike | None, p: np.ndarray, draws: int, seed: int, enough: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Compute the limits of NLL and Brier score, and of the best temperature.

    (T, 2, 2) limits of the cells of `scores` at p, (C, T); and (2,) of the best temperature, NaN unless there is a
    column for each.
    """
    cells, cell = Cells.placed(scores, y)
    reals, fakes = drawn_counts(cell, cells.x.size, y, groups, draws, np.random.default_rng(seed))
    q = np.clip(p, MIN_PROBABILITY, 1 - MIN_PROBABILITY)
    per_draw = (reals + fakes).sum(1, keepdims=True)
    result, best = np.empty((p.shape[1], 2, 2)), np.full(2, np.nan)
    for k, (of_fake, of_real) in enumerate(((-np.log(q), -np.log1p(-q)), ((1 - p) ** 2, p**2))):
        drawn = (fakes @ of_fake + reals @ of_real) / per_draw
        here = (cells.counts[:, 1] @ of_fake + cells.counts[:, 0] @ of_real) / y.size
        result[:, k] = np.stack(interval_limits(here, drawn, enough), 1)
        if k == 0 and p.shape[1] == TEMPERATURES.size:
            least = TEMPERATURES[drawn.argmin(1)]
            best = np.ravel(interval_limits(TEMPERATURES[[here.argmin()]], least[:, None], enough))
    return result, best


def effective_gap_count(p_fake: np.ndarray, labels: np.ndarray, codes: np.ndarray) -> float:
    """Compute how many independent items carry as much information on the mean of label - p_fake as whole groups do.

    It is the variance if the items were independent over that of whole groups, times the items; never below the
    effective groups (Kish 1965) nor above the items.

    Args:
        p_fake: (N,) probabilities of fake.
        labels: (N,) 0 = real, 1 = fake.
        codes: (N,) group codes from 0.

    Returns:
        The count.
    """
    gap = labels - p_fake
    gap = gap - gap.mean()
    sizes = np.bincount(codes).astype(np.float64)
    least, groups = gap.size**2 / float(np.square(sizes).sum()), int(np.count_nonzero(sizes))
    sums = np.bincount(codes, gap)
    alone = float(gap @ gap)
    if groups < 2 or not alone:
        return least
    together = float(sums @ sums) * groups / (groups - 1)
    return max(least, gap.size * min(1.0, alone / together if together else 1.0))
