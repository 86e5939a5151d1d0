"""The report on experts: figures against scikit-learn, lists against counting, a whole job on tiny networks."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from core.evaluate.experts.report import (
    FACES,
    MEAN,
    PREDICTIONS,
    REBUILT,
    SAMPLES,
    assemble,
    disagreements,
    mean_of,
    read_report,
)
from core.evaluate.experts.spec import ExpertsSpec
from core.models.inference.expert_scores import expert_runs
from core.progress import Silent
from jobs.kinds.experts import judge_experts
from tests.support.experts_folder import NAMES, drawn_scores
from tests.support.tiny_runs import tiny_workspace


@pytest.fixture(scope="module")
def report():
    frame, heard = drawn_scores()
    spec = ExpertsSpec(runs=list(NAMES), n_bootstrap=100)
    return frame, heard, assemble(spec, "drawn", "f", frame, heard)


def test_each_alone_is_what_scikit_learn_says(report):
    frame, heard, document = report
    y = frame["label"].to_numpy()
    assert list(document["alone"]) == [*NAMES, MEAN]
    for name in NAMES:
        found = document["alone"][name]["metrics"]
        assert found["auroc"]["value"] == pytest.approx(roc_auc_score(y, heard[name].p))
        assert found["f1"]["value"] == pytest.approx(f1_score(y, heard[name].p >= 0.5))
        assert found["auroc"]["low"] <= found["auroc"]["value"] <= found["auroc"]["high"]
        assert set(document["alone"][name]["by_source"]) == {"photo", "gan", "swap"}
    mean = np.mean([heard[name].log_odds for name in NAMES], axis=0)
    np.testing.assert_allclose(mean_of({name: heard[name].p for name in NAMES}), 1 / (1 + np.exp(-mean)))


def test_every_pair_and_every_part_is_there(report):
    _, _, document = report
    assert [(row["a"], row["b"]) for row in document["pairs"]] == [
        ("stage1", "texture"), ("stage1", "genconvit"), ("texture", "genconvit")
    ]  # fmt: skip
    assert set(document["embeddings"]["genconvit"]) == {"embedding", "latent"}
    assert document["embeddings"]["texture"]["embedding"]["probe"]["value"] > 0.9
    assert list(document["reconstructions"]) == ["genconvit"]
    assert "evidence by itself" in document["reconstructions"]["genconvit"]["reading"]


def test_lists_of_samples_are_counted_by_hand():
    frame = pd.DataFrame({"sample_id": list("abcd"), "label": [0, 1, 1, 0]})
    p = {"x": np.array([0.1, 0.9, 0.2, 0.7]), "y": np.array([0.8, 0.6, 0.95, 0.6])}
    found = disagreements(p, frame)
    rows = {(r.right, r.wrong): r.sample_id for r in found.itertuples()}
    assert rows == {("x", "y"): "a", ("y", "x"): "c"}
    assert found.loc[found["sample_id"] == "a", "margin"].item() == pytest.approx(0.7)


def test_the_widest_apart_come_first(report):
    frame, heard, _ = report
    found = disagreements({name: said.p for name, said in heard.items()}, frame)
    for _, part in found.groupby(["right", "wrong"]):
        assert part["margin"].is_monotonic_decreasing
        assert (
            ((part["p_right"] >= 0.5) == (part["label"] == 1)) & ((part["p_wrong"] >= 0.5) != (part["label"] == 1))
        ).all()


def test_nobody_to_judge_is_refused():
    with pytest.raises(ValueError, match="name a stack run or at least one run"):
        ExpertsSpec()


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """A job over two tiny runs, one of which rebuilds pictures."""
    runs = {"tiny_stage1": "efficientnet_tiny", "tiny_rebuilder": "genconvit_ed_tiny"}
    workspace = tiny_workspace(tmp_path_factory.mktemp("home"), groups=16, runs=runs)
    spec = ExpertsSpec(runs=["tiny_stage1", "tiny_rebuilder"], n_bootstrap=50, device="cpu")
    folder = workspace.experts / "report"
    return workspace, folder, judge_experts(spec, workspace, folder, Silent())


def test_a_job_leaves_all_that_the_page_shows(judged):
    _, folder, document = judged
    assert read_report(folder) == json.loads(json.dumps(document))
    table, samples = pd.read_parquet(folder / PREDICTIONS), pd.read_parquet(folder / SAMPLES)
    y = table["label"]
    for name in ("tiny_stage1", "tiny_rebuilder"):
        area = document["alone"][name]["metrics"]["auroc"]["value"]
        assert area == pytest.approx(roc_auc_score(y, table[f"p_{name}"]))
    wrong = ((table["p_tiny_stage1"] >= 0.5) == y) & ((table["p_tiny_rebuilder"] >= 0.5) != y)
    assert (samples["right"] == "tiny_stage1").sum() == wrong.sum()
    for sample_id in samples["sample_id"]:
        assert (folder / FACES / f"{sample_id}.jpg").is_file()
        assert (folder / REBUILT / "tiny_rebuilder" / f"{sample_id}.jpg").is_file()
    found = document["reconstructions"]["tiny_rebuilder"]
    assert found["items"] == len(table)
    assert {"image", "reconstruction", "latent"} <= set(document["embeddings"]["tiny_rebuilder"])


def test_a_run_named_twice_or_unknown_is_refused(judged):
    workspace, _, _ = judged
    with pytest.raises(ValueError, match="tiny_stage1 is to be judged twice"):
        expert_runs("", ["tiny_stage1", "tiny_stage1"], workspace)
    with pytest.raises(ValueError, match="is no stack"):
        expert_runs("tiny_stage1", [], workspace)
    with pytest.raises(FileNotFoundError, match="no run 'gone'"):
        expert_runs("", ["gone"], workspace)
