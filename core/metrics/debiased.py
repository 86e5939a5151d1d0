"""Calibration error without the part that noise alone adds.

The plain (plug-in) ECE is positive even for a perfect calibrator, the more the fewer items a bin has. Kumar et al. 2019
("Verified Uncertainty Calibration") subtract what the binomial noise of each bin adds: for the squared error exactly
(their debiased estimator; the same as Bröcker's 2012 correction of the reliability term), for the absolute error from
the mean of a folded normal (their `normal_debiased` in closed form). Items of a bin are taken as independent; where
groups are large the truth lies between this and the plug-in, and the interval over groups says how wide that gap is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr

from core.metrics.reliability import Binning, Convention, binned


def _noise(count: np.ndarray, stated: np.ndarray, hits: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(share of items, |gap|, variance of the observed rate) by bin; variance is unbiased, 0 in bins of one item."""
    n = np.maximum(count, 1.0)
    rate = hits / n
    return count / count.sum(-1, keepdims=True), np.abs(stated - hits) / n, rate * (1 - rate) / np.maximum(n - 1, 1.0)


def debiased_ece_of(count: np.ndarray, stated: np.ndarray, hits: np.ndarray) -> np.ndarray:
    """Compute the debiased ECE from sums by bin: sum_b w_b (2 |gap_b| - E |N(gap_b, variance_b)|), at least 0.

    Args:
        count: (..., B) items of each bin.
        stated: (..., B) sums of stated values.
        hits: (..., B) sums of hits.

    Returns:
        (...) errors in [0, 1].
    """
    share, gap, variance = _noise(count, stated, hits)
    error = np.sqrt(variance)
    ratio = gap / np.maximum(error, 1e-300)
    folded = error * np.sqrt(2 / np.pi) * np.exp(-(np.minimum(ratio, 40.0) ** 2) / 2) + gap * (1 - 2 * ndtr(-ratio))
    return np.maximum((share * (2 * gap - np.where(error > 0, folded, gap))).sum(-1), 0.0)


def debiased_rmsce_of(count: np.ndarray, stated: np.ndarray, hits: np.ndarray) -> np.ndarray:
    """Compute the debiased RMSCE from sums by bin: sqrt(max(0, sum_b w_b (gap_b^2 - variance_b))).

    Args:
        count: (..., B) items of each bin.
        stated: (..., B) sums of stated values.
        hits: (..., B) sums of hits.

    Returns:
        (...) errors in [0, 1].
    """
    share, gap, variance = _noise(count, stated, hits)
    return np.sqrt(np.maximum((share * (gap**2 - variance)).sum(-1), 0.0))


def debiased_ece(
    p_fake: ArrayLike, labels: ArrayLike, n_bins: int = 15, which: Convention = "binary", binning: Binning = "mass"
) -> float:
    """Compute the debiased expected calibration error (absolute; Kumar et al. 2019, normal approximation).

    Args:
        p_fake: (N,) probabilities of fake in [0, 1].
        labels: (N,) 0 = real, 1 = fake.
        n_bins: Number of bins, at least 1.
        which: Convention, `binary` or `top_label`.
        binning: `mass` or `width`.

    Returns:
        A float in [0, 1].
    """
    return float(debiased_ece_of(*binned(p_fake, labels, n_bins, which, binning)))


def debiased_rmsce(
    p_fake: ArrayLike, labels: ArrayLike, n_bins: int = 15, which: Convention = "binary", binning: Binning = "mass"
) -> float:
    """Compute the debiased root-mean-square calibration error (Kumar et al. 2019; Bröcker 2012).

    Its square before the cut at 0 is unbiased for the squared calibration error of the binned predictor, where what is
    stated within a bin is taken as its mean.

    Args:
        p_fake: (N,) probabilities of fake in [0, 1].
        labels: (N,) 0 = real, 1 = fake.
        n_bins: Number of bins, at least 1.
        which: Convention, `binary` or `top_label`.
        binning: `mass` or `width`.

    Returns:
        A float in [0, 1].
    """
    return float(debiased_rmsce_of(*binned(p_fake, labels, n_bins, which, binning)))


def rmsce(
    p_fake: ArrayLike, labels: ArrayLike, n_bins: int = 15, which: Convention = "binary", binning: Binning = "mass"
) -> float:
    """Compute the plug-in root-mean-square calibration error, sqrt(sum_b w_b gap_b^2), which `debiased_rmsce` corrects.

    Args:
        p_fake: (N,) probabilities of fake in [0, 1].
        labels: (N,) 0 = real, 1 = fake.
        n_bins: Number of bins, at least 1.
        which: Convention, `binary` or `top_label`.
        binning: `mass` or `width`.

    Returns:
        A float in [0, 1].
    """
    share, gap, _ = _noise(*binned(p_fake, labels, n_bins, which, binning))
    return float(np.sqrt((share * gap**2).sum()))
