"""Measure how much better stage 3 looks on the rows that it learned from than on unseen rows.

Out-of-fold scores hide a row's label from stage 3, not from the experts. On rows that the experts were trained on,
log-odds and embeddings carry the answer, and the out-of-fold AUROC is higher than that on test.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from core.metrics.by_source import auroc_draws
from core.metrics.effective_groups import GroupCount, interval_from_draws, smallest_class
from core.metrics.metrics import auroc

TITLES = {
    "frozen_on_train": "frozen experts, learned from their own training rows (leaks)",
    "frozen_held_out": "frozen experts, learned from rows they never trained on",
    "refit": "experts refitted in each fold, learned from all training rows",
}


@dataclass(frozen=True)
class Learned:
    """Stage 3 fitted in one way.

    Attributes:
        way: Key of TITLES.
        scores: (N,) out-of-fold log-odds of the rows that it learned from.
        labels: (N,), 1 = fake.
        groups: (N,).
        test_scores: (T,) log-odds of the test rows.
        test_labels: (T,).
        test_groups: (T,).
    """

    way: str
    scores: np.ndarray
    labels: np.ndarray
    groups: np.ndarray
    test_scores: np.ndarray
    test_labels: np.ndarray
    test_groups: np.ndarray


def optimism(learned: Learned, *, draws: int = 1000, seed: int = 0) -> dict[str, Any]:
    """Compute the AUROC on learned rows and on test, and their difference, with 95 % intervals over drawn groups.

    The two sets of rows share no group, so they are drawn apart.

    Args:
        learned: Stage 3 by one way.
        draws: Bootstrap draws of whole groups.
        seed: Seed of the draws.

    Returns:
        JSON: way, title, items, and `learned`, `test`, `optimism`, each {value, low, high}; values are None where a
        class is missing.
    """
    parts: dict[str, tuple[float | None, np.ndarray]] = {}
    sides = (
        ("learned", learned.scores, learned.labels, learned.groups),
        ("test", learned.test_scores, learned.test_labels, learned.test_groups),
    )
    for number, (name, s, y, g) in enumerate(sides):
        if len(np.unique(y)) < 2:
            parts[name] = (None, np.full(draws, np.nan))
        else:
            parts[name] = (auroc(s, y), auroc_draws(s, y, g, draws, [seed, number]))
    (a, drawn_a), (b, drawn_b) = parts["learned"], parts["test"]
    counts = [smallest_class(y, g) for _, _, y, g in sides]
    gap = None if a is None or b is None else a - b
    return {
        "way": learned.way,
        "title": TITLES[learned.way],
        "items": len(learned.labels),
        "learned": _estimate(a, drawn_a, counts[0]),
        "test": _estimate(b, drawn_b, counts[1]),
        "optimism": _estimate(gap, drawn_a - drawn_b, min(counts, key=lambda side: (side.enough, side.effective))),
    }


def _estimate(value: float | None, drawn: np.ndarray, groups: GroupCount) -> dict[str, float | None]:
    between = interval_from_draws(drawn if value is not None else None, groups)
    return {"value": value, "low": between.low, "high": between.high}


def leak_report(rows: list[Learned], used: str, seed: int = 0) -> dict[str, Any]:
    """Collect the optimism of several ways for the report.

    Args:
        rows: Stage 3 by each way.
        used: The way that stage 3 was fitted by.
        seed: Seed of the draws.

    Returns:
        JSON: used, rows (see `optimism`) and `reading`, a sentence.
    """
    results = [optimism(row, seed=seed) for row in rows]
    return {"used": used, "rows": results, "reading": reading(results, used)}


def reading(rows: list[dict[str, Any]], used: str) -> str:
    """Say in sentences what the figures show.

    Args:
        rows: Results of `optimism`.
        used: The way that stage 3 was fitted by.

    Returns:
        One sentence or two.
    """
    by_way = {row["way"]: row for row in rows}
    own = by_way[used]["optimism"]
    if own["value"] is None:
        return "One class is missing on one side: it is not known by how much out-of-fold scores are too good."
    between = "" if own["low"] is None else f" ({own['low']:+.3f} to {own['high']:+.3f})"
    sentence = (
        f"Stage 3 was fitted with {TITLES[used]}: out-of-fold AUROC less test AUROC is {own['value']:+.3f}{between}."
    )
    if own["high"] is not None and own["high"] < 0:
        sentence += " Below 0: these rows are harder than test."
    leaky = by_way.get("frozen_on_train")
    if leaky is None or leaky["optimism"]["value"] is None:
        return sentence
    gap = leaky["optimism"]
    between = "" if gap["low"] is None else f" ({gap['low']:+.3f} to {gap['high']:+.3f})"
    return f"{sentence} From the experts' own training rows it would have been {gap['value']:+.3f}{between}."
