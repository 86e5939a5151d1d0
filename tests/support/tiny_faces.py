"""A small data set of drawn squares that any network can learn: fakes carry a checkerboard of 8 px squares."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

SPLITS = ("train", "train", "train", "val_select", "val_calib", "test")


def write_tiny_faces(folder: Path, count: int = 96, side: int = 64, seed: int = 0) -> Path:
    """Write `count` PNGs and manifest.csv into `folder`; return the manifest. Half are fake, three of six train.

    Sources: `alpha` and `beta` real, `gamma` and `delta` fake; alpha and gamma are three times as frequent."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    checker = 36 * ((np.indices((side, side)) // 8).sum(0) % 2 * 2 - 1)[..., None]
    rows = []
    for index in range(count):
        label = index % 2
        coarse = rng.integers(60, 196, (4, 4, 3)).repeat(side // 4, axis=0).repeat(side // 4, axis=1)
        pixels = np.clip(coarse + rng.normal(0, 6, coarse.shape) + label * checker, 0, 255).astype(np.uint8)
        name = f"{index:04d}.png"
        Image.fromarray(pixels).save(folder / name)
        rare = index // 2 % 4 == 3
        rows.append(
            {
                "image_path": name,
                "label": label,
                "dataset": {(0, False): "alpha", (0, True): "beta", (1, False): "gamma", (1, True): "delta"}[
                    label, rare
                ],
                "group": f"g{index // 2:04d}",
                "split": SPLITS[index // 2 % len(SPLITS)],
                "method": "checkerboard" if label else "",
            }
        )
    manifest = folder / "manifest.csv"
    pd.DataFrame(rows).to_csv(manifest, index=False)
    return manifest
