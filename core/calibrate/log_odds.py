"""Probabilities to log-odds, held away from 0 and 1."""

from __future__ import annotations

import numpy as np

MIN_CALIBRATED_P = 1e-7
"""Calibrated probabilities are kept this far from 0 and 1 before their log-odds are taken."""


def calibrated_log_odds(p_fake: np.ndarray) -> np.ndarray:
    """Compute log(p / (1 - p)).

    Args:
        p_fake: (N,) probabilities, held MIN_CALIBRATED_P away from 0 and 1.

    Returns:
        (N,) float64.
    """
    p = np.clip(np.asarray(p_fake, np.float64), MIN_CALIBRATED_P, 1 - MIN_CALIBRATED_P)
    return np.log(p) - np.log1p(-p)
