"""Beta calibration: logit q = a ln p - b ln(1 - p) + c with a, b >= 0 (Kull et al. 2017).

It is Dirichlet calibration (Kull et al. 2019) with two classes.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from pydantic import Field
from scipy.optimize import minimize
from scipy.special import expit

from core.calibrate.base import Calibrator, Fitted, calibrators
from core.calibrate.methods.logistic import softplus

MAX_PARAMETER = 100.0


class BetaFitted(Fitted):
    """a, b >= 0 and c."""

    method: Literal["beta"] = "beta"
    a: float = Field(ge=0, allow_inf_nan=False)
    b: float = Field(ge=0, allow_inf_nan=False)
    c: float = Field(allow_inf_nan=False)


def _design(z: np.ndarray) -> np.ndarray:
    """(N, 3): ln p, -ln(1 - p), 1 of p = sigmoid(z), exact at any size."""
    return np.stack((-softplus(-z), softplus(z), np.ones_like(z)), 1)


class Beta(Calibrator):
    """Three parameters, maximum likelihood under a, b in [0, 100] by L-BFGS-B with the analytic gradient."""

    name = "beta"
    document = BetaFitted

    @property
    def keeps_order(self) -> bool:
        """With a or b above 0."""
        return bool(self.fitted.a > 0 or self.fitted.b > 0)

    def _fit(self, z: np.ndarray, y: np.ndarray) -> tuple[dict[str, Any], list[str]]:
        x = _design(z)

        def loss(w: np.ndarray) -> tuple[float, np.ndarray]:
            eta = x @ w
            return float(np.mean(softplus(eta) - y * eta)), x.T @ (expit(eta) - y) / y.size

        found = minimize(
            loss,
            np.array([1.0, 1.0, 0.0]),
            jac=True,
            method="L-BFGS-B",
            bounds=[(0, MAX_PARAMETER), (0, MAX_PARAMETER), (-MAX_PARAMETER, MAX_PARAMETER)],
            options={"maxiter": 1000, "ftol": 1e-15, "gtol": 1e-10},
        )
        a, b, c = (float(v) for v in found.x)
        warnings = []
        if z[y == 0].max() <= z[y == 1].min() and z.min() < z.max():
            warnings.append(
                "one threshold separates the two classes (separable): the likelihood has no maximum, and a, b, c are "
                "where the search stopped, not an optimum; p_fake is more certain than these items can support"
            )
        elif max(a, b, abs(c)) >= MAX_PARAMETER * (1 - 1e-6):
            warnings.append(f"a parameter sits on the bound of the search ({MAX_PARAMETER:g}), not at an optimum")
        if min(a, b) == 0.0:
            warnings.append("a or b is 0: on one side of 1/2 the scores carry no information on these items")
        return {"a": a, "b": b, "c": c}, warnings

    def _log_odds(self, z: np.ndarray) -> np.ndarray:
        return _design(z) @ np.array([self.fitted.a, self.fitted.b, self.fitted.c])


calibrators.add(Beta.name, Beta)
