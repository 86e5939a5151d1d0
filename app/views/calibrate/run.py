"""Read what the Calibrate page shows: a calibrated run, or a member of the bundle in force."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
from scipy.special import expit

from app.scores.calibration_items import calibrator_file, fitted_rows
from app.scores.detector import DRAWS
from app.scores.sources import ScoreSource, member_facts, predictions_of, saved_stages, stamp_of
from app.scores.view import RELIABILITY_BINS
from app.views.calibrate.board import ScaleEvidence
from core.artifacts.files import read_json
from core.calibrate import load_calibrator
from core.calibrate.compare import compare_calibrators
from core.calibrate.fit import REPORT_DRAWS
from core.calibrate.scale_bands import ScaleBands
from core.calibrate.scale_table import ScaleTable
from core.metrics.all_metrics import all_metrics
from core.scores.csv_files import read_guarded_csv
from core.tables.predictions import Predictions

FOLDS = 5
REPORT = "calibration_metrics.json"
NOT_PARAMETERS = ("format", "n", "n_fake", "warnings")
"""Entries of a calibrator's JSON that are no parameters of the map."""
LONGEST_LIST = 6
"""Numbers of a parameter that are shown; of a longer list only the length."""
METHOD_TITLES = {"temperature_ece": "temperature, least ECE", "platt": "Platt", "dirichlet": "Dirichlet",
                 "moment_dirichlet": "moment-matched Dirichlet", "venn_abers": "Venn-Abers"}  # fmt: skip
_comparisons: dict[Calibrated, dict[str, Any]] = {}


class Calibrated(Protocol):
    """A calibrator with items that it was not fitted on. Equal ones have equal figures, so they are keys of caches."""

    @property
    def stamp(self) -> float:
        """When the calibration or its scores were written."""

    @property
    def name(self) -> str:
        """What the page and saved pictures call it."""

    @property
    def document(self) -> dict[str, Any]:
        """Method, data, figures before and after, notes: the entries of calibration_metrics.json."""

    @property
    def rows(self) -> pd.DataFrame:
        """Items with a p_fake by a calibrator that was not fitted on their group.

        Columns sample_id, label, group, split, log_odds, p_fake_cross_fitted.
        """

    def __hash__(self) -> int:
        """Return the hash of the key."""


@dataclass(frozen=True)
class CalibratedRun:
    """A run that has been through a `calibrate` job.

    Attributes:
        folder: Of the run.
        stamp: When it was calibrated.
    """

    folder: Path
    stamp: float

    @property
    def name(self) -> str:
        """What the page calls it."""
        return f"run {self.folder.name}"

    @property
    def document(self) -> dict[str, Any]:
        """calibration_metrics.json."""
        return _document(self)

    @property
    def rows(self) -> pd.DataFrame:
        """Items with a p_fake by a calibrator that was not fitted on their group."""
        return _rows(self)


@dataclass(frozen=True)
class CalibratedMember:
    """A member of a bundle, judged on the saved items of one split that its calibrator was not fitted on.

    Attributes:
        source: The bundle's predictions.
        member: Name of the member.
        title: How pages call it.
        split: Name of the split.
        stamp: When the predictions were written.
    """

    source: ScoreSource
    member: str
    title: str
    split: str
    stamp: float

    @property
    def name(self) -> str:
        """What the page calls it."""
        return f"{self.title}, {self.source.label}"

    @property
    def document(self) -> dict[str, Any]:
        """The entries of calibration_metrics.json, computed from the saved predictions."""
        return _member_document(self)

    @property
    def rows(self) -> pd.DataFrame:
        """Items that the calibrator was not fitted on."""
        return _member_rows(self)


def parameters(document: dict[str, Any]) -> dict[str, Any]:
    """List the calibrator's own numbers, whatever its method. Of a long list, the length is given."""
    calibrator = document["calibrator"]
    shown = {}
    for name, value in calibrator.get("parameters", calibrator).items():
        if name in NOT_PARAMETERS or isinstance(value, bool) or not isinstance(value, int | float | list):
            continue
        if isinstance(value, list) and (len(value) > LONGEST_LIST or any(isinstance(v, list | dict) for v in value)):
            value = f"{len(value)} numbers"
        shown[name.replace("_", " ").capitalize()] = value
    return shown


def title(method: str) -> str:
    """Return the title of a calibration method."""
    return METHOD_TITLES.get(method, method.replace("_", " "))


def read(folder: Path) -> CalibratedRun:
    """Read the latest calibration of a run."""
    return CalibratedRun(folder, (folder / REPORT).stat().st_mtime)


