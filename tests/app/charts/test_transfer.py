"""Charts of other data sets compile, with axes and the rows they are given."""

import pandas as pd
import pytest

from app.charts import transfer as charts
from core.policies.replay.left_out import LeftOut
from core.policies.replay.transport import Cell

ROWS = pd.DataFrame(
    [
        {"dataset": "a", "rate": "leakage", "value": 0.1, "low": 0.05, "high": 0.2, "numerator": 5, "denominator": 50,
         "groups": 20},
        {"dataset": "b", "rate": "leakage", "value": 0.3, "low": None, "high": None, "numerator": 3, "denominator": 10,
         "groups": 1},
    ]
)  # fmt: skip
RATES = {"found": 0.8, "false_alarms": 0.05, "leakage": 0.1, "spared": 0.7}


@pytest.mark.parametrize(
    ("chart", "words"),
    [
        (charts.places(ROWS, "leakage: fakes called real / fakes"), ["leakage: fakes called real / fakes"]),
        (charts.base_rates(RATES, [(0.7, 0.03), (0.9, 0.08)], 0.05), ["base rate", "precision: fakes / called fake"]),
        (charts.base_rates(RATES, [(None, None), (None, None)], 0.05), ["base rate: fakes / all items"]),
        (charts.matrix([Cell("gan", "web", 0.9, 0.8, 0.95, 5, 6, 11), Cell("gan", "film", 0.7, None, None, 5, 3, 4)]),
         ["source of the fakes", "0.80 to 0.95"]),
        (charts.left_out([LeftOut("gan", "other", "all", 0.9, 0.7, 0.2, 0.1, 0.3, 9, 9, 9)]), ["without it in"]),
        (charts.left_out([LeftOut("gan", "other", "all", 0.9, 0.7, 0.2, None, None, 9, 9, 1)]), ["with it in"]),
    ],
)  # fmt: skip
def test_charts_name_their_axes(chart, words):
    text = chart.to_json()
    for word in words:
        assert word in text


def test_the_table_says_value_interval_and_counts():
    table = charts.place_table(ROWS)
    assert table["leakage"].tolist() == ["10.0% (5.0 to 20.0), 5 of 50", "30.0%, 3 of 10"]
