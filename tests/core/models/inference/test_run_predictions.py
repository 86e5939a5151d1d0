"""Predictions of a run are scored once, and anew when items, weights or input change."""

import json
import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from core.artifacts.workspace import Workspace
from core.models.inference.run import Run
from core.models.inference.run_predictions import run_predictions
from core.progress import Silent
from core.tables.predictions import Predictions


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A run, a data set of six pictures, and a scorer that counts its calls and touches no network."""
    calls = []

    def score(detector, manifest, cache, **options):
        calls.append(options)
        return Predictions(manifest.frame.assign(log_odds=np.arange(len(manifest), dtype=float)))

    fake = SimpleNamespace(score=score, pick_device=lambda name: "cpu")
    monkeypatch.setitem(sys.modules, "core.models.inference.scoring", fake)
    monkeypatch.setattr(Run, "load_detector", lambda self, device="cpu": object())
    data = tmp_path / "data"
    data.mkdir()
    names = [f"{i}.png" for i in range(6)]
    for i, name in enumerate(names):
        Image.new("RGB", (8, 8), (i, 0, 0)).save(data / name)
    table = pd.DataFrame({"path": names, "label": [0, 1] * 3, "dataset": "d", "group": names, "split": "test"})
    table.to_csv(data / "manifest.csv", index=False)
    (data / "dataset.json").write_text('{"root": "."}')
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "run.json").write_text(json.dumps({"input": {"size": 32}, "dataset": str(data)}))
    (folder / "best_model.safetensors").write_bytes(b"weights")
    workspace = Workspace(tmp_path / "home").create()

    def ask(dataset=""):
        options = {"batch_size": 4, "device": "auto", "report": Silent()}
        return run_predictions(Run(folder), dataset, "test", workspace, **options)

    return SimpleNamespace(ask=ask, calls=calls, folder=folder, data=data)


def test_scored_once(world):
    first, again = world.ask(), world.ask(str(world.data))
    assert len(world.calls) == 1
    assert world.calls[0]["batch_size"] == 4
    assert np.array_equal(first.log_odds, again.log_odds)
    assert first.fingerprint() == again.fingerprint()


def test_new_weights_or_input_are_scored_anew(world):
    world.ask()
    (world.folder / "best_model.safetensors").write_bytes(b"other weights")
    world.ask()
    assert len(world.calls) == 2
    (world.folder / "run.json").write_text(json.dumps({"input": {"size": 64}, "dataset": str(world.data)}))
    world.ask()
    assert len(world.calls) == 3


def test_other_items_are_scored_anew(world):
    world.ask()
    table = pd.read_csv(world.data / "manifest.csv").iloc[:4]
    table.to_csv(world.data / "manifest.csv", index=False)
    assert len(world.ask()) == 4
    assert len(world.calls) == 2
