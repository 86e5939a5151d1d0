"""Show how well heat maps point at planted artefacts: reports of `evidence` jobs, and the form that starts one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from app.charts.scales import interval_tips
from app.forms.job_forms import job_form
from app.ui import chart as chart_files
from app.ui import tables, widgets
from app.ui.theme import ACCENT, QUIET, SERIES
from core.artifacts.files import read_json
from core.explain.captions import METHOD_TITLES
from core.glossary import define
from jobs.client import Workbench

EVIDENCE_REPORT = "evidence_report.json"
PLANT_TITLES = {"noise": "patch of noise", "blend": "patch of another face"}
MAP_KINDS = {
    "mass": "face with the patch",
    "mass_unplanted": "same place without the patch",
    "mass_randomised": "network with random weights",
}
"""The map that is tested, and the two that it is compared with."""
MASS_ROW_PX, MASS_CHART_PX = 11, 520


def reports(workbench: Workbench) -> dict[str, list[dict[str, Any]]]:
    """Read all reports: those of runs tested on the same faces together, those of each bundle by themselves.

    Args:
        workbench: Whose workspace is searched.

    Returns:
        Reports by the text that a list shows.

    Raises:
        ValueError: A file of that name is no such report.
    """
    by_title: dict[str, list[dict[str, Any]]] = {}
    for kind in ("run", "experts"):
        for item in workbench.artifacts(kind):
            path = item.path / EVIDENCE_REPORT
            if not path.is_file():
                continue
            document = read_json(path)
            if document.get("kind") != "evidence":
                raise ValueError(f"{path} is not a report on heat maps; remove the file and run `aware evidence` again")
            faces = f"{document['dataset']} ({document['split']})"
            title = f"Runs on {faces}" if kind == "run" else f"{item.name}: bundle on {faces}"
            by_title.setdefault(title, []).append(document)
    return by_title


def draw_evidence_report(workbench: Workbench) -> None:
    """Show the chosen reports, and the form that starts a test."""
    by_title = reports(workbench)
    if by_title:
        evidence_section(by_title[st.selectbox("Tested heat maps", list(by_title), help=define("heat map"))])
    else:
        widgets.empty(
            "No heat map is tested yet", "Choose runs or a bundle in the form below, and start the test with `Test`."
        )
    st.subheader("Test heat maps", anchor=False)
    st.caption(
        "The test pastes patches of noise and of other faces into real faces at known places, and measures how much of "
        "each heat map lies on the patch. It needs the weights of the detectors and the pictures of the data set."
    )
    job_form("evidence", workbench, submit="Test", front=("runs", "bundle", "dataset", "split"))


def mass_rows(documents: Iterable[dict[str, Any]]) -> pd.DataFrame:
    """Lay out the share of the map on the patch, over the patch's share of the area.

    Args:
        documents: Reports of `evidence` jobs.

    Returns:
        Columns expert, map, whose (one of MAP_KINDS), value, low, high; undefined figures are left out.
    """
    rows = [
        {
            "expert": expert["title"],
            "map": f"{METHOD_TITLES[row['method']]}, {PLANT_TITLES[row['plant']]}",
            "whose": words,
            **row[figure],
        }
        for document in documents
        for expert in document["experts"]
        for row in expert["rows"]
        for figure, words in MAP_KINDS.items()
    ]
    columns = ["expert", "map", "whose", "value", "low", "high"]
    return pd.DataFrame(rows, columns=columns).dropna(subset=["value"])


def figure_rows(documents: Iterable[dict[str, Any]]) -> pd.DataFrame:
    """Lay out all figures as text: one row for each expert, kind of patch and method."""
    rows = [
        {
            "expert": expert["title"],
            "patch": PLANT_TITLES[row["plant"]],
            "map": METHOD_TITLES[row["method"]],
            "map on the patch / chance": _interval(row["mass"], "{:.2f}"),
            "hottest point on the patch": _interval(row["hits"], "{:.0%}"),
            "by chance": _interval({**row["area"], "low": None}, "{:.0%}"),
            "maps that pass their checks": _interval({**row["informative"], "low": None}, "{:.0%}"),
            "effect on the score (log-odds)": _interval(row["shift"], "{:+.2f}"),
            "empty maps": f"{row['empty']} of {row['items']}",
        }
        for document in documents
        for expert in document["experts"]
        for row in expert["rows"]
    ]
    return pd.DataFrame(rows)


def _interval(figure: dict[str, float | None], form: str) -> str:
    if figure["value"] is None:
        return "undefined"
    value = form.format(figure["value"])
    if figure["low"] is None:
        return value
    return f"{value} ({form.format(figure['low'])} to {form.format(figure['high'])})"


def mass_chart(rows: pd.DataFrame) -> alt.FacetChart:
    """Draw the map's share on the patch over chance, with its interval. rows: as `mass_rows` returns them."""
    colour = alt.Scale(domain=list(MAP_KINDS.values()), range=[ACCENT, SERIES[1], QUIET])
    base = alt.Chart().encode(
        y=alt.Y("map:N", title=None, sort=None, axis=alt.Axis(labelLimit=260)),
        yOffset=alt.YOffset("whose:N", sort=list(MAP_KINDS.values())),
        color=alt.Color("whose:N", title=None, scale=colour, legend=alt.Legend(orient="bottom")),
        tooltip=[
            "expert:N",
            "map:N",
            "whose:N",
            *interval_tips(".2f"),
        ],
    )
    title = "share of the map on the patch / share of the area (1 = chance)"
    spread = base.mark_rule(strokeWidth=2).encode(
        x=alt.X("low:Q", title=title, scale=alt.Scale(zero=True)), x2="high:Q"
    )
    dots = base.mark_circle(size=70, opacity=1).encode(x=alt.X("value:Q", title=title))
    chance = alt.Chart().mark_rule(strokeDash=[4, 4], color=QUIET).encode(x=alt.datum(1))
    layered = alt.layer(chance, spread, dots, data=rows).properties(height=alt.Step(MASS_ROW_PX), width=MASS_CHART_PX)
    return layered.facet(
        row=alt.Row(
            "expert:N", title=None, sort=None, header=alt.Header(labelAngle=0, labelAlign="left", labelOrient="top")
        )
    )


def evidence_section(documents: list[dict[str, Any]]) -> None:
    """Draw the chart and the table, and list in words what each row allows to be said."""
    st.subheader("Do the heat maps point at the patch?", anchor=False)
    first = documents[0]
    faces = max(row["items"] for document in documents for expert in document["experts"] for row in expert["rows"])
    chart_files.show_chart(
        mass_chart(mass_rows(documents)), "heat maps on planted patches",
        "A dot to the right of the dashed line: the map has more of itself on the patch than a uniform map. The patch "
        "and the training explain this only where the first dot also lies to the right of the other two. Up to "
        f"{faces} real faces of {first['dataset']} ({first['split']}); lines are 95 % intervals over groups.",
    )  # fmt: skip
    tables.show_table(figure_rows(documents), "heat maps on planted patches, table")
    for document in documents:
        for expert in document["experts"]:
            with st.expander(f"{widgets.plain_markdown(expert['title'])}: in words"):
                for row in expert["rows"]:
                    reading = widgets.plain_markdown(row["reading"])
                    st.markdown(f"- {PLANT_TITLES[row['plant']]}, {METHOD_TITLES[row['method']]}: {reading}")
