"""Temperature scaling: p_fake = sigmoid(log_odds / T) (Guo et al. 2017).

It keeps the order of items and the side of 1/2 on which each lies: AUROC, accuracy and F1 at 0.5 cannot change.
NLL is convex in b = 1 / T, so Newton in b inside a bracket finds its one minimum; ECE is piecewise constant in T and
has no gradient, so it is searched, near the minimum of NLL: far from it a small ECE only says that p_fake is vague.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from pydantic import Field
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit

from core.calibrate.base import Calibrator, Fitted, calibrators
from core.calibrate.methods.logistic import softplus
from core.metrics.reliability import ece

T_MIN, T_MAX = 0.02, 50.0
HISTOGRAM_BLOCK = 1 << 17
"""Items put into the histogram at a time, so that their temporaries stay in the cache."""
B_MIN, B_MAX = 1 / T_MAX, 1 / T_MIN
ECE_SEARCH_FACTOR = 4.0
"""ECE is searched from T / ECE_SEARCH_FACTOR to T * ECE_SEARCH_FACTOR around the T of least NLL."""

Metric = Literal["nll", "ece"]
Solver = Literal["newton", "L-BFGS-B", "bounded"]


class TemperatureFitted(Fitted):
    """calibration_temp.json."""

    method: Literal["temperature"] = "temperature"
    temperature: float = Field(gt=0, allow_inf_nan=False, description="p_fake = sigmoid(log_odds / temperature).")
    optimize_metric: Metric = "nll"
    optimize_method: str = "newton"
    at_bound: bool = Field(False, description="The search ended on its bound: T is a limit, not an optimum.")


def margins(z: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Compute the log-odds of the true class.

    Args:
        z: (N,) log-odds of fake.
        y: (N,) 0 = real, 1 = fake.

    Returns:
        (N,) margins.
    """
    return np.where(y == 1, z, -z)


def slope_and_curvature(b: float, m: np.ndarray, w: np.ndarray | None = None) -> tuple[float, float]:
    """Compute the first and second derivative in b of mean softplus(-b m).

    Args:
        b: 1 / T.
        m: (N,) margins.
        w: (N,) weights; None for 1.

    Returns:
        Slope and curvature.
    """
    q = expit(-b * m)
    if w is None:
        return -float(np.dot(m, q)) / m.size, float(np.dot(m * m, q * (1 - q))) / m.size
    total = float(w.sum())
    return -float(np.dot(w, m * q)) / total, float(np.dot(w, m * m * q * (1 - q))) / total


def newton(m: np.ndarray, w: np.ndarray | None = None, start: float = 1.0, tolerance: float = 1e-12) -> float:
    """Find the b in [B_MIN, B_MAX] that minimises mean softplus(-b m); every step stays inside a shrinking bracket.

    Args:
        m: (N,) margins.
        w: (N,) weights; None for 1.
        start: First b.
        tolerance: Relative change at which the search ends.

    Returns:
        b = 1 / T.
    """
    low, high, b = B_MIN, B_MAX, start
    for _ in range(100):
        slope, curvature = slope_and_curvature(b, m, w)
        low, high = (b, high) if slope < 0 else (low, b)
        step = b - slope / curvature if curvature > 0 else np.inf
        fresh = step if low < step < high else (low * high) ** 0.5
        if abs(fresh - b) <= tolerance * b:
            return fresh
        b = fresh
    return b


def histogram(m: np.ndarray, bins: int = 8192) -> tuple[np.ndarray, np.ndarray]:
    """Collect margins in equal bins.

    Args:
        m: (N,) margins.
        bins: Number of bins.

    Returns:
        Mean margin and count of the bins that hold an item.
    """
    low, high = float(m.min()), float(m.max())
    scale = bins / max(high - low, 1e-300)
    count, total = np.zeros(bins + 1, np.int64), np.zeros(bins + 1)
    for start in range(0, m.size, HISTOGRAM_BLOCK):
        block = m[start : start + HISTOGRAM_BLOCK]
        index = ((block - low) * scale).astype(np.int64)
        count += np.bincount(index, minlength=bins + 1)
        total += np.bincount(index, block, bins + 1)
    count[-2] += count[-1]  # the largest margin alone falls past the last bin
    total[-2] += total[-1]
    filled = count[:-1] > 0
    return total[:-1][filled] / count[:-1][filled], count[:-1][filled].astype(np.float64)


