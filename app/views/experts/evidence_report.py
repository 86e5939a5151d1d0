"""How well heat maps point at planted artefacts: reports of `evidence` jobs, and the section that draws them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from app.forms.job_forms import job_form
from app.ui import chart as chart_files
from app.ui import widgets
from app.ui.theme import ACCENT, QUIET, SERIES
from core.artifacts.files import read_json
from core.explain.captions import METHOD_TITLES
from jobs.client import Workbench

REPORT = "evidence_report.json"
PLANTS = {"noise": "patch of noise", "blend": "patch of another face"}
WHOSE = {
    "mass": "face with the plant",
    "mass_unplanted": "same place, no plant",
    "mass_randomised": "randomised weights",
}


def reports(workbench: Workbench) -> dict[str, list[dict[str, Any]]]:
    """By what a list shows: the reports of all runs tested on the same faces together, each bundle's by itself.

    Raises ValueError for a file of that name that is no such report.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for kind in ("run", "experts"):
        for item in workbench.artifacts(kind):
            path = item.path / REPORT
            if not path.is_file():
                continue
            document = read_json(path)
            if document.get("kind") != "evidence":
                raise ValueError(f"{path} is no report on heat maps; remove it and run `aware evidence` again")
            faces = f"{document['dataset']} ({document['split']})"
            found.setdefault(f"Runs on {faces}" if kind == "run" else f"{item.name}: bundle on {faces}", []).append(
                document
            )
    return found


def draw_evidence_report(workbench: Workbench) -> None:
    """The chosen reports and the form that makes more."""
    found = reports(workbench)
    if found:
        evidence_section(found[st.selectbox("Tested heat maps", list(found))])
    else:
        widgets.empty("No heat map is tested yet", "Choose runs below: artefacts are planted in real faces.")
    st.subheader("Test heat maps", anchor=False)
    st.caption("Plants noise and patches of other faces at known places, and measures what the maps put there.")
    job_form("evidence", workbench, submit="Test", front=("runs", "bundle", "dataset", "split"))


def mass_rows(documents: Iterable[dict[str, Any]]) -> pd.DataFrame:
    """A row an expert, plant, method and WHOSE: value, low, high of the mass over chance; empty figures left out."""
    rows = [
        {
            "expert": expert["title"],
            "map": f"{METHOD_TITLES[row['method']]}, {PLANTS[row['plant']]}",
            "whose": words,
            **row[figure],
        }
        for document in documents
        for expert in document["experts"]
        for row in expert["rows"]
        for figure, words in WHOSE.items()
    ]
    columns = ["expert", "map", "whose", "value", "low", "high"]
    return pd.DataFrame(rows, columns=columns).dropna(subset=["value"])


def figure_rows(documents: Iterable[dict[str, Any]]) -> pd.DataFrame:
    """A row an expert, plant and method, as text for a table."""
    rows = [
        {
            "expert": expert["title"],
            "plant": PLANTS[row["plant"]],
            "map": METHOD_TITLES[row["method"]],
            "mass / chance": _interval(row["mass"], "{:.2f}"),
            "hottest point on it": _interval(row["hits"], "{:.0%}"),
            "by chance": _interval({**row["area"], "low": None}, "{:.0%}"),
            "informative": _interval({**row["informative"], "low": None}, "{:.0%}"),
            "plant adds (log-odds)": _interval(row["shift"], "{:+.2f}"),
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
    """Mass on the plant over chance with its interval; a dashed line at chance. rows: as of `mass_rows`."""
    colour = alt.Scale(domain=list(WHOSE.values()), range=[ACCENT, SERIES[1], QUIET])
    base = alt.Chart().encode(
        y=alt.Y("map:N", title=None, sort=None, axis=alt.Axis(labelLimit=260)),
        yOffset=alt.YOffset("whose:N", sort=list(WHOSE.values())),
        color=alt.Color("whose:N", title=None, scale=colour, legend=alt.Legend(orient="bottom")),
        tooltip=[
            "expert:N",
            "map:N",
            "whose:N",
            *(alt.Tooltip(f"{k}:Q", format=".2f") for k in ("value", "low", "high")),
        ],
    )
    title = "mass on the plant over its share of the area (1 = chance)"
    spread = base.mark_rule(strokeWidth=2).encode(
        x=alt.X("low:Q", title=title, scale=alt.Scale(zero=True)), x2="high:Q"
    )
    dots = base.mark_circle(size=70, opacity=1).encode(x=alt.X("value:Q", title=title))
    chance = alt.Chart().mark_rule(strokeDash=[4, 4], color=QUIET).encode(x=alt.datum(1))
    layered = alt.layer(chance, spread, dots, data=rows).properties(height=alt.Step(11), width=520)
    return layered.facet(
        row=alt.Row(
            "expert:N", title=None, sort=None, header=alt.Header(labelAngle=0, labelAlign="left", labelOrient="top")
        )
    )


def evidence_section(documents: list[dict[str, Any]]) -> None:
    """The chart, one sentence that says what to read off it, the table, and what each row allows to be said."""
    st.subheader("Do the heat maps point at what was planted?", anchor=False)
    first = documents[0]
    faces = max(row["items"] for document in documents for expert in document["experts"] for row in expert["rows"])
    chart_files.show_chart(mass_chart(mass_rows(documents)), "mass in planted places")
    st.caption(
        "Right of the dashed line, a map puts more of itself on the planted patch than a map that knows nothing. Only "
        "where the first dot also lies right of the other two did the plant, and what was learned, draw the map there."
    )
    st.caption(f"Up to {faces} real faces of {first['dataset']} ({first['split']}), 95 % over resampled groups.")
    st.dataframe(figure_rows(documents), hide_index=True)
    for document in documents:
        for expert in document["experts"]:
            with st.expander(f"{expert['title']}: in words"):
                for row in expert["rows"]:
                    st.markdown(f"- {PLANTS[row['plant']]}, {METHOD_TITLES[row['method']]}: {row['reading']}")
