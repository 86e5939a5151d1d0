"""Moment-matched Dirichlet: each class's probabilities as one Dirichlet, fitted by moments, then Bayes' rule.

A baseline, often mistaken for Dirichlet calibration (`dirichlet`): nothing here minimises a loss, so it is as good as
the assumption that the scores of a class follow a Dirichlet (with two classes, a Beta) distribution.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from pydantic import Field, model_validator
from scipy.special import betaln, expit

from core.calibrate.base import Calibrator, Fitted, calibrators
from core.calibrate.methods.logistic import softplus


class MomentDirichletFitted(Fitted):
    """real, fake: (2,) Dirichlet parameters of (1 - p, p) in each class, > 0. base_rate: share of fakes."""

    method: Literal["moment_dirichlet"] = "moment_dirichlet"
    real: list[float] = Field(min_length=2, max_length=2)
    fake: list[float] = Field(min_length=2, max_length=2)
    base_rate: float = Field(gt=0, lt=1)

    @model_validator(mode="after")
    def _positive(self) -> MomentDirichletFitted:
        both = np.array([self.real, self.fake])
        if not np.isfinite(both).all() or (both <= 0).any() or both[1, 1] < both[0, 1] or both[1, 0] > both[0, 0]:
            raise ValueError("real and fake must be positive, and fake must lie towards p_fake = 1")
        return self


def by_moments(p: np.ndarray) -> tuple[float, float]:
    """Find the Dirichlet parameters of (1 - p, p) with the mean and variance of p.

    Args:
        p: (N,) probabilities.

    Returns:
        The two parameters.

    Raises:
        ValueError: p does not vary, or is 0 and 1 only.
    """
    mean, variance = float(p.mean()), float(p.var())
    most = mean * (1 - mean)
    if not 1e-12 * most < variance < most:  # equal scores have a variance of rounding alone
        raise ValueError("cannot fit 'moment_dirichlet': the scores of a class do not vary, or are all 0 and 1")
    strength = most / variance - 1
    return (1 - mean) * strength, mean * strength


class MomentDirichlet(Calibrator):
    """logit p_fake = ln B(real) - ln B(fake) + (fake - real) . (ln(1 - p), ln p) + logit of the base rate."""

    name = "moment_dirichlet"
    document = MomentDirichletFitted

    @property
    def keeps_order(self) -> bool:
        """Where the two classes' parameters differ."""
        return bool(self.fitted.real != self.fitted.fake)

    def _fit(self, z: np.ndarray, y: np.ndarray) -> tuple[dict[str, Any], list[str]]:
        p = expit(z)
        real, fake = by_moments(p[y == 0]), by_moments(p[y == 1])
        if fake[1] < real[1] or fake[0] > real[0]:
            raise ValueError(
                "cannot fit 'moment_dirichlet': matched moments would reverse the order of items near 0 or 1; take "
                "'beta' or 'dirichlet', which are fitted by likelihood"
            )
        return {"real": [*real], "fake": [*fake], "base_rate": float(y.mean())}, []

    def _log_odds(self, z: np.ndarray) -> np.ndarray:
        (r0, r1), (f0, f1), rate = self.fitted.real, self.fitted.fake, self.fitted.base_rate
        constant = betaln(r0, r1) - betaln(f0, f1) + np.log(rate / (1 - rate))
        return (f1 - r1) * -softplus(-z) + (f0 - r0) * -softplus(z) + constant


calibrators.add(MomentDirichlet.name, MomentDirichlet)
