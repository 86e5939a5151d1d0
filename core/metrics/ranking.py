"""Ranking metrics where false alarms are costly: hits at a fixed false-alarm rate, and partial AUROC."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from core.metrics.sweep import sweep


def tpr_at_fpr(scores: ArrayLike, labels: ArrayLike, max_fpr: float = 0.01) -> float | None:
    """Compute the largest share of fakes found by a threshold whose false-alarm rate is at most `max_fpr`.

    There is no interpolation: the threshold exists.

    Args:
        scores: (N,) finite scores, higher = more fake.
        labels: (N,) 0 = real, 1 = fake.
        max_fpr: Highest false-alarm rate, in [0, 1].

    Returns:
        The share in [0, 1]; None with one class.

    Raises:
        ValueError: max_fpr lies outside [0, 1].
    """
    if not 0.0 <= max_fpr <= 1.0:
        raise ValueError(f"max_fpr must lie in [0, 1], not {max_fpr}")
    s = sweep(scores, labels)
    if not s.n_fake or not s.n_real:
        return None
    alarms, hits, _ = s.curve()
    return float(hits[alarms <= max_fpr * s.n_real * (1 + 1e-12)].max() / s.n_fake)


def partial_auroc(scores: ArrayLike, labels: ArrayLike, max_fpr: float = 0.1) -> float | None:
    """Compute the area under the ROC curve for false-alarm rates up to `max_fpr`, standardised by McClish (1989).

    Args:
        scores: (N,) finite scores, higher = more fake.
        labels: (N,) 0 = real, 1 = fake.
        max_fpr: Highest false-alarm rate, in (0, 1].

    Returns:
        0.5 for guessing, 1 for a perfect ranking; None with one class.

    Raises:
        ValueError: max_fpr lies outside (0, 1].
    """
    if not 0.0 < max_fpr <= 1.0:
        raise ValueError(f"max_fpr must lie in (0, 1], not {max_fpr}")
    s = sweep(scores, labels)
    if not s.n_fake or not s.n_real:
        return None
    alarms, hits, _ = s.curve()
    return mcclish(alarms / s.n_real, hits / s.n_fake, max_fpr)


def mcclish(fpr: np.ndarray, tpr: np.ndarray, max_fpr: float) -> float:
    """Compute the standardised partial area (McClish 1989) of a ROC curve's points.

    Args:
        fpr: (K,) ascending from 0.
        tpr: (K,) ascending from 0.
        max_fpr: Highest false-alarm rate, in (0, 1].

    Returns:
        0.5 for guessing, 1 for a perfect ranking.
    """
    stop = int(np.searchsorted(fpr, max_fpr, side="right"))
    edge = np.interp(max_fpr, fpr, tpr)
    area = float(np.trapezoid(np.append(tpr[:stop], edge), np.append(fpr[:stop], max_fpr)))
    least = max_fpr**2 / 2
    return 0.5 * (1.0 + (area - least) / (max_fpr - least))
