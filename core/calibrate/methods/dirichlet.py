"""Dirichlet calibration: softmax(W ln p + b) with ODIR regularisation (Kull et al. 2019), for any number of classes.

With two classes and no regularisation it is beta calibration: only the differences of rows of W and b count, so
a = W[1,1] - W[0,1], b = W[0,0] - W[1,0], c = b[1] - b[0].
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from pydantic import Field, model_validator
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from core.calibrate.base import Calibrator, Fitted, calibrators
from core.calibrate.methods.logistic import softplus

STRENGTH = 1e-3
SEPARABLE = "every item is right after the fit (separable classes): only the regularisation keeps p_fake from 0 and 1"
MAX_PARAMETER = 1e3


class DirichletFitted(Fitted):
    """The fitted map softmax(W ln p + b).

    Attributes:
        weights: (K, K) W.
        bias: (K,) b.
        strength: Of the regularisation of off-diagonal weights and intercepts.
    """

    method: Literal["dirichlet"] = "dirichlet"
    weights: list[list[float]]
    bias: list[float]
    strength: float = Field(STRENGTH, ge=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _square(self) -> DirichletFitted:
        size = len(self.bias)
        if size < 2 or len(self.weights) != size or any(len(row) != size for row in self.weights):
            raise ValueError("weights must be K x K and bias K, with K at least 2")
        if not np.isfinite(self.bias).all() or not np.isfinite(self.weights).all():
            raise ValueError("weights and bias must be finite")
        return self


def two_classes(z: np.ndarray) -> np.ndarray:
    """Turn log-odds of fake into the logarithms of both probabilities, exact at any size.

    Args:
        z: (N,) log-odds of fake.

    Returns:
        (N, 2) ln of the probabilities of real and fake.
    """
    return np.stack((-softplus(z), -softplus(-z)), 1)


def fit_dirichlet(
    log_p: np.ndarray, labels: np.ndarray, strength: float = STRENGTH
) -> tuple[np.ndarray, np.ndarray, bool]:
    """Minimise mean NLL + strength x (mean squared off-diagonal weight + mean squared intercept) (ODIR, Kull 2019).

    The problem is convex; L-BFGS-B starts at the identity with the analytic gradient.

    Args:
        log_p: (N, K) ln of class probabilities (or log-scores).
        labels: (N,) 0 ... K - 1.
        strength: Of the regularisation, at least 0.

    Returns:
        W (K, K), b (K,), and whether the classes are separable: every item right, or a parameter at its bound.
    """
    n, k = log_p.shape
    truth, off = np.eye(k)[labels], 1.0 - np.eye(k)

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        w, b = flat[: k * k].reshape(k, k), flat[k * k :]
        scores = log_p @ w.T + b
        error = (softmax(scores, axis=1) - truth) / n
        penalty = strength * (((w * off) ** 2).sum() / (k * (k - 1)) + (b**2).sum() / k)
        of_w = error.T @ log_p + strength * 2 * w * off / (k * (k - 1))
        of_b = error.sum(0) + strength * 2 * b / k
        value = -float((log_softmax(scores, axis=1) * truth).sum()) / n + float(penalty)
        return value, np.concatenate((of_w.ravel(), of_b))

    start = np.concatenate((np.eye(k).ravel(), np.zeros(k)))
    options = {"maxiter": 5000, "maxfun": 20000, "ftol": 1e-15, "gtol": 1e-10}
    found = minimize(
        loss, start, jac=True, method="L-BFGS-B", bounds=[(-MAX_PARAMETER, MAX_PARAMETER)] * start.size, options=options
    ).x
    w, b = found[: k * k].reshape(k, k), found[k * k :]
    all_right = np.array_equal(np.argmax(log_p @ w.T + b, axis=1), labels)
    return w, b, bool(all_right or np.abs(found).max() >= MAX_PARAMETER * (1 - 1e-6))


class Dirichlet(Calibrator):
    """As a calibrator of log-odds: two classes. `fit_classes` and `transform_classes` take K >= 2 classes."""

    name = "dirichlet"
    document = DirichletFitted

    def __init__(self, strength: float = STRENGTH) -> None:
        super().__init__()
        self.strength = strength

    @property
    def keeps_order(self) -> bool:
        """With two classes and weights that rise on at least one side of 1/2."""
        if len(self.fitted.bias) != 2:
            return False
        (of_real, real_of_fake), (fake_of_real, of_fake) = self.fitted.weights
        rises = (of_fake - real_of_fake, of_real - fake_of_real)
        return min(rises) >= 0 < max(rises)

    def _fit(self, z: np.ndarray, y: np.ndarray) -> tuple[dict[str, Any], list[str]]:
        w, b, separable = fit_dirichlet(two_classes(z), y, self.strength)
        if w[1, 1] < w[0, 1] or w[0, 0] < w[1, 0]:
            raise ValueError(
                "cannot fit 'dirichlet': on one side of 1/2 higher scores mean less fake on these items, and the fit "
                "would reverse the order of items; use 'beta', whose map always rises"
            )
        warnings = [SEPARABLE] if separable else []
        return {"weights": w.tolist(), "bias": b.tolist(), "strength": self.strength}, warnings

    def _log_odds(self, z: np.ndarray) -> np.ndarray:
        scores = self._scores(two_classes(z))
        return scores[:, 1] - scores[:, 0]

    def fit_classes(self, log_p: ArrayLike, labels: ArrayLike, fingerprint: str = "") -> Dirichlet:
        """Fit on the probabilities of K classes.

        Args:
            log_p: (N, K) ln of class probabilities, K at least 2.
            labels: (N,) 0 ... K - 1, each present.
            fingerprint: Names the items; empty: unknown.

        Returns:
            The calibrator itself.

        Raises:
            ValueError: Another shape, a value that is not finite, or a class without items.
        """
        x, y = np.asarray(log_p, np.float64), np.asarray(labels)
        if x.ndim != 2 or x.shape[1] < 2 or y.shape != x.shape[:1] or not np.isfinite(x).all():
            raise ValueError("log_p must be (N, K) and finite with K at least 2, and labels (N,)")
        missing = sorted(set(range(x.shape[1])) - set(y.tolist()))
        if missing or set(y.tolist()) - set(range(x.shape[1])):
            raise ValueError(f"labels must be 0 to {x.shape[1] - 1}, each present; missing: {missing}")
        w, b, separable = fit_dirichlet(x, y.astype(np.int64), self.strength)
        self._fitted = DirichletFitted(
            data_fingerprint=fingerprint,
            n=y.size,
            n_fake=int((y == 1).sum()) if x.shape[1] == 2 else 0,
            weights=w.tolist(),
            bias=b.tolist(),
            strength=self.strength,
            warnings=[SEPARABLE] if separable else [],
        )
        return self

    def transform_classes(self, log_p: ArrayLike) -> np.ndarray:
        """Calibrate the probabilities of K classes.

        Args:
            log_p: (N, K) ln of uncalibrated class probabilities.

        Returns:
            (N, K) calibrated probabilities; rows sum to 1.
        """
        return softmax(self._scores(log_p), axis=1)

    def _scores(self, log_p: ArrayLike) -> np.ndarray:
        """(N, K) logits."""
        return np.asarray(log_p, np.float64) @ np.array(self.fitted.weights).T + np.array(self.fitted.bias)


calibrators.add(Dirichlet.name, Dirichlet)
