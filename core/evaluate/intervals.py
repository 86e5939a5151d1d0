"""How sure: exact and score intervals of a share; with the bootstrap of groups and its draws, under one name."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import beta, norm

from core.evaluate.bootstrap import Interval, bootstrap_sums, draw_weights, group_codes, percentile
from core.evaluate.draws import probability_draws, ranking_draws

__all__ = [
    "Interval",
    "bootstrap_sums",
    "clopper_pearson",
    "draw_weights",
    "group_codes",
    "percentile",
    "probability_draws",
    "ranking_draws",
    "upper_bound",
    "wilson",
]


def wilson(k: int, n: int, confidence: float = 0.95) -> Interval | None:
    """Wilson's score interval of k / n; None when n = 0."""
    if n == 0:
        return None
    z = float(norm.ppf((1 + confidence) / 2))
    centre, spread = (k + z * z / 2) / (n + z * z), z / (n + z * z) * math.sqrt(k * (n - k) / n + z * z / 4)
    return max(0.0, centre - spread), min(1.0, centre + spread)


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
