"""Altair charts of the bench: ROC, precision-recall, scores, reliability, figures by source. Axes, units, tooltips."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from app.theme import ACCENT, QUIET, VERDICT_COLOURS
from core.evaluate.cross import CrossAuroc
from core.evaluate.metrics import Confusion
from core.evaluate.reliability import reliability
from core.evaluate.sweep import Sweep, pr_points, roc_points

UNIT = alt.Scale(domain=[0, 1], nice=False)
LABELS = alt.Scale(domain=["real", "fake"], range=[VERDICT_COLOURS["real"], VERDICT_COLOURS["fake"]])
HEIGHT = 320


def _curve(frame: pd.DataFrame, x: str, y: str, titles: tuple[str, str]) -> alt.Chart:
    return (
        alt.Chart(frame)
        .mark_line(color=ACCENT, strokeWidth=2, interpolate="step-after" if x == "fpr" else "linear")
        .encode(
            x=alt.X(f"{x}:Q", title=titles[0], scale=UNIT),
            y=alt.Y(f"{y}:Q", title=titles[1], scale=UNIT),
            order="order:Q",
            tooltip=[
                alt.Tooltip(f"{x}:Q", title=titles[0], format=".3f"),
                alt.Tooltip(f"{y}:Q", title=titles[1], format=".3f"),
                alt.Tooltip("threshold:Q", title="p_fake from", format=".4f"),
            ],
        )
    )


def _point(x: str, y: str, at: tuple[float, float], words: str) -> alt.Chart:
    data = pd.DataFrame({x: [at[0]], y: [at[1]], "what": [words]})
    mark = alt.Chart(data).mark_point(size=130, filled=True, color=VERDICT_COLOURS["fake"], opacity=1)
    return mark.encode(x=f"{x}:Q", y=f"{y}:Q", tooltip="what:N")


def _finite(threshold: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(threshold), threshold, 1.0)


def roc_chart(s: Sweep, point: Confusion) -> alt.LayerChart | alt.FacetChart:
    """ROC with the operating point, and the diagonal of a coin."""
    fpr, tpr, threshold = roc_points(s)
    frame = pd.DataFrame({"fpr": fpr, "tpr": tpr, "threshold": _finite(threshold), "order": np.arange(fpr.size)})
    coin = alt.Chart(pd.DataFrame({"fpr": [0, 1], "tpr": [0, 1]})).mark_line(strokeDash=[4, 4], color=QUIET)
    at = (point.fp / max(1, point.fp + point.tn), point.tp / max(1, point.tp + point.fn))
    words = f"operating point: {at[0]:.1%} of reals accused, {at[1]:.1%} of fakes found"
    lines = _curve(frame, "fpr", "tpr", ("false alarms: reals called fake / reals", "fakes found / fakes"))
    return alt.layer(coin.encode(x="fpr:Q", y="tpr:Q"), lines, _point("fpr", "tpr", at, words)).properties(
        height=HEIGHT
    )


def pr_chart(s: Sweep, point: Confusion) -> alt.LayerChart | alt.FacetChart:
    """Precision against recall with the operating point, and the base rate."""
    recall, precision, threshold = pr_points(s)
    frame = pd.DataFrame(
        {"recall": recall, "precision": precision, "threshold": threshold, "order": np.arange(recall.size)}
    )
    base = pd.DataFrame({"precision": [s.n_fake / s.n], "what": [f"calling everything fake: {s.n_fake / s.n:.2f}"]})
    rule = alt.Chart(base).mark_rule(strokeDash=[4, 4], color=QUIET).encode(y="precision:Q", tooltip="what:N")
    layers = [rule, _curve(frame, "recall", "precision", ("fakes found / fakes", "fakes / all called fake"))]
    if point.tp + point.fp:
        at = (point.tp / max(1, point.tp + point.fn), point.tp / (point.tp + point.fp))
        layers.append(_point("recall", "precision", at, f"operating point: precision {at[1]:.3f}, recall {at[0]:.3f}"))
    return alt.layer(*layers).properties(height=HEIGHT)


def confusion_chart(c: Confusion) -> alt.LayerChart | alt.FacetChart:
    """Counts by truth and call; colour is the share of the truth's row."""
    rows = [
        ("real", "real", c.tn, c.tn / max(1, c.tn + c.fp)), ("real", "fake", c.fp, c.fp / max(1, c.tn + c.fp)),
        ("fake", "real", c.fn, c.fn / max(1, c.tp + c.fn)), ("fake", "fake", c.tp, c.tp / max(1, c.tp + c.fn)),
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["truth", "called", "items", "share"])
    frame["text"] = [f"{n}  ({share:.0%})" for _, _, n, share in rows]
    base = alt.Chart(frame).encode(
        x=alt.X("called:N", title="called", sort=["real", "fake"], axis=alt.Axis(labelAngle=0)),
        y=alt.Y("truth:N", title="truth", sort=["real", "fake"]),
        tooltip=["truth:N", "called:N", "items:Q", alt.Tooltip("share:Q", title="share of the truth", format=".1%")],
    )
    cells = base.mark_rect().encode(
        color=alt.Color("share:Q", legend=None, scale=alt.Scale(domain=[0, 1], range=["#f3f6f6", ACCENT]))
    )
    words = base.mark_text(fontSize=15).encode(
        text="text:N", color=alt.condition("datum.share > 0.55", alt.value("white"), alt.value("#1f2933"))
    )
    return alt.layer(cells, words).properties(height=HEIGHT)


