"""Platt scaling: p_fake = sigmoid(a log_odds + b), fitted to Platt's smoothed targets (Platt 1999)."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from pydantic import Field

from core.calibrate.base import Calibrator, Fitted, calibrators
from core.calibrate.methods.logistic import fit_logistic


class PlattFitted(Fitted):
    """Slope and intercept."""

    method: Literal["platt"] = "platt"
    slope: float = Field(ge=0, allow_inf_nan=False)
    intercept: float = Field(allow_inf_nan=False)


class Platt(Calibrator):
    """Targets (n1 + 1) / (n1 + 2) for fakes and 1 / (n0 + 2) for reals keep the fit finite on separable data."""

    name = "platt"
    document = PlattFitted

    @property
    def keeps_order(self) -> bool:
        """With a slope above 0."""
        return bool(self.fitted.slope > 0)

    def _fit(self, z: np.ndarray, y: np.ndarray) -> tuple[dict[str, Any], list[str]]:
        n1 = int(y.sum())
        targets = np.where(y == 1, (n1 + 1) / (n1 + 2), 1 / (z.size - n1 + 2))
        (slope, intercept), converged = fit_logistic(np.stack((z, np.ones_like(z)), 1), targets)
        warnings = [] if converged else ["the fit did not converge: all scores are (nearly) alike"]
        if slope < 0:
            warnings.append("higher scores mean less fake here: slope set to 0, every item gets the base rate")
            slope, intercept = 0.0, float(np.log(targets.mean() / (1 - targets.mean())))
        return {"slope": float(slope), "intercept": float(intercept)}, warnings

    def _log_odds(self, z: np.ndarray) -> np.ndarray:
        return self.fitted.slope * z + self.fitted.intercept


calibrators.add(Platt.name, Platt)
