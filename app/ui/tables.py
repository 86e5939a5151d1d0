"""Tables that are read rather than sorted: text wraps, nothing is cut off at any width; the numbers go out as CSV."""

from __future__ import annotations

import re
from collections.abc import Collection
from html import escape

import pandas as pd
import streamlit as st

from app.ui.chart import slug
from app.ui.components import component
from core.data.manifest.tables import csv_text

WITH_SPAN = re.compile(r"(\S+) \((.+ to .+)\)")


def show_table(rows: pd.DataFrame, name: str, wide: Collection[str] = (), file: pd.DataFrame | None = None) -> None:
    """Draw a table, and under it a pill that saves it as CSV.

    name: of the file, and unique on the page. wide: columns of running text, which take the room that is left. file:
    what the CSV holds; None: what is shown.
    """
    stem = slug(name)
    with st.container(key=f"table-box-{stem}", gap="xsmall"):
        st.html(as_html(rows, wide))
        component("chart_saves")(
            data={"stem": stem, "csv": csv_text(rows if file is None else file)}, key=f"csv-{stem}"
        )


def as_html(rows: pd.DataFrame, wide: Collection[str] = ()) -> str:
    """The table as HTML; all text is escaped. An interval, `0.91 (0.88 to 0.94)`, goes under its figure where room is
    short.
    """
    marks = {c: ' class="wide"' if c in wide else "" for c in rows.columns}
    head = "".join(f"<th{marks[c]}>{escape(str(c))}</th>" for c in rows.columns)
    body = "".join(
        f"<tr>{''.join(f'<td{marks[c]}>{cell(v)}</td>' for c, v in zip(rows.columns, row, strict=True))}</tr>"
        for row in rows.itertuples(index=False)
    )
    return f'<div class="aw aw-table"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def cell(value: object) -> str:
    """One cell as HTML: a figure stays on one line, and its interval on one."""
    if value is None or (isinstance(value, float) and pd.isna(value)):
        return "–"
    found = WITH_SPAN.fullmatch(str(value))
    if found:
        return f'<span class="aw-num">{escape(found[1])}</span> <small class="aw-num">{escape(found[2])}</small>'
    return escape(str(value))
