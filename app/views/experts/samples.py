"""Show the items that one expert calls rightly and another wrongly: pictures with both scores, page by page."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from app.ui import html, tables, widgets
from app.views.experts.reports import ExpertsReport
from core.data.manifest.tables import csv_text

ITEMS_PER_PAGE = 12
ITEMS_PER_ROW = 4


def draw_samples(report: ExpertsReport) -> None:
    """Let the reader choose who is right and who is wrong, and show those items, the largest difference first."""
    names = report.names
    if len(names) < 2:
        widgets.empty("This report has one expert", "Start a report on two or more runs in the tab `Start a job`.")
        return
    one, two, three, four = st.columns([3, 3, 2, 2])
    right = one.selectbox("Expert that is right", names, format_func=report.title_of, key="samples.right")
    others = [name for name in names if name != right]
    wrong = two.selectbox("Expert that is wrong", others, format_func=report.title_of, key="samples.wrong")
    truth = three.selectbox("Label", ["", "real", "fake"], format_func=lambda v: v or "both", key="samples.truth")
    rows = report.samples()
    rows = rows[(rows["right"] == right) & (rows["wrong"] == wrong)]
    if truth:
        rows = rows[rows["label"] == int(truth == "fake")]
    last = max(1, -(-len(rows) // ITEMS_PER_PAGE))
    page = four.number_input(f"Page (1 to {last})", 1, last, 1, key=f"samples.page.{right}.{wrong}.{truth}")
    st.caption(
        f"{len(rows):,} items that {widgets.plain_markdown(report.title_of(right))} calls rightly and "
        f"{widgets.plain_markdown(report.title_of(wrong))} wrongly at the threshold p_fake 0.5. Items whose two scores "
        "differ most come first."
    )
    if rows.empty:
        widgets.empty(
            "No such item", "Choose another pair: on this split the second expert is right wherever the first one is."
        )
        return
    shown: list[dict[str, Any]] = rows.iloc[(page - 1) * ITEMS_PER_PAGE : page * ITEMS_PER_PAGE].to_dict("records")
    if report.from_scores_alone:
        tables.show_table(sample_table(report, shown), f"disagreements page {page}", file=rows)
        return
    for start in range(0, len(shown), ITEMS_PER_ROW):
        for column, row in zip(st.columns(ITEMS_PER_ROW), shown[start : start + ITEMS_PER_ROW], strict=False):
            column.html(sample_card(report, row))
    st.download_button(
        "Download this list (CSV)",
        csv_text(rows),
        file_name=f"{right}-right-{wrong}-wrong.csv",
        mime="text/csv",
    )


def sample_table(report: ExpertsReport, rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Lay out items without pictures: id, label and both scores.

    Args:
        report: The report that the items are from.
        rows: Rows of `report.samples()`, all of the same pair.

    Returns:
        One row for each item.
    """
    return pd.DataFrame(
        [
            {
                "item": row["sample_id"],
                "label": "fake" if row["label"] else "real",
                f"p_fake by {report.title_of(row['right'])}": f"{row['p_right']:.3f}",
                f"p_fake by {report.title_of(row['wrong'])}": f"{row['p_wrong']:.3f}",
            }
            for row in rows
        ]
    )


def sample_card(report: ExpertsReport, row: dict[str, Any]) -> str:
    """Draw one item as HTML: its picture, its reconstructions, its label and both scores.

    Args:
        report: The report that the item is from.
        row: One row of `report.samples()`.

    Returns:
        HTML; every text from outside is escaped.
    """
    face = report.face(row["sample_id"])
    pictures = [] if face is None else [("picture", face)]
    pictures += [
        (f"reconstruction by {report.title_of(name)}", path) for name, path in report.rebuilt(row["sample_id"])
    ]
    images = "".join(
        f'<img src="{data_url(path)}" alt="{html.escape(what)}" title="{html.escape(what)}" '
        'style="flex:1 1 0;min-width:0;max-width:192px;border-radius:4px">'
        for what, path in pictures
    )
    if not images:
        images = '<span class="aw-quiet">No picture is saved. Start the job again with more pictures.</span>'
    label = "fake" if row["label"] else "real"
    scores = "".join(
        f'<span>{html.escape(report.title_of(row[who]))}</span><span style="text-align:right">{row[p]:.3f}</span>'
        for who, p in (("right", "p_right"), ("wrong", "p_wrong"))
    )
    return (
        f'<div class="aw"><div style="display:flex;gap:4px">{images}</div>'
        f'<div style="margin-top:4px"><b>{label}</b> <span class="aw-quiet">p_fake by</span></div>'
        '<div style="display:grid;grid-template-columns:1fr auto;column-gap:8px;font-size:13px">'
        f"{scores}</div></div>"
    )


def data_url(path: Path) -> str:
    """Return a JPEG as a data URL, so that the page needs no other file."""
    return "data:image/jpeg;base64," + base64.b64encode(path.read_bytes()).decode()
