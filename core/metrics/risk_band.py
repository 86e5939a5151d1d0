"""The risk-coverage curve with its interval under the bootstrap of groups."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

from core.metrics.bootstrap import group_codes
from core.metrics.bootstrap_draws import drawn_counts, rank_cells
from core.metrics.effective_groups import MIN_GROUPS, interval_limits
from core.metrics.selective import confidence_and_truth


@dataclass(frozen=True)
class RiskBand:
    """A risk-coverage curve with intervals: one entry for each step of confidence, the highest first.

    Attributes:
        confidence: (K,) items with at least this confidence are accepted.
        coverage: (K,) accepted / N.
        risk: (K,) errors / accepted.
        low: (K,) lower limit of the risk, 95 %; NaN where there is no interval.
        high: (K,) upper limit.
    """

    confidence: np.ndarray
    coverage: np.ndarray
    risk: np.ndarray
    low: np.ndarray
    high: np.ndarray


def risk_band(
    p_fake: ArrayLike,
    labels: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    draws: int = 300,
    seed: int = 0,
    log_odds: ArrayLike | None = None,
) -> RiskBand:
    """Compute `core.metrics.selective.risk_coverage` with an interval at each step.

    The interval is the percentile interval over draws of groups, exact where all accepted groups agree; there is none
    while fewer than MIN_GROUPS groups are accepted. There are at most some hundred steps: beyond that, items of nearly
    equal confidence are accepted together.

    Args:
        p_fake: (N,) probabilities of fake in [0, 1].
        labels: (N,) 0 = real, 1 = fake.
        groups: (N,) names of groups; None when every item is its own group.
        draws: Bootstrap draws of groups; 0 for no intervals.
        seed: Seed of the draws.
        log_odds: (N,) as in `core.metrics.selective.confidence_and_truth`.

    Returns:
        The curve.

    Raises:
        ValueError: Lengths differ or a value is out of its range.
    """
    sure, right = confidence_and_truth(p_fake, labels, log_odds)
    wrong = 1 - right.astype(np.int64)
    cell, size = rank_cells(sure, wrong)
    counts = np.bincount(2 * cell + wrong, minlength=2 * size).reshape(size, 2)[::-1]
    accepted, errors = np.cumsum(counts.sum(1)), np.cumsum(counts[:, 1])
    lowest = np.full(size, np.inf)
    np.minimum.at(lowest, cell, sure)
    low, high = np.full(size, np.nan), np.full(size, np.nan)
    codes, n_groups = group_codes(groups, sure.size)
    if draws:
        good, bad = drawn_counts(cell, size, wrong, groups, draws, np.random.default_rng(seed))
        taken, failed = (np.cumsum(part[:, ::-1], 1) for part in (good + bad, bad))
        risk = np.where(taken > 0, failed / np.maximum(taken, 1.0), np.nan)
        own = _groups_accepted(cell, size, codes, n_groups)
        low, high = interval_limits(errors / np.maximum(accepted, 1), risk, own >= MIN_GROUPS, own)
    held = counts.sum(1) > 0
    stated = lowest if log_odds is None else expit(lowest)
    part = (stated[::-1], accepted / cell.size, errors / np.maximum(accepted, 1), low, high)
    return RiskBand(*(values[held] for values in part))


def _groups_accepted(cell: np.ndarray, size: int, codes: np.ndarray, n_groups: int) -> np.ndarray:
    """(size,) groups with an item among those accepted, the most confident cell first."""
    highest_cell = np.zeros(n_groups, np.int64)
    np.maximum.at(highest_cell, codes, cell)
    return np.cumsum(np.bincount(highest_cell, minlength=size)[::-1])
