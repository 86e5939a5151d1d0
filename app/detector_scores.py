"""Calibrated scores of one detector on one split: of an evaluated run, or of a member of a bundle or a stack run."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import pandas as pd

from app.score_sources import ScoreSource, member_facts, predictions_of, score_sources, stages_of
from core.artifacts.files import read_json
from core.evaluate.foreign import KIND
from jobs.client import Workbench
from jobs.views import ArtifactView

DRAWS = 500


@dataclass(frozen=True)
class DetectorScores:
    """label: how a list shows it. `run`: folder of an evaluated run; else `source` and `member`."""

    label: str
    run: Path | None = None
    source: ScoreSource | None = None
    member: str = ""

    def splits(self) -> list[str]:
        """Splits there are scores for, `test` first."""
        found = set(self.frame()["split"]) if self.source else {read_json(self.run / "evaluation_report.json")["split"]}  # type: ignore[operator]
        return sorted(found, key=lambda name: (name != "test", name))

    def frame(self, split: str = "") -> pd.DataFrame:
        """Columns sample_id, group, dataset, label, split, p_fake (NaN: failed); all splits when `split` is empty."""
        if self.source is not None:
            table = with_failed(self.source).rename(columns={f"p_{self.member}": "p_fake"})
        else:
            path = self.run / "predictions.csv"  # type: ignore[operator]
            table = _csv(path, path.stat().st_mtime)
        return table if not split else table[table["split"] == split].reset_index(drop=True)


def with_failed(source: ScoreSource) -> pd.DataFrame:
    """The saved table; items that imported scores lack are added, without a p_fake and with their `reason`."""
    table, path = predictions_of(source), source.folder / "failed.parquet"
    lost = pd.read_parquet(path) if path.is_file() else pd.DataFrame()
    return pd.concat([table, lost], ignore_index=True) if len(lost) else table


@lru_cache(maxsize=8)
def _csv(path: Path, changed: float) -> pd.DataFrame:
    return pd.read_csv(path, dtype={"sample_id": str, "group": str, "dataset": str})


def detector_scores(workbench: Workbench) -> list[DetectorScores]:
    """Everything that can be judged without running a network: bundle members first, then evaluated runs."""
    found = []
    for source in score_sources(workbench):
        names = stages_of(predictions_of(source))
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
