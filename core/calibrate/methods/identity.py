"""The calibrator `none`: the network's own log-odds, unchanged."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from core.calibrate.base import Calibrator, Fitted, calibrators


class IdentityFitted(Fitted):
    """No parameters."""

    method: Literal["none"] = "none"


class Identity(Calibrator):
    """p_fake = sigmoid(log_odds)."""

    name = "none"
    document = IdentityFitted
    needs_both_classes = False
    keeps_order = True

    def _fit(self, z: np.ndarray, y: np.ndarray) -> tuple[dict[str, Any], list[str]]:
        return {}, ["no calibration: probabilities are the network's own"]

    def _log_odds(self, z: np.ndarray) -> np.ndarray:
        return z


calibrators.add(Identity.name, Identity)
