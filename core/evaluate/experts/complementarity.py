"""Whether two experts err on the same items: closed forms over the 2 x 2 table of who is right, intervals by group.

Measures of diversity after Kuncheva & Whitaker (2003). Every figure is a ratio of the four counts, so a bootstrap draw
is four sums and visits no item again.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np

from core.metrics.effective_groups import GroupCount, count_groups, interval_from_draws
from core.metrics.intervals import bootstrap_sums, group_codes

FIGURES = ("error_overlap", "q_statistic", "disagreement", "double_fault", "oracle_gain")
TITLES = {
    "error_overlap": "Error overlap",
    "q_statistic": "Q statistic",
    "disagreement": "Disagreement",
    "double_fault": "Double fault",
    "oracle_gain": "Oracle gain",
}
MEANING = {
    "error_overlap": "Items that both get wrong / items that either gets wrong (Jaccard): 0 never together, 1 always.",
    "q_statistic": "Yule's Q of being right: 1 right and wrong together, 0 unrelated, below 0 each covers the other.",
    "disagreement": "Items that only one of the two gets right / all items.",
    "double_fault": "Items that both get wrong / all items: no choice between the two corrects them.",
    "oracle_gain": "Accuracy if the right one is always chosen, less that of the better one alone.",
}


def agreement_counts(right_a: np.ndarray, right_b: np.ndarray) -> np.ndarray:
    """Mark the items that both, one or none of two experts call correctly.

    Args:
        right_a: (N,) bool.
        right_b: (N,) bool.

    Returns:
        (N, 4) float64 indicators: both right, only a right, only b right, both wrong.

    Raises:
        ValueError: The shapes differ or are not (N,).
    """
    a, b = np.asarray(right_a, bool), np.asarray(right_b, bool)
    if a.shape != b.shape or a.ndim != 1:
        raise ValueError(f"two experts must be judged on the same items: {a.shape} and {b.shape}")
    return np.stack([a & b, a & ~b, ~a & b, ~a & ~b], axis=1).astype(np.float64)


def figures_of_counts(counts: np.ndarray) -> dict[str, np.ndarray]:
    """Compute FIGURES from counts.

    error_overlap = n00 / (n00 + n01 + n10), undefined where nobody errs. q_statistic = (n11 n00 - n10 n01) / (n11 n00 +
    n10 n01) in [-1, 1], undefined where the denominator is 0. disagreement = (n10 + n01) / n. double_fault = n00 / n.
    oracle_gain = (n - n00) / n - max(accuracy of a, accuracy of b), equal to min(n10, n01) / n.

    Args:
        counts: (..., 4) in the order of `agreement_counts`.

    Returns:
        By figure, (...) values; NaN where undefined.
    """
    both, only_a, only_b, neither = np.moveaxis(np.asarray(counts, np.float64), -1, 0)
    n = both + only_a + only_b + neither
    with np.errstate(invalid="ignore", divide="ignore"):
        agree, differ = both * neither, only_a * only_b
        return {
            "error_overlap": neither / (neither + only_a + only_b),
            "q_statistic": (agree - differ) / (agree + differ),
            "disagreement": (only_a + only_b) / n,
            "double_fault": neither / n,
            "oracle_gain": np.minimum(only_a, only_b) / n,
        }


def pairwise(
    right: Mapping[str, np.ndarray], groups: np.ndarray, *, draws: int = 1000, seed: int = 0
) -> list[dict[str, Any]]:
    """Compare every pair of experts.

    Args:
        right: By expert, (N,) bool on the same items.
        groups: (N,) names of groups.
        draws: Bootstrap draws of groups; 0 for no intervals.
        seed: Seed of the draws.

    Returns:
        One row for each pair: `a`, `b`, the four counts, and every figure as {value, low, high} (95 %), None where
        undefined.
    """
    codes, n_groups = group_codes(groups, len(groups))
    rows: list[dict[str, Any]] = []
    for a, b in combinations(right, 2):
        table = agreement_counts(right[a], right[b])
        total = table.sum(0)
        values = figures_of_counts(total)
        drawn = None
        if draws and n_groups > 1:
            drawn = figures_of_counts(bootstrap_sums(table, codes, n_groups, draws, np.random.default_rng(seed)))
        names = ("both_right", "only_a_right", "only_b_right", "both_wrong")
        row: dict[str, Any] = {"a": a, "b": b, **dict(zip(names, map(int, total), strict=True))}
        for name in FIGURES:
            row[name] = _estimate(float(values[name]), None if drawn is None else drawn[name], count_groups(codes))
        rows.append(row)
    return rows


def _estimate(value: float, drawn: np.ndarray | None, count: GroupCount) -> dict[str, float | None]:
    if not np.isfinite(value):
        return {"value": None, "low": None, "high": None}
    found = interval_from_draws(drawn, count)
    return {"value": value, "low": found.low, "high": found.high}


def oracle(right: Mapping[str, np.ndarray], groups: np.ndarray, *, draws: int = 1000, seed: int = 0) -> dict[str, Any]:
    """Compare the best expert with an oracle that is right wherever any expert is.

    The best one is the best on these very items, so `gain` is too small rather than too large.

    Args:
        right: By expert, (N,) bool on the same items.
        groups: (N,) names of groups.
        draws: Bootstrap draws of groups; 0 for no intervals.
        seed: Seed of the draws.

    Returns:
        `best` (its name), and `accuracy`, `oracle` and `gain`, each with its interval.
    """
    columns = np.stack([np.asarray(values, np.float64) for values in right.values()], axis=1)
    anybody = columns.max(1, keepdims=True)
    best = int(columns.mean(0).argmax())
    shares = np.concatenate([anybody, columns[:, [best]]], axis=1)
    values = shares.mean(0)
    codes, n_groups = group_codes(groups, len(groups))
    drawn = np.empty((0, 2))
    if draws and n_groups > 1:
        ones = np.ones((len(shares), 1))
        sums = bootstrap_sums(np.hstack([shares, ones]), codes, n_groups, draws, np.random.default_rng(seed))
        drawn = sums[:, :2] / sums[:, 2:]
    parts = {"oracle": (values[0], drawn[:, 0]), "accuracy": (values[1], drawn[:, 1])}
    parts["gain"] = (values[0] - values[1], drawn[:, 0] - drawn[:, 1])
    count = count_groups(codes)
    figures = {name: _estimate(float(value), of if len(of) else None, count) for name, (value, of) in parts.items()}
    return {"best": list(right)[best], **figures}
