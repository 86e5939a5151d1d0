"""Compare all calibrators on the same held-out groups: which is best, and whether its gain is more than chance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import expit

from core.calibrate import calibrators
from core.calibrate.folds import dealt, out_of_fold
from core.calibrate.held_out import held_out_auroc
from core.metrics.all_metrics import drawn_metrics, metric_interval, plug_in, point_metrics
from core.metrics.effective_groups import GroupInterval, interval_from_draws, smallest_class
from core.tables.predictions import Predictions

COMPARED = ("nll", "brier", "ece_binary_width", "ece_binary_mass", "ece_debiased_binary_mass")
"""Besides AUROC, which is taken as `held_out_auroc` says."""
GAINS = ("nll", "brier")
"""Figures whose change is given with its own interval: proper scores, so a gain cannot be had by being vague."""


def compare_calibrators(
    predictions: Predictions,
    methods: Sequence[str] | None = None,
    *,
    folds: int = 5,
    draws: int = 1000,
    n_bins: int = 15,
    seed: int = 0,
) -> dict[str, Any]:
    """Cross-fit every method by group: each is fitted on all but one fold of groups and measured on that fold.

    A gain is the metric without calibration less the metric with it, on the same draws of groups: positive is better,
    and an interval above 0 is more than chance for a method that was named in advance.

    Args:
        predictions: Uncalibrated predictions.
        methods: Names of calibrators; None for all.
        folds: Folds of whole groups, at least 2.
        draws: Bootstrap draws of groups.
        n_bins: Bins of the calibration errors.
        seed: Seed of folds and draws.

    Returns:
        folds, how, methods (by name, `metrics` {figure: {value, low, high, note}}, `gain` of NLL and Brier and
        `warnings`, or `refused` with the reason), best (the lowest NLL) and choice (what choosing it does to its
        interval).

    Raises:
        ValueError: There are fewer groups than folds.
    """
    y, groups = predictions.labels, predictions.groups
    count = smallest_class(y, groups)
    fold = dealt(groups, y, folds, seed)
    raw = expit(predictions.log_odds)
    base = drawn_metrics(raw, y, groups, draws, n_bins, seed)
    plain = point_metrics(raw, y, n_bins)
    results: dict[str, Any] = {}
    for name in methods or calibrators.names():
        try:
            held = out_of_fold(calibrators.get(name), predictions, fold)
        except ValueError as error:
            results[name] = {"refused": str(error)}
            continue
        p = held.p_fake
        points, drawn = point_metrics(p, y, n_bins), drawn_metrics(p, y, groups, draws, n_bins, seed)
        metrics = {}
        for figure in COMPARED:
            plugged = plug_in(figure, p, y, points, n_bins)
            metrics[figure] = _value(
                points[figure], metric_interval(figure, points[figure], plugged, drawn[figure], count)
            )
        metrics["auroc"] = held_out_auroc(held, predictions, draws, seed)
        gain = {g: _value(plain[g] - points[g], interval_from_draws(base[g] - drawn[g], count)) for g in GAINS}
        results[name] = {"metrics": metrics, "gain": gain, "warnings": held.warnings}
    fitted = [name for name, of in results.items() if "metrics" in of]
    return {
        "folds": folds,
        "n": int(y.size),
        "groups": int(np.unique(groups).size),
        "how": f"{folds} folds of whole groups; each method is judged on groups that it was not fitted on",
        "choice": f"each interval is the method's own: none is adjusted for choosing the best of {len(fitted)}",
        "methods": results,
        "best": min(fitted, key=lambda name: results[name]["metrics"]["nll"]["value"]) if fitted else None,
    }


def _value(value: float, between: GroupInterval) -> dict[str, Any]:
    return {"value": value, "low": between.low, "high": between.high, "note": between.note}
