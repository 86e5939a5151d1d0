"""A calibrator's sliders in the browser: temperature, bins and convention move every figure and curve at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from app.boards import component
from core.calibrate.scale_table import ScaleTable

LOSSES = ("nll", "brier", "ece")


@dataclass(frozen=True)
class Look:
    """temperature in [0.1, 10]; bins in 2..50; which: binary or top_label; binning: width or mass; loss: what is drawn
    by temperature, of LOSSES."""

    temperature: float = 1.0
    bins: int = 15
    which: str = "binary"
    binning: str = "width"
    loss: str = "nll"


def calibration_data(table: ScaleTable, groups: Mapping[str, float], start: Look, identity: str) -> dict[str, Any]:
    """JSON that the board draws from."""
    return {"table": table.to_document(), "groups": dict(groups), "start": asdict(start), "identity": identity}


def calibration_board(table: ScaleTable, groups: Mapping[str, float], start: Look, identity: str, key: str) -> Look:
    """Draw the board; returns where its sliders rest, `start` before the first move.

    groups: of `app.boards.group_counts`, what its intervals count. identity: when it changes the board starts anew."""
    data = calibration_data(table, groups, start, identity)
    result = component("calibration_board")(data=data, key=key, on_at_change=lambda: None)
    at = getattr(result, "at", None)
    return Look(**{name: at[name] for name in asdict(start)}) if at else start
