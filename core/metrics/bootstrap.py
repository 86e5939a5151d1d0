"""The bootstrap that draws whole groups.

Items of one video or identity are not independent. The bootstrap resamples groups; a draw is a vector of group
weights, and every figure is computed from per-group sums times that vector, so no draw touches the items again.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

Interval = tuple[float, float]


def group_codes(groups: ArrayLike | None, n: int) -> tuple[np.ndarray, int]:
    """(codes (N,) int64 from 0, number of groups). None: every item is its own group."""
    if groups is None:
        return np.arange(n), n
    unique, codes = np.unique(np.asarray(groups), return_inverse=True)
    if codes.size != n:
        raise ValueError(f"{codes.size} groups but {n} items")
    return codes.astype(np.int64), unique.size


def draw_weights(n_groups: int, draws: int, rng: np.random.Generator) -> np.ndarray:
    """(draws, n_groups) float64: how often each group is drawn when n_groups are drawn with replacement."""
    flat = rng.integers(0, n_groups, (draws, n_groups)) + np.arange(draws)[:, None] * n_groups
    return np.bincount(flat.ravel(), minlength=draws * n_groups).reshape(draws, n_groups).astype(np.float64)


def bootstrap_sums(
    columns: np.ndarray, codes: np.ndarray, n_groups: int, draws: int, rng: np.random.Generator
) -> np.ndarray:
    """(draws, M) sums over the items of each draw of groups. columns: (N, M)."""
    sums = np.stack([np.bincount(codes, column, n_groups) for column in columns.T], axis=1)
    return in_chunks(lambda weights: weights @ sums, n_groups, draws, rng)


def in_chunks(
    of_weights: Callable[[np.ndarray], np.ndarray], n_groups: int, draws: int, rng: np.random.Generator
) -> np.ndarray:
    """Stack of_weights over chunks of draws of at most about 4 million weights (32 MB)."""
    step = max(1, min(draws, 4_000_000 // n_groups))
    return np.concatenate(
        [of_weights(draw_weights(n_groups, min(step, draws - i), rng)) for i in range(0, draws, step)]
    )


def alike(values: np.ndarray) -> bool:
    """Whether finite values (at least one) differ by rounding alone."""
    low, high = float(values.min()), float(values.max())
    return high - low <= 1e-9 * max(1.0, abs(low), abs(high))


def percentile(values: np.ndarray, confidence: float = 0.95) -> Interval | None:
    """Percentile interval of finite draws; None when under half of the draws are defined, or when all agree: an
    interval of no width would claim certainty that the draws cannot give.
    """
    known = values[np.isfinite(values)]
    if known.size < max(1, values.size // 2) or alike(known):
        return None
    low, high = np.quantile(known, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)
