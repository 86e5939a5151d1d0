"""The bootstrap that draws whole groups.

Items of one video or identity are not independent, so groups are resampled. A draw is a vector of group weights, and
every metric is computed from sums by group times that vector: no draw visits the items again.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

Interval = tuple[float, float]


def group_codes(groups: ArrayLike | None, n: int) -> tuple[np.ndarray, int]:
    """Number the groups of items.

    Args:
        groups: (N,) names of groups; None when every item is its own group.
        n: Number of items N.

    Returns:
        (N,) int64 codes from 0, and the number of groups.

    Raises:
        ValueError: There are not N groups.
    """
    if groups is None:
        return np.arange(n), n
    unique, codes = np.unique(np.asarray(groups), return_inverse=True)
    if codes.size != n:
        raise ValueError(f"{codes.size} groups but {n} items")
    return codes.astype(np.int64), unique.size


def draw_weights(n_groups: int, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Draw groups with replacement.

    Args:
        n_groups: Number of groups, and of groups in each draw.
        draws: Number of draws.
        rng: Source of randomness.

    Returns:
        (draws, n_groups) float64: how often each group is drawn.
    """
    flat = rng.integers(0, n_groups, (draws, n_groups)) + np.arange(draws)[:, None] * n_groups
    return np.bincount(flat.ravel(), minlength=draws * n_groups).reshape(draws, n_groups).astype(np.float64)


def bootstrap_sums(
    columns: np.ndarray, codes: np.ndarray, n_groups: int, draws: int, rng: np.random.Generator
) -> np.ndarray:
    """Sum columns over the items of each draw of groups.

    Args:
        columns: (N, M) values of items.
        codes: (N,) group codes from 0.
        n_groups: Number of groups.
        draws: Number of draws.
        rng: Source of randomness.

    Returns:
        (draws, M) sums.
    """
    sums = np.stack([np.bincount(codes, column, n_groups) for column in columns.T], axis=1)
    return in_chunks(lambda weights: weights @ sums, n_groups, draws, rng)


def in_chunks(
    of_weights: Callable[[np.ndarray], np.ndarray], n_groups: int, draws: int, rng: np.random.Generator
) -> np.ndarray:
    """Apply a function to the weights of all draws in chunks of about 4 million weights (32 MB).

    Args:
        of_weights: (chunk, n_groups) weights -> (chunk, ...) values.
        n_groups: Number of groups.
        draws: Number of draws.
        rng: Source of randomness.

    Returns:
        (draws, ...) values.
    """
    step = max(1, min(draws, 4_000_000 // n_groups))
    return np.concatenate(
        [of_weights(draw_weights(n_groups, min(step, draws - i), rng)) for i in range(0, draws, step)]
    )


def alike(values: np.ndarray) -> bool:
    """Tell whether values differ by rounding alone.

    Args:
        values: Finite values, at least one.

    Returns:
        True when their range is at most 1e-9 of their size (of 1 for smaller values).
    """
    low, high = float(values.min()), float(values.max())
    return high - low <= 1e-9 * max(1.0, abs(low), abs(high))


def percentile(values: np.ndarray, confidence: float = 0.95) -> Interval | None:
    """Compute the percentile interval of bootstrap draws.

    An interval of no width would claim a certainty that the draws cannot give, so draws that all agree give none.

    Args:
        values: (draws,) values; NaN where a draw leaves the metric undefined.
        confidence: Coverage of the interval, in (0, 1).

    Returns:
        (low, high); None when less than half of the draws are defined or all agree.
    """
    known = values[np.isfinite(values)]
    if known.size < max(1, values.size // 2) or alike(known):
        return None
    low, high = np.quantile(known, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)
