"""Imported scores on the pages: what was decided is said, the ways on are there, fitted items are judged nowhere."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from streamlit.testing.v1 import AppTest

from app.scores.calibration_items import ITEMS_UNKNOWN, fitted_rows, notes
from app.scores.detector import DetectorScores, detector_scores
from app.scores.sources import ScoreSource, predictions_of
from app.scores.view import reference
from core.artifacts.files import read_json, write_json
from core.calibrate.fit import calibrate_run
from core.calibrate.restate import restate_scores
from core.calibrate.spec import CalibrateSpec
from core.progress import Silent
from core.scores.imported_run import import_scores, kept_predictions
from core.scores.spec import ImportScoresSpec
from jobs.workspace.runs import produced_run


def bring(workbench, name, share, calibrate="", n=400):
    """Imported scores of n items; calibrate: with this share held out from the fit."""
    rng = np.random.default_rng(3)
    y = rng.integers(0, 2, n)
    frame = pd.DataFrame({"id": [f"i{i}" for i in range(n)], "label": y, "group": [f"g{i // 4}" for i in range(n)]})
    frame["score"] = expit(rng.normal(0, 2, n) + 3 * (y - 0.5))
    file = workbench.workspace.root / f"{name}.csv"
    frame.to_csv(file, index=False)
    folder = workbench.workspace.runs / name
    import_scores(ImportScoresSpec(file=str(file), name=name, calib_share=share), folder, Silent())
    if calibrate:
        spec = CalibrateSpec(run=name, method="platt", val_split=float(calibrate), compare=False)
        calibrate_run(spec, folder, kept_predictions(folder, "val_calib"), Silent())
        restate_scores(folder)
    workbench.register(produced_run(folder))
    return folder


@pytest.fixture
def no_pictures(monkeypatch):
    monkeypatch.setattr("core.metrics.plots.draw_reliability", lambda *everything: None)


def shown(page):
    boxes = [*page.info, *page.warning, *page.caption, *page.markdown, *page.error]
    return " ".join(str(box.value) for box in boxes)


def test_evaluate_judges_all_rows_and_says_what_was_decided(workbench, open_page):
    folder = bring(workbench, "whole", 0.0)
    (scores,) = (s for s in detector_scores(workbench) if reference(s) == "runs/whole/scores")
    assert scores.splits() == ["test"]
    assert len(scores.frame("test")) == 400
    page = open_page("evaluate", scores="runs/whole/scores")
    assert "400 items" in shown(page)
    assert "all items are judged" in shown(page)
    assert notes(ScoreSource("x", folder), "scores") == [
        f"{note[:1].upper()}{note[1:]}." for note in read_json(folder / "run.json")["notes"]
    ]


@pytest.mark.usefixtures("no_pictures")
def test_a_split_that_was_fitted_whole_is_not_offered(workbench, open_page):
    folder = bring(workbench, "fitted", 0.5, calibrate="0")
    source = ScoreSource("x", folder)
    n = len(kept_predictions(folder, "val_calib"))
    assert DetectorScores("x", source=source, member="scores").splits() == ["test"]
    assert (
        f"Its calibrator was fitted on {n} of the saved items ({n} of val_calib); this page leaves them out."
        in notes(source, "scores")
    )
    page = open_page("evaluate", scores="runs/fitted/scores")
    assert "this page leaves them out" in shown(page)
    old = read_json(folder / "calibrator.json")
    write_json(folder / "calibrator.json", {k: v for k, v in old.items() if k != "item_sketch"})
    assert int(fitted_rows(source, "scores").sum()) == n  # the whole split is known by its fingerprint all the same


@pytest.mark.usefixtures("no_pictures")
def test_of_a_split_that_was_fitted_in_part_the_rest_is_judged(workbench):
    folder = bring(workbench, "part", 0.5, calibrate="0.3")
    source = ScoreSource("x", folder)
    scores, n = DetectorScores("x", source=source, member="scores"), len(kept_predictions(folder, "val_calib"))
    fitted = read_json(folder / "calibrator.json")["n"]
    assert scores.splits() == ["test", "val_calib"]
    assert 0 < len(scores.frame("val_calib")) == n - fitted
    assert len(scores.frame("test")) == 400 - n
    assert fitted_rows(source, "scores").sum() == fitted
    left = set(scores.frame("val_calib")["sample_id"])
    seen = set(predictions_of(source).loc[fitted_rows(source, "scores"), "sample_id"])
    assert not left & seen
    document = read_json(folder / "calibrator.json")
    write_json(folder / "calibrator.json", {k: v for k, v in document.items() if k != "item_sketch"})
    assert not fitted_rows(source, "scores").any()
    assert notes(source, "scores")[-1] == ITEMS_UNKNOWN


@pytest.mark.usefixtures("no_pictures")
def test_scores_that_were_all_fitted_say_that_nothing_is_left(workbench, open_page):
    folder = bring(workbench, "all", 0.0)
    calibrate_run(
        CalibrateSpec(run="all", split="test", compare=False), folder, kept_predictions(folder, "test"), Silent()
    )
    page = open_page("evaluate", scores="runs/all/scores")
    assert not page.exception
    assert not page.metric
    html = " ".join(str(item.proto.body) for item in page.get("html"))
    assert "No item is left to evaluate it on" in html


def test_without_calibration_items_the_cascade_says_what_to_do(workbench, open_page):
    bring(workbench, "bare", 0.0)
    page = open_page("cascade", scores="bare")
    assert not page.exception
    html = " ".join(str(item.proto.body) for item in page.get("html"))
    assert "Import them again with a calibration share" in html


def result_page() -> None:
    import streamlit as st

    from app.forms.import_scores import draw_import_result

    draw_import_result(st.session_state["about"])


def test_the_result_of_an_import_is_in_words_with_the_ways_on(workbench):
    folder = bring(workbench, "their", 0.5)
    at = AppTest.from_function(result_page, default_timeout=180)
    at.session_state["about"] = {"run": "their", **read_json(folder / "run.json")}
    at.run()
    assert not at.exception
    html = " ".join(str(item.proto.body) for item in at.get("html"))
    for word in ("To be evaluated (test)", "To calibrate on (val_calib)", "their.csv"):
        assert word in html
    for raw in ("sha256", "format", "gflops", "None"):
        assert raw not in html
    assert [b.label for b in at.button] == ["Evaluate these scores", "Compare them"]
    assert "are set aside as val_calib" in " ".join(i.value for i in at.info)


def test_the_command_judges_all_rows_and_says_what_it_decided(workbench, tmp_path, monkeypatch):
    from typer.testing import CliRunner

    from app.cli.main import app

    monkeypatch.setenv("AWARE_HOME", str(workbench.workspace.root))
    file = tmp_path / "theirs.csv"
    file.write_text("id,label,score\n" + "".join(f"a{i},{i % 2},.5\n" for i in range(40)))
    done = CliRunner().invoke(app, ["scores", "import", str(file), "--name", "by-command"])
    assert done.exit_code == 0, done.output
    assert "all items are judged" in done.output
    assert read_json(workbench.workspace.runs / "by-command" / "run.json")["splits"] == {
        "test": {"items": 40, "fake": 20, "groups": 40}
    }
