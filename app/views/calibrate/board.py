"""A calibrator's sliders in the browser: temperature, bins and convention move every figure and curve at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from app.ui.components import component
from core.calibrate.scale_bands import ScaleBands
from core.calibrate.scale_table import ScaleTable

LOSSES = ("nll", "brier", "ece")


@dataclass(frozen=True)
class Look:
    """temperature in [0.1, 10]; bins in 2..50; which: binary or top_label; binning: width or mass; loss: what is drawn
    by temperature, of LOSSES.
    """

    temperature: float = 1.0
    bins: int = 15
    which: str = "binary"
    binning: str = "width"
    loss: str = "nll"


@dataclass(frozen=True)
class ScaleEvidence:
    """What the board draws. fixed: "before" and "after" -> figures {value, low, high} by their name in the catalogue,
    as a report gives them in `n_bins` bins; there the board shows the report's own intervals of ECE and MCE.
    """

    table: ScaleTable
    bands: ScaleBands
    fixed: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    n_bins: int = 15

    def to_document(self) -> dict[str, Any]:
        """JSON: some 120 kB whatever the number of items."""
        fixed = {
            when: {k: v for k, v in of.items() if k.startswith(("ece_", "mce_"))} for when, of in self.fixed.items()
        }
        return {"table": self.table.to_document(), "bands": self.bands.to_document(), "fixed": fixed,
                "n_bins": self.n_bins}  # fmt: skip


def calibration_data(evidence: ScaleEvidence, start: Look, identity: str, about: str = "") -> dict[str, Any]:
    """JSON that the board draws from."""
    return evidence.to_document() | {"start": asdict(start), "identity": identity, "about": about}


def calibration_board(evidence: ScaleEvidence, start: Look, identity: str, key: str, about: str = "") -> Look:
    """Draw the board; returns where its sliders rest, `start` before the first move.

    identity: when it changes the board starts anew. about: what was calibrated, in words, for saved pictures.
    """
    data = calibration_data(evidence, start, identity, about)
    result = component("calibration_board")(data=data, key=key, on_at_change=lambda: None)
    at = getattr(result, "at", None)
    return Look(**{name: at[name] for name in asdict(start)}) if at else start
