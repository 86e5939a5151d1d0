"""Maximum likelihood of a logistic regression with few parameters, by Newton with a halved step on overshoot."""

from __future__ import annotations

import numpy as np
from scipy.special import expit


def softplus(x: np.ndarray) -> np.ndarray:
    """Compute ln(1 + e^x) without overflow.

    Args:
        x: Any shape.

    Returns:
        The same shape.
    """
    return np.logaddexp(0.0, x)


def fit_logistic(design: np.ndarray, targets: np.ndarray, most: int = 100) -> tuple[np.ndarray, bool]:
    """Minimise mean softplus(X w) - t X w.

    Args:
        design: (N, D) X.
        targets: (N,) t in [0, 1].
        most: Most Newton steps.

    Returns:
        (D,) w, and whether the fit converged; otherwise the optimum lies at infinity (separable targets).
    """
    w = np.zeros(design.shape[1])
    scale = np.maximum(np.abs(design).max(0), 1e-300)
    x = design / scale

    def loss(v: np.ndarray) -> float:
        eta = x @ v
        return float(np.mean(softplus(eta) - targets * eta))

    value = loss(w)
    for _ in range(most):
        p = expit(x @ w)
        gradient = x.T @ (p - targets) / targets.size
        hessian = (x * (p * (1 - p))[:, None]).T @ x / targets.size
        step = np.linalg.lstsq(hessian + 1e-14 * np.eye(w.size), gradient, rcond=None)[0]
        if float(np.abs(gradient).max()) < 1e-12:
            return w / scale, bool(np.linalg.eigvalsh(hessian)[0] > 1e-10)
        size = 1.0
        while (fresh := loss(w - size * step)) > value and size > 1e-8:
            size /= 2
        if size <= 1e-8:
            return w / scale, bool(np.abs(gradient).max() < 1e-8)
        w, value = w - size * step, fresh
    return w / scale, False