def fit_newton(m: np.ndarray, polish: bool = True) -> float:
    """Fit b by Newton: on a histogram first where items are many, then on all of them from there.

    Args:
        m: (N,) margins.
        polish: Whether to finish on all items.

    Returns:
        b = 1 / T.
    """
    if m.size <= 50_000:
        return newton(m)
    b = newton(*histogram(m))
    return newton(m, start=b, tolerance=1e-9) if polish else b


def _fit_lbfgsb(m: np.ndarray) -> float:
    def loss(b: np.ndarray) -> tuple[float, np.ndarray]:
        return float(np.mean(softplus(-b[0] * m))), np.array([slope_and_curvature(float(b[0]), m)[0]])

    options = {"ftol": 1e-15, "gtol": 1e-10}
    return float(minimize(loss, [1.0], jac=True, method="L-BFGS-B", bounds=[(B_MIN, B_MAX)], options=options).x[0])


def _fit_bounded(m: np.ndarray) -> float:
    found = minimize_scalar(
        lambda log_b: float(np.mean(softplus(-np.exp(log_b) * m))),
        bounds=(np.log(B_MIN), np.log(B_MAX)),
        method="bounded",
        options={"xatol": 1e-9},
    )
    return float(np.exp(found.x))


SOLVERS: dict[str, Callable[[np.ndarray], float]] = {
    "newton": fit_newton,
    "L-BFGS-B": _fit_lbfgsb,
    "bounded": _fit_bounded,
}


def search_ece(z: np.ndarray, y: np.ndarray, n_bins: int, t_nll: float) -> tuple[float, bool]:
    """Search the lowest local minimum of binary equal-width ECE within a factor of ECE_SEARCH_FACTOR of `t_nll`.

    The search is limited because ECE alone does not separate the classes: on a set with as many fakes as reals it
    falls to 0 as T grows and every p_fake nears 1/2. A logarithmic grid of 61 with `t_nll` in its middle is refined
    three times around its best point; where no minimum is as low as ECE at `t_nll`, that T is returned.

    Args:
        z: (N,) log-odds of fake.
        y: (N,) 0 = real, 1 = fake.
        n_bins: Bins of the ECE.
        t_nll: The T of least NLL.

    Returns:
        T, and whether ECE has a minimum there.
    """
    low, high = (
        max(np.log(T_MIN), np.log(t_nll / ECE_SEARCH_FACTOR)),
        min(np.log(T_MAX), np.log(t_nll * ECE_SEARCH_FACTOR)),
    )
    grid = np.linspace(low, high, 61)
    errors = np.array([ece(expit(z / np.exp(t)), y, n_bins) for t in grid])
    inner = np.flatnonzero((errors[1:-1] <= errors[:-2]) & (errors[1:-1] <= errors[2:])) + 1
    if not inner.size or errors[inner].min() > ece(expit(z / t_nll), y, n_bins):
        return t_nll, False
    best, least = float(grid[inner[np.argmin(errors[inner])]]), float(errors[inner].min())
    step = (high - low) / 60
    for _ in range(3):
        grid = np.linspace(best - step, best + step, 21)
        errors = np.array([ece(expit(z / np.exp(t)), y, n_bins) for t in grid])
        if errors.min() < least:
            best, least = float(grid[np.argmin(errors)]), float(errors.min())
        step /= 10
    return float(np.exp(best)), True


