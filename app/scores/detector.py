"""Calibrated scores of one detector on one split: of an evaluated run, or of a member of a bundle or a stack run."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit

from app.scores.calibration_items import calibrator_file, fitted_rows
from app.scores.sources import ScoreSource, member_facts, predictions_of, saved_stages, score_sources
from core.artifacts.files import read_json
from core.calibrate import calibrators, load_calibrator
from core.metrics.levels import CALIBRATED
from core.scores.imported_run import KIND
from jobs.client import Workbench
from jobs.queue.views import ArtifactView

DRAWS = 500


@dataclass(frozen=True)
class DetectorScores:
    """label: how a list shows it. `run`: folder of an evaluated run; else `source` and `member`.

    Items that its calibrator was fitted on are left out (`app.scores.calibration_items`); an evaluated run has none of
    them.
    """

    label: str
    run: Path | None = None
    source: ScoreSource | None = None
    member: str = ""

    def splits(self) -> list[str]:
        """Splits with scored items to judge, `test` first; none where its calibrator was fitted on all of them."""
        if self.source is None:
            return [read_json(self.run / "evaluation_report.json")["split"]]  # type: ignore[operator]
        table = self.frame()
        found = table.loc[table["p_fake"].notna(), "split"].unique()
        return sorted(found, key=lambda name: (name != "test", name))

    def frame(self, split: str = "") -> pd.DataFrame:
        """Columns sample_id, group, dataset, label, split, p_fake (NaN: failed) and, where known, CALIBRATED, the
        log-odds of p_fake, by which items rank; all splits when `split` is empty.
        """
        return _frame(self, split, stamp_of(self))


def with_failed(source: ScoreSource) -> pd.DataFrame:
    """The saved table; items that imported scores lack are added, without a p_fake and with their `reason`."""
    table, path = predictions_of(source), source.folder / "failed.parquet"
    lost = pd.read_parquet(path) if path.is_file() else pd.DataFrame()
    return pd.concat([table, lost], ignore_index=True) if len(lost) else table


def ranked(table: pd.DataFrame, folder: Path, member: str) -> pd.DataFrame:
    """`table` with CALIBRATED from the member's log-odds and its calibrator, where both are kept and give the table's
    p_fake; a calibrator in steps has no log-odds, and a stack keeps none.
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
def _frame(scores: DetectorScores, split: str, stamp: float) -> pd.DataFrame:
    """`scores.frame(split)`, kept: a page asks for it several times a rerun. Not to be changed in place."""
    if split:
        table = _frame(scores, "", stamp)
        return table[table["split"] == split].reset_index(drop=True)
    if scores.source is None:
        path = scores.run / "predictions.csv"  # type: ignore[operator]
        return _csv(path, path.stat().st_mtime)
    table = with_failed(scores.source).rename(columns={f"p_{scores.member}": "p_fake"})
    if (seen := fitted_rows(scores.source, scores.member)).any():
        table = table[~np.pad(seen, (0, len(table) - seen.size))].reset_index(drop=True)
    return ranked(table, scores.source.folder, scores.member)


@lru_cache(maxsize=8)
def _csv(path: Path, changed: float) -> pd.DataFrame:
    return pd.read_csv(path, dtype={"sample_id": str, "group": str, "dataset": str})


def detector_scores(workbench: Workbench) -> list[DetectorScores]:
    """Everything that can be judged without running a network: bundle members first, then evaluated runs."""
    found = []
    for source in score_sources(workbench):
        names = saved_stages(source)
        try:
            titles = member_facts(source, names).titles
        except ValueError:
            titles = names
        found += [
            DetectorScores(f"{title} · {source.label}", source=source, member=name)
            for name, title in zip(names, titles, strict=True)
        ]
    for item in workbench.artifacts("run"):
        if item.summary.get("kind") == KIND:
            continue  # imported scores are there already, with all their splits
        if (item.path / "predictions.csv").is_file() and (item.path / "evaluation_report.json").is_file():
            found.append(DetectorScores(f"run {item.name}", run=item.path))
    return found


def stamp_of(scores: DetectorScores) -> float:
    """When the scores were written."""
    folder, name = (scores.source.folder, "predictions.parquet") if scores.source else (scores.run, "predictions.csv")
    return (folder / name).stat().st_mtime  # type: ignore[operator]


def calibrated_runs(workbench: Workbench) -> list[ArtifactView]:
    """Runs that a `calibrate` job has been through."""
    return [item for item in workbench.artifacts("run") if (item.path / "calibration_metrics.json").is_file()]
