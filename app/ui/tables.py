"""Draw tables that are read, not sorted: text wraps at every width, and a button saves the numbers as CSV."""

from __future__ import annotations

import re
from collections.abc import Collection
from html import escape

import pandas as pd
import streamlit as st

from app.ui.chart import slug
from app.ui.components import component
from core.data.manifest.tables import csv_text

INTERVAL_IN_CELL = re.compile(r"(\S+) \((.+ to .+)\)")


def show_table(rows: pd.DataFrame, name: str, wide: Collection[str] = (), file: pd.DataFrame | None = None) -> None:
    """Draw a table, and under it a button that saves it as CSV.

    Args:
        rows: The table.
        name: Name of the file; unique on the page.
        wide: Columns of running text; they take the width that is left.
        file: What the CSV holds; None takes what is shown.
    """
    stem = slug(name)
    with st.container(key=f"table-box-{stem}", gap="xsmall"):
        st.html(as_html(rows, wide, name))
        component("chart_saves")(
            data={"stem": stem, "csv": csv_text(rows if file is None else file)}, key=f"csv-{stem}"
        )


def as_html(rows: pd.DataFrame, wide: Collection[str] = (), label: str = "Table") -> str:
    """Return a table as HTML; all text is escaped.

    An interval such as `0.91 (0.88 to 0.94)` goes under its figure where the width is short.

    Args:
        rows: The table.
        wide: Columns of running text.
        label: Name of the table for a screen reader.

    Returns:
        The HTML.
    """
    marks = {c: ' class="wide"' if c in wide else "" for c in rows.columns}
    head = "".join(f"<th{marks[c]}>{escape(str(c))}</th>" for c in rows.columns)
    body = "".join(
        f"<tr>{''.join(f'<td{marks[c]}>{cell(v)}</td>' for c, v in zip(rows.columns, row, strict=True))}</tr>"
        for row in rows.itertuples(index=False)
    )
    return (
        f'<div class="aw aw-table" tabindex="0" role="group" aria-label="{escape(label)}"><table>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def cell(value: object) -> str:
    """Return one cell as HTML; a figure stays on one line, and so does its interval."""
    if value is None or (isinstance(value, float) and pd.isna(value)):
        return "–"
    interval = INTERVAL_IN_CELL.fullmatch(str(value))
    if interval:
        return f'<span class="aw-num">{escape(interval[1])}</span> <small class="aw-num">{escape(interval[2])}</small>'
    return escape(str(value))
