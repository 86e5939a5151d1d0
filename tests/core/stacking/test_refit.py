"""Experts trained again in folds: every training row is answered by networks that never saw its group, once."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from core.artifacts.workspace import Workspace
from core.calibrate import calibrators
from core.data.manifest.open import open_dataset
from core.models.inference.run import Run
from core.models.inference.scoring import score
from core.progress import Cancelled, Silent
from core.stacking.data import collect_stack_data, stack_members
from core.stacking.fit_run import fit_stack
from core.stacking.refit import cut_folds, refit
from core.stacking.spec import StackSpec
from core.tables.embeddings import read_embeddings
from core.train import fit as training
from core.train.spec import TrainSpec
from tests.support.tiny_faces import write_tiny_faces

RECIPES = {"small_stage1": "stage1_tiny", "small_texture": "texture_tiny"}
FOLDS = 2


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Two runs really trained for an epoch on drawn squares, and calibrated."""
    workspace = Workspace(tmp_path_factory.mktemp("home")).create()
    write_tiny_faces(workspace.datasets / "faces")
    manifest = open_dataset("faces", workspace)
    for name, recipe in RECIPES.items():
        spec = TrainSpec(dataset="faces", recipe=recipe, name=name, weights="none", epochs=1, device="cpu")
        run = training.fit(spec, workspace, workspace.runs / name)
        said = score(run.load_detector(), manifest.select("val_calib"), workspace.root / "cache")
        calibrators.get("platt")().fit(said.log_odds, said.labels, said.fingerprint()).save(
            run.folder / "calibrator.json"
        )
    return workspace


SPEC = StackSpec(
    stage1="small_stage1", experts=["small_texture"], experts_are="refit", folds=FOLDS, rounds=10, search=1,
    projection=8, device="cpu",
)  # fmt: skip


@pytest.fixture(scope="module")
def stack(home):
    """Stacked in three attempts: the first two are stopped, by a person and by an error of the machine."""
    folder, whole_fit = home.runs / "stack", training.fit
    trained, attempts = [], []

    def watched(stop_at, error):
        def fit(spec, workspace, target, report, **options):
            if len(attempts[-1]) == stop_at:
                raise error
            attempts[-1].append(target.relative_to(folder).as_posix())
            trained.append(target)
            return whole_fit(spec, workspace, target, report, **options)

        return fit

    with pytest.MonkeyPatch.context() as patch:
        for stop_at, error in ((1, Cancelled()), (2, OSError("no space left")), (99, None)):
            attempts.append([])
            patch.setattr(training, "fit", watched(stop_at, error))
            try:
                run = fit_stack(SPEC, home, folder, Silent())
            except (Cancelled, OSError):
                continue
    return run, attempts


def test_a_fold_that_is_done_is_not_done_again(stack):
    _, attempts = stack
    assert attempts == [
        ["folds/fold-1/stage1"],
        ["folds/fold-2/stage1", "folds/fold-1/efficientnet_tiny_texture"],
        ["folds/fold-2/efficientnet_tiny_texture"],
    ]


def test_nothing_is_trained_when_all_is_there(stack, home, monkeypatch):
    run, _ = stack
    before = run.predictions
    monkeypatch.setattr(training, "fit", lambda *a, **k: pytest.fail("trained again"))
    again = fit_stack(SPEC, home, run.folder, Silent())
    np.testing.assert_allclose(again.predictions["p_stack"], before["p_stack"])


def test_another_spec_in_the_same_folder_is_trained_for(stack, home, monkeypatch, tmp_path):
    """The answers are kept under what they are answers to: a changed recipe of a run is another key."""
    folder = tmp_path / "stack"
    shutil.copytree(stack[0].folder, folder)

    def stop(*_args, **_options):
        raise Cancelled

    monkeypatch.setattr(training, "fit", stop)
    with pytest.raises(Cancelled):
        fit_stack(SPEC.model_copy(update={"projection": 4}), home, folder, Silent())


def test_every_training_row_is_answered_once_by_strangers(home, stack):
    run, _ = stack
    whole = open_dataset("faces", home)
    folds = cut_folds(whole, SPEC, run.folder)
    answered = []
    for fold in folds:
        trained = fold.train.frame[fold.train.frame["split"] == "train"]
        assert not set(trained["group"]) & set(fold.held.frame["group"])
        assert set(fold.train.frame["split"]) == {"train", "val_select"}
        answers = read_embeddings(fold.folder / "stage1.parquet")
        assert list(answers.sample_id) == list(fold.held.frame["sample_id"])
        answered += list(answers.sample_id)
    assert sorted(answered) == sorted(whole.frame.loc[whole.frame["split"] == "train", "sample_id"])


def test_what_stage3_learns_from_and_what_it_is_judged_on(home, stack, monkeypatch):
    run, _ = stack
    monkeypatch.setattr(training, "fit", lambda *a, **k: pytest.fail("trained again"))
    members = stack_members(SPEC, home)
    frozen = collect_stack_data(SPEC, home, members, Silent())
    data = refit(SPEC, home, run.folder, members, frozen, Silent())
    assert set(data.frame["split"]) == {"train", "val_calib", "test"}
    assert len(data.embeddings["efficientnet_tiny_texture"]) == len(data.frame)
    for split in ("val_calib", "test"):
        later, own = data.rows_of([split]), frozen.rows_of([split])
        assert list(data.frame["sample_id"].iloc[later]) == list(frozen.frame["sample_id"].iloc[own])
        np.testing.assert_array_equal(data.column("stage1")[later], frozen.column("stage1")[own])
        np.testing.assert_array_equal(
            data.frame["log_odds_stage1"].iloc[later], frozen.frame["log_odds_stage1"].iloc[own]
        )


def test_the_report_says_how_it_was_done(stack):
    run, _ = stack
    report = run.report
    assert report["experts_are"] == run.document["experts_are"] == "refit"
    assert "trained again in each fold" in report["notes"][0]
    assert [row["way"] for row in report["leak"]["rows"]] == ["refit", "frozen_held_out", "frozen_on_train"]
    assert len(report["fold_networks"]) == FOLDS * 2
    aligned = [row["aligned"] for row in report["fold_networks"] if row["member"] != "stage1"]
    assert all(isinstance(share, float) and share <= 1 for share in aligned)
    assert f"explain {np.mean(aligned):.0%} of its variance on val_calib" in report["notes"][-1]
    assert report["out_of_fold"][0]["items"] == 48


def test_what_only_a_resumed_training_needs_is_gone(stack):
    run, _ = stack
    assert not [path for path in run.folder.glob("folds/*/*") if path.is_dir()]
    assert {path.suffix for path in run.folder.rglob("*") if path.is_file()} <= {
        ".json", ".parquet", ".safetensors", ".txt"
    }  # fmt: skip


def test_a_run_of_other_data_cannot_be_refitted(home, tmp_path):
    from core.artifacts.files import read_json, write_json

    document = Run(home.runs / "small_texture").folder / "run.json"
    before = read_json(document)
    write_json(document, {**before, "data_fingerprint": "other"})
    try:
        with pytest.raises(ValueError, match="small_texture"):
            fit_stack(SPEC, home, tmp_path / "stack", Silent())
    finally:
        write_json(document, before)
