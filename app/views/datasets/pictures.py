"""The pictures of a data set: filter, sort, look, and exclude with a reason."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from app.ui import session, widgets
from app.views.datasets.table import BOTH, KEPT, OUT, QUALITIES, DatasetTable, Filter
from core.data.manifest.exclusions import exclude, restore
from core.data.manifest.splits import SPLITS
from core.media.thumbnails import thumbnails

PER_PAGE = 24
CELL = 113
"""Side of a tile, px: eight a row on a wide screen, four at 800 px."""
MOST_REASON = 500
WORDS = 15
"""Characters that fit under a tile."""
TICKED = "the ticked pictures"


def browse(table: DatasetTable) -> None:
    """Show filters above, a page of pictures below, and the bar that takes them out or back in."""
    said()
    wanted = filters(table)
    rows = table.chosen(wanted)
    if rows.empty:
        widgets.empty("No picture matches the filter", "Choose other splits, another text or a wider range above.")
        return
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    last = -(-len(rows) // PER_PAGE)
    number = int(right.number_input(f"Page, of {last}", 1, last, 1, key=f"page-{hash(wanted)}"))
    left.caption(f"{len(rows):,} of {len(table.frame):,} pictures are shown; {len(table.out):,} are excluded.")
    shown = rows.iloc[(number - 1) * PER_PAGE : number * PER_PAGE]
    picture_form(table, rows, shown, wanted)
    with st.expander("These pictures as rows"):
        st.dataframe(shown, hide_index=True)


def filters(table: DatasetTable) -> Filter:
    """Show the inputs of the filter and return what they say."""
    frame, words = table.frame, table.words
    splits = [name for name in SPLITS if (frame["split"] == name).any()]
    with st.container(horizontal=True):
        split = st.selectbox("Split", ["", *splits], format_func=lambda v: v or "all", width=130)
        label = st.selectbox("Label", [None, 0, 1], format_func=lambda v: "all" if v is None else words[v], width=100)
        methods = st.multiselect("Method", sorted(m for m in frame["method"].unique() if m), width=190)
        sources = st.multiselect("Source", sorted(frame["dataset"].unique()), width=190)
        state = st.selectbox("State", [KEPT, OUT, BOTH], width=120)
        text = st.text_input(
            "Text", width=190, help="Every word must occur in the source, identity, group, clip or file name."
        )
    quality, sort, low, high, descending = "", "", None, None, False
    if table.qualities:
        with st.container(horizontal=True, vertical_alignment="bottom"):
            sort = st.selectbox(
                "Sort by", ["", *table.qualities], format_func=lambda v: QUALITIES.get(v, "as prepared"), width=240
            )
            descending = st.checkbox("greatest first", disabled=not sort)
            if sort and (ends := table.bounds(sort))[0] < ends[1]:
                quality = sort
                low, high = st.slider(
                    f"Only {QUALITIES[sort]} from, to", *ends, value=ends, width=420, key=f"range-{table.folder}-{sort}"
                )
                quality = "" if (low, high) == ends else quality
    return Filter(split, label, tuple(methods), tuple(sources), text, state, quality, low, high, sort, descending)


def picture_form(table: DatasetTable, rows: pd.DataFrame, shown: pd.DataFrame, wanted: Filter) -> None:
    """Show the grid with a tick under each picture, and what to do with the ticked ones.

    Args:
        table: The data set.
        rows: All that the filter shows.
        shown: Those on this page.
        wanted: The filter.
    """
    back = wanted.state == OUT
    turn = st.session_state.setdefault("dataset-turn", 0)  # a new turn empties the ticks
    with st.form(f"pictures-{turn}", border=False):
        grid(table, shown, f"{turn}", wanted.sort)
        whole = f"all {len(rows):,} that the filter shows"
        with st.container(horizontal=True, vertical_alignment="bottom", border=True):
            which = st.selectbox("Take back in" if back else "Exclude", [TICKED, whole], width=260)
            reason = st.text_input(
                "Reason",
                max_chars=MOST_REASON,
                width=360,
                placeholder="" if back else "required; it is kept with the data set",
            )
            author = session.author_input(width=150)
            sent = st.form_submit_button("Take back in" if back else "Exclude", type="primary")
    if not back:
        st.caption(
            "Nothing is deleted. Choose the state “excluded” to see excluded pictures with their reasons and to take "
            "them back in."
        )
    if not sent:
        return
    ids = ticked(shown["sample_id"], turn) if which == TICKED else list(rows["sample_id"])
    act(table, ids, reason, author, back)


def ticked(ids: Iterable[str], turn: int) -> list[str]:
    """Return those rows whose tick is set.

    Args:
        ids: sample_ids of rows.
        turn: Number of the form.

    Returns:
        Their sample_ids.
    """
    return [name for name in ids if st.session_state.get(f"tick-{turn}-{name}")]


def act(table: DatasetTable, ids: list[str], reason: str, author: str, back: bool) -> None:
    """Take rows out or back in, confirm it, and begin a new form; or say why not.

    Args:
        table: The data set.
        ids: sample_ids of the rows.
        reason: Why.
        author: Who does it.
        back: Take in again instead of out.
    """
    if not ids:
        widgets.notice(["Tick at least one picture first."], "info")
        return
    try:
        done = restore(table.folder, ids, author, reason) if back else exclude(table.folder, ids, reason, author)
    except ValueError as error:
        widgets.notice([f"{error}."], "error")
        return
    st.session_state["dataset-turn"] = st.session_state.get("dataset-turn", 0) + 1
    word = "back in use" if back else "excluded; the data set has a new fingerprint"
    st.session_state["dataset-said"] = f"{done:,} picture{'' if done == 1 else 's'} {word}."
    st.rerun()


def said() -> None:
    """What the last act did, once."""
    if done := st.session_state.pop("dataset-said", ""):
        st.success(widgets.plain_markdown(done))


def grid(table: DatasetTable, rows: pd.DataFrame, key: str, sort: str = "", splits: bool = False) -> None:
    """Show pictures side by side, each with a tick that says its label.

    Args:
        table: The data set.
        rows: What to show.
        key: Tells ticks of this form from others.
        sort: Column whose number stands under each picture.
        splits: Also write the split.
    """
    records: list[dict[str, Any]] = rows.to_dict("records")
    views = previews([table.file(row["path"]) for row in records])
    with st.container(horizontal=True, gap="small"):
        for row, view in zip(records, views, strict=True):
            with st.container(width=CELL, gap=None):
                tile(view, Path(row["path"]).name)
                word = widgets.plain_markdown(table.words[row["label"]])
                st.checkbox(word, key=f"tick-{key}-{row['sample_id']}")
                if splits:
                    st.caption(widgets.plain_markdown(row["split"]))
                for note in remarks(row, sort, table):
                    st.caption(widgets.plain_markdown(note))


def tile(view: bytes | str, name: str) -> None:
    """Show a preview, or why there is none, in the same space.

    Args:
        view: JPEG, or a sentence.
        name: Name of the file.
    """
    if isinstance(view, bytes):
        st.image(view, width="stretch")
        return
    with st.container(height=CELL, border=True):
        st.caption(widgets.plain_markdown(f"{name}: {view}"))


def remarks(row: dict[str, Any], sort: str, table: DatasetTable) -> list[str]:
    """List what stands under the tick: how a fake was made, the number sorted by, why a picture is out.

    Args:
        row: A row of the manifest.
        sort: Column whose number is shown.
        table: The data set.

    Returns:
        Lines of text.
    """
    method = str(row["method"]) if row["label"] else ""
    lines = [method if len(method) <= WORDS else f"{method[: WORDS - 1]}…"] if method else []
    value = row.get(sort) if sort else None
    if value is not None and not pd.isna(value):
        lines.append(f"{value:.4g}")
    if row["sample_id"] in table.out:
        lines.append(f"out: {table.out[row['sample_id']].reason[:60]}")
    return lines


def previews(paths: list[Path]) -> list[bytes | str]:
    """Make small JPEGs of files as they are now, or sentences where that fails."""
    stamps = tuple(path.stat().st_mtime_ns if path.is_file() else 0 for path in paths)
    return _previews(tuple(map(str, paths)), stamps)


@st.cache_resource(show_spinner=False, max_entries=60)
def _previews(paths: tuple[str, ...], stamps: tuple[int, ...]) -> list[bytes | str]:
    return thumbnails([Path(path) for path in paths], side=2 * CELL)
