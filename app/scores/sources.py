"""Where saved predictions come from: the bundle in force, the workspace's bundles, stack runs, imported scores."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd
from pyarrow import parquet

from app.analysis.bundles import bundle_manifest
from core.artifacts.files import read_json
from core.documents.bundle import Member
from core.policies.choose import STACK, table_members
from core.scores.imported_run import is_scores
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
    """The bundle in force first, then stack runs, imported scores and other bundles, newest first."""
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


def stamp_of(source: ScoreSource) -> float:
    """When the predictions were written: a key for what is computed from them."""
    return (source.folder / PREDICTIONS).stat().st_mtime


def saved_stages(source: ScoreSource) -> list[str]:
    """`stages_of` the saved table, from the names of its columns alone: a list of sources reads no million rows."""
    return _saved_stages(source.folder / PREDICTIONS, stamp_of(source))


@lru_cache(maxsize=64)
def _saved_stages(path: Path, changed: float) -> list[str]:
    return stages_of(pd.DataFrame(columns=parquet.read_schema(path).names))


def stages_of(table: pd.DataFrame) -> list[str]:
    """Members in the order asked, "stack" last where the table has it."""
    return table_members(table) + ([STACK] if f"p_{STACK}" in table else [])


@dataclass(frozen=True)
class MemberFacts:
    """names: members in the order asked. titles: as people read them. gflops: of one forward.

    seconds: of one item on one CPU thread, measured; None unless all members were (the stack counts as nothing).
    calls: True where no cost is known, as of imported scores: then each member costs one call.
    """

    names: list[str]
    titles: list[str]
    gflops: list[float]
    seconds: list[float] | None
    calls: bool = False

    def units(self) -> list[dict[str, Any]]:
        """Units of cost that a page can offer: GFLOP (calls where it is not known), milliseconds where measured."""
        if self.calls:
            return [{"name": "calls", "words": "an item; what a call costs is not known", "costs": self.gflops}]
        found = [{"name": "GFLOP", "words": "an item, networks only", "costs": self.gflops}]
        if self.seconds is not None:
            words = "an item, measured on one CPU thread"
            found.append({"name": "ms", "words": words, "costs": [1000 * s for s in self.seconds]})
        return found


def member_facts(source: ScoreSource, names: list[str]) -> MemberFacts:
    """What is known of the members: from a stack run's run.json or a bundle's manifest.

    Raises ValueError naming the members whose cost is not known.
    """
    if is_scores(source.folder):
        gflops = read_json(source.folder / "run.json")["gflops"]
        return MemberFacts(list(names), ["Imported scores"], [gflops or 1.0], None, calls=gflops is None)
    manifest = bundle_manifest(source.folder)
    run = source.folder / "run.json"
    members: list[Member] = []
    if manifest is not None:
        members = list(manifest.members)
    elif run.is_file():
        members = [Member.model_validate(row["member"]) for row in read_json(run).get("members", [])]
    known = {m.name: m for m in members}
    missing = [name for name in names if name not in known and name != STACK]
    if missing:
        raise ValueError(f"{source.folder} does not say what {', '.join(missing)} costs; stack or export it again")
    titles, gflops, seconds = [], [], []
    for name in names:
        member = known.get(name)
        if member is None:
            titles.append("Stage 3: meta-model")
        else:
            titles.append(f"{'Stage 1' if member.role == 'stage1' else 'Expert'}: {member.title}")
        gflops.append(member.gflops if member else 0.0)
        seconds.append(member.seconds if member else 0.0)
    timed = [s for s in seconds if s is not None]
    return MemberFacts(list(names), titles, gflops, timed if len(timed) == len(names) else None)
