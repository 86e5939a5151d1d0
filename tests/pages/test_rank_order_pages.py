"""Evaluate and Compare rank by log-odds where p_fake rounds to 1, at every level, and say so."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score
from streamlit.testing.v1 import AppTest

from app.scores.detector import detector_scores
from app.scores.view import View, band, coverage, measured, reference, rounded, sliced
from app.views.compare.data import Question, auroc_differences, compared, roc_bands
from app.views.compare.data import measured as measured_pair
from core.metrics.levels import CALIBRATED
from core.progress import Silent
from core.scores.imported_run import import_scores
from core.scores.spec import ImportScoresSpec
from jobs.workspace.runs import produced_run
from tests.support.page_text import texts


def evaluate_page() -> None:
    from pages import evaluate

    evaluate.render()


def bring(workbench, name: str, seed: int, gap: float) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    y = np.arange(600) % 2
    frame = pd.DataFrame({"id": [f"i{i}" for i in range(600)], "label": y, "split": "test"})
    frame = frame.assign(
        group=[f"g{i // 2 % 100}_{i % 2}" for i in range(600)], score=60 + gap * y + rng.normal(0, 3, 600)
    )
    file = workbench.workspace.root / f"{name}.csv"
    frame.assign(video=frame["group"], method=np.where(y == 1, "swap", "")).to_csv(file, index=False)
    folder = workbench.workspace.runs / name
    import_scores(ImportScoresSpec(file=str(file), name=name, score="log_odds"), folder, Silent())
    workbench.register(produced_run(folder))
    return frame


def test_sure_scores_are_ranked_by_their_log_odds(workbench, monkeypatch):
    frames = {name: bring(workbench, name, seed, gap) for name, seed, gap in (("good", 1, 7.0), ("fair", 2, 3.0))}
    found = {reference(s): s for s in detector_scores(workbench)}
    scores = tuple(found[f"runs/{name}/scores"] for name in frames)
    area = {name: roc_auc_score(f["label"], f["score"]) for name, f in frames.items()}
    assert area["good"] > 0.93
    view = View.of(scores[0], "test")
    assert (view.p_fake == 1).all()
    assert rounded(view) == 600
    here = measured(view, 0.5)["auroc"]
    assert here["value"] == pytest.approx(area["good"])
    assert here["low"] < here["value"] < here["high"]
    assert sliced(view, "method")["swap"]["against"]["auroc"]["value"] == pytest.approx(area["good"])
    assert len(band(view).risk) > 100
    assert coverage(view)["failed"] == 0
    by_video = frames["good"].groupby("group").agg(label=("label", "max"), score=("score", "mean"))
    clips = View.of(scores[0], "test", "video")
    assert CALIBRATED in clips.frame
    expected = roc_auc_score(by_video["label"], by_video["score"])
    assert measured(clips, 0.5)["auroc"]["value"] == pytest.approx(expected)

    question = Question.of(scores, "test", "frame", "mean_log_odds")
    assert [v["auroc"]["value"] for v in measured_pair(question)] == pytest.approx(list(area.values()))
    (pair,) = auroc_differences(question)
    assert pair.difference == pytest.approx(area["good"] - area["fair"])
    assert pair.p < 1e-6
    curve = roc_bands(question)
    good = curve[curve["detector"] == compared(question).names[0]]
    assert np.trapezoid(good["tpr"], good["fpr"]) == pytest.approx(area["good"], abs=0.01)

    at = AppTest.from_function(evaluate_page, default_timeout=120)
    at.query_params["scores"] = "runs/good/scores"
    at.run()
    assert not at.exception
    assert "600 items, so no threshold on p_fake separates them" in texts(at)
