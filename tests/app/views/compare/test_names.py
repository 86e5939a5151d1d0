"""Letters, names and colours of compared detectors are the same in the legend, in charts and in saved pictures."""

from pathlib import Path

import pandas as pd
import pytest

from app.scores.detector import DetectorScores
from app.scores.sources import ScoreSource
from app.views.compare import charts
from app.views.compare.names import COLOURS, legend_html, lettered, options, picture_note

BUNDLE = ScoreSource("bundle in force: demo", Path("bundles/demo"))
FILTER = DetectorScores(f"Filter · {BUNDLE.label}", source=BUNDLE, member="stage1", title="Filter")
EXPERT = DetectorScores(f"Expert · {BUNDLE.label}", source=BUNDLE, member="expert", title="Expert")
RUN = DetectorScores("run <one>", run=Path("runs/one"), title="run <one>")


def test_the_source_is_named_once_where_all_share_it():
    assert lettered([FILTER, EXPERT]) == ("A: Filter", "B: Expert")
    for text in (legend_html([FILTER, EXPERT]), picture_note([FILTER, EXPERT])):
        assert text.count("demo") == 1
        assert "Filter" in text
        assert "Expert" in text


def test_sources_are_named_where_they_differ_and_text_is_escaped():
    assert lettered([FILTER, RUN]) == ("A: Filter · bundle in force: demo", "B: run <one>")
    assert "<one>" not in legend_html([FILTER, RUN])
    assert options({"a": FILTER, "b": RUN}, BUNDLE.folder) == {"a": "Filter", "b": "run <one>"}
    assert options({"a": FILTER}, Path("another"))["a"] == FILTER.label


def colours_of(chart):
    """Domain -> colour of the first colour scale of a chart."""
    scale = next(
        layer["encoding"]["color"]["scale"]
        for layer in chart.to_dict()["layer"]
        if "scale" in layer["encoding"].get("color", {})
    )
    return dict(zip(scale["domain"], scale["range"], strict=True))


@pytest.mark.parametrize("draw", ["figure", "roc", "reliability", "curve"])
def test_a_letter_has_one_colour_in_every_chart(draw):
    names = lettered([FILTER, EXPERT, RUN])
    rows = pd.DataFrame([{"detector": n, "value": 0.5, "low": 0.4, "high": 0.6, "fpr": 0.1, "tpr": 0.5, "stated": 0.2,
                          "observed": 0.3, "items": 5, "epoch": 1} for n in names[1:]])  # fmt: skip
    drawn = {
        "figure": lambda: charts.figure_chart(rows, names, "AUROC"),
        "roc": lambda: charts.roc_overlay(rows, names),
        "reliability": lambda: charts.reliability_overlay(rows, names),
        "curve": lambda: charts.curve_chart(rows, names, "loss"),
    }[draw]()
    colours = colours_of(drawn)
    assert {name: colours[name] for name in names[1:]} == {name: COLOURS[name[0]] for name in names[1:]}


def test_pairs_have_no_detectors_colour():
    rows = pd.DataFrame([{"source": "A - B", "value": 0.1, "low": 0.0, "high": 0.2}])
    assert not set(COLOURS.values()) & set(str(charts.difference_chart(rows, "difference").to_dict()).split("'"))
