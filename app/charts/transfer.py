"""Draw how thresholds and scores transfer: to other data sets, base rates, pairs of sources and left-out sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from app.charts.scales import AUROC_COLOURS, UNIT_SCALE, LayeredChart, auroc_ink, interval_tips
from app.ui.theme import ACCENT, QUIET, VERDICT_COLOURS
from core.policies.replay.base_rate import at_base_rate
from core.policies.replay.left_out import LeftOut
from core.policies.replay.transport import Cell

FAKE = VERDICT_COLOURS["fake"]
DATASET_ROW_PX = 26
MATRIX_ROW_PX = 46
LEFT_OUT_ROW_PX = 38
BASE_RATE_PX = 260
LOWEST_SHARE, HIGHEST_SHARE = 0.001, 0.9
"""Ends of the axis of the share of fakes."""
UNSEEN, SEEN = "without it in training", "with it in training"


def places(rows: pd.DataFrame, words: str) -> LayeredChart:
    """Draw one line for each data set: a rate with its interval.

    Args:
        rows: Columns dataset, value, low, high, numerator, denominator, groups.
        words: Title of the axis: the rate with its numerator and denominator.

    Returns:
        The chart; a rate without an interval is a dot alone.
    """
    base = alt.Chart(rows.assign(sure=rows["low"].notna())).encode(
        y=alt.Y("dataset:N", title=None, sort=list(rows["dataset"]), axis=alt.Axis(labelLimit=220)),
        tooltip=[
            "dataset:N",
            *interval_tips(".1%"),
            "numerator:Q",
            "denominator:Q",
            "groups:Q",
        ],
    )
    x = alt.X("low:Q", title=words, scale=UNIT_SCALE, axis=alt.Axis(format=".0%"))
    bars = base.transform_filter("datum.sure").mark_rule(color=ACCENT, strokeWidth=2).encode(x=x, x2="high:Q")
    dots = base.mark_circle(size=80, color=ACCENT, opacity=1).encode(
        x=alt.X("value:Q", title=words, scale=UNIT_SCALE, axis=alt.Axis(format=".0%"))
    )
    return alt.layer(bars, dots).properties(height=alt.Step(DATASET_ROW_PX))


def place_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Lay out rates as text: one row for each data set, one column for each rate.

    Args:
        rows: Columns dataset, rate, value, low, high, numerator, denominator, and perhaps note.

    Returns:
        Cells such as `12.3% (8.1 to 17.0), 14 of 112`; a rate that is not known is a dash.
    """
    words = [
        "–" if pd.isna(r.value) else f"{r.value:.1%}{_span(r.low, r.high)}, {r.numerator} of {r.denominator}{_why(r)}"
        for r in rows.itertuples()
    ]
    wide = rows.assign(words=words).pivot(index="dataset", columns="rate", values="words")
    return wide.loc[list(dict.fromkeys(rows["dataset"])), list(dict.fromkeys(rows["rate"]))].reset_index()


def _why(row: Any) -> str:
    """Return the row's note on its interval, as a further sentence."""
    return f". {row.note}" if getattr(row, "note", "") else ""


def without_interval(notes: Mapping[str, str]) -> str:
    """Say which rates have no interval, and why.

    Args:
        notes: `Rate.note` by the name of the data set.

    Returns:
        One sentence after a space; empty where every rate has an interval.
    """
    if not notes:
        return ""
    reasons = {name: note.removeprefix("No interval: ").removesuffix(".") for name, note in notes.items()}
    each = "; ".join(f"{name}: {reason or 'unknown'}" for name, reason in reasons.items())
    return f" Without an interval: {each}."


def _span(low: float | None, high: float | None) -> str:
    return "" if pd.isna(low) else f" ({100 * low:.1f} to {100 * high:.1f})"  # type: ignore[operator]


def base_rates(rates: Mapping[str, float | None], ends: Sequence[Sequence[float | None]], at: float) -> LayeredChart:
    """Draw the precision of the answer "fake" over the base rate, on a logarithmic axis.

    Args:
        rates: At least found (share of the fakes called fake) and false_alarms (share of the reals called fake).
        ends: (found, false_alarms) at their lower limits, then at their upper limits; None where there is no interval.
        at: Base rate that is marked by a dashed line.

    Returns:
        The chart, with a band where all limits are known.
    """
    pi = np.geomspace(LOWEST_SHARE, HIGHEST_SHARE, 80)
    recall, alarm_rate = rates["found"] or 0.0, rates["false_alarms"] or 0.0
    frame = pd.DataFrame({"share": pi, "precision": at_base_rate(pi, recall, alarm_rate).precision_fake})
    (found_low, alarm_low), (found_high, alarm_high) = ends
    # The precision is lowest where few fakes are found and many reals are called fake.
    if None not in (found_low, alarm_low, found_high, alarm_high):
        frame["low"] = at_base_rate(pi, found_low, alarm_high).precision_fake  # type: ignore[arg-type]
        frame["high"] = at_base_rate(pi, found_high, alarm_low).precision_fake  # type: ignore[arg-type]
    x = alt.X(
        "share:Q",
        title="base rate: fakes / all items (log scale)",
        scale=alt.Scale(type="log", domain=[LOWEST_SHARE, HIGHEST_SHARE], nice=False),
        axis=alt.Axis(format="~%", values=[0.001, 0.01, 0.1, 0.5, 0.9]),
    )
    y = alt.Y("precision:Q", title="precision: fakes / called fake", scale=UNIT_SCALE, axis=alt.Axis(format=".0%"))
    tips = [alt.Tooltip("share:Q", format=".2%"), alt.Tooltip("precision:Q", format=".1%")]
    base = alt.Chart(frame.dropna(subset=["precision"])).encode(x=x)
    layers = [base.mark_line(color=ACCENT, strokeWidth=2).encode(y=y, tooltip=tips)]
    if "low" in frame:
        layers.insert(0, base.mark_area(color=ACCENT, opacity=0.15).encode(y=alt.Y("low:Q", title=""), y2="high:Q"))
    mark = alt.Chart(pd.DataFrame({"share": [at]})).mark_rule(strokeDash=[4, 4], color=QUIET).encode(x="share:Q")
    return alt.layer(*layers, mark).properties(height=BASE_RATE_PX)


