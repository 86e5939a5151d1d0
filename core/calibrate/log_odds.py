"""Probabilities to log-odds, held away from 0 and 1."""

from __future__ import annotations

import numpy as np

MIN_CALIBRATED_P = 1e-7
"""Calibrated probabilities are kept this far from 0 and 1 before their log-odds are taken."""


def calibrated_log_odds(p_fake: np.ndarray) -> np.ndarray:
    """Turn probabilities into log-odds.

    Args:
        p_fake: (N,) in [0, 1]; it is held MIN_CALIBRATED_P away from 0 and 1.

    Returns:
        (N,) float64 log(p / (1 - p)).
    """
    p = np.clip(np.asarray(p_fake, np.float64), MIN_CALIBRATED_P, 1 - MIN_CALIBRATED_P)
    return np.log(p) - np.log1p(-p)