def members(source: ScoreSource) -> list[CalibratedMember]:
    """List the members of a bundle that can be judged: those with a calibrator, raw scores and items left to judge.

    Args:
        source: The bundle's predictions.

    Returns:
        One entry for each member and split, `test` first.
    """
    table, names = predictions_of(source), saved_stages(source)
    entries = []
    for name, member_title in zip(names, member_facts(source, names).titles, strict=True):
        if calibrator_file(source.folder, name) is None or f"log_odds_{name}" not in table:
            continue  # the meta-model has no calibrator of its own
        left = table[~fitted_rows(source, name) & table[f"p_{name}"].notna().to_numpy()]
        splits = sorted(left.loc[:, "split"].unique(), key=lambda split: (split != "test", split))
        entries += [CalibratedMember(source, name, member_title, split, stamp_of(source)) for split in splits]
    return entries


@lru_cache(maxsize=8)
def _document(run: CalibratedRun) -> dict[str, Any]:
    return read_json(run.folder / REPORT)


@lru_cache(maxsize=8)
def _rows(run: CalibratedRun) -> pd.DataFrame:
    table = read_guarded_csv(run.folder / "calibrated_predictions.csv")
    return table.dropna(subset=["p_fake_cross_fitted"]).reset_index(drop=True)


@lru_cache(maxsize=8)
def _member_rows(member: CalibratedMember) -> pd.DataFrame:
    table = predictions_of(member.source).rename(
        columns={f"p_{member.member}": "p_fake_cross_fitted", f"log_odds_{member.member}": "log_odds"}
    )
    rows = table[~fitted_rows(member.source, member.member) & (table["split"] == member.split).to_numpy()]
    columns = ["sample_id", "label", "group", "dataset", "split", "log_odds", "p_fake_cross_fitted"]
    return rows.loc[:, columns].dropna(subset=["p_fake_cross_fitted"]).reset_index(drop=True)


@lru_cache(maxsize=8)
def _member_document(member: CalibratedMember) -> dict[str, Any]:
    """Build what a `calibrate` job would have written, for a calibrator that was fitted elsewhere."""
    file = calibrator_file(member.source.folder, member.member)
    assert file is not None
    calibrator, rows = load_calibrator(file), member.rows
    fitted, z = calibrator.fitted, rows["log_odds"].to_numpy(np.float64)
    y, groups = rows["label"].to_numpy(np.int64), rows["group"].astype(str).to_numpy()
    after = calibrator.calibrated_log_odds(z)
    options = {"draws": REPORT_DRAWS, "n_bins": RELIABILITY_BINS}
    own = predictions_of(member.source).loc[fitted_rows(member.source, member.member)]
    return {
        "method": fitted.method,
        "split": ", ".join(own["split"].unique()) or "items that are not saved here",
        "n": fitted.n,
        "n_fake": fitted.n_fake,
        "groups": int(own["group"].nunique()) or None,
        "n_measured": len(rows),
        "groups_measured": int(rows["group"].nunique()),
        "n_bins": RELIABILITY_BINS,
        "how": f"before and after are measured on the {member.split} items of the bundle's saved predictions, none of "
        "which the calibrator was fitted on",
        "note": "",
        "before": all_metrics(expit(z), y, groups, log_odds=z, **options),  # type: ignore[arg-type]
        "after": all_metrics(rows["p_fake_cross_fitted"].to_numpy(), y, groups, log_odds=after, **options),  # type: ignore[arg-type]
        "comparison": None,
        "calibrator": {k: v for k, v in calibrator.to_json().items() if k != "item_sketch"},
        "n_failed": 0,
        "warnings": calibrator.warnings,
    }


@lru_cache(maxsize=8)
def scale_evidence(calibrated: Calibrated) -> ScaleEvidence:
    """Compute the tables behind the sliders, with the intervals of the report."""
    rows, document = calibrated.rows, calibrated.document
    items = (rows["log_odds"], rows["p_fake_cross_fitted"], rows["label"].to_numpy(np.int64))
    bands = ScaleBands.build(*items, rows["group"].astype(str), draws=REPORT_DRAWS)
    fixed = {when: document[when] for when in ("before", "after")}
    return ScaleEvidence(ScaleTable.build(*items), bands, fixed, document["n_bins"])


def compared(calibrated: Calibrated, compute: bool = True) -> dict[str, Any] | None:
    """Compare all methods on the held-out items; the result is kept while the calibration stands.

    With fewer groups than FOLDS, there are as many folds as groups.

    Args:
        calibrated: Whose items are used.
        compute: Compute the comparison where it is not kept; otherwise return None then.

    Returns:
        As `core.calibrate.compare.compare_calibrators`.
    """
    if calibrated not in _comparisons and compute:
        rows = calibrated.rows
        folds = min(FOLDS, rows["group"].nunique())
        _comparisons[calibrated] = compare_calibrators(Predictions(rows), folds=folds, draws=DRAWS)
    return _comparisons.get(calibrated)
