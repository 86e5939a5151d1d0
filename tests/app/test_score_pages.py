"""Evaluate and Calibrate over saved scores: they render, and show what the science functions say."""

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from app import score_charts
from app.detector_scores import calibrated_runs, detector_scores, judged, stamp_of
from core.artifacts.workspace import Workspace
from core.calibrate.fit import calibrate_run
from core.calibrate.spec import CalibrateSpec
from core.evaluate.evaluate import evaluate_run, find_calibrator
from core.evaluate.metrics import auroc, confusion
from core.evaluate.reliability import reliability
from core.evaluate.spec import EvaluateSpec
from core.evaluate.sweep import sweep
from core.predictions import Predictions
from core.progress import Silent
from jobs.client import Workbench
from jobs.kind import Produced
from jobs.settings import Settings
from tests.support.tiny_bundle import build_tiny_bundle


class SavedRun:
    def __init__(self, folder):
        self.folder = folder


def predictions(split, n=300, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n)
    frame = pd.DataFrame({"sample_id": [f"{split}{i}" for i in range(n)], "label": labels, "split": split})
    frame["group"] = [f"{split}{i // 3}" for i in range(n)]
    frame["dataset"] = np.where(np.arange(n) % 2, "one", "two")
    frame["log_odds"] = rng.normal(0, 3, n) + 4 * (labels - 0.5)
    return Predictions(frame)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("home")
    workspace = Workspace(folder).create()
    run = SavedRun(workspace.runs / "r1")
    run.folder.mkdir()
    calibrate_run(CalibrateSpec(run="r1"), run, predictions("val_calib"), Silent())
    spec = EvaluateSpec(run="r1", n_bootstrap=50)
    calibrator, source = find_calibrator(spec, run.folder)
    evaluate_run(spec, run, predictions("test", seed=1), calibrator, source, Silent())
    workbench = Workbench.open(Settings(home=folder))
    workbench.register(Produced("run", "r1", str(run.folder), {}))
    workbench.set_active(bundle=build_tiny_bundle(folder / "bundles" / "tiny"))
    workbench.close()
    return folder


def evaluate_page() -> None:
    from pages import evaluate

    evaluate.render()


def calibrate_page() -> None:
    from pages import calibrate

    calibrate.render()


@pytest.mark.parametrize(("page", "title"), [(evaluate_page, "Evaluate"), (calibrate_page, "Calibrate")])
def test_pages_render(home, monkeypatch, page, title):
    monkeypatch.setenv("AWARE_HOME", str(home))
    at = AppTest.from_function(page, default_timeout=120).run()
    assert not at.exception
    assert at.title[0].value == title


def test_figures_are_those_of_the_science(home):
    workbench = Workbench.open(Settings(home=home))
    found = {scores.label: scores for scores in detector_scores(workbench)}
    assert len(found) == 5  # stage 1, two experts, the stack, and the run
    run = found["run r1"]
    frame = run.frame("test")
    value = judged(run, "test", "", 0.5, stamp_of(run))["auroc"]["value"]
    assert value == pytest.approx(auroc(frame["p_fake"].to_numpy(), frame["label"].to_numpy()))
    assert [item.name for item in calibrated_runs(workbench)] == ["r1"]
    workbench.close()


def rows_of(chart):
    return [row for rows in chart.to_dict()["datasets"].values() for row in rows]


def test_charts_carry_the_numbers():
    rng = np.random.default_rng(2)
    y = rng.integers(0, 2, 400)
    p = np.clip(rng.normal(0.3 + 0.4 * y, 0.2), 0, 1)
    c = confusion(p, y, 0.4)
    cells = {(r["truth"], r["called"]): r["items"] for r in rows_of(score_charts.confusion_chart(c)) if "truth" in r}
    assert cells == {("real", "real"): c.tn, ("real", "fake"): c.fp, ("fake", "real"): c.fn, ("fake", "fake"): c.tp}
    bars = [r for r in rows_of(score_charts.histogram(p, y, 0.4)) if "truth" in r]
    assert sum(r["items"] for r in bars) == len(y)
    dots = [r for r in rows_of(score_charts.roc_chart(sweep(p, y), c)) if "what" in r]
    assert dots[0]["tpr"] == pytest.approx(c.tp / (c.tp + c.fn))
    assert dots[0]["fpr"] == pytest.approx(c.fp / (c.fp + c.tn))
    shown = [
        r
        for r in rows_of(score_charts.reliability_charts(p, y)[0])
        if r.get("stated") is not None and "low" in r and r["items"]
    ]
    assert len({r["from"] for r in shown}) == (reliability(p, y, 15).count > 0).sum()
