"""A chart on the page with what it takes away: PNG from the tools at its corner, SVG and its numbers as CSV below.

Nothing of it needs a network: the pictures are made in the browser, and no entry opens another site."""

from __future__ import annotations

import re
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from app.boards import component
from core.data.tables import csv_text


def show(chart: Any, name: str, rows: pd.DataFrame | None = None) -> None:
    """Draw an Altair chart, and under it a button for its numbers.

    name: of the files, and unique on the page. rows: what the CSV holds; None: what the chart draws."""
    stem = slug(name)
    with st.container(key=f"drawn-{stem}"):  # by its class the SVG button finds the drawing
        st.altair_chart(chart, key=f"chart-{stem}")
    data = chart_rows(chart) if rows is None else rows
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.download_button(
            "CSV", csv_text(data), f"{stem}.csv", "text/csv", key=f"csv-{stem}", type="tertiary", on_click="ignore",
            icon=":material/download:", help="The chart's numbers. As PNG: the tools at its corner.",
        )  # fmt: skip
        component("chart_svg")(data={"key": f"drawn-{stem}", "stem": stem}, key=f"svg-{stem}", width=60)


def slug(name: str) -> str:
    """A file's stem: letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "chart"


def chart_rows(chart: Any) -> pd.DataFrame:
    """Every number that a chart draws, a row a mark. Where its layers hold tables of their own, the column `layer`
    counts them; the same table in two layers is given once."""
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
