"""Draw a chart on a page, with a sentence on how to read it and with buttons that save it as SVG, PNG and CSV.

The browser makes the pictures; nothing is fetched, and no menu entry opens another site.
"""

from __future__ import annotations

import re
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from app.ui.components import component
from app.ui.widgets import plain_markdown
from core.data.manifest.tables import csv_text


def show_chart(chart: Any, name: str, says: str = "", rows: pd.DataFrame | None = None, only_saved: str = "") -> None:
    """Draw an Altair chart, the buttons SVG, PNG and CSV, and the sentence on how to read it.

    Args:
        chart: The Altair chart.
        name: Name of the saved files and title in them; unique on the page.
        says: How to read the chart, as plain text; the saved SVG and PNG hold it too.
        rows: What the CSV holds; None takes the rows that the chart draws.
        only_saved: A further sentence for the saved SVG and PNG, for example the names behind letters.
    """
    stem = slug(name)
    with st.container(key=f"chart-box-{stem}", gap="xsmall"):
        with st.container(key=f"drawn-{stem}"):  # the buttons find the drawing by this class
            st.altair_chart(chart, key=f"chart-{stem}")
        about = {"key": f"drawn-{stem}", "stem": stem, "title": name[:1].upper() + name[1:]}
        about["says"] = f"{only_saved} {says}".strip()
        csv = csv_text(chart_rows(chart) if rows is None else rows)
        component("chart_saves")(data=about | {"csv": csv}, key=f"saves-{stem}")
        if says:
            st.caption(plain_markdown(says))


def slug(name: str) -> str:
    """Return a name as the stem of a file: lower-case letters, digits and dashes; "chart" when none is left."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "chart"


def chart_rows(chart: Any) -> pd.DataFrame:
    """Return every number that a chart draws, one row for each mark.

    Where layers hold different tables, the column `layer` counts the tables from 1; a table that two layers share
    appears once.

    Args:
        chart: An Altair chart, plain, layered or concatenated.

    Returns:
        The rows; an empty table when the chart holds no data of its own.
    """
    tables: list[pd.DataFrame] = []
    for frame in _frames(chart):
        if not any(frame is known for known in tables):
            tables.append(frame)
    if not tables:
        return pd.DataFrame()
    if len(tables) == 1:
        return tables[0]
    return pd.concat([t.assign(layer=i) for i, t in enumerate(tables, 1)], ignore_index=True)


def _frames(chart: Any) -> list[pd.DataFrame]:
    own = getattr(chart, "data", None)
    tables = [own] if isinstance(own, pd.DataFrame) else []
    for part in ("layer", "hconcat", "vconcat", "concat"):
        inner = getattr(chart, part, alt.Undefined)
        if isinstance(inner, list):
            tables += [frame for layer in inner for frame in _frames(layer)]
    spec = getattr(chart, "spec", alt.Undefined)  # a faceted chart holds its table in `spec`
    return tables + (_frames(spec) if spec is not alt.Undefined else [])
