"""Where saved predictions come from: the bundle in force, the workspace's bundles and stack runs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import pandas as pd

from app.bundles import bundle_manifest
from core.artifacts.bundle_schema import Member
from core.artifacts.files import read_json
from core.cascade.policy import STACK, table_members
from jobs.client import Workbench

PREDICTIONS = "predictions.parquet"


@dataclass(frozen=True)
class ScoreSource:
    """A folder with predictions.parquet. label: how a list shows it; ref: what a PolicySpec's `source` takes."""

    label: str
    folder: Path

    @property
    def ref(self) -> str:
        return str(self.folder)


def score_sources(workbench: Workbench) -> list[ScoreSource]:
    """The bundle in force first, then stack runs and other bundles, newest first."""
    active = workbench.active().bundle
    found = [ScoreSource(f"bundle in force: {active.name}", active)]
    found += [ScoreSource(f"run {item.name}", item.path) for item in workbench.artifacts("run")]
    found += [ScoreSource(f"bundle {item.name}", item.path) for item in workbench.artifacts("bundle")]
    unique = {source.folder: source for source in reversed(found)}
    return [source for source in reversed(unique.values()) if (source.folder / PREDICTIONS).is_file()]


@lru_cache(maxsize=8)
def _read(path: Path, changed: float) -> pd.DataFrame:
    return pd.read_parquet(path)


def predictions_of(source: ScoreSource) -> pd.DataFrame:
    """The saved table, read once. Not to be changed in place."""
    path = source.folder / PREDICTIONS
    return _read(path, path.stat().st_mtime)


def stages_of(table: pd.DataFrame) -> list[str]:
    """Members in the order asked, "stack" last where the table has it."""
    return table_members(table) + ([STACK] if f"p_{STACK}" in table else [])


def member_facts(source: ScoreSource, names: list[str]) -> tuple[list[str], list[float]]:
    """(titles, GFLOP an item) of the members; a stack run knows them from its run.json, a bundle from its manifest."""
    titles = {STACK: "Stage 3: meta-model"}
    costs = {STACK: 0.0}
    manifest = bundle_manifest(source.folder)
    run = source.folder / "run.json"
    if manifest is not None:
        rows = [(m.name, m.title, m.gflops, m.role) for m in manifest.members]
    elif run.is_file():
        members = [Member.model_validate(row["member"]) for row in read_json(run).get("members", [])]
        rows = [(m.name, m.title, m.gflops, m.role) for m in members]
    else:
        rows = []
    for name, title, gflops, role in rows:
        titles[name] = f"{'Stage 1' if role == 'stage1' else 'Expert'}: {title}"
        costs[name] = gflops
    missing = [name for name in names if name not in costs]
    if missing:
        raise ValueError(f"{source.folder} does not say what {', '.join(missing)} costs; stack or export it again")
    return [titles[name] for name in names], [costs[name] for name in names]
