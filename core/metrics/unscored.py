"""Items without a score: named, counted, and never dropped in silence.

The rule: metrics are of the scored items, coverage (scored / expected) stands beside them, and every item that could
not be scored is listed with its reason. Because what failed may have been the hard part, each metric also has a bound:
its value if every failed item had the worst possible score, a fake p_fake = 0 and a real p_fake = 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from core.metrics.all_metrics import point_metrics

RULE = (
    "Figures are computed on the scored items; `worst` is each figure if every failed item had the worst "
    "score (fakes p_fake = 0, reals p_fake = 1)."
)
BOUNDED = (
    *("auroc", "average_precision", "eer", "tpr_at_fpr_1", "tpr_at_fpr_10", "partial_auroc"),
    *("accuracy", "balanced_accuracy", "precision", "recall", "specificity", "f1", "mcc", "brier", "aurc", "augrc"),
)
"""Figures that the worst scores bound. NLL has no finite bound, and calibration errors are not monotone in a score."""

LISTED = 200


def coverage_report(
    p_fake: np.ndarray,
    labels: np.ndarray,
    failed: pd.DataFrame,
    n_bins: int = 15,
    threshold: float = 0.5,
    log_odds: np.ndarray | None = None,
) -> dict[str, Any]:
    """Report the items that could not be scored.

    Args:
        p_fake: (N,) probabilities of fake of the scored items.
        labels: (N,) their labels.
        failed: Rows with sample_id, group, label and reason.
        n_bins: Bins of the calibration errors.
        threshold: Items with p_fake >= threshold are called fake.
        log_odds: (N,) log-odds of p_fake where known; items then rank by them.

    Returns:
        expected, scored, failed, coverage, failed_fakes, failed_groups, items (at most LISTED of the failed), rule, and
        `worst` of `worst_case`, empty when nothing failed.
    """
    lost = failed["label"].to_numpy(np.int64) if len(failed) else np.zeros(0, np.int64)
    expected = labels.size + lost.size
    rows = failed[["sample_id", "label", "group", "reason"]].head(LISTED) if len(failed) else failed
    return {
        "rule": RULE,
        "expected": int(expected),
        "scored": int(labels.size),
        "failed": int(lost.size),
        "coverage": labels.size / expected if expected else None,
        "failed_fakes": int(lost.sum()),
        "failed_groups": int(failed["group"].nunique()) if len(failed) else 0,
        "items": [{key: _plain(value) for key, value in row.items()} for row in rows.to_dict("records")],
        "worst": worst_case(p_fake, labels, lost, n_bins, threshold, log_odds) if lost.size else {},
    }


def worst_case(
    p_fake: np.ndarray,
    labels: np.ndarray,
    failed_labels: np.ndarray,
    n_bins: int = 15,
    threshold: float = 0.5,
    log_odds: np.ndarray | None = None,
) -> dict[str, float | None]:
    """Compute the BOUNDED metrics with every failed item given the score furthest from its label.

    Args:
        p_fake: (N,) probabilities of fake of the scored items.
        labels: (N,) their labels.
        failed_labels: (M,) labels of the failed items.
        n_bins: Bins of the calibration errors.
        threshold: Items with p_fake >= threshold are called fake.
        log_odds: (N,) log-odds of p_fake where known.

    Returns:
        By name; None where undefined.
    """
    p = np.concatenate((p_fake, 1.0 - failed_labels))
    if log_odds is not None:
        beyond = 1.0 + np.abs(log_odds).max(initial=0.0)
        log_odds = np.concatenate((log_odds, np.where(failed_labels == 1, -beyond, beyond)))
    figures = point_metrics(p, np.concatenate((labels, failed_labels)), n_bins, threshold, log_odds)
    return {name: figures[name] for name in BOUNDED}


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
