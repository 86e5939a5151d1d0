"""One detector's threshold analysis in the browser: every number and curve moves with the sliders, at any n."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.boards import component
from core.cascade.threshold_table import ThresholdTable

CURVES = ("roc", "det")


@dataclass(frozen=True)
class ThresholdAnswer:
    """Where the sliders rest. threshold: called fake at p_fake >= this; None before the first move. prevalence: share
    of fakes asked about; None: that of the items. curve: of CURVES."""

    threshold: float | None
    prevalence: float | None
    curve: str = "roc"


def threshold_data(
    table: ThresholdTable, groups: Mapping[str, float], threshold: float, prevalence: float | None, curve: str = "roc",
    identity: str = "",
) -> dict[str, Any]:  # fmt: skip
    """JSON that the board draws from."""
    return {
        "table": table.to_document(),
        "groups": dict(groups),
        "start": table.index(threshold),
        "prevalence": prevalence,
        "curve": curve,
        "identity": identity,
    }


def threshold_board(
    table: ThresholdTable,
    groups: Mapping[str, float],
    threshold: float = 0.5,
    prevalence: float | None = None,
    curve: str = "roc",
    identity: str = "",
    key: str = "thresholds",
) -> ThresholdAnswer:
    """Draw the board.

    groups: of `app.boards.group_counts`, what its intervals count. threshold: where the slider starts; give it to
    `ThresholdTable.build(thresholds=...)` too, so that it is exact. prevalence: where the base-rate slider starts.
    curve: drawn at first. identity: when it changes the board starts anew. The server hears of a move when the hand
    has rested."""
    data = threshold_data(table, groups, threshold, prevalence, curve, identity)
    result = component("threshold_board")(data=data, key=key, on_at_change=lambda: None)
    at = getattr(result, "at", None)
    if not at:
        return ThresholdAnswer(None, prevalence, curve)
    return ThresholdAnswer(table.threshold(int(at["index"])), at["prevalence"], at["curve"])
