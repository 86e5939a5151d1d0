"""What a chart takes away: its numbers as CSV."""

import io

import altair as alt
import pandas as pd
import pytest

from app.charts import basic as charts
from app.charts import scores as score_charts
from app.ui.chart import chart_rows, slug
from core.data.manifest.tables import csv_text


def test_csv_holds_every_number_that_is_drawn():
    given = pd.DataFrame({"split": ["test", "test"], "label": ["real", "fake"], "items": [30, 12]})
    rows = pd.read_csv(io.StringIO(csv_text(chart_rows(charts.counts(given, "split", "label")))))
    pd.testing.assert_frame_equal(rows, given, check_dtype=False)
    layered = alt.layer(*(alt.Chart(pd.DataFrame({"a": [i]})).mark_point().encode(x="a:Q") for i in range(3)))
    found = chart_rows(layered)
    assert sorted(found["a"]) == [0, 1, 2]
    assert found["layer"].nunique() == 3
    curves = charts.training_curves([{"step": i, "val_auroc": 0.5 + i / 10} for i in range(4)])["auroc"]
    assert list(chart_rows(curves)["value"]) == pytest.approx([0.5, 0.6, 0.7, 0.8])


def test_a_table_in_two_layers_is_given_once():
    frame = pd.DataFrame({"x": [1, 2], "=y": ["@SUM(1)", "b"]})
    base = alt.Chart(frame).encode(x="x:Q")
    pd.testing.assert_frame_equal(chart_rows(base.mark_line() + base.mark_point()), frame)
    assert csv_text(chart_rows(base.mark_line())) == "x,'=y\n1,'@SUM(1)\n2,b\n"
    assert chart_rows(alt.Chart("http://example.org/x.csv").mark_point()).empty


def test_a_file_name_is_plain():
    assert slug("ROC, by source: a/b") == "roc-by-source-a-b"
    assert slug("") == "chart"


def test_lines_that_would_squeeze_the_rest_are_cut_off_and_told():
    near = [{"source": f"m{i}", "value": i / 100, "low": i / 100 - 0.05, "high": i / 100 + 0.05} for i in range(6)]
    rows = pd.DataFrame([*near, {"source": "isotonic", "value": -1.4, "low": -3.2, "high": 0.0}])
    assert score_charts.readable_ends(rows.iloc[:-1]) is None
    ends = score_charts.readable_ends(rows)
    assert -0.1 < ends[0] < -0.05
    assert 0.1 < ends[1] < 0.15
    assert score_charts.clipped_words(rows, ends) == (
        "A triangle marks an interval that continues past the edge: isotonic -1.4 (-3.2 to 0)."
    )
    assert score_charts.clipped_words(rows, None) == ""
    cuts = [layer.data for layer in score_charts.interval_chart(rows, "x", ends=ends).layer if "cut" in layer.data]
    assert [list(cut["source"]) for cut in cuts] == [["isotonic"]]