def histogram(
    p_fake: np.ndarray, labels: np.ndarray, threshold: float, n_bins: int = 40
) -> alt.LayerChart | alt.FacetChart:
    """Items by p_fake, reals and fakes apart, with the threshold."""
    edges = np.linspace(0, 1, n_bins + 1)
    frames = []
    for label, word in ((0, "real"), (1, "fake")):
        count, _ = np.histogram(p_fake[labels == label], edges)
        frames.append(pd.DataFrame({"from": edges[:-1], "to": edges[1:], "items": count, "truth": word}))
    bars = (
        alt.Chart(pd.concat(frames))
        .mark_bar(opacity=0.65)
        .encode(
            x=alt.X("from:Q", title="p_fake", scale=UNIT, bin="binned"),
            x2="to:Q",
            y=alt.Y("items:Q", title="items", stack=None),
            color=alt.Color("truth:N", scale=LABELS, legend=alt.Legend(orient="top", title=None)),
            tooltip=["truth:N", alt.Tooltip("from:Q", format=".3f"), alt.Tooltip("to:Q", format=".3f"), "items:Q"],
        )
    )
    rule = alt.Chart(pd.DataFrame({"at": [threshold]})).mark_rule(strokeDash=[5, 4], color="#1f2933")
    return alt.layer(bars, rule.encode(x="at:Q", tooltip=alt.Tooltip("at:Q", title="threshold"))).properties(
        height=HEIGHT
    )


def reliability_charts(
    p_fake: np.ndarray, labels: np.ndarray, n_bins: int = 15
) -> tuple[alt.LayerChart | alt.FacetChart, alt.Chart]:
    """Stated against observed share of fakes with 95 % intervals; and, to go below it, how many items each bin holds.

    Two charts, because a concatenated one does not follow the width of its column."""
    r = reliability(p_fake, labels, n_bins)
    frame = pd.DataFrame({"stated": r.stated, "observed": r.observed, "low": r.low, "high": r.high, "items": r.count})
    frame["from"], frame["to"] = r.edges[:-1], r.edges[1:]
    filled = frame[frame["items"] > 0]
    ideal = alt.Chart(pd.DataFrame({"stated": [0, 1], "observed": [0, 1]})).mark_line(strokeDash=[4, 4], color=QUIET)
    x = alt.X("stated:Q", title="stated p_fake", scale=UNIT)
    tips = [alt.Tooltip(f"{name}:Q", format=".3f") for name in ("stated", "observed", "low", "high")] + ["items:Q"]
    bars = alt.Chart(filled).mark_rule(color=ACCENT).encode(x=x, y="low:Q", y2="high:Q")
    dots = (
        alt.Chart(filled)
        .mark_circle(size=60, color=ACCENT, opacity=1)
        .encode(x=x, y=alt.Y("observed:Q", title="observed share of fakes", scale=UNIT), tooltip=tips)
    )
    top = alt.layer(ideal.encode(x="stated:Q", y="observed:Q"), bars, dots).properties(height=250)
    below = (
        alt.Chart(frame)
        .mark_bar(color=QUIET, opacity=0.7)
        .encode(
            x=alt.X("from:Q", title="stated p_fake", scale=UNIT, bin="binned"),
            x2="to:Q",
            y=alt.Y("items:Q", title="items", axis=alt.Axis(tickCount=3)),
            tooltip=["items:Q"],
        )
        .properties(height=150)
    )
    return top, below


def interval_chart(rows: pd.DataFrame, figure: str) -> alt.LayerChart | alt.FacetChart:
    """One line a source: value with its interval. rows: source, value, low, high, n."""
    base = alt.Chart(rows).encode(
        y=alt.Y("source:N", title=None, sort=None, axis=alt.Axis(labelLimit=260)),
        tooltip=["source:N", *(alt.Tooltip(f"{k}:Q", format=".3f") for k in ("value", "low", "high")), "n:Q"],
    )
    spread = base.mark_rule(color=ACCENT, strokeWidth=2).encode(
        x=alt.X("low:Q", title=figure, scale=alt.Scale(zero=False, domainMax=1)), x2="high:Q"
    )
    dots = base.mark_circle(size=80, color=ACCENT, opacity=1).encode(x="value:Q")
    return alt.layer(spread, dots).properties(height=alt.Step(30))


def cross_chart(found: CrossAuroc) -> alt.LayerChart | alt.FacetChart:
    """AUROC of every fake source (rows) against every real source (columns)."""
    rows = [
        {"fakes": fake, "reals": real, "auroc": found.auroc[i, j], "items": int(found.n_fake[i] + found.n_real[j])}
        for i, fake in enumerate(found.fakes)
        for j, real in enumerate(found.reals)
    ]
    base = alt.Chart(pd.DataFrame(rows)).encode(
        x=alt.X("reals:N", title="reals of", axis=alt.Axis(labelAngle=-25, labelLimit=140, labelOverlap=False)),
        y=alt.Y("fakes:N", title="fakes of", axis=alt.Axis(labelLimit=170)),
        tooltip=["fakes:N", "reals:N", alt.Tooltip("auroc:Q", title="AUROC", format=".3f"), "items:Q"],
    )
    colour = alt.Color("auroc:Q", legend=None, scale=alt.Scale(domain=[0.5, 1], range=["#f7e9df", ACCENT], clamp=True))
    words = base.mark_text(fontSize=13).encode(
        text=alt.Text("auroc:Q", format=".2f"),
        color=alt.condition("datum.auroc > 0.8", alt.value("white"), alt.value("#1f2933")),
    )
    return alt.layer(base.mark_rect().encode(color=colour), words).properties(height=alt.Step(46))


def interval_text(found: Mapping[str, Any], digits: int = 3) -> str:
    """`0.912 (0.880 to 0.941)`; `undefined` where there is no value."""
    if found["value"] is None:
        return "undefined"
    text = f"{found['value']:.{digits}f}"
    return text if found["low"] is None else f"{text} ({found['low']:.{digits}f} to {found['high']:.{digits}f})"
