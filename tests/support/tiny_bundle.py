"""A complete bundle in seconds: tiny networks with random but fixed weights. It judges nothing; it has every part.

    path = build_tiny_bundle(folder)        # folder must not exist yet; returns it

Its exits are wide open in the middle, so that items take different ways through the cascade.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from core.artifacts.files import atomic_folder, write_text
from core.bundles.export import seal
from core.calibrate.log_odds import calibrated_log_odds
from core.documents.bundle import Member
from core.documents.policy import CascadePolicy, Exits, ExpertExits
from core.policies.thresholds_document import thresholds_document
from core.stacking.meta_model import feature_names, feature_table, fit_projection, save_meta

TINY = {"stage1": "efficientnet_tiny", "texture": "efficientnet_tiny_texture", "other": "byobnet_tiny"}


def tiny_policy(
    stage1: Exits | None = None, experts: dict[str, Exits] | None = None, final: Exits | None = None
) -> CascadePolicy:
    """A policy for the tiny bundle. By default few units leave early, so that every stage is heard."""
    experts = experts or {}
    return CascadePolicy(
        policy_id="tiny",
        name="tiny",
        created_at="2026-01-01T00:00:00+00:00",
        stage1=stage1 or Exits(real_below=0.02, fake_above=0.98),
        experts=[ExpertExits(name=n, exits=experts.get(n, Exits(fake_above=0.99))) for n in ("texture", "other")],
        final=final or Exits(real_below=0.35, fake_above=0.65),
    )


def build_tiny_bundle(folder: Path, policy: CascadePolicy | None = None, seed: int = 0) -> Path:
    """Write the bundle at `folder`. The same seed gives the same weights and the same verdicts."""
    import torch
    from safetensors.torch import save_file

    from core.calibrate import calibrators
    from core.models.registry import build_detector

    rng = np.random.default_rng(seed)
    policy = policy or tiny_policy()
    labels = np.arange(120) % 2
    crops = _crops(rng, 24)
    table = pd.DataFrame(
        {
            "sample_id": [f"s{i:03d}" for i in range(120)],
            "group": [f"g{i // 4:02d}" for i in range(120)],
            "dataset": "tiny",
            "label": labels,
            "split": ["val_calib"] * 60 + ["test"] * 60,
            "method": np.where(labels == 1, "drawn", ""),
        }
    )
    with atomic_folder(folder) as work:
        members, calibrated, embeddings = [], {}, {}
        for name, registered in TINY.items():
            with torch.random.fork_rng():
                torch.manual_seed(seed + len(members))
                detector = build_detector(registered, weights="none").eval()
            log_odds, embedding = _spread(detector, crops)
            (work / name).mkdir()
            save_file(
                {k: v.contiguous() for k, v in detector.state_dict().items()}, work / name / "weights.safetensors"
            )
            log_odds = np.tile(log_odds, 5) + rng.normal(0.8 * labels - 0.4, 1.0)
            calibrator = calibrators.get("temperature")().fit(log_odds[:60], labels[:60])
            calibrator.save(work / name / "calibrator.json")
            table[f"log_odds_{name}"] = log_odds
            table[f"p_{name}"] = calibrator.transform(log_odds)
            calibrated[name] = calibrated_log_odds(calibrator.transform(log_odds))
            noise = rng.normal(size=(120, detector.embedding_size)) * embedding.std(axis=0)
            embeddings[name] = np.tile(embedding, (5, 1)) + noise
            role = "stage1" if name == "stage1" else "expert"
            members.append(
                Member(
                    name=name,
                    title=f"{name.title()} (tiny)",
                    role=role,
                    detector=registered,
                    input=detector.input_spec,
                    gflops=0.01 * (len(members) + 1),
                )
            )
        table["p_stack"] = _write_stack(work, list(TINY), calibrated, embeddings, labels)
        table.to_parquet(work / "predictions.parquet", index=False)
        write_text(work / "policy.json", policy.to_json())
        write_text(work / "thresholds.json", thresholds_document(policy, table, list(TINY)).to_json())
        write_text(work / "card.md", "# Tiny\n\nRandom weights, for tests only.\n")
        seal(work, name="tiny", version="1", members=members, stacked=True, created_at=policy.created_at)
    return folder


def _crops(rng: np.random.Generator, count: int) -> np.ndarray:
    """(count, 64, 64, 3) uint8: coarse coloured blobs with some noise."""
    coarse = rng.integers(0, 256, (count, 4, 4, 3)).repeat(16, axis=1).repeat(16, axis=2)
    return np.clip(coarse + rng.normal(0, 12, coarse.shape), 0, 255).astype(np.uint8)


def _spread(detector, crops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scale the last layer so that log-odds of `crops` have mean 0 and deviation 1.5: random weights hardly differ
    from picture to picture. Returns (N,) log-odds and (N, D) embeddings."""
    import torch

    from core.data.loading.transforms import normalise

    pixels = torch.from_numpy(crops).permute(0, 3, 1, 2)
    pixels = torch.nn.functional.interpolate(pixels.float(), detector.input_spec.size, mode="bilinear")
    last = [m for m in detector.modules() if isinstance(m, torch.nn.Linear) and m.out_features == 1][-1]
    with torch.inference_mode():
        inputs = normalise(pixels, detector.input_spec)
        before = detector(inputs).log_odds
    with torch.no_grad():
        factor = 1.5 / before.std()
        last.weight *= factor
        last.bias.copy_((last.bias - before.mean()) * factor)
    with torch.inference_mode():
        output = detector(inputs)
    return output.log_odds.double().numpy(), output.embedding.double().numpy()


def _write_stack(work: Path, names: list[str], log_odds: dict, embeddings: dict, labels: np.ndarray) -> np.ndarray:
    """LightGBM on random rows; returns p_stack of them."""
    import lightgbm

    from core.calibrate import calibrators

    (work / "stack").mkdir()
    projections = {name: fit_projection(embeddings[name], 8) for name in names[1:]}
    features = feature_table(names, projections, log_odds, embeddings)
    data = lightgbm.Dataset(features, labels, feature_name=feature_names(names, projections), free_raw_data=False)
    parameters = {
        "objective": "binary",
        "num_leaves": 4,
        "verbose": -1,
        "num_threads": 1,
        "deterministic": True,
        "seed": 0,
    }
    booster = lightgbm.train(parameters, data, 12)
    raw = np.asarray(booster.predict(features, raw_score=True))
    calibrator = calibrators.get("temperature")().fit(raw, labels)
    save_meta(work / "stack", names, projections, booster.model_to_string(), calibrator.to_json(), {"rounds": 12})
    return calibrator.transform(raw)
