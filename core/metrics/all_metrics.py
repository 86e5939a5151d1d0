"""All figures of one table at once, with intervals: what reports and calibration metrics are made of. JSON-ready."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from core.metrics import metrics
from core.metrics.bootstrap import group_codes
from core.metrics.bootstrap_draws import FPR, PARTIAL, selective_draws
from core.metrics.brier_parts import brier_parts
from core.metrics.catalogue import FIGURES, names
from core.metrics.debiased import debiased_ece, debiased_rmsce, rmsce
from core.metrics.effective_groups import (
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
    """Every figure of the catalogue by name, in its order; None where undefined (one class, nothing called fake).

    log_odds: (N,) those of p_fake, where known (`Calibrator.calibrated_log_odds`). What ranks items or orders them by
    confidence is then taken from them: from 37 on p_fake is 1 in a double, and ordered items would be tied.
    """
    ranks = p_fake if log_odds is None else log_odds
    values: dict[str, Any] = {
        "auroc": metrics.auroc(ranks, labels),
        "average_precision": metrics.average_precision(ranks, labels),
        "eer": metrics.eer(ranks, labels),
        **{f"tpr_at_fpr_{100 * at:.3g}": tpr_at_fpr(ranks, labels, at) for at in FPR},
        "partial_auroc": partial_auroc(ranks, labels, PARTIAL),
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
    """(draws,) of every figure under the same draws of groups: two tables of the same items and groups can be
    subtracted draw by draw. log_odds: as of `point_metrics`.
    """
    ranks = p_fake if log_odds is None else log_odds
    found = ranking_draws(ranks, labels, groups, draws, np.random.default_rng(seed))
    found |= probability_draws(p_fake, labels, groups, draws, np.random.default_rng(seed), n_bins, threshold)
    return found | selective_draws(p_fake, labels, groups, draws, np.random.default_rng(seed), log_odds)


def interval_of(name: str, value: float, plugged: float | None, drawn: np.ndarray) -> tuple[float, float] | None:
    """95 % interval of one figure from its draws: the percentiles, except for calibration errors.

    A draw adds its own noise to that of the sample, and an error that is never negative grows by it: the draws of a
    plain ECE or MCE scatter about more than its value, those of a debiased figure about the plain one (`plugged`). So
    the percentiles are moved by the draws' mean excess over the value, or, for a debiased figure, the error
    drawn - plugged is taken off the value; both end at 0 or more.
    """
    found = percentile(drawn)
    if found is None or FIGURES[name].kind != "calibration":
        return found
    if plugged is None:
        excess = float(np.nanmean(drawn)) - value
        return max(0.0, found[0] - excess), max(0.0, found[1] - excess)
    return max(0.0, value + plugged - found[1]), max(0.0, value + plugged - found[0])


def plug_in(name: str, p_fake: np.ndarray, labels: np.ndarray, points: dict[str, Any], n_bins: int) -> float | None:
    """The figure that a debiased one corrects; None for all others."""
    if "_debiased_" not in name:
        return None
    which = "top_label" if "top_label" in name else "binary"
    if name.startswith("ece"):
        return points[f"ece_{which}_mass"]
    return rmsce(p_fake, labels, n_bins, which)  # type: ignore[arg-type]


def metric_interval(
    name: str, value: float, plugged: float | None, drawn: np.ndarray, worth: GroupCount
) -> GroupInterval:
    """`interval_of` where the groups allow an interval, and in any case why not or how far to trust it."""
    plain = interval_from_draws(drawn, worth)
    found = interval_of(name, value, plugged, drawn) if plain.interval else None
    if found and found[0] == found[1]:
        return GroupInterval(None, None, "no interval: less noise, both of its ends are 0")
    return GroupInterval(*found, plain.note) if found else GroupInterval(None, None, plain.note)


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
    """{name: {value, low, high, note}}; low and high: 95 % interval over `draws` bootstrap draws of groups; of a share
    (or AUROC) that is 0 or 1 the exact one over groups. None without draws, with too few groups of a class (recall and
    specificity: of theirs), where all draws agree or most are undefined: `note` then says which, and else is "" or
    "few groups: ..." (`core.metrics.effective_groups`). log_odds: as of `point_metrics`.
    """
    points = point_metrics(p_fake, labels, n_bins, threshold, log_odds)
    drawn: dict[str, np.ndarray] = {}
    if draws and np.unique(groups).size > 1:
        drawn = drawn_metrics(p_fake, labels, groups, draws, n_bins, seed, threshold, log_odds)
    codes, _ = group_codes(groups, labels.size)
    shares = {"recall": labels == 1, "specificity": labels == 0, "precision": p_fake >= threshold,
              "accuracy": np.ones(labels.size, bool)}  # fmt: skip
    worst = smallest_class(labels, codes)
    own = {
        "recall": count_groups(codes[labels == 1], "fakes"),
        "specificity": count_groups(codes[labels == 0], "reals"),
    }
    result = {}
    for name, value in points.items():
        found = GroupInterval(None, None)
        if draws and value is not None:
            if name in shares and value in (0.0, 1.0):
                found = exact_interval(value, count_groups(codes[shares[name]]).groups)
            elif name == "auroc" and value in (0.0, 1.0):
                found = perfect_auroc_interval(value, labels, codes)
            elif name in drawn:
                plugged = plug_in(name, p_fake, labels, points, n_bins)
                found = metric_interval(name, value, plugged, drawn[name], own.get(name, worst))
            else:
                found = GroupInterval(None, None, worst.note)
        result[name] = {"value": value, "low": found.low, "high": found.high, "note": found.note}
    return result
