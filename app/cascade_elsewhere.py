"""The Cascade page's part "Elsewhere": frozen thresholds on other data sets, base rates, leaving a source out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from app import chart_files, widgets
from app import elsewhere_charts as charts
from app.detector_scores import DetectorScores
from app.score_sources import ScoreSource, predictions_of, stages_of, stamp_of
from core.artifacts.files import read_json
from core.artifacts.workspace import Workspace
from core.cascade.base_rate import at_base_rate
from core.cascade.left_out import LeftOut, Unseen, comparable, left_out, unseen_of
from core.cascade.policy import choose_policy
from core.cascade.policy_rows import STACK
from core.cascade.spec import PolicySpec
from core.cascade.transport import Cell, Place, auroc_matrix, last_score, place_rows, transport
from core.cascade.types import CascadePolicy
from jobs.client import Workbench

IN_FORCE = "policy in force"
WORDS = {
    "leakage": "leakage: fakes called real / fakes",
    "false_alarms": "false alarms: reals called fake / reals",
    "exit_rate": "filtration: released by stage 1 / all",
    "precision": "precision: fakes / all called fake",
    "uncertain": "uncertain: no verdict / all",
}
PREVALENCES = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]


def elsewhere_panel(
    workbench: Workbench, source: ScoreSource, table: pd.DataFrame, policy: CascadePolicy | None
) -> None:
    """Everything about other data sets, one part below the other."""
    rows = held_out(table)
    frozen = frozen_policy(source, table, policy)
    if frozen is None:
        widgets.empty("No thresholds to freeze", "Put a bundle in force, or choose data sets with enough groups.")
    else:
        policy_, words = frozen
        places = _places(source, policy_.to_json(), stamp_of(source))
        transport_part(places, words, rows)
        base_rate_part(places)
    matrix_part(source, rows)
    left_out_part(workbench)


@lru_cache(maxsize=32)
def _places(source: ScoreSource, policy: str, stamp: float) -> list[Place]:
    """Kept, for a page runs anew at every release of a slider. stamp: of the predictions."""
    table = predictions_of(source)
    return transport(CascadePolicy.model_validate_json(policy), held_out(table), stage1=stages_of(table)[0])


@lru_cache(maxsize=8)
def _cells(source: ScoreSource, stamp: float) -> list[Cell]:
    rows = held_out(predictions_of(source))
    return auroc_matrix(rows, last_score(rows))


def held_out(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of split test, on which nothing was chosen; all rows when there are none."""
    rows = table[table["split"] == "test"]
    return (table if rows.empty else rows).reset_index(drop=True)


def frozen_policy(
    source: ScoreSource, table: pd.DataFrame, policy: CascadePolicy | None
) -> tuple[CascadePolicy, str] | None:
    """(policy, where it was frozen): the one in force, or one chosen on some data sets' val_calib rows alone."""
    names = sorted(set(table.loc[table["split"] == "val_calib", "dataset"].astype(str)))
    chosen = st.multiselect(
        "Thresholds frozen on", names, placeholder=IN_FORCE if policy else "choose data sets",
        help="Empty: the policy in force. Else learn-then-test on the val_calib rows of these data sets alone, at the "
        "targets of the form under Let a method choose; choose reals and fakes.",
    )  # fmt: skip
    if not chosen:
        return (policy, IN_FORCE) if policy else None
    rows = table[table["dataset"].astype(str).isin(chosen)]
    members = [m for m in stages_of(table) if m != STACK]
    return choose_policy(PolicySpec(source=source.ref), rows, members), " + ".join(chosen)


def transport_part(places: Sequence[Place], words: str, rows: pd.DataFrame) -> None:
    """Chart and table of every data set under the frozen thresholds."""
    st.markdown("**The same thresholds on every data set**")
    found = place_rows(places)
    rate = st.segmented_control(
        "Rate", list(WORDS), default="leakage", required=True, format_func=lambda r: WORDS[r].split(":")[0],
        label_visibility="collapsed",
    )  # fmt: skip
    part = found[(found["rate"] == rate) & found["value"].notna()]
    if part.empty:
        st.caption(f"No data set has items for {WORDS[rate]}.")
        return
    chart_files.show(charts.places(part, WORDS[rate]), f"elsewhere {rate}")
    st.caption(
        f"Thresholds of {widgets.plain_markdown(words)}, frozen; n = {len(rows):,} test items of "
        f"{rows['group'].nunique():,} groups. A data set whose interval lies wholly beside that of the others is one "
        "the thresholds do not carry over to. Bars are 95 % intervals over groups; a single group has none."
    )
    with st.expander("All rates as a table"):
        st.dataframe(charts.place_table(found), hide_index=True)


