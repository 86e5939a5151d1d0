"""How much better stage 3 looks on the rows it learned from than on rows that nobody has seen.

Out-of-fold scores hide a row's label from stage 3, not from the experts. Where the experts know the rows (their own
training rows), log-odds and embeddings carry the answer, and out-of-fold AUROC promises more than test keeps.
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
    """Stage 3 by one way: scores, labels, groups of the rows it learned from (out-of-fold) and of test."""

    way: str
    scores: np.ndarray
    labels: np.ndarray
    groups: np.ndarray
    test_scores: np.ndarray
    test_labels: np.ndarray
    test_groups: np.ndarray


def optimism(learned: Learned, *, draws: int = 1000, seed: int = 0) -> dict[str, Any]:
    """`learned` and `test` AUROC and their difference `optimism`, each {value, low, high} (95 %, groups drawn).

    The two sets of rows share no group, so they are drawn apart. Values are None where a class is missing.
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
    worth = [smallest_class(y, g) for _, _, y, g in sides]
    gap = None if a is None or b is None else a - b
    return {
        "way": learned.way,
        "title": TITLES[learned.way],
        "items": len(learned.labels),
        "learned": _estimate(a, drawn_a, worth[0]),
        "test": _estimate(b, drawn_b, worth[1]),
        "optimism": _estimate(gap, drawn_a - drawn_b, min(worth, key=lambda side: (side.enough, side.effective))),
    }


def _estimate(value: float | None, drawn: np.ndarray, worth: GroupCount) -> dict[str, float | None]:
    between = interval_from_draws(drawn if value is not None else None, worth)
    return {"value": value, "low": between.low, "high": between.high}


def leak_report(rows: list[Learned], used: str, seed: int = 0) -> dict[str, Any]:
    """JSON-ready: `rows` (see `optimism`), `used` (the way that stage 3 was fitted by) and a sentence `reading`."""
    found = [optimism(row, seed=seed) for row in rows]
    return {"used": used, "rows": found, "reading": reading(found, used)}


def reading(rows: list[dict[str, Any]], used: str) -> str:
    """What the figures say, in sentences."""
    by_way = {row["way"]: row for row in rows}
    own = by_way[used]["optimism"]
    if own["value"] is None:
        return "One class is missing on one side: how far out-of-fold scores flatter cannot be said."
    between = "" if own["low"] is None else f" ({own['low']:+.3f} to {own['high']:+.3f})"
    said = f"Stage 3 was fitted with {TITLES[used]}: out-of-fold AUROC less test AUROC is {own['value']:+.3f}{between}."
    if own["high"] is not None and own["high"] < 0:
        said += " Below zero: those rows are harder than test."
    leaky = by_way.get("frozen_on_train")
    if leaky is None or leaky["optimism"]["value"] is None:
        return said
    gap = leaky["optimism"]
    between = "" if gap["low"] is None else f" ({gap['low']:+.3f} to {gap['high']:+.3f})"
    return f"{said} From the experts' own training rows it would have been {gap['value']:+.3f}{between}."
