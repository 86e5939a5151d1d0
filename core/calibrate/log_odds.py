"""Probabilities to log-odds, held away from 0 and 1."""

from __future__ import annotations

import numpy as np

LIMIT = 1e-7
"""Calibrated probabilities are kept this far from 0 and 1 before their log-odds are taken."""


def calibrated_log_odds(p_fake: np.ndarray) -> np.ndarray:
    """log(p / (1 - p)), (N,) float64, with p held LIMIT away from 0 and 1."""
    p = np.clip(np.asarray(p_fake, np.float64), LIMIT, 1 - LIMIT)
    return np.log(p) - np.log1p(-p)
