"""The page on experts: empty, full, one expert alone, and what its forms send."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from app.ui import navigation
from app.views.experts import samples as experts_samples
from app.views.experts.reports import ExpertsReport, alone_table, embedding_rows, pair_rows, source_table, titled
from app.views.experts.stack import comparison_table
from core.artifacts.files import write_json
from core.evaluate.experts.report import read_report
from jobs.kind import Produced
from tests.support.experts_folder import NAMES, write_experts
from tests.support.page_text import texts

ROOT = Path(__file__).resolve().parents[2]
LINE = {
    "method": "lightgbm", "name": "LightGBM (stage 3)", "features": "all", "auroc": 0.9, "interval": [0.8, 0.95],
    "f1": 0.8, "f1_interval": [0.7, 0.9], "ece": 0.1, "ece_interval": [0.05, 0.2],
    "less_mean": {"value": 0.02, "interval": [-0.01, 0.05], "p_value": 0.2},
}  # fmt: skip
STACK = {
    "comparison": [LINE, {**LINE, "method": "mean", "name": "mean", "less_mean": None}],
    "importance": {"stage1: log-odds": 0.4, "texture: embedding": 0.6},
    "permutation": {"stage1": {"drop": 0.05, "low": 0.02, "high": 0.08}},
    "leak": {
        "used": "frozen_held_out", "reading": "Out-of-fold AUROC less test AUROC is -0.010.",
        "rows": [{"title": "frozen experts", "items": 40, "optimism": {"value": -0.01, "low": -0.05, "high": 0.03}}],
    },
    "notes": ["The experts are frozen."],
}  # fmt: skip


@pytest.fixture
def full(workbench):
    """One report, one stack run."""
    folder = write_experts(workbench.workspace.experts / "quarrel")
    workbench.register(Produced("experts", "quarrel", str(folder), {}))
    stack = workbench.workspace.runs / "stacked"
    stack.mkdir()
    write_json(stack / "stack_report.json", STACK)
    write_json(stack / "run.json", {"format": 1, "kind": "stack"})
    workbench.register(Produced("run", "stacked", str(stack), {"kind": "stack"}))
    return ExpertsReport(folder, read_report(folder))


def write_run(workbench, name):
    """A run as a list of runs sees it: registered, with its run.json."""
    folder = workbench.workspace.runs / name
    folder.mkdir()
    write_json(folder / "run.json", {"format": 1, "detector": "mobilenetv1_texture", "dataset": "faces"})
    workbench.register(Produced("run", name, str(folder), {}))


def test_everything_is_shown(open_page, full):
    test = open_page("experts")
    said = texts(test)
    for words in (
        "Each expert alone",
        "Pairs of experts",
        "Embeddings",
        "Reconstructions",
        "Items on which they disagree",
    ):
        assert words in said
    assert "evidence by itself" in said
    assert "Ways to combine the experts, on test" in said
    assert "Out-of-fold AUROC less test AUROC" in said
    assert "data:image/jpeg;base64," in said
    assert all(f"<tr><td>{name}</td>" in said for name in ("Stage1", "Texture", "Genconvit", "Mean of all"))


def test_the_lists_can_be_turned_and_paged(open_page, full):
    test = open_page("experts")
    samples = full.samples()
    counted = len(samples[(samples["right"] == "stage1") & (samples["wrong"] == "texture")])
    assert f"{counted} items that Stage1 calls rightly and Texture wrongly" in texts(test)
    next(s for s in test.selectbox if s.key == "samples.right").select("genconvit").run()
    assert not test.exception
    assert "items that Genconvit calls rightly" in texts(test)


def test_one_expert_disagrees_with_nobody(open_page, workbench):
    folder = write_experts(workbench.workspace.experts / "alone", names=("texture",), pictures=False)
    workbench.register(Produced("experts", "alone", str(folder), {}))
    assert "This report has one expert" in texts(open_page("experts"))


def test_a_report_whose_folder_is_gone_is_left_out(open_page, workbench):
    workbench.register(Produced("experts", "gone", str(workbench.workspace.experts / "gone"), {}))
    page = open_page("experts")
    (reports,) = (box for box in page.selectbox if box.label == "Report")
    assert not any("gone" in title for title in reports.options)


def test_a_judging_is_started_with_what_the_form_says(open_page, full, workbench, monkeypatch):
    opened = []
    monkeypatch.setattr(navigation, "go_to", lambda name, **query: opened.append((name, query)))
    test = open_page("experts")
    next(s for s in test.selectbox if s.key == "experts.stack").select("stacked")
    next(b for b in test.button if b.label == "Start the report").click().run()
    assert not test.exception
    assert not test.error, [item.value for item in test.error]
    job = workbench.jobs(kind="experts")[0]
    assert (job.spec["stack"], job.spec["split"]) == ("stacked", "test")
    assert opened == [("jobs", {"job": job.id})]


def test_a_stack_is_started_with_what_the_form_says(open_page, full, workbench, monkeypatch):
    for name in ("filter", "texture"):
        write_run(workbench, name)
    opened = []
    monkeypatch.setattr(navigation, "go_to", lambda name, **query: opened.append((name, query)))
    test = open_page("experts")
    offered = next(s for s in test.selectbox if s.key == "stack.stage1").options
    assert {"filter", "texture"} <= set(offered)
    assert "stacked" not in offered  # a stack is no member of a stack
    next(s for s in test.selectbox if s.key == "stack.stage1").select("filter")
    next(s for s in test.multiselect if s.key == "stack.experts").select("texture")
    next(s for s in test.text_input if s.key == "stack.name").input("both")
    next(b for b in test.button if b.label == "Stack").click().run()
    assert not test.exception
    assert not test.error, [item.value for item in test.error]
    job = workbench.jobs(kind="stack")[0]
    assert (job.spec["stage1"], job.spec["experts"], job.spec["name"]) == ("filter", ["texture"], "both")
    assert job.spec["experts_are"] == "frozen"
    assert opened == [("jobs", {"job": job.id})]


def test_a_stack_without_experts_is_refused_in_words(open_page, full, workbench):
    write_run(workbench, "filter")
    test = open_page("experts")
    next(s for s in test.selectbox if s.key == "stack.stage1").select("filter")
    next(b for b in test.button if b.label == "Stack").click().run()
    assert not test.exception
    assert test.error
    assert not workbench.jobs(kind="stack")


def test_rows_for_the_charts(full):
    rows = pair_rows(full, "disagreement")
    assert len(rows) == 6
    one = rows[(rows["a"] == "Stage1") & (rows["b"] == "Texture")].iloc[0]
    other = rows[(rows["a"] == "Texture") & (rows["b"] == "Stage1")].iloc[0]
    assert one["value"] == other["value"]
    assert (one["only_a"], one["only_b"]) == (other["only_b"], other["only_a"])
    assert one["only_a"] == full.document["pairs"][0]["only_a_right"]
    with pytest.raises(ValueError, match="unknown figure"):
        pair_rows(full, "beauty")
    assert list(embedding_rows(full)["source"]) == ["Stage1", "Texture", "Genconvit", "Genconvit: latent"]
    assert len(alone_table(full)) == len(NAMES) + 1
    table = source_table(full)
    assert len(table) == (len(NAMES) + 1) * 3
    said = full.document["alone"]["texture"]["by_source"]["gan"]
    line = table[(table["source"] == "gan") & (table["expert"] == "Texture")].iloc[0]
    assert line["ECE"].startswith(f"{said['ece']:.3f} (")
    assert line["items"] == said["items"]
    for found in full.document["alone"].values():
        for row in found["by_source"].values():
            del row["ece"]
    assert source_table(full).empty  # a report from before these figures


def test_words_from_outside_are_escaped(full):
    full.document["members"][0]["title"] = "<script>alert(1)</script>"
    row = full.samples().iloc[0].to_dict()
    card = experts_samples.sample_card(full, row)
    assert "<script>" not in card
    assert "&lt;script&gt;" in card


def test_the_page_loads_without_torch():
    code = (
        "import sys, pages.experts, app.views.experts.stack, core.evaluate.experts.report; "
        "print([m for m in ('torch', 'timm', 'lightgbm', 'cv2') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip().splitlines()[-1] == "[]"


def test_an_old_stack_report_is_shown_by_titles_and_without_empty_columns():
    old = {"members": [{"name": "stage1", "title": "Small filter"}],
           "comparison": [{"name": "stage1", "auroc": 0.9, "interval": [0.8, 0.95], "f1": 0.8, "ece": 0.1}],
           "importance": {"stage1: log-odds": 0.7, "other": 0.3}}  # fmt: skip
    found = titled(old)
    assert list(found["importance"]) == ["Small filter: log-odds", "other"]
    table = comparison_table(found["comparison"])
    assert table.to_dict("records") == [
        {"way": "Small filter", "AUROC": "0.900 (0.800 to 0.950)", "F1": "0.800", "ECE": "0.100"}
    ]


def test_the_bundle_in_force_is_reported_from_its_predictions(workbench, open_page):
    """Without a job: every expert alone, pairs and disagreements, on items that no calibrator was fitted on."""
    page = open_page("experts")
    shown = texts(page)
    table = pd.read_parquet(workbench.active().bundle / "predictions.parquet")
    test = table[table["split"] == "test"]
    assert f"{len(test)} items of {test['group'].nunique()} groups" in shown
    area = roc_auc_score(test["label"], test["p_stage1"])
    assert f'<span class="aw-num">{area:.3f}</span>' in shown
    right = (test["p_stage1"] >= 0.5) == (test["label"] == 1)
    wrong = (test["p_mobilenetv1_texture"] >= 0.5) != (test["label"] == 1)
    assert f"{int((right & wrong).sum())} items that MobileNetV1 filter (small) calls rightly" in shown
    next(b for b in page.button if b.key == "experts.bundle-report").click().run()
    assert not page.exception
    assert page.query_params["tab"] in ("start", ["start"])
