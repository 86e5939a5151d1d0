"""A report on experts as an `experts` job leaves it, from drawn scores: no network, no training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from core.evaluate.experts.report import FACES, REBUILT, assemble, disagreements, write_report
from core.evaluate.experts.scores import ExpertScores
from core.evaluate.experts.spec import ExpertsSpec

NAMES = ("stage1", "texture", "genconvit")


def drawn_scores(n: int = 120, seed: int = 0) -> tuple[pd.DataFrame, dict[str, ExpertScores]]:
    """(manifest rows, what three experts say of them); the last one rebuilds pictures, fakes worse than reals."""
    rng = np.random.default_rng(seed)
    groups = np.arange(n) // 2
    labels = rng.integers(0, 2, n // 2)[groups]
    frame = pd.DataFrame(
        {
            "sample_id": [f"s{i:03d}" for i in range(n)],
            "path": [f"pictures/s{i:03d}.png" for i in range(n)],
            "label": labels,
            "dataset": np.where(labels == 1, np.where(groups % 2, "gan", "swap"), "photo"),
            "group": [f"g{g}" for g in groups],
            "split": "test",
            "method": "",
        }
    )
    heard = {}
    for skill, name in zip((1.0, 1.4, 0.7), NAMES, strict=True):
        log_odds = skill * (2 * labels - 1) + rng.normal(0, 1.2, n)
        parts = {"embedding": rng.normal(size=(n, 5)) + labels[:, None] * skill}
        heard[name] = ExpertScores(1 / (1 + np.exp(-log_odds)), log_odds, parts)
    mse = rng.uniform(0.01, 0.02, n) + 0.02 * labels
    heard["genconvit"].measures = np.stack([mse, -10 * np.log10(mse), 1 - 10 * mse], axis=1)
    heard["genconvit"].rebuilt_rows = np.arange(n)
    heard["genconvit"].parts["latent"] = rng.normal(size=(n, 3))
    return frame, heard


def write_experts(folder: Path, names: tuple[str, ...] = NAMES, pictures: bool = True) -> Path:
    """The whole folder; returns it."""
    frame, heard = drawn_scores()
    heard = {name: heard[name] for name in names}
    spec = ExpertsSpec(runs=list(names), n_bootstrap=60)
    document = assemble(spec, "drawn", "f" * 64, frame, heard)
    document["members"] = [
        {"name": name, "title": name.title(), "role": "expert", "run": f"{name}-run", "detector": "d",
         "calibrated": "calibrated by calibrator.json", "weights_sha256": "a" * 64}
        for name in names
    ]  # fmt: skip
    samples = disagreements({name: said.p for name, said in heard.items()}, frame)
    folder.mkdir(parents=True)
    for sample_id in samples["sample_id"].unique() if pictures else ():
        for place in (folder / FACES, folder / REBUILT / "genconvit"):
            place.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (32, 32), "#886655").save(place / f"{sample_id}.jpg")
    write_report(folder, spec, document, frame, heard, samples)
    return folder
