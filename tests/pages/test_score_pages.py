"""Evaluate and Calibrate over saved scores: they render, and show what the science functions say."""

import re
import shutil

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.metrics import log_loss
from streamlit.testing.v1 import AppTest

from app.charts import scores as score_charts
from app.scores.detector import DetectorScores, calibrated_runs, detector_scores
from app.scores.view import View, measured
from core.artifacts.files import read_json
from core.artifacts.workspace import Workspace
from core.calibrate.fit import calibrate_run
from core.calibrate.spec import CalibrateSpec
from core.evaluate.report import evaluate_run, find_calibrator
from core.evaluate.spec import EvaluateSpec
from core.metrics.catalogue import FIGURES
from core.metrics.metrics import auroc
from core.metrics.reliability import reliability
from core.metrics.risk_band import risk_band
from core.progress import Silent
from core.tables.predictions import Predictions
from jobs.client import Workbench
from jobs.kind import Produced
from jobs.queue.views import Active
from jobs.settings import Settings
from pages import evaluate
from tests.support.page_text import texts
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


def clips():
    """The test items as three frames a video, and three that failed."""
    found = predictions("test", seed=1)
    frame = found.frame.assign(video=found.frame["group"], track=0)
    frame["label"] = frame.groupby("group")["label"].transform("max")
    frame["dataset"] = frame.groupby("group")["dataset"].transform("first")  # a clip is of one data set
    failed = frame.head(3).assign(sample_id=["a", "b", "c"], reason="could not be read")
    return Predictions(frame, failed[["sample_id", "group", "dataset", "label", "reason"]])


def test_a_split_in_which_every_item_failed_is_not_offered(monkeypatch):
    frame = pd.DataFrame({"split": ["val_select", "test", "test"], "p_fake": [0.5, np.nan, np.nan]})
    monkeypatch.setattr(DetectorScores, "frame", lambda self, split="": frame)
    assert DetectorScores("x", source=object()).splits() == ["val_select"]  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("home")
    workspace = Workspace(folder).create()
    run = SavedRun(workspace.runs / "r1")
    run.folder.mkdir()
    calibrate_run(CalibrateSpec(run="r1"), run.folder, predictions("val_calib"), Silent())
    spec = EvaluateSpec(run="r1", n_bootstrap=50)
    calibrator, source = find_calibrator(spec, run.folder)
    evaluate_run(spec, run.folder, predictions("test", seed=1), calibrator, source, Silent())
    for name, compare in (("plain", False), ("clips", False)):
        other = SavedRun(workspace.runs / name)
        other.folder.mkdir()
        calibrate_run(CalibrateSpec(run=name, compare=compare), other.folder, predictions("val_calib"), Silent())
        evaluate_run(spec.model_copy(update={"run": name}), other.folder, clips(), calibrator, source, Silent())
    workbench = Workbench.open(Settings(home=folder))
    for name in ("clips", "plain", "r1"):
        workbench.register(Produced("run", name, str(workspace.runs / name), {}))
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
    assert len(found) == 7  # stage 1, two experts, the stack, and the runs
    run = found["run r1"]
    frame = run.frame("test")
    value = measured(View.of(run, "test"), 0.5)["auroc"]["value"]
    assert value == pytest.approx(auroc(frame["p_fake"].to_numpy(), frame["label"].to_numpy()))
    assert [item.name for item in calibrated_runs(workbench)] == ["r1", "plain", "clips"]
    workbench.close()


def scores_of(home, label):
    workbench = Workbench.open(Settings(home=home))
    try:
        return next(scores for scores in detector_scores(workbench) if scores.label == label)
    finally:
        workbench.close()


def rows_of(chart):
    return [row for rows in chart.to_dict()["datasets"].values() for row in rows]


def test_charts_carry_the_numbers():
    rng = np.random.default_rng(2)
    y = rng.integers(0, 2, 400)
    p = np.clip(rng.normal(0.3 + 0.4 * y, 0.2), 0, 1)
    shown = [
        r
        for r in rows_of(score_charts.reliability_charts(reliability(p, y, 15))[0])
        if r.get("stated") is not None and "low" in r and r["items"]
    ]
    assert len({r["from"] for r in shown}) == (reliability(p, y, 15).count > 0).sum()


def test_the_risk_chart_ends_at_plain_error():
    rng = np.random.default_rng(3)
    y = rng.integers(0, 2, 400)
    p = np.clip(rng.normal(0.3 + 0.4 * y, 0.2), 0, 1)
    rows = [r for r in rows_of(score_charts.risk_chart(risk_band(p, y, draws=50))) if r.get("coverage") == 1.0]
    assert rows[0]["risk"] == pytest.approx(float(((p >= 0.5) != (y == 1)).mean()))
    assert rows[0]["low"] <= rows[0]["risk"] <= rows[0]["high"]


def opened(monkeypatch, home, page, **query):
    monkeypatch.setenv("AWARE_HOME", str(home))
    at = AppTest.from_function(page, default_timeout=120)
    for name, value in query.items():
        at.query_params[name] = value
    at.run()
    assert not at.exception, [item.message for item in at.exception]
    return at


def address(at):
    """The state in the address, as plain words."""
    return {name: value if isinstance(value, str) else value[0] for name, value in dict(at.query_params).items()}


EVALUATE_TABS = ("curves", "slices", "sources", "stage", "run")


@pytest.mark.parametrize("tab", EVALUATE_TABS)
def test_every_tab_of_evaluate_opens_by_link(home, monkeypatch, tab):
    at = opened(monkeypatch, home, evaluate_page, scores="runs/r1", tab=tab)
    assert address(at)["tab"] == tab
    assert address(at)["scores"] == "runs/r1"


