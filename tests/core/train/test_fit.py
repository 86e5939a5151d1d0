"""The training loop end to end, on drawn squares: it learns, it resumes to the bit, its folder says everything."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from core.artifacts.workspace import Workspace
from core.data.loading.dataset import cache_side, open_cache
from core.data.manifest.open import open_dataset
from core.models.inference.run import Run, find_run
from core.models.inference.scoring import embed_rows, score
from core.progress import Cancelled
from core.train.fit import fit
from core.train.recipes import Recipe, recipes
from core.train.spec import TrainSpec
from tests.support.tiny_faces import write_tiny_faces

HARD = "resume_hard"  # everything that has a state or draws a random number, in one recipe


@pytest.fixture(scope="module")
def workspace(tmp_path_factory) -> Workspace:
    return Workspace(tmp_path_factory.mktemp("workspace")).create()


@pytest.fixture(scope="module")
def manifest(workspace):
    return write_tiny_faces(workspace.datasets / "squares")


@pytest.fixture(scope="module", autouse=True)
def hard_recipe():
    recipes.add(
        HARD,
        Recipe(
            name=HARD,
            title="",
            claim="",
            cost="",
            scale="tiny",
            detector="efficientnet_tiny",
            options={"size": 32, "dropout": 0.3},
            weights="none",
            lr=3e-3,
            weight_decay=0.01,
            backbone_lr_scale=0.5,
            freeze_epochs=1,
            warmup_epochs=1.5,
            epochs=3,
            batch_size=10,
            ema_decay=0.95,
            augmentation="robust",
            self_blend=0.4,
        ),
    )
    yield
    recipes._items.pop(HARD)


class Watcher:
    """A Reporter that raises `error` at one step."""

    def __init__(self, at: int = -1, error: type[Exception] = RuntimeError) -> None:
        self.at, self.error, self.steps = at, error, 0
        self.rows: list[dict] = []
        self.lines: list[str] = []

    def progress(self, fraction: float, message: str) -> None:
        assert 0 <= fraction <= 1
        self.lines.append(message)
        if ", step " in message:
            self.steps += 1
            if self.steps == self.at:
                raise self.error("stopped by the test")

    def metric(self, step: int, values) -> None:
        self.rows.append({"step": step, **values})

    def part(self, document) -> None:
        pass


def spec_of(manifest, recipe=HARD, **values) -> TrainSpec:
    return TrainSpec(dataset=str(manifest), recipe=recipe, weights="none", device="cpu", seed=3, **values)


def log_without_times(run: Run) -> pd.DataFrame:
    return pd.read_csv(run.folder / "training_log.csv").drop(columns="seconds")


@pytest.fixture(scope="module")
def straight(workspace, manifest) -> Run:
    return fit(spec_of(manifest), workspace, workspace.runs / "straight", Watcher())


@pytest.mark.parametrize(
    ("at", "error", "checkpoint_seconds"),
    [
        pytest.param(7, RuntimeError, 0.0, id="killed-with-a-checkpoint-every-step"),
        pytest.param(8, RuntimeError, 1e9, id="killed-with-checkpoints-between-epochs-only"),
        pytest.param(3, RuntimeError, 1e9, id="killed-before-any-checkpoint"),
        pytest.param(9, Cancelled, 1e9, id="cancelled"),
        pytest.param(5, Cancelled, 1e9, id="cancelled-at-the-last-step-of-an-epoch"),
    ],
)
def test_resumed_training_ends_with_the_same_bits(
    workspace, manifest, straight, tmp_path, at, error, checkpoint_seconds
):
    folder = tmp_path / "run"
    watcher = Watcher(at, error)
    with pytest.raises(error):
        fit(spec_of(manifest), workspace, folder, watcher, checkpoint_seconds=checkpoint_seconds)
    assert watcher.steps == at
    assert not Run(folder).finished
    torch.manual_seed(99)  # whatever else the process did
    resumed = fit(spec_of(manifest), workspace, folder, Watcher(), checkpoint_seconds=checkpoint_seconds)
    for name in ("best_model.safetensors", "final_model.safetensors"):
        expected, found = load_file(straight.folder / name), load_file(folder / name)
        assert expected.keys() == found.keys()
        assert all(torch.equal(expected[key], found[key]) for key in expected), name
    pd.testing.assert_frame_equal(log_without_times(resumed), log_without_times(straight))


def test_another_seed_gives_other_weights(workspace, manifest, straight, tmp_path):
    spec = TrainSpec(**{**spec_of(manifest).model_dump(), "seed": 4})
    other = fit(spec, workspace, tmp_path / "run")
    expected, found = (load_file(run.folder / "final_model.safetensors") for run in (straight, other))
    assert not torch.equal(expected["head.2.weight"], found["head.2.weight"])


def test_run_folder_says_everything(workspace, manifest, straight):
    names = {path.name for path in straight.folder.iterdir()}
    assert names == {
        "spec.json",
        "run.json",
        "metrics.json",
        "best_model.safetensors",
        "final_model.safetensors",
        "training_log.csv",
        "training_curves.png",
        "predictions_val_select.parquet",
    }
    document, spec = straight.document, straight.spec
    assert TrainSpec(**spec).batch_size == 10, "the stored spec is the filled one"
    assert document["weights_origin"] == {"kind": "random"}
    assert document["data_fingerprint"] == open_dataset(manifest, workspace).fingerprint()
    assert document["items"] == {"train": 48, "val_select": 16}
    assert document["precision"] == "fp32"
    log = pd.read_csv(straight.folder / "training_log.csv")
    columns = ("train_loss", "train_accuracy", "val_loss", "val_accuracy", "val_auroc", "val_f1", "lr", "seconds")
    assert set(columns) | {"epoch", "train_bce"} == set(log.columns)
    assert log["epoch"].tolist() == [1, 2, 3]
    best = log.sort_values(["val_auroc", "val_loss"], ascending=[False, True]).index[0]
    assert straight.metrics["val_auroc"] == log["val_auroc"][best]
    assert straight.metrics["best_epoch"] == best + 1
    assert find_run("straight", workspace) == straight


def test_kept_weights_give_the_logged_figures(workspace, manifest, straight):
    selected = open_dataset(manifest, workspace).select("val_select")
    predictions = score(straight.load_detector(), selected, workspace.root / "cache", batch_size=5)
    stored = pd.read_parquet(straight.folder / "predictions_val_select.parquet")
    assert predictions.frame["sample_id"].tolist() == stored["sample_id"].tolist()
    assert predictions.log_odds == pytest.approx(stored["log_odds"].to_numpy(), abs=1e-4)
    detector = straight.load_detector()
    cache = open_cache(selected, workspace.root / "cache", cache_side(detector.input_spec.size))
    again, embeddings = embed_rows(detector, cache, np.arange(len(cache)), batch_size=16)
    assert embeddings.shape == (16, straight.document["embedding_size"])
    assert again.log_odds == pytest.approx(predictions.log_odds, abs=1e-4)


def test_it_learns_what_can_be_learnt(workspace, manifest, tmp_path):
    spec = spec_of(manifest, "stage1_tiny", epochs=6, patience=6, batch_size=8, save_every=2, size=64)
    watcher = Watcher()
    run = fit(spec, workspace, tmp_path / "run", watcher)
    assert run.metrics["val_auroc"] > 0.95
    assert [row["step"] for row in watcher.rows] == [1, 2, 3, 4, 5, 6]
    kept = sorted(path.name for path in run.folder.glob("epoch_*"))
    assert kept == ["epoch_002.safetensors", "epoch_004.safetensors", "epoch_006.safetensors"]
    held = open_dataset(manifest, workspace).select("test")
    predictions = score(run.load_detector(), held, workspace.root / "cache")
    assert ((predictions.log_odds > 0) == predictions.labels).mean() > 0.8


def test_patience_stops_a_training_that_gains_nothing(workspace, manifest, tmp_path):
    spec = spec_of(manifest, "stage1_tiny", epochs=9, patience=1, lr=1e-9, max_items=16, size=32)
    run = fit(spec, workspace, tmp_path / "run")
    assert run.metrics["stopped_early"]
    log = pd.read_csv(run.folder / "training_log.csv")
    assert log["val_auroc"].iloc[-1] <= log["val_auroc"].iloc[:-1].max()
    assert len(log) == 2 or log["val_auroc"].iloc[:-1].is_monotonic_increasing


def test_a_cpu_says_that_it_stays_in_fp32(workspace, manifest, tmp_path):
    watcher = Watcher(at=1)
    with pytest.raises(RuntimeError, match="stopped by the test"):
        fit(spec_of(manifest), workspace, tmp_path / "run", watcher)
    assert any("fp32" in line for line in watcher.lines)


def test_a_finished_run_is_returned_and_a_strange_folder_refused(workspace, manifest, straight):
    before = (straight.folder / "run.json").read_bytes()
    assert fit(spec_of(manifest), workspace, straight.folder, Watcher(at=1)) == straight
    assert (straight.folder / "run.json").read_bytes() == before
    with pytest.raises(ValueError, match="another spec"):
        fit(spec_of(manifest, epochs=7), workspace, straight.folder)


def test_excluded_sources_take_no_part(workspace, manifest, tmp_path):
    run = fit(
        spec_of(manifest, "stage1_tiny", epochs=1, exclude_datasets=["delta"], max_items=20, size=32),
        workspace,
        tmp_path / "run",
    )
    assert "delta" not in run.document["sources"]
    assert sum(run.document["sources"].values()) == 20
    assert "delta" not in set(pd.read_parquet(run.folder / "predictions_val_select.parquet")["dataset"])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"exclude_datasets": ["nothing"]}, "cannot exclude nothing: the data set's sources are alpha, beta"),
        ({"exclude_datasets": ["gamma", "delta"]}, "holds one class only"),
        ({"device": "cuda:7"}, "no GPU is at hand"),
    ],
)
def test_what_cannot_be_trained_is_refused(workspace, manifest, tmp_path, values, message):
    if "device" in values and torch.cuda.is_available():
        pytest.skip("a GPU is at hand")
    spec = TrainSpec(**{**spec_of(manifest).model_dump(), **values})
    with pytest.raises(ValueError, match=message):
        fit(spec, workspace, tmp_path / "run")


def test_diverging_loss_is_an_error(workspace, manifest, tmp_path):
    recipe = recipes.get("stage1_tiny").model_copy(update={"name": "wild", "clip_norm": 0.0})
    recipes.add("wild", recipe)
    try:
        with pytest.raises(FloatingPointError, match="learning rate"):
            fit(
                spec_of(manifest, "wild", lr=10.0, weight_decay=1.0, epochs=40, patience=40, size=32),
                workspace,
                tmp_path,
            )
    finally:
        recipes._items.pop("wild")


def test_nothing_in_the_folder_is_pickled(straight):
    for path in straight.folder.glob("*.json"):
        json.loads(path.read_text())
    for path in straight.folder.glob("*.safetensors"):
        assert load_file(path)
    assert not [p for p in straight.folder.iterdir() if p.suffix in (".pt", ".pth", ".pkl", ".bin")]
