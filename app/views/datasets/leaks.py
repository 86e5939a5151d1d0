"""The leaks of a data set: the same files, people or clips in two splits, and pictures that look alike."""

from __future__ import annotations

from collections import Counter

import pandas as pd
import streamlit as st

from app.ui import session, widgets
from app.views.datasets.pictures import MOST_REASON, act, grid, said, ticked
from app.views.datasets.table import DatasetTable
from core.data.manifest.leaks import DISTANCE, Leak
from core.glossary import define

TITLES = {"bytes": "Same file", "identity": "Same person", "video": "Same clip", "near": "Near-duplicate"}
MEASURED = {"bytes": "sha256", "identity": "identity", "video": "video", "near": "phash"}
"""Kind of leak -> the column without which it cannot be looked for."""
PER_PAGE = 6
PICTURES = 8


def draw_leaks(table: DatasetTable) -> None:
    """Show how many leaks of each kind there are, then each with its pictures, to be excluded by a tick."""
    said()
    st.caption(
        "When a picture, person or clip is in two splits, a detector recognises it instead of judging it, and figures "
        "on test are too good. Exclude one side, or prepare the set again with people or clips as groups."
    )
    unmeasured(table)
    distance = DISTANCE
    if known(table, "phash"):
        distance = int(
            st.number_input(
                "Bits that may differ, of 64", 0, 12, DISTANCE, width=240,
                help=f"{define('near-duplicates')} Of 4.5 million pairs of unrelated faces 1 lies within 4 bits, "
                "24 within 8.",
            )
        )  # fmt: skip
    leaks = table.leaks(distance)
    if not leaks:
        widgets.empty("No leaks", "No file, person or clip is in two splits, and no near-duplicates were found.")
        return
    tally = Counter(leak.kind for leak in leaks)
    kind = st.segmented_control(
        "Kind, most certain first", list(tally), default=next(iter(tally)), required=True,
        format_func=lambda k: f"{TITLES[k]}: {tally[k]:,}",
    )  # fmt: skip
    one_kind([leak for leak in leaks if leak.kind == kind], table)


def known(table: DatasetTable, column: str) -> bool:
    """Return whether a column is there and holds anything.

    Args:
        table: The data set.
        column: Its name.

    Returns:
        True when a cell is not empty.
    """
    return column in table.frame and bool((table.frame[column].astype(str) != "").any())


def unmeasured(table: DatasetTable) -> None:
    """Say which leaks could not be looked for, and what to do about it."""
    lost = [TITLES[kind].lower() for kind, column in MEASURED.items() if not known(table, column)]
    if lost:
        widgets.notice(
            [f"Not checked, because the manifest lacks their columns: {', '.join(lost)}. Prepare the set again with "
             "people and clips named where they are known."], "info",
        )  # fmt: skip


def one_kind(leaks: list[Leak], table: DatasetTable) -> None:
    """Show one page of leaks with their pictures, and the bar that excludes.

    Args:
        leaks: Leaks of one kind.
        table: The data set.
    """
    last = -(-len(leaks) // PER_PAGE)
    number = int(st.number_input(f"Page, of {last}", 1, last, 1, width=160, key=f"leaks-{leaks[0].kind}-{last}"))
    shown = leaks[(number - 1) * PER_PAGE : number * PER_PAGE]
    turn = st.session_state.setdefault("dataset-turn", 0)
    ids: list[str] = []
    with st.form(f"leaks-{turn}", border=False):
        for leak in shown:
            rows = sample(table.kept, leak)
            fresh = rows[~rows["sample_id"].isin(ids)]  # one tick a picture, also where it is in two leaks
            st.markdown(widgets.plain_markdown(leak.sentence))
            if len(rows) < len(leak.rows):
                st.caption(f"{len(rows)} of {len(leak.rows):,} rows are shown, some of each split.")
            grid(table, fresh, str(turn), splits=True)
            if len(fresh) < len(rows):
                st.caption("The other pictures of this leak are shown above.")
            ids += fresh["sample_id"].tolist()
        with st.container(horizontal=True, vertical_alignment="bottom", border=True):
            reason = st.text_input("Reason", f"{TITLES[leaks[0].kind].lower()} in another split", max_chars=MOST_REASON)
            author = session.author_input(width=150)
            sent = st.form_submit_button("Exclude the ticked pictures", type="primary")
    if sent:
        act(table, ticked(ids, turn), reason, author, back=False)


def sample(kept: pd.DataFrame, leak: Leak) -> pd.DataFrame:
    """Choose rows of a leak to show, evenly from its splits.

    Args:
        kept: The rows in use.
        leak: One of their leaks.

    Returns:
        At most PICTURES rows.
    """
    rows = kept.iloc[list(leak.rows)]
    each = max(1, PICTURES // len(leak.splits))
    return rows if len(rows) <= PICTURES else rows.groupby("split", sort=False).head(each)
