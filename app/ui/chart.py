"""A chart on the page, what to read off it, and what can be taken away: SVG, PNG, and its numbers as CSV.

Nothing of it needs a network: the pictures are made in the browser, and no entry opens another site.
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


def show_chart(chart: Any, name: str, says: str = "", rows: pd.DataFrame | None = None) -> None:
    """Draw an Altair chart; under it the pills SVG, PNG, CSV, and the sentence that says what to read off it.

    name: of the files, their title, and unique on the page. says: plain text; it stands in the SVG and PNG too. rows:
    what the CSV holds; None: what the chart draws.
    """
    stem = slug(name)
    with st.container(key=f"chart-box-{stem}", gap="xsmall"):
        with st.container(key=f"drawn-{stem}"):  # by its class the pills find the drawing
            st.altair_chart(chart, key=f"chart-{stem}")
        about = {"key": f"drawn-{stem}", "stem": stem, "title": name[:1].upper() + name[1:], "says": says}
        csv = csv_text(chart_rows(chart) if rows is None else rows)
        component("chart_saves")(data=about | {"csv": csv}, key=f"saves-{stem}")
        if says:
            st.caption(plain_markdown(says))


def slug(name: str) -> str:
    """A file's stem: letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "chart"


def chart_rows(chart: Any) -> pd.DataFrame:
    """Every number that a chart draws, a row a mark. Where its layers hold tables of their own, the column `layer`
    counts them; the same table in two layers is given once.
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
    found = [own] if isinstance(own, pd.DataFrame) else []
    for part in ("layer", "hconcat", "vconcat", "concat"):
        inner = getattr(chart, part, alt.Undefined)
        if isinstance(inner, list):
            found += [frame for one in inner for frame in _frames(one)]
    spec = getattr(chart, "spec", alt.Undefined)
    return found + (_frames(spec) if spec is not alt.Undefined else [])
