"""Charts of thresholds and scores on other data sets: intervals, base rates, the matrix, what leaving out costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from app.ui.theme import ACCENT, INK, QUIET, VERDICT_COLOURS
from core.policies.replay.base_rate import at_base_rate
from core.policies.replay.left_out import LeftOut
from core.policies.replay.transport import Cell

SHARE = alt.Scale(domain=[0, 1], nice=False)
FAKE = VERDICT_COLOURS["fake"]


def places(rows: pd.DataFrame, words: str) -> alt.LayerChart | alt.FacetChart:
    """One line a data set: rate with its interval. rows: dataset, value, low, high, numerator, denominator, groups."""
    base = alt.Chart(rows.assign(sure=rows["low"].notna())).encode(
        y=alt.Y("dataset:N", title=None, sort=list(rows["dataset"]), axis=alt.Axis(labelLimit=220)),
        tooltip=[
            "dataset:N",
            *(alt.Tooltip(f"{k}:Q", format=".1%") for k in ("value", "low", "high")),
            "numerator:Q",
            "denominator:Q",
            "groups:Q",
        ],
    )
    x = alt.X("low:Q", title=words, scale=SHARE, axis=alt.Axis(format=".0%"))
    bars = base.transform_filter("datum.sure").mark_rule(color=ACCENT, strokeWidth=2).encode(x=x, x2="high:Q")
    dots = base.mark_circle(size=80, color=ACCENT, opacity=1).encode(
        x=alt.X("value:Q", title=words, scale=SHARE, axis=alt.Axis(format=".0%"))
    )
    return alt.layer(bars, dots).properties(height=alt.Step(26))


def place_table(rows: pd.DataFrame) -> pd.DataFrame:
    """A row a data set, a column a rate, `12.3 % (8.1 to 17.0) of 112`."""
    words = [
        "–" if pd.isna(r.value) else f"{r.value:.1%}{_span(r.low, r.high)}, {r.numerator} of {r.denominator}{_why(r)}"
        for r in rows.itertuples()
    ]
    wide = rows.assign(words=words).pivot(index="dataset", columns="rate", values="words")
    return wide.loc[list(dict.fromkeys(rows["dataset"])), list(dict.fromkeys(rows["rate"]))].reset_index()


def _why(row: Any) -> str:
    """Why there is no interval, or how far to trust it."""
    return f". {row.note}" if getattr(row, "note", "") else ""


def without_interval(notes: Mapping[str, str]) -> str:
    """A sentence on what has none, and why; empty when all have one. notes: by name, of `Rate.note`."""
    if not notes:
        return ""
    each = "; ".join(f"{name}: {note.removeprefix('No interval: ').removesuffix('.') or 'unknown'}" for name, note in notes.items())
    return f" Without an interval: {each}."


def _span(low: float | None, high: float | None) -> str:
    return "" if pd.isna(low) else f" ({100 * low:.1f} to {100 * high:.1f})"  # type: ignore[operator]


def base_rates(
    rates: Mapping[str, float | None], ends: Sequence[Sequence[float | None]], at: float
) -> alt.LayerChart | alt.FacetChart:
    """Precision of an alarm over the share of fakes, on a log axis. rates: found, false_alarms, leakage, spared. ends:
    (found, false_alarms) at their lower and at their upper limits. at: the share marked.
    """
    pi = np.geomspace(0.001, 0.9, 80)
    found, alarmed = rates["found"] or 0.0, rates["false_alarms"] or 0.0
    frame = pd.DataFrame({"share": pi, "precision": at_base_rate(pi, found, alarmed).precision_fake})
    (found_low, alarm_low), (found_high, alarm_high) = ends
    if None not in (found_low, alarm_low, found_high, alarm_high):
        frame["low"] = at_base_rate(pi, found_low, alarm_high).precision_fake  # type: ignore[arg-type]
        frame["high"] = at_base_rate(pi, found_high, alarm_low).precision_fake  # type: ignore[arg-type]
    x = alt.X(
        "share:Q",
        title="share of fakes among all items (log scale)",
        scale=alt.Scale(type="log", domain=[0.001, 0.9], nice=False),
        axis=alt.Axis(format="~%", values=[0.001, 0.01, 0.1, 0.5, 0.9]),
    )
    y = alt.Y("precision:Q", title="an alarm is right", scale=SHARE, axis=alt.Axis(format=".0%"))
    tips = [alt.Tooltip("share:Q", format=".2%"), alt.Tooltip("precision:Q", format=".1%")]
    base = alt.Chart(frame.dropna(subset=["precision"])).encode(x=x)
    layers = [base.mark_line(color=ACCENT, strokeWidth=2).encode(y=y, tooltip=tips)]
    if "low" in frame:
        layers.insert(0, base.mark_area(color=ACCENT, opacity=0.15).encode(y=alt.Y("low:Q", title=""), y2="high:Q"))
    mark = alt.Chart(pd.DataFrame({"share": [at]})).mark_rule(strokeDash=[4, 4], color=QUIET).encode(x="share:Q")
    return alt.layer(*layers, mark).properties(height=260)


def matrix(cells: Sequence[Cell]) -> alt.LayerChart | alt.FacetChart:
    """AUROC of every source of fakes (rows) against every source of reals (columns), its interval below it."""
    rows = [
        vars(c)
        | {"span": "no interval" if c.low is None else f"{c.low:.2f} to {c.high:.2f}", "items": c.n_fake + c.n_real}
        for c in cells
    ]
    base = alt.Chart(pd.DataFrame(rows)).encode(
        x=alt.X("reals:N", title="reals of", axis=alt.Axis(labelAngle=-25, labelLimit=140, labelOverlap=False)),
        y=alt.Y("fakes:N", title="fakes of", axis=alt.Axis(labelLimit=170)),
        tooltip=["fakes:N", "reals:N", alt.Tooltip("auroc:Q", title="AUROC", format=".3f"),
                 alt.Tooltip("span:N", title="95 %"), "items:Q", "groups:Q", alt.Tooltip("note:N", title="interval")],
    )  # fmt: skip
    colour = alt.Color("auroc:Q", legend=None, scale=alt.Scale(domain=[0.5, 1], range=["#f7e9df", ACCENT], clamp=True))
    ink = alt.condition("datum.auroc > 0.8", alt.value("white"), alt.value(INK))
    number = base.mark_text(fontSize=13, dy=-6).encode(text=alt.Text("auroc:Q", format=".2f"), color=ink)
    span = base.mark_text(fontSize=10, dy=9).encode(text="span:N", color=ink)
    return alt.layer(base.mark_rect().encode(color=colour), number, span).properties(height=alt.Step(46))


def left_out(rows: Sequence[LeftOut]) -> alt.LayerChart | alt.FacetChart:
    """A line a source or method, from the AUROC without it in training to the one with it; the bar is the 95 % interval
    of their difference, laid off from the latter.
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
        for value, words in ((r.unseen, "never saw it"), (r.seen, "trained on it"))
    ]
    base = alt.Chart(pd.DataFrame(long)).encode(
        y=alt.Y("source:N", title=None, axis=alt.Axis(labelLimit=420, labelExpr="split(datum.label, '\\n')")),
        tooltip=["source:N", "training:N",
        alt.Tooltip("auroc:Q", title="AUROC", format=".3f"), "fakes:Q", "groups:Q"],
    )  # fmt: skip
    x = alt.X("auroc:Q", title="AUROC of its fakes against all reals", scale=alt.Scale(zero=False, domainMax=1))
    gap = base.mark_line(color=QUIET).encode(x=x, detail="source:N")
    scale = alt.Scale(domain=["never saw it", "trained on it"], range=[FAKE, ACCENT])
    dots = base.mark_circle(size=90, opacity=1).encode(
        x=x, color=alt.Color("training:N", title=None, scale=scale, legend=alt.Legend(orient="top"))
    )
    span = alt.Chart(pd.DataFrame([row for row in long if row["low"] is not None]))
    bars = span.mark_rule(color=FAKE, strokeWidth=3, opacity=0.5).encode(y="source:N", x="low:Q", x2="high:Q")
    layers = [gap, bars, dots] if any(row["low"] is not None for row in long) else [gap, dots]
    return alt.layer(*layers).properties(height=alt.Step(38))


def left_out_table(rows: Sequence[LeftOut]) -> pd.DataFrame:
    """One row a source or method: AUROC without it in training and with it, and what was lost, each with its 95 %
    interval; whose runs, and how many items.
    """
    return pd.DataFrame(
        [
            {
                "left out": row.source,
                "kind": row.kind,
                "AUROC never seen": _with_span(row.unseen, *row.unseen_span),
                "AUROC trained on": _with_span(row.seen, *row.seen_span),
                "lost": _with_span(row.loss, row.low, row.high) + (f". {row.note}" if row.note else ""),
                "run": row.run,
                "trained on by": row.reference,
                "fakes": row.n_fake,
                "groups of fakes": row.fake_groups,
                "reals": row.n_real,
            }
            for row in rows
        ]
    )


def _with_span(value: float, low: float | None, high: float | None) -> str:
    return f"{value:.3f}" + ("" if low is None or high is None else f" ({low:.3f} to {high:.3f})")
