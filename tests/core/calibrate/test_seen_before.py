"""Nothing is judged on items that it was fitted on: all of them, most of them, or the share behind a split."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from core.calibrate import SeenBefore, calibrators, check_unseen, load_calibrator
from core.calibrate.fit import calibrate_run, cross_fitted
from core.calibrate.spec import CalibrateSpec
from core.evaluate.report import evaluate_run
from core.evaluate.spec import EvaluateSpec
from core.progress import Silent
from core.tables.predictions import Predictions


def predictions(n: int = 1000, split: str = "val_calib") -> Predictions:
    rng = np.random.default_rng(0)
    z = rng.normal(0, 2, n)
    frame = pd.DataFrame({"sample_id": [f"{split}{i}" for i in range(n)], "dataset": "d", "split": split})
    frame["group"] = [f"{split}g{i // 4}" for i in range(n)]
    return Predictions(frame.assign(label=(rng.random(n) < expit(z)).astype(int), log_odds=2 * z))


def some(table: Predictions, keep) -> Predictions:
    return Predictions(table.frame.iloc[keep].reset_index(drop=True))


@pytest.fixture(scope="module")
def fitted():
    table = predictions()
    return table, calibrators.get("platt")().fit_on(table)


def test_all_but_one_one_alone_and_one_among_others_are_refused_with_their_number(fitted):
    table, made = fitted
    at = np.arange(1000)
    with pytest.raises(SeenBefore, match="on these 1,000 items"):
        check_unseen(made, some(table, at >= 0))
    with pytest.raises(SeenBefore, match="on 999 of these 999 items"):
        check_unseen(made, some(table, at > 0))
    with pytest.raises(SeenBefore, match="on 1 of these 1 items"):
        check_unseen(made, some(table, at == 7))
    strangers = predictions(1000, "test")
    mixed = pd.concat([strangers.frame, table.frame.iloc[:1]], ignore_index=True)
    with pytest.raises(SeenBefore, match="on 1 of these 1,001 items and cannot be judged"):
        check_unseen(made, Predictions(mixed))
    with pytest.raises(SeenBefore):  # whatever the group is called
        check_unseen(made, Predictions(table.frame.iloc[1:].assign(group="other").reset_index(drop=True)))
    assert check_unseen(made, strangers) == ""


def test_the_memory_survives_the_file(fitted, tmp_path):
    table, made = fitted
    made.save(tmp_path / "calibrator.json")
    with pytest.raises(SeenBefore, match="999"):
        check_unseen(load_calibrator(tmp_path / "calibrator.json"), some(table, np.arange(1000) > 0))


def test_a_calibrator_from_before_says_what_was_not_checked(fitted, tmp_path):
    table, made = fitted
    old = type(made).from_json({k: v for k, v in made.to_json().items() if k != "item_sketch"})
    with pytest.raises(SeenBefore):
        check_unseen(old, table)
    assert "only be checked that it was not fitted on exactly these" in check_unseen(
        old, some(table, np.arange(1000) > 0)
    )
    assert "does not record" in check_unseen(calibrators.get("platt")().fit([0.0, 1.0, -1.0], [1, 0, 1]), table)
    assert check_unseen(calibrators.get("none")().fit([0.0], [0]), table) == ""


def test_evaluate_refuses_the_split_whose_share_was_fitted(tmp_path, monkeypatch):
    monkeypatch.setattr("core.metrics.plots.draw_reliability", lambda *everything: None)
    table, run, spec = predictions(400), tmp_path, CalibrateSpec(run="r", val_split=0.2, compare=False)
    calibrate_run(spec, run, table, Silent())
    assert "item_sketch" not in (tmp_path / "calibration_metrics.json").read_text()
    made = load_calibrator(tmp_path / "calibration_temp.json")
    with pytest.raises(SeenBefore, match=f"on {made.fitted.n} of these 400 items"):
        evaluate_run(EvaluateSpec(run="r", split="val_calib", n_bootstrap=0), run, table, made, "", Silent())
    assert not (tmp_path / "evaluation_report.json").exists()
    held = cross_fitted(spec, table)[0].rows
    monkeypatch.setattr("core.evaluate.report.draw_all", lambda *everything: [])
    rest = some(table, held)
    report = evaluate_run(EvaluateSpec(run="r", n_bootstrap=0), run, rest, made, "", Silent())
    assert report["warnings"] == []
    old = type(made).from_json({k: v for k, v in made.to_json().items() if k != "item_sketch"})
    said = evaluate_run(EvaluateSpec(run="r", n_bootstrap=0), run, rest, old, "", Silent())["warnings"]
    assert "calibrate again for the full check" in said[0]
