"""Draw the charts of the Experts page from plain rows."""

from __future__ import annotations

import altair as alt
import pandas as pd

from app.charts.scales import AUROC_COLOURS, ROW_PX, LayeredChart, auroc_ink, interval_tips, marker
from app.ui.theme import ACCENT, INK, SERIES, VERDICT_COLOURS

PALE = "#f3f6f6"
PAIR_ROW_PX, SOURCE_ROW_PX, SILHOUETTE_ROW_PX, REBUILT_ROW_PX, BAR_ROW_PX = 58, 26, 12, 24, 28
COLOUR_DOMAINS = {
    "error_overlap": [0.0, 1.0],
    "q_statistic": [-1.0, 1.0],
    "disagreement": [0.0, 0.3],
    "double_fault": [0.0, 0.3],
    "oracle_gain": [0.0, 0.15],
}
"""Values at the two ends of the colour scale of each figure of a pair."""
WHITE_TEXT_FROM = 0.62
"""Share of a colour domain above which a cell is so dark that its text is white."""
LABEL_SCALE = alt.Scale(domain=["real", "fake"], range=[VERDICT_COLOURS["real"], VERDICT_COLOURS["fake"]])


def pair_matrix(rows: pd.DataFrame, figure: str) -> LayeredChart:
    """Draw one figure of every pair as a matrix of coloured cells with numbers.

    Args:
        rows: As `reports.pair_rows` returns them.
        figure: One of `core.evaluate.experts.complementarity.FIGURES`.

    Returns:
        The chart.
    """
    low, high = COLOUR_DOMAINS[figure]
    names = list(dict.fromkeys(rows["a"]))
    shown = rows.assign(text=[f"{value:.2f}" if pd.notna(value) else "undefined" for value in rows["value"]])
    base = alt.Chart(shown).encode(
        x=alt.X(
            "b:N", title="second expert", sort=names, axis=alt.Axis(labelAngle=-25, labelLimit=200, labelOverlap=False)
        ),
        y=alt.Y("a:N", title="first expert", sort=names, axis=alt.Axis(labelLimit=220)),
        tooltip=[
            "a:N",
            "b:N",
            *interval_tips(".3f"),
            alt.Tooltip("both_wrong:Q", title="both are wrong"),
            alt.Tooltip("only_a:Q", title="only the first is right"),
            alt.Tooltip("only_b:Q", title="only the second is right"),
        ],
    )
    scale = alt.Scale(domain=[low, high], range=[PALE, ACCENT], clamp=True)
    middle = low + WHITE_TEXT_FROM * (high - low)
    words = base.mark_text(fontSize=15).encode(
        text="text:N",
        color=alt.condition(f"isValid(datum.value) && datum.value > {middle}", alt.value("white"), alt.value(INK)),
    )
    cells = base.mark_rect(stroke="white").encode(color=alt.Color("value:Q", legend=None, scale=scale))
    return alt.layer(cells, words).properties(height=alt.Step(PAIR_ROW_PX))


def source_matrix(rows: pd.DataFrame) -> LayeredChart:
    """Draw the AUROC of every expert (columns) on every source (rows). rows: as `reports.source_rows` returns them."""
    names = list(dict.fromkeys(rows["expert"]))
    known = rows.dropna(subset=["auroc"])
    base = alt.Chart(known).encode(
        x=alt.X(
            "expert:N", title="expert", sort=names, axis=alt.Axis(labelAngle=-25, labelLimit=200, labelOverlap=False)
        ),
        y=alt.Y("source:N", title="source", axis=alt.Axis(labelLimit=190)),
        tooltip=["source:N", "expert:N", alt.Tooltip("auroc:Q", title="AUROC", format=".3f"), "items:Q", "fakes:Q"],
    )
    colour = alt.Color("auroc:Q", legend=None, scale=AUROC_COLOURS)
    words = base.mark_text(fontSize=12).encode(text=alt.Text("auroc:Q", format=".2f"), color=auroc_ink())
    return alt.layer(base.mark_rect(stroke="white").encode(color=colour), words).properties(
        height=alt.Step(SOURCE_ROW_PX)
    )


def silhouettes(rows: pd.DataFrame) -> alt.Chart:
    """Draw the two silhouettes of every embedding. rows: as `reports.embedding_rows` returns them."""
    kinds = ["by label", "by source, within a label"]
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
        .properties(height=alt.Step(SILHOUETTE_ROW_PX))
    )  # fmt: skip


def intervals(rows: pd.DataFrame, title: str, at: float | None = None, colour: str = ACCENT) -> LayeredChart:
    """Draw one dot with its 95 % line for each row.

    Args:
        rows: Columns source, value, low, high, and perhaps what, which the tooltip shows.
        title: Of the axis.
        at: Value that means "no effect", drawn as a dashed line; None for none.
        colour: Of dots and lines.

    Returns:
        The chart.
    """
    tips: list[str | alt.Tooltip] = ["source:N", *interval_tips(".3f")]
    tips += ["what:N"] if "what" in rows else []
    base = alt.Chart(rows).encode(
        y=alt.Y("source:N", title=None, sort=None, axis=alt.Axis(labelLimit=300)), tooltip=tips
    )
    scale = alt.Scale(zero=False, nice=True)
    spread = base.mark_rule(color=colour, strokeWidth=2).encode(x=alt.X("low:Q", title=title, scale=scale), x2="high:Q")
    layers = [spread, base.mark_circle(size=80, color=colour, opacity=1).encode(x=alt.X("value:Q", title=title))]
    if at is not None:
        layers.insert(0, marker("at", at))
    return alt.layer(*layers).properties(height=alt.Step(ROW_PX))


def rebuilt_chart(rows: pd.DataFrame, title: str) -> LayeredChart:
    """Draw the mean of one measure over real and over fake faces, with its interval.

    Args:
        rows: Columns expert, truth, value, low, high.
        title: Of the axis, with the unit.

    Returns:
        The chart.
    """
    base = alt.Chart(rows).encode(
        y=alt.Y("expert:N", title=None, axis=alt.Axis(labelLimit=220)),
        yOffset=alt.YOffset("truth:N", sort=["real", "fake"]),
        color=alt.Color("truth:N", title=None, scale=LABEL_SCALE, legend=alt.Legend(orient="bottom")),
        tooltip=["expert:N", "truth:N", *interval_tips(".4f")],
    )
    x = alt.X("low:Q", title=title, scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=4))
    return alt.layer(
        base.mark_rule(strokeWidth=2).encode(x=x, x2="high:Q"),
        base.mark_circle(size=80, opacity=1).encode(x=alt.X("value:Q", title=title)),
    ).properties(height=alt.Step(REBUILT_ROW_PX))


def importance_chart(rows: pd.DataFrame, title: str, text: str = ".1%") -> alt.Chart:
    """Draw bars, the largest first.

    Args:
        rows: Columns what, value.
        title: Of the axis.
        text: Format of the values in d3.

    Returns:
        The chart.
    """
    return (
        alt.Chart(rows)
        .mark_bar(color=ACCENT, height=16)
        .encode(
            y=alt.Y("what:N", title=None, sort="-x", axis=alt.Axis(labelLimit=260)),
            x=alt.X("value:Q", title=title, axis=alt.Axis(format=text)),
            tooltip=["what:N", alt.Tooltip("value:Q", title=title, format=text)],
        )
        .properties(height=alt.Step(BAR_ROW_PX))
    )