def base_rate_part(places: Sequence[Place]) -> None:
    """Precision over the share of fakes, and the numbers at one share."""
    every = places[-1]
    rates = {name: every.rates[name].value for name in ("found", "false_alarms", "leakage", "spared")}
    if any(value is None for value in rates.values()):
        return
    st.markdown("**What if fakes were rarer**")
    at = st.select_slider("Share of fakes among all items", PREVALENCES, 0.05, format_func=lambda v: f"{v:.1%}")
    ends = [
        [every.rates[name].low if low else every.rates[name].high for name in ("found", "false_alarms")]
        for low in (True, False)
    ]
    chart_files.show(charts.base_rates(rates, ends, at), "base rates")
    now = at_base_rate(at, *(rates[k] for k in ("found", "false_alarms", "leakage", "spared")))  # type: ignore[arg-type]
    st.caption(
        f"At {at:.1%} fakes, of 1,000 items {now.alarms[0]:.1f} are called fake, {now.false_alarms[0]:.1f} of them "
        f"wrongly: an alarm is right in {now.precision_fake[0]:.1%} of cases, a release in "
        f"{now.precision_real[0]:.2%}; {now.missed[0]:.1f} fakes are called real and {now.undecided[0]:.0f} items stay "
        f"undecided. The rates by class are those of all {every.n:,} test items; the band joins their 95 % limits over "
        f"{every.groups:,} groups."
    )


def matrix_part(source: ScoreSource, rows: pd.DataFrame) -> None:
    """Reals of one source against fakes of another."""
    cells = _cells(source, stamp_of(source))
    if not cells:
        return
    st.markdown("**Fakes of one source against reals of another**")
    chart_files.show(charts.matrix(cells), "fakes against reals elsewhere")
    st.caption(
        f"AUROC of the last stage, 95 % interval over groups below it (none with one group), n = {len(rows):,}. Each "
        "row has the same fakes: if it changes much from column to column, the score follows the source, not the "
        "forgery."
    )


def left_out_part(workbench: Workbench) -> None:
    """Runs that never saw a source or a method against runs that did."""
    found = left_out_runs(workbench)
    st.markdown("**A method or a source left out of training**")
    if not found:
        st.caption(
            "No pair of evaluated runs differs in a method or a source of fakes. Pin a leave-one-out protocol under "
            "Datasets, train a run of the same recipe on it (or with a source excluded), then evaluate both runs."
        )
        return
    chart_files.show(charts.left_out(found), "left out of training")
    st.caption(
        "AUROC of its fakes against all reals of the test split, by a run that trained on them and by one that never "
        "saw any; bars are the 95 % interval of the gap. It is what a new forgery of this kind would cost. "
        + " ".join(f"{widgets.plain_markdown(r.source)}: {loss_words(r)}." for r in found)
    )
    with st.expander("As a table"):
        st.dataframe(charts.left_out_table(found), hide_index=True)


def loss_words(row: LeftOut) -> str:
    """`lost 0.051 (95 %: 0.020 to 0.082), 79 fakes of 79 groups`."""
    span = "no interval with one group" if row.low is None else f"95 %: {row.low:.3f} to {row.high:.3f}"
    return f"lost {row.loss:.3f} ({span}), {row.n_fake} fakes of {row.fake_groups} groups"


def left_out_runs(workbench: Workbench) -> list[LeftOut]:
    """Every evaluated run that never saw a method or a source of the fakes it was judged on, beside the run of the same
    recipe that did and had the most other sources."""
    needed = ("predictions.csv", "run.json", "evaluation_report.json")
    runs = [item for item in workbench.artifacts("run") if all((item.path / name).is_file() for name in needed)]
    stamps = tuple((r.name, r.path, (r.path / needed[0]).stat().st_mtime) for r in runs)
    return _left_out(workbench.workspace, stamps)


@lru_cache(maxsize=4)
def _left_out(workspace: Workspace, runs: tuple[tuple[str, Path, float], ...]) -> list[LeftOut]:
    read = [(name, read_json(path / "run.json"), DetectorScores(name, run=path).frame()) for name, path, _ in runs]
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
