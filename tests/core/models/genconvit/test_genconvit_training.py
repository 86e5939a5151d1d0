"""GenConViT through the one training loop: its parts are logged, its samples drawn, its weights read back."""

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from core.artifacts.files import read_json
from core.artifacts.workspace import Workspace
from core.train.fit import fit
from core.train.spec import TrainSpec


def make_dataset(folder, count=24):
    rng = np.random.default_rng(0)
    rows = []
    for number in range(count):
        pixels = np.full((96, 96, 3), rng.integers(60, 190, 3), dtype=np.uint8)
        if number % 2:
            pixels[24:72, 24:72] = rng.integers(0, 256, (48, 48, 3))
        Image.fromarray(pixels).save(folder / f"{number}.png")
        split = "train" if number < 16 else "val_select"
        rows.append({"path": f"{number}.png", "label": number % 2, "dataset": "made", "split": split, "group": number})
    pd.DataFrame(rows).to_csv(folder / "manifest.csv", index=False)
    return folder / "manifest.csv"


@pytest.mark.parametrize(("kind", "parts"), [("ed", {"reconstruction"}), ("vae", {"reconstruction", "kl"})])
def test_tiny_recipe_end_to_end(tmp_path, kind, parts):
    manifest = make_dataset(tmp_path)
    spec = TrainSpec(
        dataset=str(manifest), recipe=f"genconvit_{kind}_tiny", weights="none", epochs=2, batch_size=8, device="cpu"
    )
    folder = tmp_path / "run"
    run = fit(spec, Workspace(tmp_path / "workspace"), folder)
    log = pd.read_csv(folder / "training_log.csv")
    assert {f"train_{part}" for part in parts | {"bce"}} <= set(log)
    picture = np.asarray(Image.open(folder / "reconstruction_samples.png"))
    assert picture.std() > 10
    assert read_json(folder / "metrics.json")["epochs_run"] == 2
    detector = run.load_detector("cpu")
    assert detector.state_dict()["steps_trained"] > 0
    inputs = torch.randn(2, 3, 96, 96)
    assert torch.equal(detector.eval().scores(inputs), run.load_detector("cpu").eval().scores(inputs))
