"""Altair charts of the bench: reliability, risk against coverage, figures by source. Axes, units, tooltips."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from app.ui.theme import ACCENT, QUIET
from core.metrics.reliability import Convention, Reliability
from core.metrics.risk_band import RiskBand

UNIT = alt.Scale(domain=[0, 1], nice=False)
HEIGHT = 320


def reliability_charts(
    r: Reliability, which: Convention = "binary", height: int = 250
) -> tuple[alt.LayerChart | alt.FacetChart, alt.Chart]:
    """Stated against observed shares with their intervals; and, to go below it, how many items each bin holds.

    Two charts, because a concatenated one does not follow the width of its column.
    """
    frame = pd.DataFrame({"stated": r.stated, "observed": r.observed, "low": r.low, "high": r.high, "items": r.count})
    frame["from"], frame["to"] = r.edges[:-1], r.edges[1:]
    filled = frame[frame["items"] > 0]
    words = ("stated p_fake", "observed share of fakes") if which == "binary" else ("stated confidence", "share right")
    x_scale = UNIT if which == "binary" else alt.Scale(domain=[0.5, 1], nice=False)
    ideal = alt.Chart(pd.DataFrame({"stated": [0, 1], "observed": [0, 1]})).mark_line(
        strokeDash=[4, 4], color=QUIET, clip=True
    )
    x = alt.X("stated:Q", title=words[0], scale=x_scale)
    tips = [alt.Tooltip(f"{name}:Q", format=".3f") for name in ("stated", "observed", "low", "high")] + ["items:Q"]
    bars = alt.Chart(filled).mark_rule(color=ACCENT).encode(x=x, y="low:Q", y2="high:Q")
    dots = (
        alt.Chart(filled)
        .mark_circle(size=60, color=ACCENT, opacity=1)
        .encode(x=x, y=alt.Y("observed:Q", title=words[1], scale=UNIT), tooltip=tips)
    )
    top = alt.layer(ideal.encode(x=x, y="observed:Q"), bars, dots).properties(height=height)
    below = (
        alt.Chart(frame)
        .mark_bar(color=QUIET, opacity=0.7, clip=True)
        .encode(
            x=alt.X("from:Q", title=words[0], scale=x_scale, bin="binned"),
            x2="to:Q",
            y=alt.Y("items:Q", title="items", axis=alt.Axis(tickCount=3)),
            tooltip=["items:Q"],
        )
        .properties(height=150)
    )
    return top, below


def reliability_words(r: Reliability, which: Convention = "binary") -> str:
    """Which way the points lie, in one sentence: a bin counts when its interval does not hold what is stated."""
    held = (r.count > 0) & np.isfinite(r.low) & np.isfinite(r.high)
    over, under = int((held & (r.low > r.stated)).sum()), int((held & (r.high < r.stated)).sum())
    of = f"of {int((r.count > 0).sum())} bins"
    more, fewer = (
        ("more is fake than stated", "fewer are fake than stated")
        if which == "binary"
        else ("it is right more often than it states", "it is right less often than it states")
    )
    if not held.any():
        return "On the dashed line what is stated is what happens; no bin has groups enough for an interval."
    if not over and not under:
        return f"No bin's interval leaves the dashed line, where what is stated happens ({of})."
    said = [f"{n} {of} lie {where} the dashed line: there {what}"
            for n, where, what in ((over, "above", more), (under, "under", fewer)) if n]  # fmt: skip
    return "; ".join(said) + "."


def risk_chart(band: RiskBand) -> alt.LayerChart | alt.FacetChart:
    """Error among the accepted against the share accepted, with its interval."""
    frame = pd.DataFrame({name: getattr(band, name) for name in ("coverage", "risk", "low", "high", "confidence")})
    x = alt.X("coverage:Q", title="share answered, the surest first", scale=UNIT)
    area = alt.Chart(frame.dropna()).mark_area(color=ACCENT, opacity=0.15).encode(x=x, y="low:Q", y2="high:Q")
    line = (
        alt.Chart(frame)
        .mark_line(color=ACCENT, strokeWidth=2)
        .encode(
            x=x,
            y=alt.Y("risk:Q", title="errors / items answered"),
            tooltip=[
                alt.Tooltip("coverage:Q", format=".1%"),
                *(alt.Tooltip(f"{name}:Q", format=".3f") for name in ("risk", "low", "high")),
                alt.Tooltip("confidence:Q", title="answers from confidence", format=".3f"),
            ],
        )
    )
    return alt.layer(area, line).properties(height=HEIGHT)


def frame_of(rows: pd.DataFrame) -> tuple[float, float] | None:
    """Ends of an axis on which most lines can be told apart, where one or two are so long that they squeeze the rest;
    None where all fit. rows: low, high.

    Ends more than three times as far out as three quarters of the lines reach are left to be clipped.
    """
    known = rows.dropna(subset=["low", "high"])
    if len(known) < 4:
        return None
    middle = float(np.median(known[["low", "high"]].mean(axis=1)))
    reach = np.maximum(middle - known["low"], known["high"] - middle)
    near = float(np.quantile(reach, 0.75))
    if reach.max() <= 3 * near:
        return None
    kept = known[reach <= near * (1 + 1e-9)]
    room = 0.1 * (kept["high"].max() - kept["low"].min())
    return float(kept["low"].min() - room), float(kept["high"].max() + room)


def clipped_words(rows: pd.DataFrame, ends: tuple[float, float] | None) -> str:
    """One sentence on the lines that run past `ends`; empty where none does. rows: source, value, low, high."""
    if ends is None:
        return ""
    past = rows[(rows["low"] < ends[0]) | (rows["high"] > ends[1])]
    said = [f"{r.source} {r.value:.3g} ({r.low:.3g} to {r.high:.3g})" for r in past.itertuples()]
    return f"Cut off at the frame, where a triangle stands: {'; '.join(said)}." if said else ""


def interval_chart(
    rows: pd.DataFrame, figure: str, zero: bool = False, ends: tuple[float, float] | None = None
) -> alt.LayerChart | alt.FacetChart:
    """One line a source: value with its interval. rows: source, value, low, high, n, perhaps groups. zero: mark 0.

    ends: of the axis, as of `frame_of`; what runs past them is cut there and marked by a triangle.
    """
    base = alt.Chart(rows).encode(
        y=alt.Y("source:N", title=None, sort=None, axis=alt.Axis(labelLimit=260)),
        tooltip=[
            "source:N",
            *(alt.Tooltip(f"{k}:Q", format=".3f") for k in ("value", "low", "high")),
            *(f"{k}:Q" for k in ("n", "groups") if k in rows),
        ],
    )
    scale = alt.Scale(zero=False, padding=12) if ends is None else alt.Scale(domain=list(ends), nice=False)
    spread = base.mark_rule(color=ACCENT, strokeWidth=2, clip=True).encode(
        x=alt.X("low:Q", title=figure, scale=scale), x2="high:Q"
    )
    dots = base.mark_circle(size=80, color=ACCENT, opacity=1, clip=True).encode(x="value:Q")
    line = alt.Chart(pd.DataFrame({"low": [0.0]})).mark_rule(strokeDash=[4, 4], color=QUIET).encode(x="low:Q")
    return alt.layer(*([line] if zero else []), spread, dots, *_cut_marks(rows, ends)).properties(height=alt.Step(30))


def _cut_marks(rows: pd.DataFrame, ends: tuple[float, float] | None) -> list[alt.Chart]:
    """Triangles at the frame where a line is cut off."""
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


def interval_text(found: Mapping[str, Any], digits: int = 3) -> str:
    """`0.912 (0.880 to 0.941)`; `undefined` where there is no value."""
    if found["value"] is None:
        return "undefined"
    text = f"{found['value']:.{digits}f}"
    return text if found["low"] is None else f"{text} ({found['low']:.{digits}f} to {found['high']:.{digits}f})"