def temperature_warnings(t: float, m: np.ndarray) -> list[str]:
    """List what a reader must know of T: a side of 0 for every item, a bound of the search, a loss above the raw one.

    NLL is convex in 1 / T and ln 2 at 1 / T = 0, where its slope is -mean(m) / 2: so it is below ln 2 for some T
    exactly when the mean margin is above 0.

    Args:
        t: The temperature.
        m: (N,) margins.

    Returns:
        Plain sentences, perhaps none.
    """
    warnings = []
    loss, raw = (float(np.mean(softplus(-m / at))) for at in (t, 1.0))
    if m.min() >= 0 and m.max() > 0:
        warnings.append("every item lies on its own side of log-odds 0 (separable): NLL keeps falling as T -> 0")
    if t <= T_MIN * 1.0001 or t >= T_MAX / 1.0001:
        warnings.append(f"T = {t:.4g} is the bound of the search ({T_MIN} to {T_MAX}), not an optimum")
    if t >= T_MAX / 1.0001:
        if m.mean() <= 0 or abs(loss / np.log(2) - 1) < 0.02:
            warnings.append("scores do not separate the classes on these items: with the best T, p_fake stays near 1/2")
        else:
            warnings.append(
                f"scores are too large for the search (their best T lies above {T_MAX:g}): take Platt, which has no "
                "such bound, or divide the log-odds before"
            )
    if loss > raw * (1 + 1e-9):
        warnings.append(f"NLL is worse than without calibration ({loss:.4g} against {raw:.4g}): take another method")
    return warnings


class Temperature(Calibrator):
    """One parameter. `optimize_metric` nll or ece; `optimize_method` (nll only) newton, L-BFGS-B or bounded."""

    name = "temperature"
    document = TemperatureFitted
    keeps_order = True

    def __init__(self, optimize_metric: Metric = "nll", optimize_method: Solver = "newton", n_bins: int = 15) -> None:
        super().__init__()
        if optimize_method not in SOLVERS:
            raise ValueError(f"unknown optimize_method {optimize_method!r}; known: {', '.join(SOLVERS)}")
        if optimize_metric not in ("nll", "ece"):
            raise ValueError(f"unknown optimize_metric {optimize_metric!r}; known: nll, ece")
        self.optimize_metric, self.optimize_method, self.n_bins = optimize_metric, optimize_method, n_bins

    def _fit(self, z: np.ndarray, y: np.ndarray) -> tuple[dict[str, Any], list[str]]:
        m, warnings = margins(z, y), []
        t, method = 1 / SOLVERS[self.optimize_method](m), str(self.optimize_method)
        if self.optimize_metric == "ece":
            # ECE is searched around the T of least NLL: what makes that T doubtful makes this one doubtful too.
            method, t_nll = "search", t
            t, is_minimum = search_ece(z, y, self.n_bins, t_nll)
            if not is_minimum:
                warnings.append(f"ECE has no minimum near the T of least NLL: that T ({t:.4g}) is taken")
            warnings += [note for note in temperature_warnings(t_nll, m) if note not in temperature_warnings(t, m)]
        warnings += temperature_warnings(t, m)
        parameters = {
            "temperature": float(t),
            "optimize_metric": self.optimize_metric,
            "optimize_method": method,
            "at_bound": bool(t <= T_MIN * 1.0001 or t >= T_MAX / 1.0001),
        }
        return parameters, warnings

    def _log_odds(self, z: np.ndarray) -> np.ndarray:
        return z / self.fitted.temperature


class TemperatureEceFitted(TemperatureFitted):
    """calibration_temp.json of a temperature chosen by ECE."""

    method: Literal["temperature_ece"] = "temperature_ece"  # type: ignore[assignment]
    optimize_metric: Metric = "ece"
    optimize_method: str = "search"


class TemperatureEce(Temperature):
    """The temperature of least binary equal-width ECE around the one of least NLL, by bracketing search.

    ECE is piecewise constant in T, so a method that follows its gradient stays where it starts.
    """

    name = "temperature_ece"
    document = TemperatureEceFitted

    def __init__(self, n_bins: int = 15) -> None:
        super().__init__("ece", n_bins=n_bins)


calibrators.add(Temperature.name, Temperature)
calibrators.add(TemperatureEce.name, TemperatureEce)
