"""Datasets: what there is to learn from, its card, its pictures, its leaks; and ways to add more."""

from __future__ import annotations

import streamlit as st

from app.ui import session, widgets
from app.ui.navigation import PageInfo
from app.views.datasets import add as datasets_ways
from app.views.datasets import card as datasets_card
from app.views.datasets import exclusions as datasets_exclusions
from app.views.datasets import files as datasets_files
from app.views.datasets import leaks as datasets_leaks
from app.views.datasets import pictures as datasets_pictures
from app.views.datasets import protocols as datasets_protocols
from app.views.datasets import running as datasets_live
from app.views.datasets import table as datasets_table
from app.views.datasets.switch import VIEW_STATE
from jobs.client import Workbench
from jobs.queue.views import ArtifactView

PAGE = PageInfo(section="Research", title="Datasets", url="datasets", icon=":material/dataset:", order=10)
VIEWS = {
    "card": "Card",
    "pictures": "Pictures",
    "leaks": "Leaks",
    "files": "Files",
    "exclusions": "Exclusions",
    "protocols": "Protocols",
}


def render() -> None:
    workbench = session.workbench()
    widgets.page_header("Datasets", "The pictures that detectors learn from, split by group, with their leaks named.")
    datasets_live.draw_running_jobs(workbench)
    found = workbench.artifacts("dataset")
    if not found:
        if datasets_live.under_way(workbench):
            st.caption("The first data set is being prepared. It opens here when it is ready.")
        else:
            widgets.empty(
                "No data set yet",
                "Choose below where the pictures come from, and press Prepare. The demo set needs no download.",
            )
        datasets_ways.ways(workbench)
        return
    with st.expander("Prepare another data set"):
        datasets_ways.ways(workbench)
    one(chosen(found, workbench), workbench)


def chosen(found: list[ArtifactView], workbench: Workbench) -> ArtifactView:
    """Choose the data set.

    That of the job that has just ended comes first, then the one chosen, then that of the address, then the newest. The
    choice lives in the session and the address follows it: a start value that changed with the address would make
    another widget of it, and the next click would be lost.

    Args:
        found: The data sets there are, newest first.
        workbench: Knows the jobs.

    Returns:
        One of them.
    """
    names = [item.name for item in found]
    state, job = st.session_state, st.query_params.get("job", "")
    made = datasets_live.made(job, workbench)
    if made in names and state.get("dataset-of-job") != job:
        state["dataset-of-job"], state["dataset-name"] = job, made
    elif state.get("dataset-name") not in names:
        wanted = st.query_params.get("dataset", "")
        state["dataset-name"] = wanted if wanted in names else names[0]
    name = st.selectbox("Data set", names, key="dataset-name")
    st.query_params["dataset"] = name
    return found[names.index(name)]


def one(item: ArtifactView, workbench: Workbench) -> None:
    """Show the chosen view of one data set.

    Args:
        item: The data set in the store.
        workbench: Takes jobs.
    """
    table = datasets_table.load(item)
    if table is None:
        widgets.empty(
            "The manifest is gone",
            f"{item.path} holds no manifest any more. Prepare the data set again with the form above.",
        )
        return
    if st.session_state.get(VIEW_STATE) not in VIEWS:
        view = st.query_params.get("view", "card")
        st.session_state[VIEW_STATE] = view if view in VIEWS else "card"
    chosen = st.segmented_control(
        "View", list(VIEWS), format_func=lambda v: VIEWS[v], required=True, key=VIEW_STATE,
        label_visibility="collapsed",
    )  # fmt: skip
    view = chosen or "card"
    st.query_params["view"] = view
    if view == "card":
        datasets_card.draw_data_set(item, table)
    elif view == "pictures":
        datasets_pictures.browse(table)
    elif view == "leaks":
        datasets_leaks.draw_leaks(table)
    elif view == "protocols":
        datasets_protocols.draw_protocols(item.name, table, workbench)
    elif view == "files":
        datasets_files.draw_files(table)
    else:
        datasets_exclusions.draw_exclusions(table)
