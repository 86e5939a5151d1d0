"""Draw the calibration board: every figure and curve follows temperature, bins and convention in the browser."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from app.ui.components import component
from core.calibrate.scale_bands import ScaleBands
from core.calibrate.scale_table import ScaleTable

LOSSES = ("nll", "brier", "ece")


@dataclass(frozen=True)
class BoardState:
    """Where the sliders and buttons of the board rest.

    Attributes:
        temperature: In [0.1, 10]; 1 is the score as it is.
        bins: 2 to 50.
        which: Convention: "binary" or "top_label".
        binning: "width" or "mass".
        loss: What is drawn by temperature, one of LOSSES.
    """

    temperature: float = 1.0
    bins: int = 15
    which: str = "binary"
    binning: str = "width"
    loss: str = "nll"


@dataclass(frozen=True)
class ScaleEvidence:
    """What the board draws.

    Attributes:
        table: Items before and after calibration, by score.
        bands: Intervals of NLL, Brier score and temperature.
        fixed: "before" and "after" -> figures {value, low, high} by their name in the catalogue, as a report gives them
            in `n_bins` bins; for these bins the board shows the report's intervals of ECE and MCE.
        n_bins: Bins of the report.
    """

    table: ScaleTable
    bands: ScaleBands
    fixed: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    n_bins: int = 15

    def to_document(self) -> dict[str, Any]:
        """Return JSON of about 120 kB, whatever the number of items."""
        fixed = {
            when: {k: v for k, v in of.items() if k.startswith(("ece_", "mce_"))} for when, of in self.fixed.items()
        }
        return {"table": self.table.to_document(), "bands": self.bands.to_document(), "fixed": fixed,
                "n_bins": self.n_bins}  # fmt: skip


def calibration_data(evidence: ScaleEvidence, start: BoardState, identity: str, about: str = "") -> dict[str, Any]:
    """Return the JSON that the board draws from.

    Args:
        evidence: What is drawn.
        start: As in `calibration_board`.
        identity: As in `calibration_board`.
        about: As in `calibration_board`.

    Returns:
        JSON.
    """
    return evidence.to_document() | {"start": asdict(start), "identity": identity, "about": about}


def calibration_board(
    evidence: ScaleEvidence, start: BoardState, identity: str, key: str, about: str = ""
) -> BoardState:
    """Draw the board.

    Args:
        evidence: What is drawn.
        start: Where the sliders start.
        identity: When it changes, the board starts anew.
        key: Of the component, unique on the page.
        about: What is calibrated, one sentence for saved pictures.

    Returns:
        Where the sliders rest; `start` before the first move.
    """
    data = calibration_data(evidence, start, identity, about)
    result = component("calibration_board")(data=data, key=key, on_at_change=lambda: None)
    at = getattr(result, "at", None)
    return BoardState(**{name: at[name] for name in asdict(start)}) if at else start
