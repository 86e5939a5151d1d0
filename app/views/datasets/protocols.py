"""Leave-one-out protocols of a data set: which are pinned, whether they still hold, and a form that pins more."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from app.forms import form as forms
from app.ui import navigation, widgets
from app.views.datasets.table import DatasetTable
from core.data.manifest.manifest import Manifest
from core.data.manifest.protocol_spec import ProtocolSpec
from core.data.manifest.protocols import COLUMN, load_protocol, open_protocol, protocol_names
from core.data.manifest.splits import SPLITS
from jobs.client import Workbench

HOLDS = "holds"


def draw_protocols(name: str, table: DatasetTable, workbench: Workbench) -> None:
    """Show the pinned protocols, the way to train on one, and the form.

    Args:
        name: Name of the data set.
        table: Its rows.
        workbench: Takes the job.
    """
    st.caption(
        "A protocol measures a detector on a method or a source that it has not seen: train and both validation splits "
        "hold none of it, test holds all of it. A hash pins the protocol to its rows. Use it as a data set, under the "
        "name NAME@PROTOCOL."
    )
    names = protocol_names(table.folder)
    if names:
        pinned(name, names, table)
    else:
        widgets.empty(
            "No protocol yet", ("Choose below what is left out. Without a choice, each one is left out in turn.")
        )
    st.subheader("Pin a protocol", anchor=False)
    form(name, table, workbench)


def pinned(name: str, names: list[str], table: DatasetTable) -> None:
    """Show a row for each protocol, with the items of each split and whether its hash still fits the data.

    Args:
        name: Name of the data set.
        names: Names of its protocols.
        table: Its rows.
    """
    manifest = Manifest(table.kept, table.root)
    rows = []
    for protocol in (load_protocol(table.folder, each) for each in names):
        counts = {
            split: " + ".join(f"{protocol.items.get(split, {}).get(word, 0):,}" for word in ("real", "fake"))
            for split in SPLITS
        }
        state = condition(protocol.name, table, manifest)
        rows.append(
            {"use as": f"{name}@{protocol.name}", "left out": ", ".join(protocol.left_out), "kind": protocol.kind}
            | counts
            | {"dropped": protocol.dropped, "state": state, "pinned to": protocol.sha256[:12]}
        )
    chosen = st.dataframe(
        pd.DataFrame(rows), hide_index=True, on_select="rerun", selection_mode="single-row", key="protocols"
    )
    negative, positive = table.words
    st.caption(
        f"Items: {widgets.plain_markdown(negative)} + {widgets.plain_markdown(positive)}. Dropped: left-out items "
        "whose person or clip is in train or validation. Select a row to train on it."
    )
    if any(row["state"] != HOLDS for row in rows):
        widgets.notice(
            ["The data set has changed since. Undo the exclusion, or pin the protocol again below with “Replace”."]
        )
    picked = [rows[index] for index in chosen.selection.rows]
    if st.button("Train under this protocol", disabled=not picked, icon=":material/arrow_forward:"):
        navigation.go_to("train", dataset=str(picked[0]["use as"]))


def condition(protocol: str, table: DatasetTable, manifest: Manifest) -> str:
    """Check whether the rows are still those that a protocol was pinned to.

    Args:
        protocol: Its name.
        table: The data set.
        manifest: The rows in use.

    Returns:
        HOLDS, or that the rows have changed.
    """
    try:
        open_protocol(table.folder, protocol, manifest)
    except ValueError:
        return "rows have changed"
    return HOLDS


def form(name: str, table: DatasetTable, workbench: Workbench) -> None:
    """Show what can be left out, from the data set's own methods and sources; the rest is the spec's form.

    Args:
        name: Name of the data set.
        table: Its rows.
        workbench: Takes the job.
    """
    kind = st.segmented_control(
        "Leave out", list(COLUMN), default="method", required=True,
        format_func=lambda k: {"method": "methods of the fakes", "source": "sources"}[k],
    )  # fmt: skip
    rows = table.kept[table.kept["label"] == 1] if kind == "method" else table.kept
    known = sorted(rows[COLUMN[kind]].unique())
    if len(known) < 2:
        widgets.empty("Nothing can be left out", f"All rows are of one {kind}. Prepare a set with several first.")
        return
    left_out = st.multiselect("Left out together", known, placeholder="each in turn", key=f"left-out-{kind}")
    spec = forms.spec_form(
        ProtocolSpec, workbench, key=f"protocol.{kind}", submit="Pin", front=("name", "replace"),
        given={"dataset": name, "kind": kind, "left_out": left_out},
    )  # fmt: skip
    if spec is not None:
        st.query_params["job"] = workbench.submit("protocol", spec)
        st.rerun()
