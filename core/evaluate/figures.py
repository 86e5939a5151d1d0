"""All figures of one table at once, with intervals: what reports and calibration metrics are made of. JSON-ready."""

from __future__ import annotations

from typing import Any

import numpy as np

from core.evaluate import metrics
from core.evaluate.intervals import percentile, probability_draws, ranking_draws
from core.evaluate.reliability import ece, mce

RANKING = ("auroc", "average_precision", "eer")
CALIBRATION = tuple(
    f"{figure}_{which}_{binning}"
    for figure in ("ece", "mce")
    for which in ("binary", "top_label")
    for binning in ("width", "mass")
)


def point_figures(p_fake: np.ndarray, labels: np.ndarray, n_bins: int = 15, threshold: float = 0.5) -> dict[str, Any]:
    """Every figure by name; None where undefined (one class, nothing called fake)."""
    values: dict[str, Any] = {
        "auroc": metrics.auroc(p_fake, labels),
        "average_precision": metrics.average_precision(p_fake, labels),
        "eer": metrics.eer(p_fake, labels),
        **metrics.threshold_metrics(metrics.confusion(p_fake, labels, threshold)),
        "brier": metrics.brier(p_fake, labels),
        "nll": metrics.nll(p_fake, labels),
    }
    for which in ("binary", "top_label"):
        for binning in ("width", "mass"):
            values[f"ece_{which}_{binning}"] = ece(p_fake, labels, n_bins, which, binning)  # type: ignore[arg-type]
            values[f"mce_{which}_{binning}"] = mce(p_fake, labels, n_bins, which, binning)  # type: ignore[arg-type]
    return values


def figures(
    p_fake: np.ndarray,
    labels: np.ndarray,
    groups: np.ndarray,
    *,
    draws: int = 1000,
    n_bins: int = 15,
    seed: int = 0,
    threshold: float = 0.5,
) -> dict[str, dict[str, Any]]:
    """{name: {value, low, high}}; low and high: 95 % percentile interval over `draws` bootstrap draws of groups, None
    without draws, with a single group, or where the figure is undefined in most draws."""
    points = point_figures(p_fake, labels, n_bins, threshold)
    spread: dict[str, np.ndarray] = {}
    if draws and np.unique(groups).size > 1:
        spread = ranking_draws(p_fake, labels, groups, draws, np.random.default_rng(seed))
        spread |= probability_draws(p_fake, labels, groups, draws, np.random.default_rng(seed), n_bins, threshold)
    result = {}
    for name, value in points.items():
        found = percentile(spread[name]) if name in spread and value is not None else None
        result[name] = {"value": value, "low": found[0] if found else None, "high": found[1] if found else None}
    return result
