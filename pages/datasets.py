"""Datasets: what there is to learn from, with its card, and a form that prepares more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from app import cards, charts, forms, navigation, session, widgets
from app.navigation import PageInfo
from core.data.spec import PrepareSpec
from jobs.client import Workbench
from jobs.views import ArtifactView

PAGE = PageInfo(section="Research", title="Datasets", url="datasets", icon=":material/dataset:", order=10)
PER_PAGE = 24


def render() -> None:
    workbench = session.workbench()
    widgets.page_header("Datasets", "Every data set is cut into four splits by group; nothing crosses a split.")
    found = workbench.artifacts("dataset")
    if not found:
        widgets.empty(
            "No data set yet",
            "Prepare one below. The source demo draws portraits by code, real and manipulated: no download.",
        )
        prepare_form(workbench)
        return
    names = [item.name for item in found]
    wanted = st.query_params.get("dataset", names[0])
    name = st.selectbox("Data set", names, index=names.index(wanted) if wanted in names else 0)
    card(next(item for item in found if item.name == name))
    with st.expander("Prepare another data set"):
        prepare_form(workbench)


def prepare_form(workbench: Workbench) -> None:
    """The form of a `prepare` job; once sent, its job opens."""
    spec = forms.spec_form(
        PrepareSpec, workbench, key="prepare", submit="Prepare", values={"path": "demo", "name": "demo"},
        front=("name", "detect_faces", "label_map"),
    )  # fmt: skip
    if spec is not None:
        navigation.go_to("jobs", job=workbench.submit("prepare", spec))


def card(item: ArtifactView) -> None:
    """Counts, warnings, pictures of one data set."""
    summary = item.summary
    if summary.get("warnings"):
        widgets.notice(summary["warnings"])
    tiles = (("items", "items"), ("real", "real"), ("fake", "fake"), ("groups", "independent groups"))
    for column, (key, label) in zip(st.columns(4), tiles, strict=True):
        column.metric(label, f"{summary.get(key, 0):,}")
    if summary.get("ceiling"):
        st.caption(widgets.plain_markdown(summary["ceiling"]))
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Splits", anchor=False)
        st.altair_chart(charts.counts(label_rows(summary.get("splits", {}), "split"), "split", "label"))
    with right:
        st.subheader("Sources", anchor=False)
        st.altair_chart(charts.counts(label_rows(summary.get("datasets", {}), "source"), "source", "label"))
    if summary.get("methods"):
        st.subheader("How the fakes were made", anchor=False)
        rows = pd.DataFrame([(name, "fake", n) for name, n in summary["methods"].items()], columns=METHOD_COLUMNS)
        st.altair_chart(charts.counts(rows, "method", "label"))
    pictures(item)
    with st.expander("Card and place on disk"):
        st.html(cards.facts({"Folder": item.path, "Made": widgets.when(item.created_at), "By job": item.job_id or "–"}))
        st.json(summary, expanded=False)


METHOD_COLUMNS = ["method", "label", "items"]


def label_rows(table: dict[str, dict[str, int]], name: str) -> pd.DataFrame:
    """{"train": {"real": n, "fake": n}} as rows for a chart."""
    rows = [(key, label, counts.get(label, 0)) for key, counts in table.items() for label in ("real", "fake")]
    return pd.DataFrame(rows, columns=[name, "label", "items"])


@st.cache_data(show_spinner=False, max_entries=8)
def manifest(folder: str, changed: float, root: str) -> pd.DataFrame:
    """The manifest's columns that the grid shows, with whole paths."""
    frame = pd.read_parquet(Path(folder) / "manifest.parquet", columns=["path", "label", "split", "dataset", "method"])
    return frame.assign(path=[str(Path(folder) / root / path) for path in frame["path"]])


def pictures(item: ArtifactView) -> None:
    """A grid of pictures by split and label."""
    st.subheader("Pictures", anchor=False)
    path = item.path / "manifest.parquet"
    if not path.is_file():
        widgets.empty("The manifest is gone", f"{path} is not there any more; prepare the data set again.")
        return
    frame = manifest(str(item.path), path.stat().st_mtime, str(item.summary.get("root", ".")))
    one, two, three = st.columns(3)
    split = one.selectbox("Split", ["", *frame["split"].unique()], format_func=lambda v: v or "all")
    label = two.selectbox("Label", ["", "real", "fake"], format_func=lambda v: v or "all")
    chosen = frame[(frame["split"] == split) | (split == "")]
    chosen = chosen if label == "" else chosen[chosen["label"] == int(label == "fake")]
    last = max(1, -(-len(chosen) // PER_PAGE))
    number = three.number_input(f"Page, of {last}", 1, last, 1)
    grid(chosen.iloc[(number - 1) * PER_PAGE : number * PER_PAGE])


def grid(rows: pd.DataFrame) -> None:
    """Thumbnails, eight a row. A clip or a missing file is named instead of shown."""
    records: list[dict[str, Any]] = rows.to_dict("records")
    for start in range(0, len(records), 8):
        for column, row in zip(st.columns(8), records[start : start + 8], strict=False):
            path = Path(row["path"])
            with column:
                if path.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp") and path.is_file():
                    st.image(str(path), width="stretch")
                else:
                    st.caption(widgets.plain_markdown(path.name))
                st.caption(widgets.plain_markdown((row["method"] or "fake") if row["label"] else "real"))
