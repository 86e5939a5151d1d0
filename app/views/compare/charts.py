"""Draw the charts of the Compare page: every detector in one frame, in its own colour, with its interval."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import pandas as pd

from app.charts.scales import CURVE_PX, ROW_PX, UNIT_SCALE, LayeredChart, diagonal, interval_tips, marker
from app.ui.theme import INK
from app.views.compare.names import LETTER_OF, colour_scale

LEGEND = alt.Legend(orient="bottom", title=None, symbolOpacity=1, labelExpr=LETTER_OF)
"""Letters only: the page says above what they stand for, and so do tooltips and saved pictures."""
MARGIN_PX = 12
"""Between the widest interval and the edge of the chart."""


def _colour(names: Sequence[str], legend: alt.Legend | None = LEGEND) -> alt.Color:
    return alt.Color("detector:N", sort=list(names), legend=legend, scale=colour_scale(names))


def roc_overlay(rows: pd.DataFrame, names: Sequence[str]) -> LayeredChart:
    """Draw the ROC curves with their bands.

    Args:
        rows: Columns detector, fpr, tpr, low, high.
        names: Lettered names of all detectors.

    Returns:
        The chart.
    """
    tips = ["detector:N", *interval_tips(".3f", "fpr", "tpr", "low", "high")]
    base = alt.Chart(rows).encode(
        x=alt.X("fpr:Q", title="false alarms: reals called fake / reals", scale=UNIT_SCALE), color=_colour(names)
    )
    shade = base.mark_area(opacity=0.12).encode(
        y=alt.Y("low:Q", title="recall: fakes found / fakes", scale=UNIT_SCALE), y2="high:Q"
    )
    line = base.mark_line(strokeWidth=2).encode(y=alt.Y("tpr:Q", scale=UNIT_SCALE), tooltip=tips)
    return alt.layer(diagonal("fpr", "tpr"), shade, line).properties(height=CURVE_PX)


def reliability_overlay(rows: pd.DataFrame, names: Sequence[str]) -> LayeredChart:
    """Draw observed over stated shares with their intervals.

    Args:
        rows: Columns detector, stated, observed, low, high, items.
        names: Lettered names of all detectors.

    Returns:
        The chart.
    """
    tips = ["detector:N", *interval_tips(".3f", "stated", "observed", "low", "high"), "items:Q"]
    base = alt.Chart(rows).encode(x=alt.X("stated:Q", title="stated p_fake", scale=UNIT_SCALE), color=_colour(names))
    bars = base.mark_rule(opacity=0.5).encode(
        y=alt.Y("low:Q", title="observed share of fakes", scale=UNIT_SCALE), y2="high:Q"
    )
    line = base.mark_line(strokeWidth=1.5, point=alt.OverlayMarkDef(size=40)).encode(
        y=alt.Y("observed:Q", scale=UNIT_SCALE), tooltip=tips
    )
    return alt.layer(diagonal("stated", "observed"), bars, line).properties(height=CURVE_PX)


def figure_chart(rows: pd.DataFrame, names: Sequence[str], title: str) -> LayeredChart:
    """Draw one line for each detector: the figure with its interval.

    Args:
        rows: Columns detector, value, low, high.
        names: Lettered names of all detectors.
        title: Of the axis.

    Returns:
        The chart.
    """
    base = alt.Chart(rows).encode(
        y=alt.Y("detector:N", title=None, sort=list(names), axis=alt.Axis(labelExpr=LETTER_OF, labelFontSize=13)),
        color=_colour(names, legend=None),
        tooltip=["detector:N", *interval_tips(".4f")],
    )
    spread = base.mark_rule(strokeWidth=2).encode(
        x=alt.X("low:Q", title=title, scale=alt.Scale(zero=False, padding=MARGIN_PX)), x2="high:Q"
    )
    dots = base.mark_circle(size=90, opacity=1).encode(x="value:Q")
    return alt.layer(spread, dots).properties(height=alt.Step(ROW_PX))


def difference_chart(rows: pd.DataFrame, title: str) -> LayeredChart:
    """Draw one line for each pair, with a dashed line at no difference. Pairs have no detector's colour.

    Args:
        rows: Columns source (the pair), value, low, high.
        title: Of the axis.

    Returns:
        The chart.
    """
    base = alt.Chart(rows).encode(
        y=alt.Y("source:N", title=None, sort=None, axis=alt.Axis(labelFontSize=13)),
        tooltip=["source:N", *interval_tips(".4f")],
    )
    spread = base.mark_rule(strokeWidth=2, color=INK).encode(
        x=alt.X("low:Q", title=title, scale=alt.Scale(padding=MARGIN_PX)), x2="high:Q"
    )
    dots = base.mark_circle(size=80, opacity=1, color=INK).encode(x="value:Q")
    return alt.layer(marker("low", 0.0), spread, dots).properties(height=alt.Step(ROW_PX))


def curve_chart(rows: pd.DataFrame, names: Sequence[str], title: str) -> LayeredChart:
    """Draw the training curves of the detectors that have one.

    Args:
        rows: Columns detector, epoch, value.
        names: Lettered names of all detectors.
        title: Of the vertical axis.

    Returns:
        The chart.
    """
    drawn = [name for name in names if name in set(rows["detector"])]
    base = alt.Chart(rows).encode(
        x=alt.X("epoch:Q", title="epoch", axis=alt.Axis(tickMinStep=1, format="d")),
        y=alt.Y("value:Q", title=title, scale=alt.Scale(zero=False)),
        color=_colour(drawn),
        tooltip=["detector:N", "epoch:Q", alt.Tooltip("value:Q", format=".4g")],
    )
    return alt.layer(base.mark_line(strokeWidth=2), base.mark_circle(size=30)).properties(height=CURVE_PX)
