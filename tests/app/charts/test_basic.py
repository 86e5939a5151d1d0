"""Charts carry the rows they were given, with axes, units and tooltips."""

from __future__ import annotations

import pandas as pd
import pytest

from app.charts import basic as charts
from core.documents.policy import Exits


def rows_of(document: dict) -> list[dict]:
    return [row for rows in document["datasets"].values() for row in rows]


def test_the_timeline_draws_points_and_both_thresholds():
    points = [(0.0, 0.2), (1.0, 0.9)]
    document = charts.timeline({"face 1": points}, Exits(real_below=0.35, fake_above=0.65)).to_dict()
    rows = rows_of(document)
    assert [(r["seconds"], r["p_fake"]) for r in rows if "seconds" in r] == points
    assert sorted(r["p_fake"] for r in rows if "what" in r) == [0.35, 0.65]
    assert document["layer"][0]["encoding"]["x"]["title"] == "time in the clip (s)"
    assert document["layer"][0]["encoding"]["y"]["scale"]["domain"] == [0, 1]


@pytest.mark.parametrize("exits", [None, Exits()])
def test_a_side_that_never_exits_has_no_line(exits):
    rows = rows_of(charts.timeline({"face 1": [(0.0, 0.2), (1.0, 0.3)]}, exits).to_dict())
    assert not [r for r in rows if "what" in r]


def test_training_curves_group_by_what_is_measured():
    rows = [{"step": 1, "train_loss": 0.7, "val_loss": 0.8, "val_auroc": 0.6}, {"step": 2, "train_loss": 0.5}]
    drawn = charts.training_curves(rows)
    assert list(drawn) == ["loss", "auroc"]
    values = [(r["step"], r["name"], r["value"]) for r in rows_of(drawn["loss"].to_dict())]
    assert sorted(values) == [(1, "train_loss", 0.7), (1, "val_loss", 0.8), (2, "train_loss", 0.5)]
    assert charts.training_curves([]) == {}


def test_counts_keep_the_label_colours():
    frame = pd.DataFrame([("train", "real", 3), ("train", "fake", 4)], columns=["split", "label", "items"])
    document = charts.counts(frame, "split", "label").to_dict()
    assert document["encoding"]["color"]["scale"]["domain"] == ["real", "fake"]
    assert len(set(document["encoding"]["color"]["scale"]["range"])) == 2
    assert rows_of(document) == frame.to_dict("records")
