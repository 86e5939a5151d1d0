"""Altair charts of the page on experts. Each takes plain rows; axes have units, marks have tooltips."""

from __future__ import annotations

import altair as alt
import pandas as pd

from app.ui.theme import ACCENT, INK, QUIET, SERIES, VERDICT_COLOURS

PALE = "#f3f6f6"
DOMAINS = {
    "error_overlap": [0.0, 1.0],
    "q_statistic": [-1.0, 1.0],
    "disagreement": [0.0, 0.3],
    "double_fault": [0.0, 0.3],
    "oracle_gain": [0.0, 0.15],
}
SIDES = alt.Scale(domain=["real", "fake"], range=[VERDICT_COLOURS["real"], VERDICT_COLOURS["fake"]])
Layered = alt.LayerChart | alt.FacetChart


def pair_matrix(rows: pd.DataFrame, figure: str) -> Layered:
    """Heat map of one figure of every pair, with the number in each cell. rows: as of `pair_rows`."""
    low, high = DOMAINS[figure]
    names = list(dict.fromkeys(rows["a"]))
    shown = rows.assign(text=[f"{value:.2f}" if pd.notna(value) else "undefined" for value in rows["value"]])
    base = alt.Chart(shown).encode(
        x=alt.X("b:N", title="and", sort=names, axis=alt.Axis(labelAngle=-25, labelLimit=150, labelOverlap=False)),
        y=alt.Y("a:N", title="of", sort=names, axis=alt.Axis(labelLimit=170)),
        tooltip=[
            "a:N",
            "b:N",
            *(alt.Tooltip(f"{name}:Q", format=".3f") for name in ("value", "low", "high")),
            alt.Tooltip("both_wrong:Q", title="both wrong"),
            alt.Tooltip("only_a:Q", title="only the first right"),
            alt.Tooltip("only_b:Q", title="only the second right"),
        ],
    )
    scale = alt.Scale(domain=[low, high], range=[PALE, ACCENT], clamp=True)
    middle = low + 0.62 * (high - low)
    words = base.mark_text(fontSize=15).encode(
        text="text:N",
        color=alt.condition(f"isValid(datum.value) && datum.value > {middle}", alt.value("white"), alt.value(INK)),
    )
    cells = base.mark_rect(stroke="white").encode(color=alt.Color("value:Q", legend=None, scale=scale))
    return alt.layer(cells, words).properties(height=alt.Step(58))


def source_matrix(rows: pd.DataFrame) -> Layered:
    """AUROC of every expert (columns) on every source (rows). rows: as of `source_rows`."""
    names = list(dict.fromkeys(rows["expert"]))
    known = rows.dropna(subset=["auroc"])
    base = alt.Chart(known).encode(
        x=alt.X("expert:N", title=None, sort=names, axis=alt.Axis(labelAngle=-25, labelLimit=150, labelOverlap=False)),
        y=alt.Y("source:N", title="source", axis=alt.Axis(labelLimit=190)),
        tooltip=["source:N", "expert:N", alt.Tooltip("auroc:Q", title="AUROC", format=".3f"), "items:Q", "fakes:Q"],
    )
    colour = alt.Color("auroc:Q", legend=None, scale=alt.Scale(domain=[0.5, 1], range=["#f7e9df", ACCENT], clamp=True))
    words = base.mark_text(fontSize=12).encode(
        text=alt.Text("auroc:Q", format=".2f"),
        color=alt.condition("datum.auroc > 0.8", alt.value("white"), alt.value(INK)),
    )
    return alt.layer(base.mark_rect(stroke="white").encode(color=colour), words).properties(height=alt.Step(26))


def silhouettes(rows: pd.DataFrame) -> alt.Chart:
    """Bars of the two silhouettes of every embedding part. rows: as of `embedding_rows`."""
    kinds = ["by label", "by source, inside a label"]
    long = rows.melt(["source"], kinds, var_name="kind", value_name="silhouette").dropna()
    return (
        alt.Chart(long)
        .mark_bar(height=9)
        .encode(
            y=alt.Y("source:N", title=None, sort=list(rows["source"]), axis=alt.Axis(labelLimit=260)),
            yOffset=alt.YOffset("kind:N", sort=kinds),
            x=alt.X("silhouette:Q", title="silhouette (-1 to 1)"),
            color=alt.Color(
                "kind:N", title=None, sort=kinds, scale=alt.Scale(domain=kinds, range=[ACCENT, SERIES[1]]),
                legend=alt.Legend(orient="bottom"),
            ),
            tooltip=["source:N", "kind:N", alt.Tooltip("silhouette:Q", format=".3f")],
        )
        .properties(height=alt.Step(12))
    )  # fmt: skip


def intervals(rows: pd.DataFrame, title: str, at: float | None = None, colour: str = ACCENT) -> Layered:
    """Dots with 95 % lines, one a row, and a dashed line at a value that means nothing. rows: source, value, low, high.

    A row may carry `what`, said in the tooltip.
    """
    tips: list[str | alt.Tooltip] = [
        "source:N",
        *(alt.Tooltip(f"{k}:Q", format=".3f") for k in ("value", "low", "high")),
    ]
    tips += ["what:N"] if "what" in rows else []
    base = alt.Chart(rows).encode(
        y=alt.Y("source:N", title=None, sort=None, axis=alt.Axis(labelLimit=300)), tooltip=tips
    )
    scale = alt.Scale(zero=False, nice=True)
    spread = base.mark_rule(color=colour, strokeWidth=2).encode(x=alt.X("low:Q", title=title, scale=scale), x2="high:Q")
    layers = [spread, base.mark_circle(size=80, color=colour, opacity=1).encode(x=alt.X("value:Q", title=title))]
    if at is not None:
        rule = alt.Chart(pd.DataFrame({"at": [at]})).mark_rule(strokeDash=[4, 4], color=QUIET)
        layers.insert(0, rule.encode(x="at:Q"))
    return alt.layer(*layers).properties(height=alt.Step(30))


def rebuilt_chart(rows: pd.DataFrame, title: str) -> Layered:
    """Real and fake apart: mean of one measure with its interval. rows: expert, truth, value, low, high."""
    base = alt.Chart(rows).encode(
        y=alt.Y("expert:N", title=None, axis=alt.Axis(labelLimit=220)),
        yOffset=alt.YOffset("truth:N", sort=["real", "fake"]),
        color=alt.Color("truth:N", title=None, scale=SIDES, legend=alt.Legend(orient="bottom")),
        tooltip=["expert:N", "truth:N", *(alt.Tooltip(f"{k}:Q", format=".4f") for k in ("value", "low", "high"))],
    )
    x = alt.X("low:Q", title=title, scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=4))
    return alt.layer(
        base.mark_rule(strokeWidth=2).encode(x=x, x2="high:Q"),
        base.mark_circle(size=80, opacity=1).encode(x=alt.X("value:Q", title=title)),
    ).properties(height=alt.Step(24))


def importance_chart(rows: pd.DataFrame, title: str, text: str = ".1%") -> alt.Chart:
    """Bars, the largest first. rows: what, value."""
    return (
        alt.Chart(rows)
        .mark_bar(color=ACCENT, height=16)
        .encode(
            y=alt.Y("what:N", title=None, sort="-x", axis=alt.Axis(labelLimit=260)),
            x=alt.X("value:Q", title=title, axis=alt.Axis(format=text)),
            tooltip=["what:N", alt.Tooltip("value:Q", title=title, format=text)],
        )
        .properties(height=alt.Step(28))
    )