def matrix(cells: Sequence[Cell]) -> LayeredChart:
    """Draw the AUROC of every source of fakes (rows) against every source of reals (columns), with its interval."""
    rows = [
        vars(c)
        | {"span": "no interval" if c.low is None else f"{c.low:.2f} to {c.high:.2f}", "items": c.n_fake + c.n_real}
        for c in cells
    ]
    base = alt.Chart(pd.DataFrame(rows)).encode(
        x=alt.X("reals:N", title="source of the reals",
                axis=alt.Axis(labelAngle=-25, labelLimit=140, labelOverlap=False)),
        y=alt.Y("fakes:N", title="source of the fakes", axis=alt.Axis(labelLimit=170)),
        tooltip=["fakes:N", "reals:N", alt.Tooltip("auroc:Q", title="AUROC", format=".3f"),
                 alt.Tooltip("span:N", title="95 %"), "items:Q", "groups:Q", alt.Tooltip("note:N", title="interval")],
    )  # fmt: skip
    colour = alt.Color("auroc:Q", legend=None, scale=AUROC_COLOURS)
    ink = auroc_ink()
    number = base.mark_text(fontSize=13, dy=-6).encode(text=alt.Text("auroc:Q", format=".2f"), color=ink)
    span = base.mark_text(fontSize=10, dy=9).encode(text="span:N", color=ink)
    return alt.layer(base.mark_rect().encode(color=colour), number, span).properties(height=alt.Step(MATRIX_ROW_PX))


def left_out(rows: Sequence[LeftOut]) -> LayeredChart:
    """Draw one line for each source or method, from its AUROC without it in training to its AUROC with it.

    The bar is the 95 % interval of the difference, drawn from the AUROC with it in training.
    """
    long = [
        {
            "source": f"{r.source}\n{r.run}",
            "auroc": value,
            "training": words,
            "fakes": r.n_fake,
            "groups": r.fake_groups,
            "low": None if r.low is None or r.high is None or value == r.seen else r.seen - r.high,
            "high": None if r.low is None or r.high is None or value == r.seen else r.seen - r.low,
        }
        for r in rows
        for value, words in ((r.unseen, UNSEEN), (r.seen, SEEN))
    ]
    base = alt.Chart(pd.DataFrame(long)).encode(
        y=alt.Y("source:N", title=None, axis=alt.Axis(labelLimit=420, labelExpr="split(datum.label, '\\n')")),
        tooltip=["source:N", "training:N",
        alt.Tooltip("auroc:Q", title="AUROC", format=".3f"), "fakes:Q", "groups:Q"],
    )  # fmt: skip
    x = alt.X("auroc:Q", title="AUROC of its fakes against all reals", scale=alt.Scale(zero=False, domainMax=1))
    gap = base.mark_line(color=QUIET).encode(x=x, detail="source:N")
    scale = alt.Scale(domain=[UNSEEN, SEEN], range=[FAKE, ACCENT])
    dots = base.mark_circle(size=90, opacity=1).encode(
        x=x, color=alt.Color("training:N", title=None, scale=scale, legend=alt.Legend(orient="top"))
    )
    span = alt.Chart(pd.DataFrame([row for row in long if row["low"] is not None]))
    bars = span.mark_rule(color=FAKE, strokeWidth=3, opacity=0.5).encode(y="source:N", x="low:Q", x2="high:Q")
    layers = [gap, bars, dots] if any(row["low"] is not None for row in long) else [gap, dots]
    return alt.layer(*layers).properties(height=alt.Step(LEFT_OUT_ROW_PX))


def left_out_table(rows: Sequence[LeftOut]) -> pd.DataFrame:
    """Lay out the left-out sources as text: AUROC without and with each in training, and the loss."""
    return pd.DataFrame(
        [
            {
                "left out": row.source,
                "kind": row.kind,
                f"AUROC {UNSEEN}": _with_span(row.unseen, *row.unseen_span),
                f"AUROC {SEEN}": _with_span(row.seen, *row.seen_span),
                "loss": _with_span(row.loss, row.low, row.high) + (f". {row.note}" if row.note else ""),
                "run without it": row.run,
                "run with it": row.reference,
                "fakes": row.n_fake,
                "groups of fakes": row.fake_groups,
                "reals": row.n_real,
            }
            for row in rows
        ]
    )


def _with_span(value: float, low: float | None, high: float | None) -> str:
    return f"{value:.3f}" + ("" if low is None or high is None else f" ({low:.3f} to {high:.3f})")
