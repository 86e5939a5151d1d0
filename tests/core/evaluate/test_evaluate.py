"""The report of a run: figures that agree with the metrics, slices, thresholds by hand, pictures, refusals."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from core.calibrate import SeenBefore
from core.calibrate.methods.temperature import Temperature
from core.evaluate.report import evaluate_run, find_calibrator, prevalence_note
from core.evaluate.spec import EvaluateSpec
from core.evaluate.thresholds import threshold_rows
from core.metrics.catalogue import FIGURES
from core.progress import Silent
from core.tables.predictions import Predictions


def predictions(n: int = 400, seed: int = 0) -> Predictions:
    rng = np.random.default_rng(seed)
    group = np.arange(n) // 4
    y = rng.integers(0, 2, n)
    z = 3 * (2 * y - 1) + rng.normal(0, 2, n // 4)[group] + rng.normal(0, 2, n)
    frame = pd.DataFrame({"sample_id": [f"t{i}" for i in range(n)], "label": y, "log_odds": z, "split": "test"})
    return Predictions(frame.assign(group=[f"g{g}" for g in group], dataset=np.where(group % 3 == 0, "a", "b")))


def spec(**values) -> EvaluateSpec:
    return EvaluateSpec(**({"run": "r", "n_bootstrap": 200} | values))


def judged(tmp_path, p: Predictions, **values) -> dict:
    s = spec(**values)
    return evaluate_run(s, tmp_path, p, *find_calibrator(s, tmp_path), Silent())


def test_writes_every_file_of_the_guide(tmp_path):
    found = judged(tmp_path, predictions())
    pictures = {f"{n}.png" for n in ("roc_curve", "confusion_matrix", "reliability_diagram", "cascade_analysis")}
    documents = {"evaluation_report.json", "threshold_analysis.json", "predictions.csv"}
    assert {p.name for p in tmp_path.iterdir()} == pictures | documents
    for name in pictures:
        pixels = np.asarray(Image.open(tmp_path / name).convert("L"))
        assert pixels.shape[0] > 500
        assert pixels.std() > 5  # something is drawn
    assert json.loads((tmp_path / "evaluation_report.json").read_text()) == found
    assert len(pd.read_csv(tmp_path / "predictions.csv")) == 400


@pytest.fixture
def no_pictures(monkeypatch):
    """Drawing takes most of a report's time and is tested by itself."""
    monkeypatch.setattr("core.evaluate.report.draw_all", lambda *everything: [])


@pytest.mark.usefixtures("no_pictures")
def test_report_agrees_with_sklearn_and_holds_every_figure(tmp_path):
    p = predictions()
    found = judged(tmp_path, p, save_predictions=False)
    assert not (tmp_path / "predictions.csv").exists()
    area = found["metrics"]["auroc"]
    assert area["value"] == pytest.approx(roc_auc_score(p.labels, p.log_odds))
    assert area["low"] < area["value"] < area["high"]
    assert set(found["metrics"]) == set(FIGURES)
    assert found["n"] == 400
    assert found["groups"] == 100
    assert sum(found["confusion"].values()) == 400
    a = p.frame["dataset"] == "a"
    slice_a = found["by_dataset"]["a"]["metrics"]["auroc"]["value"]
    assert slice_a == pytest.approx(roc_auc_score(p.labels[a], p.log_odds[a]))
    slice_b = found["by_dataset"]["b"]["metrics"]["auroc"]["value"]
    assert found["macro_average"]["auroc"] == {"value": pytest.approx((slice_a + slice_b) / 2), "over": 2}


def test_threshold_rows_by_hand():
    p = np.array([0.01, 0.02, 0.03, 0.5, 0.015, 0.9])
    y = np.array([0, 0, 0, 0, 1, 1])
    groups = np.array(["a", "a", "b", "b", "c", "d"])
    row = threshold_rows(p, y, groups, [0.98], draws=0)[0]
    parts = {
        k: (row[k]["numerator"], row[k]["denominator"]) for k in ("filtration", "leakage", "precision", "coverage")
    }
    assert parts == {"filtration": (3, 6), "leakage": (1, 2), "precision": (2, 3), "coverage": (3, 6)}
    assert row["filtration_of_reals"]["value"] == 0.5
    assert row["balanced_filtration"] == 0.5
    assert row["balanced_precision"] == 0.5
    assert (row["group_leakage"]["numerator"], row["group_leakage"]["denominator"]) == (1, 2)
    assert row["leakage"]["low"] is None


def test_nobody_exits_is_unknown_not_zero():
    row = threshold_rows(np.array([0.5, 0.6]), np.array([0, 1]), np.array(["a", "b"]), [0.99], draws=50)[0]
    assert row["precision"]["value"] is None
    assert row["precision"]["low"] is None
    assert row["balanced_precision"] is None
    assert row["leakage"]["value"] == 0
    assert row["group_leakage"]["high"] > 0.5  # one group without a miss says little


def test_one_class_is_reported_without_ranking(tmp_path):
    p = Predictions(predictions().frame.assign(label=1))
    found = judged(tmp_path, p)
    assert found["metrics"]["auroc"] == {"value": None, "low": None, "high": None, "note": ""}
    assert "one class" in found["prevalence_note"]
    assert any("roc_curve.png" in w for w in found["warnings"])
    assert not (tmp_path / "roc_curve.png").exists()


def test_prevalence_note_has_the_known_figures():
    note = prevalence_note(np.repeat([1, 0], [88, 12]))
    assert "F1 0.94" in note
    assert "12%" in note
    assert prevalence_note(np.array([0, 1])) == ""


@pytest.mark.usefixtures("no_pictures")
def test_calibrator_is_applied_and_never_judged_on_its_own_items(tmp_path):
    p = predictions()
    Temperature().fit(p.log_odds, p.labels, "other").save(tmp_path / "calibration_temp.json")
    found = judged(tmp_path, p)
    t = json.loads((tmp_path / "calibration_temp.json").read_text())["temperature"]
    assert found["metrics"]["brier"]["value"] == pytest.approx(np.mean((expit(p.log_odds / t) - p.labels) ** 2))
    Temperature().fit(p.log_odds, p.labels, p.fingerprint()).save(tmp_path / "calibration_temp.json")
    with pytest.raises(SeenBefore):
        judged(tmp_path, p)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        judged(tmp_path, p, calibrator=str(tmp_path / "nowhere.json"))


def test_a_level_whose_units_are_not_clear_is_left_out_and_said(tmp_path):
    clear = Predictions(predictions().frame.assign(dataset="a"))
    names = clear.frame.groupby("label").cumcount().floordiv(4).astype(str)
    report = judged(tmp_path, Predictions(clear.frame.assign(video=names, group="g" + names)))
    assert report["levels"] == {}
    assert report["levels_left_out"] == [w for w in report["warnings"] if "holds real and fake items" in w] != []
    by_method = clear.frame.assign(video=names, group="g" + names, method=np.where(clear.labels == 1, "swap", ""))
    report = judged(tmp_path, Predictions(by_method))
    assert report["levels_left_out"] == []
    units = report["levels"]["video"]
    assert (units["n_fake"], units["n_real"]) == tuple(by_method[clear.labels == y]["video"].nunique() for y in (1, 0))
