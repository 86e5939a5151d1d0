"""All metrics of one table of scores with their intervals, ready for JSON: the content of reports."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from core.metrics import metrics
from core.metrics.bootstrap import group_codes
from core.metrics.bootstrap_draws import PARTIAL_MAX_FPR, REPORTED_FPR, selective_draws
from core.metrics.brier_parts import brier_parts
from core.metrics.catalogue import FIGURES, names
from core.metrics.debiased import debiased_ece, debiased_rmsce, rmsce
from core.metrics.effective_groups import (
    NO_INTERVAL,
    GroupCount,
    GroupInterval,
    count_groups,
    exact_interval,
    interval_from_draws,
    perfect_auroc_interval,
    smallest_class,
)
from core.metrics.intervals import percentile, probability_draws, ranking_draws
from core.metrics.ranking import partial_auroc, tpr_at_fpr
from core.metrics.reliability import ece, mce
from core.metrics.selective import augrc, aurc

CALIBRATION = names("calibration")


def point_metrics(
    p_fake: np.ndarray,
    labels: np.ndarray,
    n_bins: int = 15,
    threshold: float = 0.5,
    log_odds: np.ndarray | None = None,
) -> dict[str, Any]:
    """Compute every metric of the catalogue.

    Args:
        p_fake: (N,) probabilities of fake in [0, 1].
        labels: (N,) 0 = real, 1 = fake.
        n_bins: Bins of the calibration errors and of the Brier decomposition.
        threshold: Items with p_fake >= threshold are called fake.
        log_odds: (N,) log-odds of p_fake where known (`Calibrator.calibrated_log_odds`). Metrics of ranking and of
            confidence are then taken from them: above about 37 p_fake is 1 in a double, and ordered items would be
            tied.

    Returns:
        Values by name in the order of the catalogue; None where a metric is undefined (one class, nothing called fake).
    """
    ranks = p_fake if log_odds is None else log_odds
    values: dict[str, Any] = {
        "auroc": metrics.auroc(ranks, labels),
        "average_precision": metrics.average_precision(ranks, labels),
        "eer": metrics.eer(ranks, labels),
        **{f"tpr_at_fpr_{100 * at:.3g}": tpr_at_fpr(ranks, labels, at) for at in REPORTED_FPR},
        "partial_auroc": partial_auroc(ranks, labels, PARTIAL_MAX_FPR),
        **metrics.threshold_metrics(metrics.confusion(p_fake, labels, threshold)),
        "brier": metrics.brier(p_fake, labels),
        **{f"brier_{part}": value for part, value in brier_parts(p_fake, labels, n_bins).items()},
        "nll": metrics.nll(p_fake, labels),
        "aurc": aurc(p_fake, labels, log_odds),
        "augrc": augrc(p_fake, labels, log_odds),
    }
    for which in ("binary", "top_label"):
        for (name, of), binning in product((("ece", ece), ("mce", mce)), ("width", "mass")):
            values[f"{name}_{which}_{binning}"] = of(p_fake, labels, n_bins, which, binning)  # type: ignore[arg-type]
        for name, of in (("ece", debiased_ece), ("rmsce", debiased_rmsce)):
            values[f"{name}_debiased_{which}_mass"] = of(p_fake, labels, n_bins, which)  # type: ignore[arg-type]
    return {name: values[name] for name in FIGURES}


def drawn_metrics(
    p_fake: np.ndarray,
    labels: np.ndarray,
    groups: np.ndarray,
    draws: int,
    n_bins: int = 15,
    seed: int = 0,
    threshold: float = 0.5,
    log_odds: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """Compute every metric under bootstrap draws of groups.

    Two tables of the same items and groups get the same draws, so they can be subtracted draw by draw.

    Args:
        p_fake: (N,) probabilities of fake in [0, 1].
        labels: (N,) 0 = real, 1 = fake.
        groups: (N,) names of groups.
        draws: Number of bootstrap draws.
        n_bins: Bins of the calibration errors.
        seed: Seed of the draws.
        threshold: Items with p_fake >= threshold are called fake.
        log_odds: As in `point_metrics`.

    Returns:
        By name, (draws,) values; NaN where a draw leaves the metric undefined.
    """
    ranks = p_fake if log_odds is None else log_odds
    # The same seed for each: all metrics see the same draws of groups.
    drawn = ranking_draws(ranks, labels, groups, draws, np.random.default_rng(seed))
    drawn |= probability_draws(p_fake, labels, groups, draws, np.random.default_rng(seed), n_bins, threshold)
    return drawn | selective_draws(p_fake, labels, groups, draws, np.random.default_rng(seed), log_odds)


def interval_of(name: str, value: float, plugged: float | None, drawn: np.ndarray) -> tuple[float, float] | None:
    """Compute the 95 % interval of one metric from its draws.

    The interval is the percentile interval, except for calibration errors. A draw adds its own noise to that of the
    sample, and an error that is never negative grows by it: the draws of a plain ECE or MCE scatter around more than
    its value, those of a debiased metric around the plain one. So the percentiles are moved by the mean excess of the
    draws over the value, or, for a debiased metric, the error (drawn - plugged) is subtracted from the value.

    Args:
        name: Name of the metric in the catalogue.
        value: Its value on the sample.
        plugged: Value of the metric that a debiased one corrects (`plug_in`); None for all others.
        drawn: (draws,) values.

    Returns:
        (low, high), at least 0 for calibration errors; None where `percentile` gives none.
    """
    limits = percentile(drawn)
    if limits is None or FIGURES[name].kind != "calibration":
        return limits
    if plugged is None:
        excess = float(np.nanmean(drawn)) - value
        return max(0.0, limits[0] - excess), max(0.0, limits[1] - excess)
    # The draws scatter around the plain value: a reversed (basic) interval carries their error to the debiased one.
    return max(0.0, value + plugged - limits[1]), max(0.0, value + plugged - limits[0])


def plug_in(name: str, p_fake: np.ndarray, labels: np.ndarray, points: dict[str, Any], n_bins: int) -> float | None:
    """Return the plain (plug-in) metric that a debiased metric corrects.

    Args:
        name: Name of the metric in the catalogue.
        p_fake: (N,) probabilities of fake in [0, 1].
        labels: (N,) 0 = real, 1 = fake.
        points: Values of `point_metrics`.
        n_bins: Bins of the calibration errors.

    Returns:
        The plain value; None for a metric that is not debiased.
    """
    if "_debiased_" not in name:
        return None
    which = "top_label" if "top_label" in name else "binary"
    if name.startswith("ece"):
        return points[f"ece_{which}_mass"]
    return rmsce(p_fake, labels, n_bins, which)  # type: ignore[arg-type]


def metric_interval(
    name: str, value: float, plugged: float | None, drawn: np.ndarray, count: GroupCount
) -> GroupInterval:
    """Compute the interval of one metric where the groups allow one.

    Args:
        name: Name of the metric in the catalogue.
        value: Its value on the sample.
        plugged: As in `interval_of`.
        drawn: (draws,) values.
        count: Groups that the metric rests on.

    Returns:
        The interval, with a note on why there is none or how far to trust it.
    """
    plain = interval_from_draws(drawn, count)
    limits = interval_of(name, value, plugged, drawn) if plain.interval else None
    if limits and limits[0] == limits[1]:
        return GroupInterval(None, None, f"{NO_INTERVAL}: after the noise is subtracted, both limits are 0.")
    return GroupInterval(*limits, plain.note) if limits else GroupInterval(None, None, plain.note)


def all_metrics(
    p_fake: np.ndarray,
    labels: np.ndarray,
    groups: np.ndarray,
    *,
    draws: int = 1000,
    n_bins: int = 15,
    seed: int = 0,
    threshold: float = 0.5,
    log_odds: np.ndarray | None = None,
) -> dict[str, dict[str, Any]]:
    """Compute every metric of the catalogue with its 95 % interval over groups.

    A share, or an AUROC, of 0 or 1 has the exact interval over groups. There is no interval without draws, with too few
    groups of a class (recall and specificity: of their class), where all draws agree or where most are undefined
    (`core.metrics.effective_groups`).

    Args:
        p_fake: (N,) probabilities of fake in [0, 1].
        labels: (N,) 0 = real, 1 = fake.
        groups: (N,) names of groups.
        draws: Bootstrap draws of groups; 0 for no intervals.
        n_bins: Bins of the calibration errors.
        seed: Seed of the draws.
        threshold: Items with p_fake >= threshold are called fake.
        log_odds: As in `point_metrics`.

    Returns:
        By name, {value, low, high, note}; low and high are None where there is no interval, and note says why.
    """
    points = point_metrics(p_fake, labels, n_bins, threshold, log_odds)
    drawn: dict[str, np.ndarray] = {}
    if draws and np.unique(groups).size > 1:
        drawn = drawn_metrics(p_fake, labels, groups, draws, n_bins, seed, threshold, log_odds)
    codes, _ = group_codes(groups, labels.size)
    shares = {"recall": labels == 1, "specificity": labels == 0, "precision": p_fake >= threshold,
              "accuracy": np.ones(labels.size, bool)}  # fmt: skip
    smallest = smallest_class(labels, codes)
    own = {
        "recall": count_groups(codes[labels == 1], "fakes"),
        "specificity": count_groups(codes[labels == 0], "reals"),
    }
    result = {}
    for name, value in points.items():
        between = GroupInterval(None, None)
        if draws and value is not None:
            # At 0 and 1 every draw agrees: the bootstrap is silent there, and the exact interval takes its place.
            if name in shares and value in (0.0, 1.0):
                between = exact_interval(value, count_groups(codes[shares[name]]).groups)
            elif name == "auroc" and value in (0.0, 1.0):
                between = perfect_auroc_interval(value, labels, codes)
            elif name in drawn:
                plugged = plug_in(name, p_fake, labels, points, n_bins)
                between = metric_interval(name, value, plugged, drawn[name], own.get(name, smallest))
            else:
                between = GroupInterval(None, None, smallest.note)
        result[name] = {"value": value, "low": between.low, "high": between.high, "note": between.note}
    return result
