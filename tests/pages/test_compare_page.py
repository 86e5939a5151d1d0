"""Compare: the same items for all, the figures of the science, a link that opens the same view, imported scores."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from app.scores.detector import detector_scores
from app.scores.sources import member_facts, score_sources
from app.scores.view import reference
from app.views.compare import runs as compare_runs
from app.views.compare.data import (
    NotComparable,
    Question,
    auroc_differences,
    compared,
    differences_of,
    measured,
    roc_bands,
)
from core.artifacts.files import write_json
from core.progress import Silent
from core.scores.imported_run import import_scores
from core.scores.spec import ImportScoresSpec
from jobs.workspace.runs import produced_run
from tests.support.page_text import texts


def bring(workbench, name, strength, seed, start=0, n=400, **changes):
    """A run of imported scores of the items start to start + n."""
    rng = np.random.default_rng(7)
    truth = rng.integers(0, 2, 1000)[start : start + n]
    z = np.random.default_rng(seed).normal(0, 2, n) + strength * (truth - 0.5)
    ids = np.arange(start, start + n)
    frame = pd.DataFrame({"id": [f"i{i}" for i in ids], "label": truth, "score": expit(z)})
    frame["group"] = [f"g{i // 4}" for i in ids]
    frame["split"] = "test"
    file = workbench.workspace.root / f"{name}.csv"
    frame.assign(**changes).to_csv(file, index=False)
    folder = workbench.workspace.runs / name
    import_scores(ImportScoresSpec(file=str(file), name=name), folder, Silent())
    workbench.register(produced_run(folder))
    return frame


def scores_of(workbench, *names):
    found = {reference(s): s for s in detector_scores(workbench)}
    return tuple(found[f"runs/{name}/scores"] for name in names)


def test_detectors_are_compared_on_the_items_that_all_scored(workbench):
    a = bring(workbench, "a", 3.0, 1)
    b = bring(workbench, "b", 0.5, 2, start=100, n=600)
    question = Question.of(scores_of(workbench, "a", "b"), "test", "frame", "mean_p")
    found = compared(question)
    assert (len(found.frame), found.left_out) == (300, (100, 300))
    both = a.merge(b, on="id")
    for p, side, values in zip(found.p_fake, "xy", measured(question), strict=True):
        area = roc_auc_score(both["label_x"], both[f"score_{side}"])
        assert roc_auc_score(found.labels, p) == pytest.approx(area)
        assert values["auroc"]["value"] == pytest.approx(area)
    (pair,) = auroc_differences(question)
    (row,) = differences_of(question, "auroc").to_dict("records")
    assert pair.difference == pytest.approx(row["value"])
    assert pair.p_holm < 0.01
    assert row["better"] == "A"
    assert row["low"] == pytest.approx(pair.low, abs=0.03)
    bands = roc_bands(question)
    assert (bands["low"] <= bands["tpr"] + 0.02).all()
    assert (bands["tpr"] <= bands["high"] + 0.02).all()


def test_what_cannot_be_compared_is_refused(workbench):
    bring(workbench, "a", 3.0, 1)
    bring(workbench, "far", 3.0, 1, start=600)
    bring(workbench, "turned", 3.0, 1, label=lambda f: 1 - f["label"])
    with pytest.raises(NotComparable, match="no item of test in common"):
        compared(Question.of(scores_of(workbench, "a", "far"), "test", "frame", "mean_p"))
    with pytest.raises(NotComparable, match="A and B disagree about the label of 400 items, first 'i0'"):
        compared(Question.of(scores_of(workbench, "a", "turned"), "test", "frame", "mean_p"))


def test_failed_items_are_left_out_and_counted(workbench):
    bring(workbench, "a", 2.0, 1)
    bring(workbench, "holes", 2.0, 2, score=lambda f: f["score"].where(f.index % 10 != 0))
    found = compared(Question.of(scores_of(workbench, "a", "holes"), "test", "frame", "mean_p"))
    assert found.left_out == (40, 0)
    assert scores_of(workbench, "holes")[0].frame("test")["p_fake"].isna().sum() == 40


def test_a_link_opens_the_same_view(workbench, open_page):
    for name, strength, seed in (("a", 3.0, 1), ("b", 1.0, 2), ("c", 2.0, 3)):
        bring(workbench, name, strength, seed)
    link = {"with": "runs/c/scores,runs/a/scores", "figure": "nll", "tab": "figures"}
    page = open_page("compare", **link)
    assert page.multiselect[0].value == ["runs/c/scores", "runs/a/scores"]
    assert [page.query_params[k] for k in ("with", "figure", "split")] == [link["with"], "nll", "test"]
    assert "All of them scored 400 items of 100 groups" in texts(page)
    assert "adjusted for 1 pair:" in texts(page)
    page.multiselect[0].set_value(["runs/c/scores"]).run()
    assert "Choose two to six detectors" in texts(page)
    page.multiselect[0].set_value(["runs/a/scores", "runs/b/scores", "runs/c/scores"]).run()
    assert not page.exception
    assert "adjusted for 3 pairs:" in texts(page)


def test_an_empty_workspace_says_what_to_do(workbench, open_page):
    page = open_page("compare", **{"with": "runs/gone/scores", "tab": "curves"})
    assert not page.error


def test_a_file_on_the_server_becomes_a_job(workbench, open_page):
    workbench.workspace.incoming.mkdir(parents=True, exist_ok=True)
    file = workbench.workspace.incoming / "Their Scores.csv"
    file.write_text("filename,target,logit,video\na,1,2.5,v\nb,0,-1,w\n")
    page = open_page("compare", tab="import")
    next(b for b in page.selectbox if b.key == "scores-on-server").set_value(str(file)).run()
    assert "filename, target, logit, video" in texts(page)
    next(b for b in page.button if b.label == "Import scores").click().run()
    (job,) = workbench.jobs(kind="import_scores")
    wanted = {"name": "their-scores", "id_column": "filename", "label_column": "target", "score_column": "logit",
              "group_column": "video", "score": "log_odds"}  # fmt: skip
    assert {k: job.spec[k] for k in wanted} == wanted


def test_imported_scores_are_a_source_of_the_cascade(workbench, open_page):
    bring(workbench, "a", 3.0, 1, split=["val_calib" if i % 8 < 4 else "test" for i in range(400)])
    source = next(s for s in score_sources(workbench) if s.folder.name == "a")
    assert member_facts(source, ["scores"]).units() == [
        {"name": "calls", "words": "an item; what a call costs is not known", "costs": [1.0]}
    ]
    page = open_page("cascade", scores="a")
    assert "400" in texts(page) or "200" in texts(page)


def test_only_what_differs_is_listed(tmp_path):
    for name, lr in (("one", 0.1), ("two", 0.2)):
        folder = tmp_path / name
        folder.mkdir()
        write_json(folder / "spec.json", {"name": name, "lr": lr, "epochs": 3, "model": {"size": 8, "wide": lr > 0.1}})
        (folder / "training_log.csv").write_text(f"epoch,train_loss,val_auroc\n1,0.5,{lr}\n2,0.4,{lr + 0.5}\n")
    folders = [tmp_path / "one", tmp_path / "two", None]
    table = compare_runs.differing(["A", "B", "C"], [compare_runs.asked(folder) for folder in folders])
    assert table.to_dict("records") == [
        {"field": "lr", "A": "0.1", "B": "0.2", "C": "–"},
        {"field": "model.wide", "A": "no", "B": "yes", "C": "–"},
    ]
    assert compare_runs.curve_columns(folders) == ["val_auroc", "train_loss"]
    assert list(compare_runs.curves(["A", "B", "C"], folders, "val_auroc")["value"]) == [0.1, 0.6, 0.2, 0.7]
