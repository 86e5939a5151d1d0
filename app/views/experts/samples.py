"""Items that one expert calls rightly and another wrongly: thumbnails with both scores, paged."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import streamlit as st

from app.ui import html, widgets
from app.views.experts.reports import ExpertsReport

PER_PAGE = 12
ABREAST = 4


def draw_samples(report: ExpertsReport) -> None:
    """Choose who is right and who is wrong; see the items, the widest apart first."""
    names = report.names
    if len(names) < 2:
        widgets.empty("One expert alone has nobody to quarrel with", "Judge two or more runs together.")
        return
    one, two, three, four = st.columns([3, 3, 2, 2])
    right = one.selectbox("Right", names, format_func=report.title_of, key="samples.right")
    others = [name for name in names if name != right]
    wrong = two.selectbox("Wrong", others, format_func=report.title_of, key="samples.wrong")
    truth = three.selectbox("Truth", ["", "real", "fake"], format_func=lambda v: v or "both", key="samples.truth")
    rows = report.samples()
    rows = rows[(rows["right"] == right) & (rows["wrong"] == wrong)]
    if truth:
        rows = rows[rows["label"] == int(truth == "fake")]
    last = max(1, -(-len(rows) // PER_PAGE))
    page = four.number_input(f"Page, of {last}", 1, last, 1, key=f"samples.page.{right}.{wrong}.{truth}")
    st.caption(
        f"{len(rows)} items that {widgets.plain_markdown(report.title_of(right))} calls rightly and "
        f"{widgets.plain_markdown(report.title_of(wrong))} wrongly at p_fake 0.5, the widest apart first."
    )
    if rows.empty:
        widgets.empty("No such item", "On this split the second is right wherever the first is.")
        return
    shown: list[dict[str, Any]] = rows.iloc[(page - 1) * PER_PAGE : page * PER_PAGE].to_dict("records")
    for start in range(0, len(shown), ABREAST):
        for column, row in zip(st.columns(ABREAST), shown[start : start + ABREAST], strict=False):
            column.html(sample_card(report, row))
    st.download_button(
        "This list as CSV", rows.to_csv(index=False), file_name=f"{right}-right-{wrong}-wrong.csv", mime="text/csv"
    )


def sample_card(report: ExpertsReport, row: dict[str, Any]) -> str:
    """One item: its picture, reconstructions beside it, what it is and what both say. HTML."""
    face = report.face(row["sample_id"])
    pictures = [] if face is None else [("picture", face)]
    pictures += [(f"as {report.title_of(name)} rebuilds it", path) for name, path in report.rebuilt(row["sample_id"])]
    images = "".join(
        f'<img src="{data_url(path)}" alt="{html.escape(what)}" title="{html.escape(what)}" '
        'style="flex:1 1 0;min-width:0;max-width:192px;border-radius:4px">'
        for what, path in pictures
    )
    if not images:
        images = '<span class="aw-quiet">No picture kept; judge again with more pictures.</span>'
    truth = "fake" if row["label"] else "real"
    scores = "".join(
        f'<span>{html.escape(report.title_of(row[who]))}</span><span style="text-align:right">{row[p]:.3f}</span>'
        for who, p in (("right", "p_right"), ("wrong", "p_wrong"))
    )
    return (
        f'<div class="aw"><div style="display:flex;gap:4px">{images}</div>'
        f'<div style="margin-top:4px"><b>{truth}</b> <span class="aw-quiet">p_fake:</span></div>'
        '<div style="display:grid;grid-template-columns:1fr auto;column-gap:8px;font-size:13px">'
        f"{scores}</div></div>"
    )


def data_url(path: Path) -> str:
    """A small picture inside the page itself."""
    return "data:image/jpeg;base64," + base64.b64encode(path.read_bytes()).decode()
