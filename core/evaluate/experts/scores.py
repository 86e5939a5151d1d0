"""What experts say of a split: calibrated scores, embeddings, reconstructions. Torch is loaded inside only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from core.artifacts.files import sha256_file, write_bytes
from core.artifacts.workspace import Workspace
from core.calibrate import Calibrator, load_calibrator
from core.calibrate.of_run import calibrator_of
from core.evaluate.experts.reconstruction_quality import compare_all
from core.evaluate.experts.spec import ExpertsSpec
from core.progress import Reporter, Within
from core.tables.embeddings import read_embeddings

if TYPE_CHECKING:
    from core.data.loading.dataset import FaceCache
    from core.data.manifest.manifest import Manifest
    from core.models.detector import Detector
    from core.models.inference.run import Run

THUMBNAIL = 192
"""Side of the pictures that a report keeps, pixels."""


@dataclass(frozen=True)
class ExpertRun:
    """A run under its column name, with its calibrator; `calibrated` says where that comes from."""

    name: str
    role: str
    run: Run
    calibrator: Calibrator
    calibrated: str


@dataclass
class ExpertScores:
    """What one expert said. p: (N,) calibrated; log_odds: (N,) raw; parts: (N, D) by part, `embedding` always.

    calibrated: (N,) log-odds of p, by which items rank; None after a calibrator in steps. measures: (M, 3) of the
    reconstructions of `rebuilt_rows`, or None for an expert that rebuilds nothing.
    """

    p: np.ndarray
    log_odds: np.ndarray
    parts: dict[str, np.ndarray]
    rebuilt_rows: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    measures: np.ndarray | None = None
    calibrated: np.ndarray | None = None


def expert_runs(spec: ExpertsSpec, workspace: Workspace) -> list[ExpertRun]:
    """Members of the stack in its order, then the further runs. Raises FileNotFoundError, and ValueError when weights
    are not those that the stack was fitted on or a name is there twice.
    """
    from core.models.inference.run import find_run

    found = _stack_members(spec.stack, workspace) if spec.stack else []
    for ref in spec.runs:
        run = find_run(ref, workspace)
        if "detector" not in run.document:
            raise ValueError(f"run {ref!r} holds no detector (it is a {run.document.get('kind')} run); name a training")
        found.append(ExpertRun(run.name, "expert", run, *calibrator_of(run.folder)))
    names = [item.name for item in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{', '.join(twice)} is to be judged twice; name each run once")
    return found


def _stack_members(ref: str, workspace: Workspace) -> list[ExpertRun]:
    from core.models.inference.run import BEST, Run, find_run, member_weights

    stack = find_run(ref, workspace)
    if stack.document.get("kind") != "stack":
        raise ValueError(f"run {ref!r} is no stack; name it under `runs`, or make a stack first")
    found = []
    for row in stack.document["members"]:
        name, run = row["member"]["name"], Run(member_weights(stack.folder, row).parent)
        if sha256_file(run.folder / BEST) != row["weights_sha256"]:
            raise ValueError(f"{run.folder / BEST} has changed since {stack.name} was fitted on it: run `stack` again")
        calibrator = load_calibrator(stack.folder / "calibrators" / f"{name}.json")
        found.append(ExpertRun(name, row["member"]["role"], run, calibrator, f"calibrated as in {stack.name}"))
    return found


def stage3_scores(ref: str, split: str, sample_ids: pd.Series, workspace: Workspace) -> np.ndarray | None:
    """(N,) p_stack of a stack run for these items; None when it holds no score of one of them."""
    from core.models.inference.run import find_run

    table = pd.read_parquet(find_run(ref, workspace).folder / "predictions.parquet")
    known = table[table["split"] == split].set_index("sample_id")["p_stack"]
    if not sample_ids.isin(known.index).all():
        return None
    return known.reindex(sample_ids).to_numpy(np.float64)


def score_expert(
    judged: ExpertRun,
    manifest: Manifest,
    rebuilt_rows: np.ndarray,
    spec: ExpertsSpec,
    workspace: Workspace,
    report: Reporter,
) -> ExpertScores:
    """Scores and embeddings of all rows, and how well the sampled rows are rebuilt by an expert that can."""
    from core.models.inference.embedding import embed_dataset

    file = embed_dataset(
        judged.run,
        manifest,
        workspace,
        batch_size=spec.batch_size,
        device=spec.device,
        report=Within(report, 0.0, 0.8),
    )
    said = read_embeddings(file).take(manifest.frame["sample_id"])
    heard = ExpertScores(judged.calibrator.transform(said.log_odds), said.log_odds, said.parts)
    heard.calibrated = judged.calibrator.calibrated_log_odds(said.log_odds)
    detector = judged.run.load_detector("cpu")
    if len(rebuilt_rows) and rebuilds(detector):
        report.progress(0.8, f"comparing {len(rebuilt_rows)} reconstructions")
        pairs = reconstructions(detector, open_faces(detector, manifest, workspace), rebuilt_rows, spec.batch_size)
        heard.measures = np.concatenate([compare_all(pictures, rebuilt) for _, pictures, rebuilt in pairs])
        heard.rebuilt_rows = rebuilt_rows
    return heard


def open_faces(detector: Detector, manifest: Manifest, workspace: Workspace) -> FaceCache:
    """Decoded pictures of this manifest at the detector's size."""
    from core.data.loading.dataset import cache_side, open_cache

    return open_cache(manifest, workspace.root / "cache", cache_side(detector.input_spec.size))


