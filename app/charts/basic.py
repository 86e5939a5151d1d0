"""Altair charts of the analyst's pages. Each takes plain rows and gives a chart with axes, units and tooltips."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import altair as alt
import numpy as np
import pandas as pd

from app.ui.theme import QUIET, SERIES, VERDICT_COLOURS
from core.documents.policy import Exits
from core.task import FACES

LABEL_COLOURS = [VERDICT_COLOURS["real"], VERDICT_COLOURS["fake"]]


def timeline(
    series: Mapping[str, Sequence[tuple[float, float]]], exits: Exits | None
) -> alt.LayerChart | alt.FacetChart:
    """p_fake over a clip. series: name of a face -> [(seconds, p_fake)]; `exits` are drawn as dashed lines."""
    rows = pd.DataFrame(
        [(name, t, p) for name, points in series.items() for t, p in points], columns=["face", "seconds", "p_fake"]
    )
    base = alt.Chart(rows).encode(
        x=alt.X("seconds:Q", title="time in the clip (s)"),
        y=alt.Y("p_fake:Q", title="p_fake", scale=alt.Scale(domain=[0, 1])),
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
            (exits.real_below, "real", "real up to here"),
            (exits.fake_above, "fake", "fake from here"),
        ]
        if exits
        else []
    )
    rules = [_threshold(at, VERDICT_COLOURS[side], words) for at, side, words in lines if at is not None]
    return alt.layer(base.mark_line(strokeWidth=2), base.mark_circle(size=45, opacity=1), *rules).properties(height=230)


def _threshold(at: float, colour: str, words: str) -> alt.LayerChart:
    data = pd.DataFrame({"p_fake": [at], "what": [f"{words}: {at:.3g}"]})
    rule = alt.Chart(data).mark_rule(strokeDash=[5, 4], color=colour, strokeWidth=1.5)
    return rule.encode(y="p_fake:Q", tooltip="what:N")


def training_curves(
    rows: Iterable[Mapping[str, float]], height: int = 280
) -> dict[str, alt.LayerChart | alt.FacetChart]:
    """One chart a family of figures ("loss", "auroc", ...): rows are {"step": n, name: value}.

    `train_loss` and `val_loss` share a chart; a name without a known prefix stands alone.
    """
    frame = pd.DataFrame(list(rows))
    if frame.empty or "step" not in frame:
        return {}
    long = frame.melt("step", var_name="name", value_name="value").dropna()
    long["family"] = [family(name) for name in long["name"]]
    charts: dict[str, alt.LayerChart | alt.FacetChart] = {}
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
    """What a metric measures, without who measured it: `val_select_auroc` and `train_auroc` are both `auroc`."""
    for prefix in ("train_", "val_select_", "val_calib_", "val_", "test_"):
        if name.startswith(prefix):
            return name[len(prefix) :]
    return name


def counts(
    rows: pd.DataFrame, category: str, colour: str, n: str = "items", words: tuple[str, str] = FACES.classes
) -> alt.Chart:
    """Stacked bars of counts. rows: columns `category`, `colour` and `n`. words: the names of labels 0 and 1."""
    known = dict(zip(words, LABEL_COLOURS, strict=True))
    given = list(dict.fromkeys(rows[colour]))
    names = [*(word for word in words if word in given), *(name for name in given if name not in words)]
    palette = [known.get(str(name), QUIET) for name in names]
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
    """How a number is spread over the two labels: the share of each one's items in each of `bins` equal ranges.

    rows: columns `column` and `label` (1 = fake); missing numbers are left out.
    """
    known = rows[[column, "label"]].dropna()
    low, high = float(known[column].min()), float(known[column].max())
    edges = np.linspace(low, high if high > low else low + 1.0, bins + 1)
    parts = []
    for label, word in enumerate(words):
        values = known.loc[known["label"] == label, column].to_numpy(float)
        if len(values):
            share = np.histogram(values, edges)[0] / len(values)
            parts += [(word, edges[i], share[i]) for i in range(bins)] + [(word, edges[-1], share[-1])]
    frame = pd.DataFrame(parts, columns=["label", "value", "share"])
    colour = alt.Scale(domain=list(words), range=LABEL_COLOURS)
    return (
        alt.Chart(frame)
        .mark_area(interpolate="step-after", opacity=0.35, line={"strokeWidth": 1.5})
        .encode(
            x=alt.X("value:Q", title=title, scale=alt.Scale(nice=False, zero=False)),
            y=alt.Y("share:Q", title="share of the label", stack=None, axis=alt.Axis(format="%")),
            color=alt.Color("label:N", title=None, scale=colour, legend=alt.Legend(orient="bottom")),
            tooltip=[
                "label:N",
                alt.Tooltip("value:Q", title="from", format=".4g"),
                alt.Tooltip("share:Q", format=".1%"),
            ],
        )
        .properties(height=320)
    )
