"""A calibrated run as the page Calibrate sees it: its document, its held-out items, and the comparison of methods."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from app.views.calibrate.board import ScaleEvidence
from core.artifacts.files import read_json
from core.calibrate.compare import compare_calibrators
from core.calibrate.fit import REPORT_DRAWS
from core.calibrate.scale_bands import ScaleBands
from core.calibrate.scale_table import ScaleTable
from core.tables.predictions import Predictions

FOLDS = 5
DRAWS = 500
ABOUT = ("format", "n", "n_fake", "warnings")
"""Entries of a calibrator's JSON that are no parameters of the map."""
METHODS = {"temperature_ece": "temperature, least ECE", "platt": "Platt", "dirichlet": "Dirichlet",
           "moment_dirichlet": "moment-matched Dirichlet", "venn_abers": "Venn-Abers"}  # fmt: skip
_comparisons: dict[tuple[Path, float], dict[str, Any]] = {}


@dataclass(frozen=True)
class Calibrated:
    """folder: of a run that a `calibrate` job has been through; stamp: when that was."""

    folder: Path
    stamp: float

    @property
    def document(self) -> dict[str, Any]:
        """calibration_metrics.json."""
        return _document(self)

    @property
    def rows(self) -> pd.DataFrame:
        """Items with a p_fake by a calibrator that did not see their group: label, group, log_odds, p_fake_..."""
        return _rows(self)

    @property
    def parameters(self) -> dict[str, Any]:
        """The calibrator's own numbers, whatever the method: plain ones as they are, of lists their length."""
        calibrator = self.document["calibrator"]
        inside = calibrator.get("parameters", calibrator)
        found = {}
        for name, value in inside.items():
            title = name.replace("_", " ").capitalize()
            if name in ABOUT or isinstance(value, bool) or not isinstance(value, int | float | list):
                continue
            if isinstance(value, list) and (len(value) > 6 or any(isinstance(v, list | dict) for v in value)):
                value = f"{len(value)} numbers"
            found[title] = value
        return found


def title(method: str) -> str:
    """A calibrator as a reader calls it."""
    return METHODS.get(method, method.replace("_", " "))


def read(folder: Path) -> Calibrated:
    """The run's latest calibration."""
    return Calibrated(folder, (folder / "calibration_metrics.json").stat().st_mtime)


@lru_cache(maxsize=8)
def _document(found: Calibrated) -> dict[str, Any]:
    return read_json(found.folder / "calibration_metrics.json")


@lru_cache(maxsize=8)
def _rows(found: Calibrated) -> pd.DataFrame:
    table = pd.read_csv(found.folder / "calibrated_predictions.csv", dtype={"sample_id": str, "group": str})
    return table.dropna(subset=["p_fake_cross_fitted"]).reset_index(drop=True)


@lru_cache(maxsize=8)
def scale_evidence(found: Calibrated) -> ScaleEvidence:
    """The tables behind the sliders, with the intervals of the report."""
    rows, document = found.rows, found.document
    items = (rows["log_odds"], rows["p_fake_cross_fitted"], rows["label"].to_numpy(np.int64))
    bands = ScaleBands.build(*items, rows["group"].astype(str), draws=REPORT_DRAWS)
    fixed = {when: document[when] for when in ("before", "after")}
    return ScaleEvidence(ScaleTable.build(*items), bands, fixed, document["n_bins"])


def compared(found: Calibrated, ask: bool = True) -> dict[str, Any] | None:
    """`compare_calibrators` on the held-out items, kept while the calibration stands; without `ask` only if it was
    made before. With fewer groups than FOLDS, as many folds as groups.
    """
    key = (found.folder, found.stamp)
    if key not in _comparisons and ask:
        rows = found.rows
        folds = min(FOLDS, rows["group"].nunique())
        _comparisons[key] = compare_calibrators(Predictions(rows), folds=folds, draws=DRAWS)
    return _comparisons.get(key)
