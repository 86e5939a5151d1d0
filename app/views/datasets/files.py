"""What became of every file that a data set was made from, and the thresholds that decided it."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from app.charts import basic as charts
from app.ui import chart as chart_files
from app.ui import html, widgets
from app.views.datasets.table import DatasetTable
from core.data.manifest.tables import read_table

OUTCOMES = {"kept": "kept", "refused": "refused", "no_face": "no face found", "too_small": "face too small"}
MOST_ROWS = 5000


def draw_files(table: DatasetTable) -> None:
    """Show thresholds, outcomes, the list of files that gave nothing, and the report as CSV."""
    archive(table.card.get("archive"))
    listing(table)
    thresholds(table.card.get("thresholds"))
    taken(table.card.get("sources"))
    path = table.folder / "report.csv"
    if not path.is_file():
        widgets.empty(
            "Every picture stayed where it was",
            "This data set was read from a manifest or drawn: no file was decoded, so none was refused. Prepare it "
            "again with `detect faces` to open every file and report on it.",
        )
        return
    report = _report(str(path), path.stat().st_mtime_ns)
    st.subheader("Files", anchor=False)
    tally = report["outcome"].value_counts()
    rows = pd.DataFrame([(OUTCOMES.get(str(k), str(k)), "files", int(n)) for k, n in tally.items()], columns=COLUMNS)
    chart_files.show_chart(charts.counts(rows, "outcome", "what", "files"), "outcome of files")
    st.caption(
        "One bar for each outcome. Files other than “kept” gave no picture; they are listed below with the reason."
    )
    st.download_button(
        "Report of all files as CSV", path.read_bytes, f"{table.folder.name}-report.csv", "text/csv",
        icon=":material/download:", on_click="ignore",
    )  # fmt: skip
    lost = report[report["outcome"] != "kept"]
    if lost.empty:
        st.caption("Every file gave at least one picture.")
        return
    st.dataframe(lost.head(MOST_ROWS), hide_index=True)
    if len(lost) > MOST_ROWS:
        st.caption(f"The first {MOST_ROWS:,} of {len(lost):,} files; all are in the CSV.")


COLUMNS = ["outcome", "what", "files"]


@st.cache_resource(show_spinner=False, max_entries=8)
def _report(path: str, stamp: int) -> pd.DataFrame:
    from pathlib import Path

    return read_table(Path(path)).frame


def archive(contents: dict[str, Any] | None) -> None:
    """Show what the zip held beside pictures, clips and lists."""
    if not contents:
        return
    st.subheader("Archive", anchor=False)
    skipped = contents.get("skipped", {})
    facts = {"File": contents.get("file", ""), "Unpacked": f"{contents.get('files', 0):,} files"}
    facts |= {f"Left out: {reason}": f"{count:,}" for reason, count in skipped.items()}
    st.html(html.facts(facts))
    st.caption(
        "The zip and its unpacked files stay in the folder `uploads` of the workspace. Remove them with the data set."
    )
    if named := contents.get("not_unpacked"):
        with st.expander("Files that were left out"):
            st.dataframe(pd.DataFrame(named), hide_index=True)


def listing(table: DatasetTable) -> None:
    """Show how the source was read, and the files that are no part of it."""
    said = table.card.get("listing")
    if not said:
        return
    st.subheader("Source", anchor=False)
    pairs = {"Layout": said.get("source"), "Chosen because": said.get("how"), "A group is": said.get("group"),
             "Files listed": f"{said.get('files', 0):,}"}  # fmt: skip
    lists = {f"Official list {name}": f"sha256 {digest}" for name, digest in said.get("official_lists", {}).items()}
    st.html(html.facts({k: v for k, v in (pairs | lists).items() if v}))
    if said.get("notes"):
        st.html(html.notes(said["notes"]))
    path = table.folder / "not_listed.csv"
    left = _report(str(path), path.stat().st_mtime_ns) if path.is_file() else pd.DataFrame()
    if len(left):
        with st.expander(f"Files that were not listed: {len(left):,}"):
            st.dataframe(left.head(MOST_ROWS), hide_index=True)


TAKEN = {
    "clips": "Clips",
    "clip_seconds": "Seconds of clips",
    "faces": "Faces found",
    "crops": "Faces kept",
    "other_faces": "Other faces, not kept",
    "clips_of_several_people": "Clips of several people",
    "with_warnings": "Files with a remark",
    "sound": "Sound",
}


def taken(counts: dict[str, Any] | None) -> None:
    """Show in figures what was found in the files, and why faces were left out."""
    if not counts:
        return
    pairs = {label: widgets.figure(counts[name]) for name, label in TAKEN.items() if counts.get(name)}
    left = {f"Left out: {reason.replace('_', ' ')}": f"{n:,}" for reason, n in counts.get("left_out", {}).items()}
    st.subheader("What was found", anchor=False)
    st.html(html.facts(pairs | left))


def thresholds(values: dict[str, Any] | None) -> None:
    """Show the numbers that decided what was kept."""
    if not values:
        return
    st.subheader("Thresholds of the extraction", anchor=False)
    given = {name: value for name, value in values.items() if value is not None}
    st.html(html.facts({name.replace("_", " "): widgets.figure(value) for name, value in given.items()}))
