"""From a TrainSpec to a run: fill the spec, open the data, build the network, train, write what a run holds."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import torch

import core
from core.artifacts.checkpoint import save_weights
from core.artifacts.files import read_json, write_json, write_text
from core.artifacts.workspace import Workspace
from core.data.loading.dataset import EpochSampler, FaceCache, TrainFaces, cache_side, item_seed, open_cache
from core.data.loading.transforms import train_transform
from core.data.manifest.manifest import Manifest
from core.data.manifest.open import open_dataset
from core.models.detector import Detector
from core.models.genconvit.samples import save_run_samples
from core.models.inference.run import BEST, FINAL, RUN, START, Run, load_trained
from core.models.inference.scoring import embed_rows, pick_device
from core.models.registry import build_detector
from core.progress import Reporter, Silent
from core.tables.predictions import Predictions
from core.train.balance import objective_options_of, sampler_of
from core.train.curves import draw_curves, write_log
from core.train.loop import CHECKPOINT, Plan, State, seed_everything, train
from core.train.objectives import build_objective
from core.train.recipes import Recipe, recipes
from core.train.spec import TrainSpec
from core.train.validate import best_row, validation_figures

FILLED = ("epochs", "batch_size", "lr", "weight_decay", "patience", "augmentation", "self_blend")


def fill(spec: TrainSpec, recipe: Recipe) -> TrainSpec:
    """Take every empty field of a spec from its recipe.

    Args:
        spec: What was asked for.
        recipe: The recipe.

    Returns:
        The filled spec.
    """
    values = {name: getattr(recipe, name) for name in FILLED if getattr(spec, name) is None}
    return TrainSpec(**{**spec.model_dump(), **values})


def fit(
    spec: TrainSpec,
    workspace: Workspace,
    folder: Path,
    report: Reporter | None = None,
    *,
    checkpoint_seconds: float = 60.0,
) -> Run:
    """Train by a spec into a folder.

    An unfinished training of the same spec there is resumed; a finished one is returned.

    Args:
        spec: What was asked for.
        workspace: Where data sets and the cache lie.
        folder: Folder of the run.
        report: Receives the progress; may be None.
        checkpoint_seconds: Least time between two checkpoints in an epoch.

    Returns:
        The finished run.

    Raises:
        LookupError: Unknown recipe.
        ValueError: Data or weights do not do, or the folder belongs to another spec.
        WeightsOutOfReach: The hub's weights cannot be had.
        Cancelled: The reporter asks to stop; calling again resumes.
    """
    report = report or Silent()
    recipe = recipes.get(spec.recipe)
    spec = fill(spec, recipe)
    refuse_other(folder, spec)
    if Run(folder).finished:
        return Run(folder)
    device = pick_device(spec.device)
    if spec.mixed_precision and device.type == "cpu":
        report.progress(0.0, "Mixed precision needs a GPU: this training runs in fp32")

    data = open_data(spec, workspace)
    weighing = objective_options_of(spec, recipe, data.manifest.frame["label"].to_numpy()[data.train])
    seed_everything(spec.seed)
    resuming = (folder / CHECKPOINT).is_file()
    detector = build_detector(recipe.detector, "none" if resuming else spec.weights, **detector_options(spec, recipe))
    if resuming:
        detector = rebuild(detector, read_json(folder / START))
    claim_folder(folder, spec)
    if not resuming:
        document = run_document(spec, recipe, detector, data, device)
        write_json(folder / START, {**document, "objective_options": weighing})
    cache = open_cache(data.manifest, workspace.root / "cache", cache_side(detector.input_spec.size), report)

    labels = data.manifest.frame["label"].to_numpy()
    sources = data.manifest.frame["dataset"].astype(str).to_numpy()
    transform = train_transform(str(spec.augmentation), detector.input_spec.size)
    faces = TrainFaces(cache, transform, float(spec.self_blend or 0))
    sampler = EpochSampler(labels, sources, data.train, sampler_of(spec.balance), spec.seed)

    def validate(judged: Detector) -> dict[str, float]:
        predictions, _ = embed_rows(judged, cache, data.select, batch_size=64, device=device)
        return validation_figures(predictions.log_odds, predictions.labels)

    def on_epoch(rows: list[dict[str, float]]) -> None:
        write_log(folder / "training_log.csv", rows)
        draw_curves(folder / "training_curves.png", rows, best_row(rows))

    objective = build_objective(recipe.objective, **weighing)
    plan = plan_of(spec, device, checkpoint_seconds)
    state = train(detector, objective, faces, sampler, validate, recipe, plan, folder, report, on_epoch)
    return finish(folder, detector, cache, data, state, plan)


@dataclass(frozen=True)
class Data:
    """A manifest of the rows that take part, and which of them train and select."""

    manifest: Manifest
    train: np.ndarray
    select: np.ndarray
    whole_fingerprint: str


def open_data(spec: TrainSpec, workspace: Workspace) -> Data:
    """Open the rows of `train` and `val_select`, without the excluded sources.

    Args:
        spec: The filled spec.
        workspace: Where the data set lies.

    Returns:
        The manifest of the rows that take part, and which of them train and select.

    Raises:
        ValueError: An excluded source does not exist, a split is empty, or it holds one class only.
    """
    whole = open_dataset(spec.dataset, workspace)
    frame = whole.frame
    strange = sorted(set(spec.exclude_datasets) - set(frame["dataset"]))
    if strange:
        known = ", ".join(sorted(set(frame["dataset"])))
        raise ValueError(f"cannot exclude {', '.join(strange)}: the data set's sources are {known}")
    frame = frame[frame["split"].isin(["train", "val_select"]) & ~frame["dataset"].isin(spec.exclude_datasets)]
    frame = frame.reset_index(drop=True)
    rows = {name: np.flatnonzero((frame["split"] == name).to_numpy()) for name in ("train", "val_select")}
    for name, found in rows.items():
        if len(found) == 0:
            raise ValueError(f"the data set {spec.dataset!r} has no rows in split {name!r}; make it with prepare")
        if frame["label"].iloc[found].nunique() < 2:
            raise ValueError(f"split {name!r} holds one class only; training needs real and fake pictures")
    train_rows = rows["train"]
    if spec.max_items and spec.max_items < len(train_rows):
        rng = np.random.default_rng(item_seed(spec.seed, 3))
        train_rows = np.sort(rng.choice(train_rows, spec.max_items, replace=False))
    return Data(Manifest(frame, whole.root), train_rows, rows["val_select"], whole.fingerprint())


def detector_options(spec: TrainSpec, recipe: Recipe) -> dict[str, Any]:
    """Settle the options of the detector.

    Args:
        spec: The spec; its size and framing win where it names them.
        recipe: The recipe.

    Returns:
        Keyword arguments of the detector's builder.
    """
    own = {"size": spec.size, "crop_scale": spec.crop_scale}
    return {**recipe.options, **{name: value for name, value in own.items() if value is not None}}


def plan_of(spec: TrainSpec, device: torch.device, checkpoint_seconds: float) -> Plan:
    """Settle the numbers of a training.

    Args:
        spec: The filled spec.
        device: Where to train.
        checkpoint_seconds: Least time between two checkpoints in an epoch.

    Returns:
        The plan.

    Raises:
        ValueError: The spec was not filled by `fill`.
    """
    if None in (spec.epochs, spec.batch_size, spec.lr, spec.weight_decay, spec.patience):
        raise ValueError("the spec is not filled; pass it through `fill` first")
    return Plan(
        epochs=cast(int, spec.epochs),
        batch_size=cast(int, spec.batch_size),
        lr=cast(float, spec.lr),
        weight_decay=cast(float, spec.weight_decay),
        patience=cast(int, spec.patience),
        save_every=spec.save_every,
        mixed_precision=spec.mixed_precision,
        workers=spec.workers,
        seed=spec.seed,
        device=device,
        checkpoint_seconds=checkpoint_seconds,
    )


def refuse_other(folder: Path, spec: TrainSpec) -> None:
    """Refuse a folder that belongs to another training.

    Args:
        folder: Folder of the run.
        spec: The filled spec.

    Raises:
        ValueError: The folder holds a training of another spec.
    """
    place = folder / "spec.json"
    if place.is_file() and read_json(place) != spec.model_dump(mode="json"):
        raise ValueError(f"{folder} holds a training of another spec; give this one another name")


def claim_folder(folder: Path, spec: TrainSpec) -> None:
    """Make the folder of a run and write spec.json: all that the training needs is there, and it begins.

    Args:
        folder: Folder of the run.
        spec: The filled spec.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "spec.json", spec.to_json())


