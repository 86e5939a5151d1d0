"""Isotonic regression: the non-decreasing step fit of label on score, linear between its knots."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from pydantic import model_validator
from scipy.optimize import isotonic_regression

from core.calibrate.base import Calibrator, Fitted, calibrators


class IsotonicFitted(Fitted):
    """Knots: log_odds ascending, p_fake non-decreasing in [0, 1]."""

    method: Literal["isotonic"] = "isotonic"
    log_odds: list[float]
    p_fake: list[float]

    @model_validator(mode="after")
    def _ordered(self) -> IsotonicFitted:
        z, p = np.array(self.log_odds), np.array(self.p_fake)
        if z.size == 0 or z.size != p.size or not (np.isfinite(z).all() and np.isfinite(p).all()):
            raise ValueError("log_odds and p_fake must be equally many finite knots, at least one")
        if (np.diff(z) <= 0).any() or (np.diff(p) < 0).any() or p[0] < 0 or p[-1] > 1:
            raise ValueError("knots must ascend in log_odds and not descend in p_fake, which lies in [0, 1]")
        return self


class Isotonic(Calibrator):
    """Pool-adjacent-violators on the mean label of each distinct score; constant beyond the outer knots."""

    name = "isotonic"
    document = IsotonicFitted

    def _fit(self, z: np.ndarray, y: np.ndarray) -> tuple[dict[str, Any], list[str]]:
        score, index, weight = np.unique(z, return_inverse=True, return_counts=True)
        mean = np.bincount(index, y) / weight
        p = np.clip(isotonic_regression(mean, weights=weight).x, 0.0, 1.0)
        inside = np.zeros(p.size, bool)
        inside[1:-1] = (p[1:-1] == p[:-2]) & (p[1:-1] == p[2:])  # interior of a flat block: interpolation is the same
        warnings = []
        if p[0] == 0.0 or p[-1] == 1.0:
            warnings.append("p_fake is exactly 0 or 1 at the ends; so few items do not support such certainty")
        if z.size < 1000:
            warnings.append(f"isotonic regression overfits small sets: {z.size} items, at least 1000 advised")
        return {"log_odds": score[~inside].tolist(), "p_fake": p[~inside].tolist()}, warnings

    def _transform(self, z: np.ndarray) -> np.ndarray:
        return np.interp(z, self.fitted.log_odds, self.fitted.p_fake)


calibrators.add(Isotonic.name, Isotonic)
