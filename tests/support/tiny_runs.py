"""A workspace with a data set of drawn squares and calibrated tiny runs, in seconds, without training."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd
from PIL import Image

from core.artifacts.files import write_json
from core.artifacts.workspace import Workspace
from core.data.manifest.manifest import Manifest

RUNS = {"tiny_stage1": "efficientnet_tiny", "tiny_texture": "efficientnet_tiny_texture", "tiny_other": "byobnet_tiny"}


def tiny_workspace(
    root: Path, groups: int = 40, per_group: int = 4, runs: Mapping[str, str] = MappingProxyType(RUNS)
) -> Workspace:
    """Data set `squares` (fakes carry a faint grid) and one calibrated run for each row of `runs`."""
    workspace = Workspace(root).create()
    manifest = _squares(workspace.datasets / "squares", groups, per_group)
    for seed, (name, detector) in enumerate(runs.items()):
        _run(workspace, name, detector, manifest, seed)
    return workspace


def _squares(folder: Path, groups: int, per_group: int) -> Manifest:
    rng = np.random.default_rng(0)
    (folder / "pictures").mkdir(parents=True)
    rows = []
    splits = ["train", "val_select", "val_calib", "test"]
    for group in range(groups):
        base = rng.integers(40, 216, (4, 4, 3)).repeat(16, axis=0).repeat(16, axis=1).astype(np.float64)
        for i in range(per_group):
            label = i % 2
            picture = base + rng.normal(0, 10, base.shape)
            if label:
                picture[::2, ::2] += 12
            name = f"g{group:02d}_{i}"
            Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8)).save(folder / "pictures" / f"{name}.png")
            rows.append(
                {
                    "sample_id": name,
                    "path": f"pictures/{name}.png",
                    "label": label,
                    "dataset": "grid" if label else "plain",
                    "group": f"g{group:02d}",
                    "split": splits[group % 4],
                    "method": "grid" if label else "",
                    "compression": "",
                    "identity": f"g{group:02d}",
                }
            )
    manifest = Manifest(pd.DataFrame(rows), folder)
    manifest.save(folder)
    return manifest


def _run(workspace: Workspace, name: str, detector_name: str, manifest: Manifest, seed: int) -> None:
    """Random weights whose last layer is spread over the data, saved and calibrated as a training would."""
    import torch
    from safetensors.torch import save_file

    from core.calibrate import calibrators
    from core.models.inference.scoring import score
    from core.models.registry import build_detector

    folder = workspace.runs / name
    folder.mkdir()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        detector = build_detector(detector_name, weights="none").eval()
    calib = manifest.select("val_calib")
    raw = score(detector, calib, workspace.root / "cache").log_odds
    last = [m for m in detector.modules() if isinstance(m, torch.nn.Linear) and m.out_features == 1][-1]
    with torch.no_grad():
        last.weight /= float(raw.std())
        last.bias.copy_((last.bias - float(raw.mean())) / float(raw.std()))
    predictions = score(detector, calib, workspace.root / "cache")
    save_file({k: v.contiguous() for k, v in detector.state_dict().items()}, folder / "best_model.safetensors")
    calibrator = calibrators.get("temperature")().fit(
        predictions.log_odds, predictions.labels, predictions.fingerprint()
    )
    calibrator.save(folder / "calibration_temp.json")
    write_json(
        folder / "run.json",
        {
            "format": 1,
            "detector": detector_name,
            "options": {},
            "input": detector.input_spec.model_dump(mode="json"),
            "embedding_size": detector.embedding_size,
            "dataset": "squares",
            "data_fingerprint": manifest.fingerprint(),
        },
    )
