"""The rows behind the chart and table of tested heat maps."""

from app.views.experts.evidence_report import MAP_KINDS, figure_rows, mass_chart, mass_rows
from core.explain.planted import FIGURES


def document():
    figure = {"value": 2.0, "low": 1.5, "high": 2.5}
    row = {"plant": "noise", "method": "grad_cam", "items": 10, "groups": 5, "empty": 1, "reading": "It points."}
    row |= dict.fromkeys(FIGURES, figure)
    nothing = {**row, "plant": "blend", "mass": dict.fromkeys(("value", "low", "high"))}
    return {"dataset": "d", "split": "test", "experts": [{"name": "a", "title": "Expert", "rows": [row, nothing]}]}


def test_rows_of_the_chart_leave_out_what_is_undefined():
    rows = mass_rows([document()])
    assert len(rows) == 2 * len(MAP_KINDS) - 1
    assert set(rows["map"]) == {"Grad-CAM, patch of noise", "Grad-CAM, patch of another face"}
    drawn = mass_chart(rows).to_dict()
    assert "1 = chance" in str(drawn)
    assert any(layer["mark"].get("strokeDash") for layer in drawn["spec"]["layer"])


def test_the_table_says_undefined_and_gives_intervals():
    table = figure_rows([document()])
    assert list(table["map on the patch / chance"]) == ["2.00 (1.50 to 2.50)", "undefined"]
    assert list(table["empty maps"]) == ["1 of 10", "1 of 10"]
