"""What is excluded from a data set, who excluded it and why; and how to undo it."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from app.ui import html, session, widgets
from app.views.datasets.switch import switch_button
from app.views.datasets.table import DatasetTable
from core.data.manifest.exclusions import history, restore, undo_last

WORDS = {"exclude": "excluded", "restore": "taken back in", "undo": "reversed the act before it"}


def draw_exclusions(table: DatasetTable) -> None:
    """Show the effect on the fingerprint, what is out now, and every act."""
    consequences(table)
    acts = history(table.folder)
    if not acts:
        widgets.empty("Nothing has been excluded", "Tick pictures in the view Pictures, give a reason, press Exclude.")
        switch_button("Open the pictures", "pictures")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        author = session.author_input(width=180, key="undo-author")
        if st.button("Undo the last act", icon=":material/undo:", disabled=not table.out and acts[-1].action == "undo"):
            undo_last(table.folder, author)
            st.rerun()
    out_now(table, author)
    st.subheader("Every act", anchor=False)
    rows = [
        (widgets.when(act.at), WORDS[act.action], len(act.sample_ids) or None, act.reason, act.author)
        for act in reversed(acts)
    ]
    st.dataframe(pd.DataFrame(rows, columns=["when", "what", "pictures", "reason", "author"]), hide_index=True)


def consequences(table: DatasetTable) -> None:
    """Show what an exclusion changes, in figures."""
    then, now = str(table.card.get("fingerprint", "")), table.fingerprint
    st.html(
        html.facts(
            {
                "In use": f"{len(table.kept):,} of {len(table.frame):,} pictures",
                "Fingerprint now": now[:16],
                "When prepared": then[:16] or "–",
            }
        )
    )
    st.caption(
        "An exclusion changes the data set's fingerprint. Runs, calibrators and thresholds keep the fingerprint of the "
        "rows that they were made on: they stay valid for those rows, and results on the new rows are another "
        "experiment. Train, calibrate and evaluate again after an exclusion. Undoing it restores the old fingerprint."
    )


def out_now(table: DatasetTable, author: str) -> None:
    """List the rows that are out; selected rows can be taken back in.

    Args:
        table: The data set.
        author: Who does it.
    """
    st.subheader(f"Excluded now: {len(table.out):,}", anchor=False)
    if not table.out:
        st.caption("No picture is excluded now.")
        return
    frame = table.frame.set_index("sample_id")
    ids = [name for name in table.out if name in frame.index]
    rows = pd.DataFrame(
        [
            (
                frame.at[name, "path"],
                table.words[frame.at[name, "label"]],
                frame.at[name, "split"],
                table.out[name].reason,
                table.out[name].author,
                widgets.when(table.out[name].at),
            )
            for name in ids
        ],
        columns=["picture", "label", "split", "reason", "author", "since"],
    )
    chosen = st.dataframe(
        rows, hide_index=True, on_select="rerun", selection_mode="multi-row", key=f"out-{table.fingerprint[:12]}"
    )
    picked = [ids[row] for row in chosen.selection.rows]
    with st.container(horizontal=True):
        if st.button(f"Take {len(picked) or 'the selected'} back in", disabled=not picked):
            restore(table.folder, picked, author)
            st.rerun()
        if st.button(f"Take all {len(ids):,} back in", type="tertiary"):
            restore(table.folder, ids, author)
            st.rerun()
