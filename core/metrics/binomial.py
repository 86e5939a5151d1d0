"""How sure a share is, in closed form: Wilson's score interval and the exact binomial ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import beta, norm

from core.metrics.bootstrap import Interval


def wilson(share: ArrayLike, n: ArrayLike, confidence: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Wilson's (1927) score interval (low, high) of shares in [0, 1], each seen on n items; n need not be whole.

    share, n: numbers or arrays that broadcast. NaN where n is 0 or either is NaN.
    """
    p, n = np.asarray(share, np.float64), np.asarray(n, np.float64)
    z = float(norm.ppf((1 + confidence) / 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        part = z * z / n
        centre = (p + part / 2) / (1 + part)
        half = z * np.sqrt(p * (1 - p) / n + part / (4 * n)) / (1 + part)
    return np.clip(centre - half, 0.0, 1.0), np.clip(centre + half, 0.0, 1.0)


def clopper_pearson(k: int, n: int, confidence: float = 0.95) -> Interval | None:
    """Exact two-sided binomial interval of k / n; None when n = 0."""
    if n == 0:
        return None
    tail = (1 - confidence) / 2
    low = 0.0 if k == 0 else float(beta.ppf(tail, k, n - k + 1))
    return low, 1.0 if k == n else float(beta.ppf(1 - tail, k + 1, n - k))


def upper_bound(k: ArrayLike, n: ArrayLike, confidence: float = 0.95) -> np.ndarray:
    """Exact one-sided upper bound of a binomial share; 1 when n = 0 or k = n."""
    k, n = np.broadcast_arrays(np.asarray(k, np.float64), np.asarray(n, np.float64))
    known = k < n
    return np.where(known, beta.ppf(confidence, k + 1, np.where(known, n - k, 1.0)), 1.0)
