"""Ranking where false alarms are dear: hits at a fixed false-alarm rate, and the area under the ROC curve's left."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from core.metrics.sweep import sweep


def tpr_at_fpr(scores: ArrayLike, labels: ArrayLike, max_fpr: float = 0.01) -> float | None:
    """Largest share of fakes caught by a threshold whose false-alarm rate is at most `max_fpr` (no interpolation: a
    threshold that exists). None with one class. Raises ValueError when max_fpr lies outside [0, 1].
    """
    if not 0.0 <= max_fpr <= 1.0:
        raise ValueError(f"max_fpr must lie in [0, 1], not {max_fpr}")
    s = sweep(scores, labels)
    if not s.n_fake or not s.n_real:
        return None
    alarms, hits, _ = s.curve()
    return float(hits[alarms <= max_fpr * s.n_real * (1 + 1e-12)].max() / s.n_fake)


def partial_auroc(scores: ArrayLike, labels: ArrayLike, max_fpr: float = 0.1) -> float | None:
    """Area under the ROC curve for false-alarm rates up to `max_fpr`, standardised by McClish (1989): 0.5 for guessing,
    1 for perfect. None with one class. Raises ValueError when max_fpr lies outside (0, 1].
    """
    if not 0.0 < max_fpr <= 1.0:
        raise ValueError(f"max_fpr must lie in (0, 1], not {max_fpr}")
    s = sweep(scores, labels)
    if not s.n_fake or not s.n_real:
        return None
    alarms, hits, _ = s.curve()
    return mcclish(alarms / s.n_real, hits / s.n_fake, max_fpr)


def mcclish(fpr: np.ndarray, tpr: np.ndarray, max_fpr: float) -> float:
    """Standardised area under a ROC curve's points (ascending, from the origin) up to `max_fpr`."""
    stop = int(np.searchsorted(fpr, max_fpr, side="right"))
    edge = np.interp(max_fpr, fpr, tpr)
    area = float(np.trapezoid(np.append(tpr[:stop], edge), np.append(fpr[:stop], max_fpr)))
    least = max_fpr**2 / 2
    return 0.5 * (1.0 + (area - least) / (max_fpr - least))
