"""Closed-form intervals of a share: Wilson's score interval and the exact binomial intervals."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import beta, norm

from core.metrics.bootstrap import Interval


def wilson(share: ArrayLike, n: ArrayLike, confidence: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Compute Wilson's (1927) score interval of shares.

    Args:
        share: Shares in [0, 1]; broadcasts with n.
        n: Number of items of each share; need not be whole.
        confidence: Coverage of the interval, in (0, 1).

    Returns:
        (low, high); NaN where n is 0 or either argument is NaN.
    """
    p, n = np.asarray(share, np.float64), np.asarray(n, np.float64)
    z = float(norm.ppf((1 + confidence) / 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        part = z * z / n
        centre = (p + part / 2) / (1 + part)
        half = z * np.sqrt(p * (1 - p) / n + part / (4 * n)) / (1 + part)
    return np.clip(centre - half, 0.0, 1.0), np.clip(centre + half, 0.0, 1.0)


def clopper_pearson(k: int, n: int, confidence: float = 0.95) -> Interval | None:
    """Compute the exact two-sided binomial interval of k / n (Clopper & Pearson 1934).

    Args:
        k: Hits, 0 to n.
        n: Trials.
        confidence: Coverage of the interval, in (0, 1).

    Returns:
        (low, high); None when n = 0.
    """
    if n == 0:
        return None
    tail = (1 - confidence) / 2
    low = 0.0 if k == 0 else float(beta.ppf(tail, k, n - k + 1))
    return low, 1.0 if k == n else float(beta.ppf(1 - tail, k + 1, n - k))


def upper_bound(k: ArrayLike, n: ArrayLike, confidence: float = 0.95) -> np.ndarray:
    """Compute the exact one-sided upper bound of binomial shares (Clopper & Pearson 1934).

    Args:
        k: Hits; broadcasts with n.
        n: Trials.
        confidence: Probability that the bound holds, in (0, 1).

    Returns:
        The bound; 1 where n = 0 or k = n.
    """
    k, n = np.broadcast_arrays(np.asarray(k, np.float64), np.asarray(n, np.float64))
    known = k < n
    return np.where(known, beta.ppf(confidence, k + 1, np.where(known, n - k, 1.0)), 1.0)
