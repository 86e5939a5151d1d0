"""Find the detectors with saved scores, and read the calibrated scores of one detector on one split."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit

from app.scores.calibration_items import calibrator_file, fitted_rows
from app.scores.sources import PREDICTIONS, ScoreSource, member_facts, predictions_of, saved_stages, score_sources
from core.artifacts.files import read_json
from core.calibrate import calibrators, load_calibrator
from core.metrics.levels import CALIBRATED
from core.scores.csv_files import read_guarded_csv
from core.scores.imported_run import KIND
from jobs.client import Workbench
from jobs.queue.views import ArtifactView

DRAWS = 500
"""Bootstrap draws of whole groups behind the intervals of the pages Evaluate, Compare and Calibrate."""
RUN_PREDICTIONS = "predictions.csv"
RUN_REPORT = "evaluation_report.json"


@dataclass(frozen=True)
class DetectorScores:
    """Saved scores of one detector: of an evaluated run, or of a member of a bundle, a stack run or imported scores.

    Items that its calibrator was fitted on are left out (`app.scores.calibration_items`); the split on which a run was
    evaluated holds none of them.

    Attributes:
        label: How a list shows it: the detector, then where its scores are from.
        run: Folder of an evaluated run; None where `source` and `member` are given.
        source: Where the predictions are saved.
        member: Name of the member in that source.
        title: The detector alone, without where its scores are from.
    """

    label: str
    run: Path | None = None
    source: ScoreSource | None = None
    member: str = ""
    title: str = ""

    @property
    def folder(self) -> Path:
        """The folder in which the scores are saved."""
        folder = self.source.folder if self.source else self.run
        assert folder is not None
        return folder

    def splits(self) -> list[str]:
        """List the splits with scored items that the calibrator was not fitted on, `test` first."""
        if self.source is None:
            return [read_json(self.folder / RUN_REPORT)["split"]]
        table = self.frame()
        names = table.loc[table["p_fake"].notna(), "split"].unique()
        return sorted(names, key=lambda name: (name != "test", name))

    def frame(self, split: str = "") -> pd.DataFrame:
        """Read the items of a split with their scores.

        Args:
            split: Name of the split; empty for all splits.

        Returns:
            Columns sample_id, group, dataset, label, split, p_fake (NaN: the item failed) and, where they are known,
            CALIBRATED: the log-odds of p_fake, by which items rank. Not to be changed in place.
        """
        return _frame(self, split, scores_written_at(self))


def with_failed(source: ScoreSource) -> pd.DataFrame:
    """Read the saved table, with the items that imported scores lack: no p_fake, but a `reason`."""
    table, path = predictions_of(source), source.folder / "failed.parquet"
    failed = pd.read_parquet(path) if path.is_file() else pd.DataFrame()
    return pd.concat([table, failed], ignore_index=True) if len(failed) else table


def with_log_odds(table: pd.DataFrame, folder: Path, member: str) -> pd.DataFrame:
    """Add the column CALIBRATED, computed from the member's raw log-odds by its calibrator.

    The column is added only where the raw log-odds and the calibrator reproduce the table's p_fake. A calibrator in
    steps has no log-odds, and a stack keeps none: then the table is returned as it is.

    Args:
        table: Rows with p_fake and, where they are saved, log_odds_MEMBER or log_odds.
        folder: Folder that holds the calibrator.
        member: Name of the member.

    Returns:
        The table, perhaps with CALIBRATED.
    """
    raw = next((name for name in (f"log_odds_{member}", "log_odds") if name in table), None)
    if raw is None:
        return table
    file = calibrator_file(folder, member)
    calibrator = load_calibrator(file) if file else calibrators.get("none")().fit([0.0], [0])
    z = calibrator.calibrated_log_odds(table[raw].to_numpy(np.float64))
    if z is None or not np.allclose(expit(z), table["p_fake"].to_numpy(np.float64), rtol=0, atol=1e-9, equal_nan=True):
        return table
    return table.assign(**{CALIBRATED: z})


@lru_cache(maxsize=8)
def _frame(scores: DetectorScores, split: str, written: float) -> pd.DataFrame:
    """Read `scores.frame(split)` once: a page asks for it several times in each rerun."""
    if split:
        table = _frame(scores, "", written)
        return table[table["split"] == split].reset_index(drop=True)
    if scores.source is None:
        path = scores.folder / RUN_PREDICTIONS
        return _read_run(path, path.stat().st_mtime)
    table = with_failed(scores.source).rename(columns={f"p_{scores.member}": "p_fake"})
    if (fitted := fitted_rows(scores.source, scores.member)).any():
        # Failed rows follow the saved ones; no calibrator was fitted on them.
        table = table[~np.pad(fitted, (0, len(table) - fitted.size))].reset_index(drop=True)
    return with_log_odds(table, scores.source.folder, scores.member)


@lru_cache(maxsize=8)
def _read_run(path: Path, changed: float) -> pd.DataFrame:
    return read_guarded_csv(path)


def detector_scores(workbench: Workbench) -> list[DetectorScores]:
    """List everything that can be evaluated without running a network: bundle members first, then evaluated runs."""
    detectors = []
    for source in score_sources(workbench):
        names = saved_stages(source)
        try:
            titles = member_facts(source, names).titles
        except ValueError:
            titles = names  # a cost is unknown; the scores are there nevertheless
        detectors += [
            DetectorScores(f"{title} · {source.label}", source=source, member=name, title=title)
            for name, title in zip(names, titles, strict=True)
        ]
    for item in workbench.artifacts("run"):
        if item.summary.get("kind") == KIND:
            continue  # imported scores are listed as sources already, with all their splits
        if (item.path / RUN_PREDICTIONS).is_file() and (item.path / RUN_REPORT).is_file():
            detectors.append(DetectorScores(f"run {item.name}", run=item.path, title=f"run {item.name}"))
    return detectors


def scores_written_at(scores: DetectorScores) -> float:
    """Return the modification time of the scores, in seconds since 1970: part of the key of what is computed."""
    return (scores.folder / (PREDICTIONS if scores.source else RUN_PREDICTIONS)).stat().st_mtime


def calibrated_runs(workbench: Workbench) -> list[ArtifactView]:
    """List the runs that have been through a `calibrate` job."""
    return [item for item in workbench.artifacts("run") if (item.path / "calibration_metrics.json").is_file()]
