"""Draw charts of scores: reliability, errors over coverage, and figures with their intervals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from app.charts.scales import CURVE_PX, ROW_PX, UNIT_SCALE, LayeredChart, diagonal, interval_tips, marker
from app.ui.theme import ACCENT, QUIET
from core.metrics.reliability import Convention, Reliability
from core.metrics.risk_band import RiskBand

RELIABILITY_PX = 250
COUNTS_PX = 150
FAR_INTERVAL = 3.0
"""An interval that reaches this many times as far as three quarters of the others is cut at the edge of the chart."""


def reliability_charts(
    r: Reliability, which: Convention = "binary", height: int = RELIABILITY_PX
) -> tuple[LayeredChart, alt.Chart]:
    """Draw stated against observed shares with their intervals, and the number of items in each bin.

    They are two charts because a concatenated chart does not follow the width of its column.

    Args:
        r: Bins with stated and observed shares.
        which: "binary" (p_fake against the share of fakes) or "top_label" (confidence against the share right).
        height: Of the first chart, in pixels.

    Returns:
        (reliability, counts), to be drawn below each other.
    """
    frame = pd.DataFrame({"stated": r.stated, "observed": r.observed, "low": r.low, "high": r.high, "items": r.count})
    frame["from"], frame["to"] = r.edges[:-1], r.edges[1:]
    filled = frame[frame["items"] > 0]
    binary = which == "binary"
    x_title, y_title = (
        ("stated p_fake", "observed share of fakes") if binary else ("stated confidence", "observed share right")
    )
    # The confidence in the likelier of two classes is never below 0.5.
    x_scale = UNIT_SCALE if binary else alt.Scale(domain=[0.5, 1], nice=False)
    x = alt.X("stated:Q", title=x_title, scale=x_scale)
    tips = [*interval_tips(".3f", "stated", "observed", "low", "high"), "items:Q"]
    bars = alt.Chart(filled).mark_rule(color=ACCENT).encode(x=x, y="low:Q", y2="high:Q")
    dots = (
        alt.Chart(filled)
        .mark_circle(size=60, color=ACCENT, opacity=1)
        .encode(x=x, y=alt.Y("observed:Q", title=y_title, scale=UNIT_SCALE), tooltip=tips)
    )
    top = alt.layer(diagonal("stated", "observed").encode(x=x), bars, dots).properties(height=height)
    counts = (
        alt.Chart(frame)
        .mark_bar(color=QUIET, opacity=0.7, clip=True)
        .encode(
            x=alt.X("from:Q", title=x_title, scale=x_scale, bin="binned"),
            x2="to:Q",
            y=alt.Y("items:Q", title="items", axis=alt.Axis(tickCount=3)),
            tooltip=["items:Q"],
        )
        .properties(height=COUNTS_PX)
    )
    return top, counts


def reliability_words(r: Reliability, which: Convention = "binary") -> str:
    """Say on which side of the dashed line the bins lie.

    A bin counts as off the line when its interval does not contain the stated value.

    Args:
        r: Bins with intervals.
        which: As in `reliability_charts`.

    Returns:
        One or two sentences.
    """
    known = (r.count > 0) & np.isfinite(r.low) & np.isfinite(r.high)
    above, below = int((known & (r.low > r.stated)).sum()), int((known & (r.high < r.stated)).sum())
    of_bins = f"of {int((r.count > 0).sum())} bins"
    more, fewer = (
        ("more items are fake than stated", "fewer items are fake than stated")
        if which == "binary"
        else ("the detector is right more often than stated", "the detector is right less often than stated")
    )
    if not known.any():
        return "On the dashed line the observed share equals the stated one. No bin has enough groups for an interval."
    if not above and not below:
        return f"The interval of every bin contains the dashed line, where observed equals stated ({of_bins})."
    clauses = [f"{n} {of_bins} {'lies' if n == 1 else 'lie'} {where} the dashed line: there {what}"
               for n, where, what in ((above, "above", more), (below, "below", fewer)) if n]  # fmt: skip
    return "; ".join(clauses) + "."


def risk_chart(risk: RiskBand) -> LayeredChart:
    """Draw the error rate among the answered items over the share that is answered, with its interval."""
    frame = pd.DataFrame({name: getattr(risk, name) for name in ("coverage", "risk", "low", "high", "confidence")})
    x = alt.X("coverage:Q", title="share of items answered (most confident first)", scale=UNIT_SCALE)
    area = alt.Chart(frame.dropna()).mark_area(color=ACCENT, opacity=0.15).encode(x=x, y="low:Q", y2="high:Q")
    line = (
        alt.Chart(frame)
        .mark_line(color=ACCENT, strokeWidth=2)
        .encode(
            x=x,
            y=alt.Y("risk:Q", title="errors / items answered"),
            tooltip=[
                alt.Tooltip("coverage:Q", format=".1%"),
                *interval_tips(".3f", "risk", "low", "high"),
                alt.Tooltip("confidence:Q", title="least confidence answered", format=".3f"),
            ],
        )
    )
    return alt.layer(area, line).properties(height=CURVE_PX)


def readable_ends(rows: pd.DataFrame) -> tuple[float, float] | None:
    """Find the ends of an axis on which most intervals can be distinguished.

    One or two very long intervals would make all others too short to read. Those that reach more than FAR_INTERVAL
    times as far out as three quarters of the others are left to be cut at the edge.

    Args:
        rows: Columns low, high.

    Returns:
        (low, high) of the axis, or None where all intervals fit.
    """
    known = rows.dropna(subset=["low", "high"])
    if len(known) < 4:
        return None
    middle = float(np.median(known[["low", "high"]].mean(axis=1)))
    reach = np.maximum(middle - known["low"], known["high"] - middle)
    near = float(np.quantile(reach, 0.75))
    if reach.max() <= FAR_INTERVAL * near:
        return None
    whole = known[reach <= near * (1 + 1e-9)]
    margin = 0.1 * (whole["high"].max() - whole["low"].min())
    return float(whole["low"].min() - margin), float(whole["high"].max() + margin)


def clipped_words(rows: pd.DataFrame, ends: tuple[float, float] | None) -> str:
    """Say which intervals run past the ends of the axis.

    Args:
        rows: Columns source, value, low, high.
        ends: As `readable_ends` returns them.

    Returns:
        One sentence; empty where no interval is cut.
    """
    if ends is None:
        return ""
    past = rows[(rows["low"] < ends[0]) | (rows["high"] > ends[1])]
    named = [f"{r.source} {r.value:.3g} ({r.low:.3g} to {r.high:.3g})" for r in past.itertuples()]
    return f"A triangle marks an interval that continues past the edge: {'; '.join(named)}." if named else ""


def interval_chart(
    rows: pd.DataFrame, figure: str, zero: bool = False, ends: tuple[float, float] | None = None
) -> LayeredChart:
    """Draw one line for each source: the value with its interval.

    Args:
        rows: Columns source, value, low, high, and perhaps n and groups.
        figure: Title of the axis.
        zero: Draw a dashed line at 0.
        ends: Of the axis, as `readable_ends` returns them; what runs past them is cut and marked by a triangle.

    Returns:
        The chart.
    """
    base = alt.Chart(rows).encode(
        y=alt.Y("source:N", title=None, sort=None, axis=alt.Axis(labelLimit=260)),
        tooltip=["source:N", *interval_tips(".3f"), *(f"{k}:Q" for k in ("n", "groups") if k in rows)],
    )
    scale = alt.Scale(zero=False, padding=12) if ends is None else alt.Scale(domain=list(ends), nice=False)
    spread = base.mark_rule(color=ACCENT, strokeWidth=2, clip=True).encode(
        x=alt.X("low:Q", title=figure, scale=scale), x2="high:Q"
    )
    dots = base.mark_circle(size=80, color=ACCENT, opacity=1, clip=True).encode(x="value:Q")
    no_effect = [marker("low", 0.0)] if zero else []
    return alt.layer(*no_effect, spread, dots, *_cut_marks(rows, ends)).properties(height=alt.Step(ROW_PX))


def _cut_marks(rows: pd.DataFrame, ends: tuple[float, float] | None) -> list[alt.Chart]:
    """Draw triangles at the edge of the chart where a line is cut."""
    if ends is None:
        return []
    marks = []
    for at, past, shape in ((ends[0], rows["low"] < ends[0], "triangle-left"),
                            (ends[1], rows["high"] > ends[1], "triangle-right")):  # fmt: skip
        if past.any():
            cut = alt.Chart(rows.loc[past, ["source"]].assign(cut=at))
            mark = cut.mark_point(shape=shape, size=90, filled=True, color=ACCENT, opacity=1)
            marks.append(mark.encode(x="cut:Q", y=alt.Y("source:N", sort=None)))
    return marks


def interval_text(estimate: Mapping[str, Any], digits: int = 3) -> str:
    """Write a figure with its interval as text.

    Args:
        estimate: value, low and high; each may be None.
        digits: After the decimal point.

    Returns:
        `0.912 (0.880 to 0.941)`, the value alone without an interval, or `undefined` without a value.
    """
    if estimate["value"] is None:
        return "undefined"
    text = f"{estimate['value']:.{digits}f}"
    if estimate["low"] is None:
        return text
    return f"{text} ({estimate['low']:.{digits}f} to {estimate['high']:.{digits}f})"
