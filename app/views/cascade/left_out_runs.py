"""Show runs and stacks that never saw a source or a method in training (a part of the Cascade page)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from app.charts import transfer as charts
from app.scores.detector import DetectorScores
from app.scores.sources import PREDICTIONS
from app.ui import chart as chart_files
from app.ui import tables, widgets
from core.artifacts.files import read_json
from core.artifacts.workspace import Workspace
from core.policies.replay.left_out import LeftOut, Unseen, comparable, left_out, unseen_of
from core.policies.table import STACK
from jobs.client import Workbench


def left_out_part(workbench: Workbench) -> None:
    """Compare runs that never saw a source or a method with runs that did."""
    found = left_out_runs(workbench)
    st.markdown("**A method or a source left out of training**")
    if not found:
        st.caption(
            "No pair of evaluated runs or stacks differs in a method or a source of fakes. Pin a leave-one-out "
            "protocol under Datasets, train a run of the same recipe on it (or with a source excluded), then evaluate "
            "both runs."
        )
        return
    chart_files.show_chart(charts.left_out(found), "left out of training")
    st.caption(
        "AUROC of its fakes against all reals of the test split, by a run that trained on them and by one that never "
        "saw any; bars are the 95 % interval of the gap. It estimates the loss on a new forgery of this kind. "
        + " ".join(f"{widgets.plain_markdown(f'{r.source} by {r.run}')}: {loss_words(r)}." for r in found)
    )
    with st.expander("As a table"):
        tables.show_table(charts.left_out_table(found), "left out of training, all")


def loss_words(row: LeftOut) -> str:
    """Write `lost 0.051 (95 %: 0.020 to 0.082), 79 fakes of 79 groups`."""
    span = row.note.removesuffix(".") or "No interval" if row.low is None else f"95 %: {row.low:.3f} to {row.high:.3f}"
    return f"lost {row.loss:.3f} ({span}), {row.n_fake} fakes of {row.fake_groups} groups"


def left_out_runs(workbench: Workbench) -> list[LeftOut]:
    """Compare every run and stack that never saw a method or a source with one that did.

    The other one is of the same recipe (a stack: of the same recipes) and has the most other sources.
    """
    runs = [item for item in workbench.artifacts("run") if _scores(item.path) is not None]
    stamps = tuple((r.name, r.path, _scores(r.path).stat().st_mtime) for r in runs)  # type: ignore[union-attr]
    return _left_out(workbench.workspace, stamps)


def _scores(run: Path) -> Path | None:
    """Its table of scores: of an evaluated run, or of a stack with a stage 3."""
    if not (run / "run.json").is_file():
        return None
    if (run / "evaluation_report.json").is_file() and (run / "predictions.csv").is_file():
        return run / "predictions.csv"
    return run / PREDICTIONS if (run / PREDICTIONS).is_file() and (run / "spec.json").is_file() else None


@lru_cache(maxsize=4)
def _left_out(workspace: Workspace, runs: tuple[tuple[str, Path, float], ...]) -> list[LeftOut]:
    read = [row for row in (_read(name, path, workspace) for name, path, _ in runs) if row is not None]
    found: list[LeftOut] = []
    for name, about, frame in read:
        unseen = unseen_of(about, frame, workspace)
        if unseen is None:
            continue
        peers = [row for row in read if _recipe(row[1]) == _recipe(about)]
        best = _reference(peers, unseen, workspace)
        if best is not None:
            found += left_out(name, frame, *best, unseen.values, unseen.kind)
    return found


def _read(name: str, path: Path, workspace: Workspace) -> tuple[str, dict[str, Any], pd.DataFrame] | None:
    """(name, run.json, judged rows with their p_fake); None for a stack whose members' runs or stage 3 are not here."""
    about = read_json(path / "run.json")
    if about.get("kind") != "stack":
        table = path / "predictions.csv"
        return (name, about, DetectorScores(name, run=path).frame()) if table.is_file() else None
    table = pd.read_parquet(path / PREDICTIONS)
    learnt = stack_learnt(about, read_json(path / "spec.json"), table, workspace)
    if learnt is None or f"p_{STACK}" not in table:
        return None
    test = table[table["split"] == "test"].rename(columns={f"p_{STACK}": "p_fake"})
    return name, about | learnt, test.reset_index(drop=True)


def stack_learnt(
    about: dict[str, Any], spec: dict[str, Any], table: pd.DataFrame, workspace: Workspace
) -> dict[str, Any] | None:
    """Describe what a stack as a whole was made from, in the words of a run.json.

    Args:
        about: run.json of the stack.
        spec: spec.json of the stack.
        table: Its predictions.
        workspace: Where its members' runs lie.

    Returns:
        `recipe` of all members, and `sources` (items a source) of their training and of the rows that stage 3 was
        fitted on; None when a member's run is not here.
    """
    files = [workspace.runs / str(member.get("run", "")) / "run.json" for member in about.get("members", [])]
    if not files or not all(file.is_file() for file in files):
        return None
    members = [read_json(file) for file in files]
    sources: dict[str, int] = {}
    for member in members:
        for source, items in (member.get("sources") or {}).items():
            sources[source] = max(sources.get(source, 0), items)
    fitted = table.loc[table["split"] != "test", "dataset"].astype(str).value_counts()
    for source, items in fitted.items():
        if source not in (spec.get("exclude_datasets") or []):
            sources[str(source)] = max(sources.get(str(source), 0), int(items))
    recipes = " + ".join(str(_recipe(member)) for member in members)
    return {"recipe": {"name": f"stack of {recipes}"}, "sources": sources}


def _recipe(about: dict[str, Any]) -> str | None:
    return about.get("recipe", {}).get("name")


def _reference(
    peers: Sequence[tuple[str, dict[str, Any], pd.DataFrame]], unseen: Unseen, workspace: Workspace
) -> tuple[str, pd.DataFrame] | None:
    """(name, rows to compare on) of the peer with the most sources that trained on what another never saw."""
    for name, about, frame in sorted(peers, key=lambda row: -len(row[1].get("sources") or {})):
        rows = comparable(about, unseen, frame, workspace)
        if rows is not None and len(rows):
            return name, rows
    return None
