"""Draw charts of plain rows: scores over time, training curves, counts and distributions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import altair as alt
import numpy as np
import pandas as pd

from app.charts.scales import UNIT_SCALE, LayeredChart
from app.ui.theme import QUIET, SERIES, VERDICT_COLOURS
from core.documents.policy import Exits
from core.task import FACES

TIMELINE_PX = 230
TRAINING_PX = 280
SPREAD_PX = 320
METRIC_PREFIXES = ("train_", "val_select_", "val_calib_", "val_", "test_")
LABEL_COLOURS = [VERDICT_COLOURS["real"], VERDICT_COLOURS["fake"]]


def timeline(series: Mapping[str, Sequence[tuple[float, float]]], exits: Exits | None) -> LayeredChart:
    """Draw p_fake over the time of a clip.

    Args:
        series: Points (seconds, p_fake) by the name of the face.
        exits: Drawn as dashed lines; None for none.

    Returns:
        The chart, with one colour for each face.
    """
    rows = pd.DataFrame(
        [(name, t, p) for name, points in series.items() for t, p in points], columns=["face", "seconds", "p_fake"]
    )
    base = alt.Chart(rows).encode(
        x=alt.X("seconds:Q", title="time in the clip (s)"),
        y=alt.Y("p_fake:Q", title="p_fake", scale=UNIT_SCALE),
        color=alt.Color(
            "face:N",
            title=None,
            scale=alt.Scale(range=SERIES),
            legend=alt.Legend(orient="bottom") if len(series) > 1 else None,
        ),
        tooltip=["face:N", alt.Tooltip("seconds:Q", format=".2f"), alt.Tooltip("p_fake:Q", format=".3f")],
    )
    lines = (
        [
            (exits.real_below, "real", "called real up to here"),
            (exits.fake_above, "fake", "called fake from here"),
        ]
        if exits
        else []
    )
    rules = [_threshold(at, VERDICT_COLOURS[side], words) for at, side, words in lines if at is not None]
    return alt.layer(base.mark_line(strokeWidth=2), base.mark_circle(size=45, opacity=1), *rules).properties(
        height=TIMELINE_PX
    )


def _threshold(at: float, colour: str, words: str) -> alt.LayerChart:
    data = pd.DataFrame({"p_fake": [at], "what": [f"{words}: {at:.3g}"]})
    rule = alt.Chart(data).mark_rule(strokeDash=[5, 4], color=colour, strokeWidth=1.5)
    return rule.encode(y="p_fake:Q", tooltip="what:N")


def training_curves(rows: Iterable[Mapping[str, float]], height: int = TRAINING_PX) -> dict[str, LayeredChart]:
    """Draw one chart for each family of figures ("loss", "auroc", ...).

    `train_loss` and `val_loss` share a chart; a name without a known prefix has a chart of its own.

    Args:
        rows: {"step": epoch, name: value}, one for each epoch.
        height: Of each chart, in pixels.

    Returns:
        Charts by family, in the order in which the families appear; empty where there are no rows.
    """
    frame = pd.DataFrame(list(rows))
    if frame.empty or "step" not in frame:
        return {}
    long = frame.melt("step", var_name="name", value_name="value").dropna()
    long["family"] = [family(name) for name in long["name"]]
    charts: dict[str, LayeredChart] = {}
    for key, part in long.groupby("family", sort=False):
        names = list(dict.fromkeys(part["name"]))
        base = alt.Chart(part).encode(
            x=alt.X("step:Q", title="epoch", axis=alt.Axis(tickMinStep=1, format="d")),
            y=alt.Y("value:Q", title=str(key), scale=alt.Scale(zero=False)),
            color=alt.Color(
                "name:N", title=None, sort=names, scale=alt.Scale(range=SERIES), legend=alt.Legend(orient="bottom")
            ),
            tooltip=["name:N", alt.Tooltip("step:Q", title="epoch"), alt.Tooltip("value:Q", format=".4g")],
        )
        charts[str(key)] = alt.layer(base.mark_line(strokeWidth=2), base.mark_circle(size=30)).properties(height=height)
    return charts


def family(name: str) -> str:
    """Return what a metric measures without its split: `val_select_auroc` and `train_auroc` are both `auroc`."""
    for prefix in METRIC_PREFIXES:
        if name.startswith(prefix):
            return name[len(prefix) :]
    return name


def counts(
    rows: pd.DataFrame, category: str, colour: str, n: str = "items", words: tuple[str, str] = FACES.classes
) -> alt.Chart:
    """Draw stacked bars of counts.

    Args:
        rows: Columns `category`, `colour` and `n`.
        category: Column with one bar for each value.
        colour: Column with one part of the bar for each value.
        n: Column with the counts; its name is the title of the axis.
        words: Names of labels 0 and 1, which have the colours of the verdicts.

    Returns:
        The chart.
    """
    label_colours = dict(zip(words, LABEL_COLOURS, strict=True))
    given = list(dict.fromkeys(rows[colour]))
    names = [*(word for word in words if word in given), *(name for name in given if name not in words)]
    palette = [label_colours.get(str(name), QUIET) for name in names]
    return (
        alt.Chart(rows)
        .mark_bar(height=16)
        .encode(
            y=alt.Y(f"{category}:N", title=None, sort=None, axis=alt.Axis(labelLimit=220)),
            x=alt.X(f"{n}:Q", title=n, axis=alt.Axis(tickMinStep=1, format=",d")),
            color=alt.Color(
                f"{colour}:N",
                title=None,
                scale=alt.Scale(domain=names, range=palette),
                legend=alt.Legend(orient="bottom") if len(names) > 1 else None,
            ),
            tooltip=[f"{category}:N", f"{colour}:N", f"{n}:Q"],
        )
        .properties(height=alt.Step(26))
    )


def spread(
    rows: pd.DataFrame, column: str, title: str, words: tuple[str, str] = FACES.classes, bins: int = 40
) -> alt.Chart:
    """Draw the distribution of a number for each label: the share of the label's items in each of equal ranges.

    Args:
        rows: Columns `column` and `label` (1 = fake). Missing numbers are left out; at least one must be there.
        column: Column with the number.
        title: Title of its axis, with the unit.
        words: Names of labels 0 and 1.
        bins: Number of ranges.

    Returns:
        The chart.
    """
    known = rows[[column, "label"]].dropna()
    low, high = float(known[column].min()), float(known[column].max())
    edges = np.linspace(low, high if high > low else low + 1.0, bins + 1)
    parts = []
    for label, word in enumerate(words):
        values = known.loc[known["label"] == label, column].to_numpy(float)
        if len(values):
            share = np.histogram(values, edges)[0] / len(values)
            # The last point is repeated at the right edge, because a step is drawn from its left edge.
            parts += [(word, edges[i], share[i]) for i in range(bins)] + [(word, edges[-1], share[-1])]
    frame = pd.DataFrame(parts, columns=["label", "value", "share"])
    colour = alt.Scale(domain=list(words), range=LABEL_COLOURS)
    return (
        alt.Chart(frame)
        .mark_area(interpolate="step-after", opacity=0.35, line={"strokeWidth": 1.5})
        .encode(
            x=alt.X("value:Q", title=title, scale=alt.Scale(nice=False, zero=False)),
            y=alt.Y("share:Q", title="share of the items of this label", stack=None, axis=alt.Axis(format="%")),
            color=alt.Color("label:N", title=None, scale=colour, legend=alt.Legend(orient="bottom")),
            tooltip=[
                "label:N",
                alt.Tooltip("value:Q", title="from", format=".4g"),
                alt.Tooltip("share:Q", format=".1%"),
            ],
        )
        .properties(height=SPREAD_PX)
    )
