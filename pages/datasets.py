"""Datasets: what there is to learn from, its card, its pictures, what is wrong with it; and ways to more."""

from __future__ import annotations

import streamlit as st

from app import (
    datasets_card,
    datasets_exclusions,
    datasets_files,
    datasets_live,
    datasets_pictures,
    datasets_table,
    datasets_ways,
    session,
    widgets,
)
from app.navigation import PageInfo
from jobs.client import Workbench
from jobs.views import ArtifactView

PAGE = PageInfo(section="Research", title="Datasets", url="datasets", icon=":material/dataset:", order=10)
VIEWS = {
    "card": "Card",
    "pictures": "Pictures",
    "files": "Files and thresholds",
    "exclusions": "Exclusions",
}


def render() -> None:
    workbench = session.workbench()
    widgets.page_header("Datasets", "What there is to learn from. Each set is cut by group: nothing crosses a split.")
    datasets_live.show(workbench)
    found = workbench.artifacts("dataset")
    if not found:
        widgets.empty(
            "No data set yet",
            "Upload a zip, name a folder, or have the demo set drawn below: portraits made by code, no download.",
        )
        datasets_ways.ways(workbench)
        return
    with st.expander("Prepare another data set"):
        datasets_ways.ways(workbench)
    one(chosen(found, workbench))


def chosen(found: list[ArtifactView], workbench: Workbench) -> ArtifactView:
    """The data set that a job has just given, else that of the address, else the newest; the address follows."""
    names = [item.name for item in found]
    wanted, job = st.query_params.get("dataset", ""), st.query_params.get("job", "")
    made = datasets_live.made(job, workbench)
    if made and st.session_state.get("dataset-of-job") != job:
        st.session_state["dataset-of-job"], wanted = job, made
    name = st.selectbox("Data set", names, index=names.index(wanted) if wanted in names else 0)
    st.query_params["dataset"] = name
    return found[names.index(name)]


def one(item: ArtifactView) -> None:
    """The chosen view of one data set."""
    table = datasets_table.load(item)
    if table is None:
        widgets.empty("The manifest is gone", f"{item.path} holds none any more; prepare the data set again.")
        return
    view = st.query_params.get("view", "card")
    view = st.segmented_control(
        "View", list(VIEWS), default=view if view in VIEWS else "card", format_func=lambda v: VIEWS[v], required=True,
        label_visibility="collapsed",
    )  # fmt: skip
    st.query_params["view"] = view
    if view == "card":
        datasets_card.show(item, table)
    elif view == "pictures":
        datasets_pictures.browse(table)
    elif view == "files":
        datasets_files.show(table)
    else:
        datasets_exclusions.show(table)
