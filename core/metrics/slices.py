"""Metrics by the values of a column: which source, method or compression the pooled figure hides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from core.metrics.all_metrics import all_metrics
from core.metrics.catalogue import names

MACRO = (
    *("auroc", "average_precision", "eer", "accuracy", "balanced_accuracy", "f1"),
    *("recall", "specificity", "brier", "nll"),
)
MOST_VALUES = 50
"""A column with more values is a name, not a slice."""


def describe(labels: np.ndarray, groups: np.ndarray) -> dict[str, Any]:
    """Count items, classes and groups.

    Args:
        labels: (N,) 0 = real, 1 = fake; N at least 1.
        groups: (N,) names of groups.

    Returns:
        n, n_fake, n_real, groups, fake_groups, real_groups and base_rate (share of fakes).
    """
    fakes = int(labels.sum())
    return {
        "n": int(labels.size),
        "n_fake": fakes,
        "n_real": int(labels.size - fakes),
        "groups": int(np.unique(groups).size),
        "fake_groups": int(np.unique(groups[labels == 1]).size),
        "real_groups": int(np.unique(groups[labels == 0]).size),
        "base_rate": fakes / labels.size,
    }


def slices(
    p: np.ndarray,
    labels: np.ndarray,
    groups: np.ndarray,
    of: np.ndarray,
    *,
    draws: int,
    n_bins: int,
    seed: int,
    log_odds: np.ndarray | None = None,
) -> dict[str, Any]:
    """Compute the metrics of each value of a column.

    Args:
        p: (N,) probabilities of fake in [0, 1].
        labels: (N,) 0 = real, 1 = fake.
        groups: (N,) names of groups.
        of: (N,) values of the column.
        draws: Bootstrap draws of groups; 0 for no intervals.
        n_bins: Bins of the calibration errors.
        seed: Seed of the draws.
        log_odds: (N,) log-odds of p where known; items then rank by them.

    Returns:
        By value, sizes and `metrics`. A slice of one class has no ranking of its own: `against` then holds its ranking
        metrics against all items of the other class, and `against_what` names these.
    """
    results: dict[str, Any] = {}

    def measured(rows: np.ndarray) -> dict[str, Any]:
        z = None if log_odds is None else log_odds[rows]
        return all_metrics(p[rows], labels[rows], groups[rows], draws=draws, n_bins=n_bins, seed=seed, log_odds=z)

    for name in np.unique(of):
        rows = of == name
        here = labels[rows]
        results[str(name)] = describe(here, groups[rows]) | {"metrics": measured(rows)}
        only = set(np.unique(here).tolist())
        if len(only) == 1 and len(np.unique(labels)) == 2:
            both = rows | (labels != only.pop())
            of_both = measured(both)
            results[str(name)]["against"] = {figure: of_both[figure] for figure in names("ranking")}
            results[str(name)]["against_what"] = "all reals" if here[0] == 1 else "all fakes"
    return results


def macro_average(results: dict[str, Any]) -> dict[str, Any]:
    """Average each metric over the slices in which it is defined.

    Args:
        results: By value, the slices of `slices`.

    Returns:
        By metric, {value, over}: the plain mean (None where no slice defines it) and the number of slices.
    """
    macro = {}
    for metric in MACRO:
        values = [s["metrics"][metric]["value"] for s in results.values() if s["metrics"][metric]["value"] is not None]
        macro[metric] = {"value": float(np.mean(values)) if values else None, "over": len(values)}
    return macro


def sliced_by(
    frame: pd.DataFrame,
    p: np.ndarray,
    columns: Sequence[str],
    *,
    draws: int,
    n_bins: int,
    seed: int,
    log_odds: np.ndarray | None = None,
) -> tuple[dict[str, Any], list[str]]:
    """Compute the slices of several columns.

    Args:
        frame: N rows with label, group and the columns.
        p: (N,) probabilities of fake in [0, 1].
        columns: Names of columns.
        draws: Bootstrap draws of groups; 0 for no intervals.
        n_bins: Bins of the calibration errors.
        seed: Seed of the draws.
        log_odds: (N,) log-odds of p where known.

    Returns:
        By column, its slices; and one sentence for each column that gives none because it is missing, has one value or
        has more than MOST_VALUES.
    """
    results, left_out = {}, []
    y, groups = frame["label"].to_numpy(np.int64), frame["group"].astype(str).to_numpy()
    for column in columns:
        if column not in frame:
            left_out.append(f"no slices by {column}: the predictions have no such column")
            continue
        of = frame[column].fillna("").astype(str).replace("", "(none)").to_numpy()
        values = np.unique(of).size
        if not 1 < values <= MOST_VALUES:
            left_out.append(f"no slices by {column}: it has {values} value(s), 2 to {MOST_VALUES} make slices")
            continue
        results[column] = slices(p, y, groups, of, draws=draws, n_bins=n_bins, seed=seed, log_odds=log_odds)
    return results, left_out