def test_a_link_brings_detector_split_level_threshold_and_slice_back(home, monkeypatch):
    asked = {"scores": "runs/clips", "split": "test", "level": "video", "pooling": "max", "from": "0.3",
             "fakes": "0.02", "curve": "det", "tab": "slices", "slice": "dataset", "figure": "recall"}  # fmt: skip
    at = opened(monkeypatch, home, evaluate_page, **asked)
    assert address(at) == asked
    assert "100 videos" in next(c.value for c in at.caption if "groups" in c.value)
    assert at.code[0].value.endswith("&".join(f"{k}={v}" for k, v in sorted(asked.items())))


def test_a_link_to_what_is_gone_falls_back(home, monkeypatch):
    at = opened(monkeypatch, home, evaluate_page, scores="runs/gone", split="nowhere", tab="x", **{"from": "many"})
    assert address(at)["from"] == "0.5"
    assert address(at)["tab"] == "curves"


def test_figures_of_a_decision_move_with_the_threshold_and_the_headline_does_not(home, monkeypatch):
    specificity, area = {}, {}
    for threshold in ("0.5", "0.9"):
        at = opened(monkeypatch, home, evaluate_page, scores="runs/r1", **{"from": threshold})
        specificity[threshold] = re.search(r"<td>Specificity</td><td>.*?>([0-9.]+)</span> <small", texts(at))[1]
        area[threshold] = re.search(r"<em>AUROC</em><b>([0-9.]+)</b><small>95 %: ", texts(at))[1]
    assert specificity["0.5"] < specificity["0.9"]
    assert area["0.5"] == area["0.9"]


def test_six_figures_come_first_and_no_figure_stands_twice(home, monkeypatch):
    at = opened(monkeypatch, home, evaluate_page, scores="runs/r1")
    first = re.findall(r"<em>(.*?)</em><b>", texts(at))
    assert len(first) == 6
    assert "Every figure" in [item.label for item in at.expander]
    rows = re.findall(r"<tr><td>(.*?)</td>", texts(at))
    shown = {FIGURES[name].title for name in (*evaluate.HEADLINE, *evaluate.ON_BOARD)}
    assert not shown & set(rows)
    assert shown | set(rows) >= {figure.title for figure in FIGURES.values()}


def test_items_without_a_score_are_counted_and_bounded(home, monkeypatch):
    at = opened(monkeypatch, home, evaluate_page, scores="runs/clips")
    assert "3 of 303 items have no score" in at.warning[0].value
    shown = texts(at)
    row = r"<td>Hits at 10 % false alarms</td><td>.*?>([0-9.]+)</span>.*?</td><td>([0-9.]+)</td>"
    value, worst = re.search(row, shown).groups()
    assert float(worst) < float(value)
    value = measured(View.of(scores_of(home, "run clips"), "test"), 0.5)["accuracy"]["value"]
    assert float(re.search(r"Accuracy ([0-9.]+)[;.]", shown)[1]) < value


def test_calibrate_tabs_and_its_sliders_come_back_by_link(home, monkeypatch):
    asked = {
        "run": "r1",
        "t": "2.5",
        "n_bins": "10",
        "convention": "top_label",
        "bins": "mass",
        "curve": "brier",
        "tab": "methods",
    }
    at = opened(monkeypatch, home, calibrate_page, **asked)
    assert address(at) == asked
    said = texts(at)
    assert all(f"<td>{name}</td>" in said for name in ("temperature", "isotonic", "Venn-Abers", "none"))


def test_methods_are_compared_when_asked(home, monkeypatch):
    at = opened(monkeypatch, home, calibrate_page, run="plain", tab="methods")
    button = next(b for b in at.button if b.label == "Compare all methods")
    button.click().run()
    assert not at.exception
    assert texts(at).count("<tr><td>") >= 8


def test_members_of_the_bundle_in_force_are_shown_without_a_calibrated_run(workbench, open_page):
    """The calibrators of the shipped bundle, on its saved items that they were not fitted on."""
    page = open_page("calibrate", run="bundle/stage1/test")
    folder = workbench.active().bundle
    temperature = read_json(folder / "stage1" / "calibrator.json")["temperature"]
    shown = texts(page)
    assert f"{temperature:.4g}" in shown
    table = pd.read_parquet(folder / "predictions.parquet")
    test = table[table["split"] == "test"]
    assert f"{len(test):,} items of {test['group'].nunique():,} groups" in shown
    for p, column in ((expit(test["log_odds_stage1"]), 0), (test["p_stage1"], 1)):
        brier = float(((p - test["label"]) ** 2).mean())
        row = re.search(r"<tr><td>Brier score</td>(.*?)</tr>", shown)[1]
        assert float(re.findall(r'<span class="aw-num">([0-9.]+)</span>', row)[column]) == pytest.approx(
            brier, abs=1e-4
        )
    nll = [log_loss(test["label"], p) for p in (expit(test["log_odds_stage1"]), test["p_stage1"])]
    assert nll[0] < nll[1]
    assert f"worse: NLL is {nll[0]:.4f} before and {nll[1]:.4f} after" in shown


def test_empty_pages_have_a_button_that_leads_on(workbench, open_page, monkeypatch, tmp_path):
    bare = tmp_path / "bare"
    shutil.copytree(workbench.active().bundle, bare, ignore=shutil.ignore_patterns("predictions.parquet"))
    monkeypatch.setattr(Workbench, "active", lambda self: Active(bundle=bare, policy=None))
    for name in ("evaluate", "calibrate", "experts", "compare"):
        page = open_page(name)
        assert [b for b in page.button if (b.key or "").startswith(("empty-", "experts."))], name