def rebuilds(detector: Detector) -> bool:
    """Whether the detector gives a reconstruction."""
    from core.models.genconvit.samples import reconstruct

    size = detector.input_spec.size
    return reconstruct(detector, np.zeros((1, size, size, 3), np.uint8)) is not None


def reconstructions(
    detector: Detector, cache: FaceCache, rows: np.ndarray, batch_size: int
) -> Iterable[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """(rows, pictures, rebuilt) a batch; pictures and rebuilt are (n, S, S, 3) uint8 RGB."""
    import torch

    from core.data.loading.dataset import EvalFaces
    from core.models.genconvit.samples import reconstruct

    faces = EvalFaces(cache, rows, detector.input_spec.size)
    for start in range(0, len(rows), batch_size):
        part = range(start, min(start + batch_size, len(rows)))
        pictures = torch.stack([faces[i] for i in part]).permute(0, 2, 3, 1).numpy()
        rebuilt = reconstruct(detector, pictures)
        assert rebuilt is not None
        yield rows[list(part)], pictures, rebuilt


def keep_faces(manifest: Manifest, rows: np.ndarray, folder: Path) -> None:
    """Write some rows' pictures as `<sample_id>.jpg`, THUMBNAIL pixels: pages show these, never a data set's files."""
    from core.data.loading.dataset import load_square

    for row in rows:
        item = manifest.frame.iloc[row]
        _write_jpeg(folder / f"{item['sample_id']}.jpg", load_square(manifest.file(item["path"]), THUMBNAIL))


def keep_reconstructions(
    judged: ExpertRun, manifest: Manifest, rows: np.ndarray, folder: Path, spec: ExpertsSpec, workspace: Workspace
) -> None:
    """Write what an expert makes of some rows as `<sample_id>.jpg` into `folder`."""
    detector = judged.run.load_detector("cpu")
    cache = open_faces(detector, manifest, workspace)
    ids = manifest.frame["sample_id"].to_numpy()
    for part, _, rebuilt in reconstructions(detector, cache, rows, spec.batch_size):
        for row, picture in zip(part, rebuilt, strict=True):
            _write_jpeg(folder / f"{ids[row]}.jpg", picture)


def _write_jpeg(path: Path, picture: np.ndarray) -> None:
    import io

    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "JPEG", quality=88)
    write_bytes(path, stream.getvalue())


def describe(judged: ExpertRun) -> dict[str, Any]:
    """A member's line in the report."""
    from core.models.inference.run import BEST
    from core.models.registry import detectors

    detector = str(judged.run.document["detector"])
    return {
        "name": judged.name,
        "title": detectors.get(detector).title,
        "role": judged.role,
        "run": judged.run.name,
        "detector": detector,
        "calibrated": judged.calibrated,
        "weights_sha256": sha256_file(judged.run.folder / BEST),
    }
