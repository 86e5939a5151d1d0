"""From predictions to the files of a calibrated run; what is measured was never fitted."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.special import expit

from core.calibrate import calibrators, load_calibrator
from core.calibrate.fit import calibrate_run, cross_fitted, held_out
from core.calibrate.spec import CalibrateSpec
from core.progress import Silent
from core.tables.predictions import Predictions


def predictions(n: int = 600, per_group: int = 4, t: float = 4.0, split: str = "val_calib") -> Predictions:
    rng = np.random.default_rng(0)
    z = rng.normal(0, 2, n)
    frame = pd.DataFrame({"sample_id": [f"{split}{i}" for i in range(n)], "dataset": "d", "split": split})
    frame["group"] = [f"{split}{i // per_group}" for i in range(n)]
    frame["label"] = (rng.random(n) < expit(z)).astype(int)
    frame["log_odds"] = t * z
    return Predictions(frame)


@pytest.mark.parametrize("method", calibrators.names())
def test_writes_the_files_of_the_guide(method, tmp_path, monkeypatch):
    draws = method in ("temperature", "none")
    if not draws:  # drawing takes most of the time
        monkeypatch.setattr("core.metrics.plots.draw_reliability", lambda *everything: None)
    made = calibrate_run(CalibrateSpec(run="r", method=method, compare=False), tmp_path, predictions(), Silent())
    name = "calibration_temp.json" if method.startswith("temperature") else "calibrator.json"
    expected = {name, "calibration_metrics.json", "calibrated_predictions.csv"}
    expected |= {"reliability_diagram.png"} if draws else set()
    assert {p.name for p in tmp_path.iterdir()} == expected
    assert json.loads((tmp_path / "calibration_metrics.json").read_text()) == made
    calibrator = load_calibrator(tmp_path / name)
    assert calibrator.fingerprint == predictions().fingerprint()
    table = pd.read_csv(tmp_path / "calibrated_predictions.csv")
    assert np.allclose(table["p_fake"], calibrator.transform(table["log_odds"]))
    assert table["p_fake_cross_fitted"].notna().all()
    if draws:
        assert Image.open(tmp_path / "reliability_diagram.png").size[0] > 1000
    before, after = made["before"]["ece_binary_width"], made["after"]["ece_binary_width"]
    assert before["low"] <= before["value"] <= before["high"] + 0.02
    if method == "none":
        assert after == before
    else:
        assert after["value"] < before["value"] / (1.5 if method == "moment_dirichlet" else 2)
        assert made["after"]["nll"]["high"] < made["before"]["nll"]["low"]


@pytest.fixture
def no_pictures(monkeypatch):
    """Drawing takes most of the time and is tested above."""
    monkeypatch.setattr("core.metrics.plots.draw_reliability", lambda *everything: None)


@pytest.mark.usefixtures("no_pictures")
def test_temperature_file_says_temperature(tmp_path):
    calibrate_run(CalibrateSpec(run="r", compare=False), tmp_path, predictions(), Silent())
    document = json.loads((tmp_path / "calibration_temp.json").read_text())
    assert document["temperature"] == pytest.approx(4.0, rel=0.2)
    assert document["method"] == "temperature"


@pytest.mark.usefixtures("no_pictures")
def test_a_run_has_one_calibrator(tmp_path):
    for method in ("temperature", "platt"):
        calibrate_run(CalibrateSpec(run="r", method=method, compare=False), tmp_path, predictions(), Silent())
    assert not (tmp_path / "calibration_temp.json").exists()
    assert (tmp_path / "calibrator.json").exists()


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_folds_never_cut_a_group(share):
    p = predictions()
    side = held_out(p.groups, p.labels, share, 0)
    assert all(len(set(side[p.groups == g])) == 1 for g in np.unique(p.groups))
    assert set(side) == ({0, 1} if share else {1, 2})
    if share:
        assert np.mean(side == 1) == pytest.approx(share, abs=0.03)


@pytest.mark.usefixtures("no_pictures")
def test_measured_items_were_not_fitted(tmp_path):
    spec = CalibrateSpec(run="r", val_split=0.3, compare=False)
    p = predictions()
    found, _ = cross_fitted(spec, p)
    rows, after = found.rows, found.p_fake
    made = calibrate_run(spec, tmp_path, p, Silent())
    assert made["n_measured"] == rows.size < len(p)
    calibrator = load_calibrator(tmp_path / "calibration_temp.json")
    assert np.array_equal(calibrator.transform(p.log_odds[rows]), after)
    held = Predictions(p.frame.iloc[rows])
    assert calibrator.fingerprint not in (p.fingerprint(), held.fingerprint())


def test_too_little_data_is_named(tmp_path):
    lonely = predictions(40, per_group=40)
    with pytest.raises(ValueError, match="too few"):
        calibrate_run(CalibrateSpec(run="r", compare=False), tmp_path, lonely, Silent())
    one_class = Predictions(predictions().frame.assign(label=0))
    with pytest.raises(ValueError, match="both classes"):
        calibrate_run(CalibrateSpec(run="r", compare=False), tmp_path, one_class, Silent())
    assert not (tmp_path / "calibration_temp.json").exists()


@pytest.mark.usefixtures("no_pictures")
def test_the_comparison_is_in_the_document(tmp_path):
    made = calibrate_run(CalibrateSpec(run="r", folds=3), tmp_path, predictions(240), Silent())
    assert list(made["comparison"]["methods"]) == calibrators.names()
    assert made["comparison"]["folds"] == 3
    assert made["n_failed"] == 0
