"""Charts of the Compare page: every detector in one frame, a colour each, with its interval."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import pandas as pd

from app.ui.theme import ACCENT, QUIET, SERIES

UNIT = alt.Scale(domain=[0, 1], nice=False)
HEIGHT = 360
LETTER = "split(datum.label, ':')[0]"
"""A detector on an axis or in a legend: the page says above what the letters stand for, and a tooltip does."""
LEGEND = alt.Legend(orient="bottom", title=None, symbolOpacity=1, labelExpr=LETTER)
ROOM = 12
"""Pixels between the widest interval and the frame."""


def _colour(names: Sequence[str], legend: alt.Legend | None = LEGEND) -> alt.Color:
    return alt.Color(
        "detector:N", sort=list(names), legend=legend, scale=alt.Scale(domain=list(names), range=SERIES[: len(names)])
    )


def _diagonal(x: str, y: str) -> alt.Chart:
    line = pd.DataFrame({x: [0, 1], y: [0, 1]})
    return alt.Chart(line).mark_line(strokeDash=[4, 4], color=QUIET).encode(x=f"{x}:Q", y=f"{y}:Q")


def roc_overlay(rows: pd.DataFrame, names: Sequence[str]) -> alt.LayerChart | alt.FacetChart:
    """rows: detector, fpr, tpr, low, high."""
    tips = ["detector:N", *(alt.Tooltip(f"{c}:Q", format=".3f") for c in ("fpr", "tpr", "low", "high"))]
    base = alt.Chart(rows).encode(
        x=alt.X("fpr:Q", title="false alarms: reals called fake / reals", scale=UNIT), color=_colour(names)
    )
    band = base.mark_area(opacity=0.12).encode(y=alt.Y("low:Q", title="fakes found / fakes", scale=UNIT), y2="high:Q")
    line = base.mark_line(strokeWidth=2).encode(y=alt.Y("tpr:Q", scale=UNIT), tooltip=tips)
    return alt.layer(_diagonal("fpr", "tpr"), band, line).properties(height=HEIGHT)


def reliability_overlay(rows: pd.DataFrame, names: Sequence[str]) -> alt.LayerChart | alt.FacetChart:
    """rows: detector, stated, observed, low, high, items."""
    tips = ["detector:N", *(alt.Tooltip(f"{c}:Q", format=".3f") for c in ("stated", "observed", "low", "high"))]
    base = alt.Chart(rows).encode(x=alt.X("stated:Q", title="stated p_fake", scale=UNIT), color=_colour(names))
    bars = base.mark_rule(opacity=0.5).encode(
        y=alt.Y("low:Q", title="observed share of fakes", scale=UNIT), y2="high:Q"
    )
    line = base.mark_line(strokeWidth=1.5, point=alt.OverlayMarkDef(size=40)).encode(
        y=alt.Y("observed:Q", scale=UNIT), tooltip=[*tips, "items:Q"]
    )
    return alt.layer(_diagonal("stated", "observed"), bars, line).properties(height=HEIGHT)


def figure_chart(rows: pd.DataFrame, names: Sequence[str], title: str) -> alt.LayerChart | alt.FacetChart:
    """One line a detector. rows: detector, value, low, high."""
    base = alt.Chart(rows).encode(
        y=alt.Y("detector:N", title=None, sort=list(names), axis=alt.Axis(labelExpr=LETTER, labelFontSize=13)),
        color=_colour(names, legend=None),
        tooltip=["detector:N", *(alt.Tooltip(f"{c}:Q", format=".4f") for c in ("value", "low", "high"))],
    )
    spread = base.mark_rule(strokeWidth=2).encode(
        x=alt.X("low:Q", title=title, scale=alt.Scale(zero=False, padding=ROOM)), x2="high:Q"
    )
    dots = base.mark_circle(size=90, opacity=1).encode(x="value:Q")
    return alt.layer(spread, dots).properties(height=alt.Step(30))


def difference_chart(rows: pd.DataFrame, title: str) -> alt.LayerChart | alt.FacetChart:
    """One line a pair, with the line of no difference. rows: source, value, low, high."""
    base = alt.Chart(rows).encode(
        y=alt.Y("source:N", title=None, sort=None),
        tooltip=["source:N", *(alt.Tooltip(f"{c}:Q", format=".4f") for c in ("value", "low", "high"))],
    )
    none = alt.Chart(pd.DataFrame({"none": [0.0]})).mark_rule(strokeDash=[4, 4], color=QUIET).encode(x="none:Q")
    spread = base.mark_rule(strokeWidth=2, color=ACCENT).encode(
        x=alt.X("low:Q", title=title, scale=alt.Scale(padding=ROOM)), x2="high:Q"
    )
    dots = base.mark_circle(size=80, opacity=1, color=ACCENT).encode(x="value:Q")
    return alt.layer(none, spread, dots).properties(height=alt.Step(30))


def curve_chart(rows: pd.DataFrame, names: Sequence[str], title: str) -> alt.LayerChart | alt.FacetChart:
    """rows: detector, epoch, value."""
    there = [name for name in names if name in set(rows["detector"])]
    base = alt.Chart(rows).encode(
        x=alt.X("epoch:Q", axis=alt.Axis(tickMinStep=1, format="d")),
        y=alt.Y("value:Q", title=title, scale=alt.Scale(zero=False)),
        color=alt.Color(
            "detector:N", sort=there, legend=LEGEND,
            scale=alt.Scale(domain=there, range=[SERIES[list(names).index(name)] for name in there]),
        ),
        tooltip=["detector:N", "epoch:Q", alt.Tooltip("value:Q", format=".4g")],
    )  # fmt: skip
    return alt.layer(base.mark_line(strokeWidth=2), base.mark_circle(size=30)).properties(height=300)
