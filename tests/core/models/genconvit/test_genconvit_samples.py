"""The reconstruction samples of a run."""

import numpy as np
import pandas as pd
import torch
from PIL import Image

from core.data.loading.dataset import open_cache
from core.data.manifest.manifest import read_manifest
from core.models.genconvit.samples import _spread, reconstruct, save_reconstruction_samples, save_run_samples
from core.models.registry import build_detector


def test_samples_are_drawn_and_the_detector_is_left_alone(tmp_path):
    torch.manual_seed(0)
    detector = build_detector("genconvit_ed_tiny").train()
    pictures = np.random.default_rng(0).integers(0, 256, (3, 96, 96, 3), dtype=np.uint8)
    path = save_reconstruction_samples(detector, pictures, [0, 1, 1], tmp_path / "run" / "reconstruction_samples.png")
    assert detector.training
    picture = np.asarray(Image.open(path))
    assert min(picture.shape[:2]) > 300
    assert picture.std() > 10


def test_reconstruction_is_the_detectors_own():
    torch.manual_seed(0)
    detector = build_detector("genconvit_ed_tiny").eval()
    pictures = np.random.default_rng(0).integers(0, 256, (1, 96, 96, 3), dtype=np.uint8)
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (detector.input_spec.mean, detector.input_spec.std))
    with torch.no_grad():
        inputs = (torch.from_numpy(pictures).permute(0, 3, 1, 2) / 255 - mean) / std
        expected = (detector(inputs).aux["reconstruction"] * std + mean) * 255
    difference = np.abs(reconstruct(detector, pictures)[0] - expected[0].permute(1, 2, 0).numpy())
    assert difference.max() <= 0.51


def test_a_detector_without_reconstruction_writes_nothing(tmp_path):
    detector = build_detector("efficientnet_tiny")
    pictures = np.zeros((1, 64, 64, 3), np.uint8)
    assert save_reconstruction_samples(detector, pictures, [0], tmp_path / "x.png") is None
    assert not list(tmp_path.iterdir())


def test_samples_of_a_run_take_both_classes_and_every_source(tmp_path):
    rng = np.random.default_rng(0)
    rows = []
    for number in range(20):
        Image.fromarray(rng.integers(0, 256, (96, 96, 3), dtype=np.uint8)).save(tmp_path / f"{number}.png")
        rows.append({"path": f"{number}.png", "label": number % 2, "dataset": "ab"[number // 10], "split": "train"})
    pd.DataFrame(rows).to_csv(tmp_path / "manifest.csv", index=False)
    cache = open_cache(read_manifest(tmp_path / "manifest.csv"), tmp_path / "cache", 96)
    chosen = _spread(cache.manifest.frame.assign(row=range(20)).query("label == 1"), 4)
    assert sorted(cache.manifest.frame["dataset"].iloc[chosen]) == ["a", "a", "b", "b"]
    torch.manual_seed(0)
    detector = build_detector("genconvit_ed_tiny")
    path = save_run_samples(detector, cache, np.arange(20), tmp_path / "samples.png")
    assert np.asarray(Image.open(path)).shape[1] > 1000
