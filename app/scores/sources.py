"""List where saved predictions come from: the bundle in force, other bundles, stack runs and imported scores."""

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
    """A folder with predictions.parquet.

    Attributes:
        label: How a list shows it.
        folder: The folder.
    """

    label: str
    folder: Path

    @property
    def ref(self) -> str:
        """What the field `source` of a PolicySpec takes."""
        return str(self.folder)


def source_in_force(workbench: Workbench) -> ScoreSource | None:
    """Return the bundle in force as a source; None where it brings no predictions."""
    active = workbench.active().bundle
    source = ScoreSource(f"bundle in force: {active.name}", active)
    return source if (active / PREDICTIONS).is_file() else None


def score_sources(workbench: Workbench) -> list[ScoreSource]:
    """List the bundle in force first, then stack runs, imported scores and other bundles, newest first."""
    in_force = source_in_force(workbench)
    sources = [in_force] if in_force else []
    sources += [ScoreSource(f"run {item.name}", item.path) for item in workbench.artifacts("run")]
    sources += [ScoreSource(f"bundle {item.name}", item.path) for item in workbench.artifacts("bundle")]
    unique = {source.folder: source for source in reversed(sources)}  # the first mention of a folder stays
    return [source for source in reversed(unique.values()) if (source.folder / PREDICTIONS).is_file()]


@lru_cache(maxsize=8)
def _read(path: Path, changed: float) -> pd.DataFrame:
    return pd.read_parquet(path)


def predictions_of(source: ScoreSource) -> pd.DataFrame:
    """Read the saved table once. The table must not be changed in place."""
    path = source.folder / PREDICTIONS
    return _read(path, path.stat().st_mtime)


def stamp_of(source: ScoreSource) -> float:
    """Return the modification time of the predictions, in seconds since 1970: part of the key of what is computed."""
    return (source.folder / PREDICTIONS).stat().st_mtime


def saved_stages(source: ScoreSource) -> list[str]:
    """List `stages_of` the saved table from the names of its columns alone, without reading its rows."""
    return _saved_stages(source.folder / PREDICTIONS, stamp_of(source))


@lru_cache(maxsize=64)
def _saved_stages(path: Path, changed: float) -> list[str]:
    return stages_of(pd.DataFrame(columns=parquet.read_schema(path).names))


def stages_of(table: pd.DataFrame) -> list[str]:
    """List the members in the order in which the cascade asks them, "stack" last where the table has it."""
    return table_members(table) + ([STACK] if f"p_{STACK}" in table else [])


@dataclass(frozen=True)
class MemberFacts:
    """What is known of the members of a source.

    Attributes:
        names: Members in the order in which the cascade asks them.
        titles: How pages call them, with their stage.
        gflops: Cost of one forward pass each; 0 for the stack.
        seconds: Measured time for one item on one CPU thread each; None unless all members were measured.
        calls: True where no cost is known, as of imported scores: each member then costs one call.
    """

    names: list[str]
    titles: list[str]
    gflops: list[float]
    seconds: list[float] | None
    calls: bool = False

    def units(self) -> list[dict[str, Any]]:
        """List the units of cost that a page offers: GFLOP (or calls), and milliseconds where they were measured."""
        if self.calls:
            return [{"name": "calls", "words": "an item; what a call costs is not known", "costs": self.gflops}]
        units = [{"name": "GFLOP", "words": "an item, networks only", "costs": self.gflops}]
        if self.seconds is not None:
            words = "an item, measured on one CPU thread"
            units.append({"name": "ms", "words": words, "costs": [1000 * s for s in self.seconds]})
        return units


def member_facts(source: ScoreSource, names: list[str]) -> MemberFacts:
    """Read what is known of members: from a bundle's manifest or from a stack run's run.json.

    Args:
        source: Where the predictions are saved.
        names: Members of it, in the order of the cascade; "stack" stands for the meta-model.

    Returns:
        Their titles and costs, in the order of `names`.

    Raises:
        ValueError: The source does not say what some members cost; the message names them.
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
    titles, costs, seconds = [], [], []
    for name in names:
        member = known.get(name)
        if member is None:
            titles.append("Stage 3: meta-model")
        else:
            titles.append(f"{'Stage 1' if member.role == 'stage1' else 'Expert'}: {member.title}")
        costs.append(member.gflops if member else 0.0)
        seconds.append(member.seconds if member else 0.0)
    timed = [s for s in seconds if s is not None]
    return MemberFacts(list(names), titles, costs, timed if len(timed) == len(names) else None)