def rebuild(detector: Detector, document: dict[str, Any]) -> Detector:
    """Build the network as start.json says it was built: a weights file may have set options of its own.

    Args:
        detector: The network as the spec alone gives it.
        document: start.json.

    Returns:
        The same network, or one with the recorded options.
    """
    if detector.options != document["options"]:
        detector = build_detector(document["detector"], "none", **document["options"])
    detector.weights_origin = document["weights_origin"]
    return detector


def run_document(
    spec: TrainSpec, recipe: Recipe, detector: Detector, data: Data, device: torch.device
) -> dict[str, Any]:
    """Write down a training as it starts, for run.json.

    Args:
        spec: The filled spec.
        recipe: The recipe.
        detector: The network.
        data: The rows that take part.
        device: Where it trains.

    Returns:
        A JSON-ready document.
    """
    frame = data.manifest.frame
    parts = {"train": data.train, "val_select": data.select}
    prints = {name: Manifest(frame.iloc[rows], data.manifest.root).fingerprint() for name, rows in parts.items()}
    on_gpu = device.type == "cuda"
    return {
        "format": 1,
        "recipe": recipe.model_dump(mode="json"),
        "detector": detector.name,
        "options": detector.options,
        "input": detector.input_spec.model_dump(mode="json"),
        "embedding_size": detector.embedding_size,
        "parameters": sum(p.numel() for p in detector.parameters()),
        "weights_origin": detector.weights_origin,
        "dataset": spec.dataset,
        "data_fingerprint": data.whole_fingerprint,
        "split_fingerprints": prints,
        "items": {name: len(rows) for name, rows in parts.items()},
        "sources": {str(k): int(v) for k, v in frame.iloc[data.train]["dataset"].value_counts().sort_index().items()},
        "excluded_datasets": list(spec.exclude_datasets),
        "code_version": core.__version__,
        "libraries": {"torch": torch.__version__, "python": platform.python_version()},
        "device": torch.cuda.get_device_name(device) if on_gpu else f"CPU, {torch.get_num_threads()} threads",
        "precision": "mixed" if spec.mixed_precision and on_gpu else "fp32",
        "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def finish(folder: Path, detector: Detector, cache: FaceCache, data: Data, state: State, plan: Plan) -> Run:
    """Write what a finished run holds: final weights, metrics.json, predictions on val_select, and the end of run.json.

    Args:
        folder: Folder of the run.
        detector: The network with the last weights.
        cache: Decoded pictures.
        data: The rows that take part.
        state: Where the training ended.
        plan: The plan.

    Returns:
        The run.
    """
    save_weights(folder / FINAL, detector)
    document = read_json(folder / START)
    best = load_trained(folder / BEST, document).to(plan.device)
    predictions, _ = embed_rows(best, cache, data.select, batch_size=64, device=plan.device)
    predictions.save(folder / "predictions_val_select.parquet")
    save_run_samples(best, cache, data.select, folder / "reconstruction_samples.png")
    row = state.rows[state.best_epoch]
    write_json(
        folder / "metrics.json",
        {
            **row,
            "best_epoch": state.best_epoch + 1,
            "epochs_run": len(state.rows),
            "stopped_early": len(state.rows) < plan.epochs,
            "training_seconds": round(sum(r["seconds"] for r in state.rows), 1),
            "val_auroc_by_source": auroc_by_source(predictions),
        },
    )
    write_json(folder / RUN, {**document, "finished_at": datetime.now(UTC).isoformat(timespec="seconds")})
    for name in (START, CHECKPOINT):
        (folder / name).unlink(missing_ok=True)
    return Run(folder)


def auroc_by_source(predictions: Predictions) -> dict[str, float]:
    """Compute the AUROC of each source against the whole other class.

    A source that holds one label has no AUROC of its own.

    Args:
        predictions: Predictions of val_select.

    Returns:
        AUROC by source; a source without an opposite class is left out.
    """
    names = predictions.frame["dataset"].astype(str)
    frame = pd.DataFrame({"s": names, "y": predictions.labels, "z": predictions.log_odds})
    result = {}
    for source, rows in frame.groupby("s"):
        rest = rows if rows["y"].nunique() == 2 else pd.concat([rows, frame[frame["y"] != rows["y"].iloc[0]]])
        if rest["y"].nunique() == 2:
            result[str(source)] = validation_figures(rest["z"].to_numpy(), rest["y"].to_numpy())["val_auroc"]
    return result
