"""Score the experts of a comparison with their networks: log-odds, embeddings, reconstructions and thumbnails."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from core.artifacts.files import sha256_file, write_bytes
from core.artifacts.workspace import Workspace
from core.data.loading.dataset import EvalFaces, FaceCache, cache_side, load_square, open_cache
from core.data.manifest.manifest import Manifest
from core.models.detector import Detector
from core.models.genconvit.samples import reconstruct
from core.models.inference.embedding import embed_dataset
from core.models.inference.run import BEST, Run, find_run, member_weights
from core.models.registry import detectors
from core.progress import Reporter, Within
from core.tables.embeddings import read_embeddings

THUMBNAIL_PX = 192
"""Side of the pictures that a report stores, pixels."""

ComparePictures = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""((n, S, S, 3) uint8 pictures, their reconstructions) -> (n, M) measures."""


@dataclass(frozen=True)
class ExpertRun:
    """A run under the name that the report uses for it.

    Attributes:
        name: Name of the expert in the report.
        role: `stage1` or `expert`, as in the stack; `expert` for a run named alone.
        run: Its training run.
        stack: Folder of the stack that it is a member of; None for a run named alone.
    """

    name: str
    role: str
    run: Run
    stack: Path | None = None


@dataclass(frozen=True)
class RawScores:
    """The output of one network on the rows of a manifest, not calibrated.

    Attributes:
        log_odds: (N,) uncalibrated log-odds of fake.
        parts: (N, D) float32 by part of the embedding; `embedding` is always there.
        rebuilt_rows: (M,) rows that were reconstructed; empty for a network that does not reconstruct.
        measures: (M, ...) comparison of these rows with their reconstructions, or None.
    """

    log_odds: np.ndarray
    parts: dict[str, np.ndarray]
    rebuilt_rows: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    measures: np.ndarray | None = None


def expert_runs(stack: str, runs: Sequence[str], workspace: Workspace) -> list[ExpertRun]:
    """Find the members of a stack in its order, then the runs that are named alone.

    Args:
        stack: Name or folder of a stack run; empty for none.
        runs: Names or folders of training runs.
        workspace: Where runs are found.

    Returns:
        The experts, each name once.

    Raises:
        FileNotFoundError: There is no such run.
        ValueError: A run is no stack or holds no detector, weights differ from those that the stack was fitted on, or
            a name occurs twice.
    """
    experts = _stack_members(stack, workspace) if stack else []
    for ref in runs:
        run = find_run(ref, workspace)
        if "detector" not in run.document:
            raise ValueError(f"run {ref!r} holds no detector (it is a {run.document.get('kind')} run); name a training")
        experts.append(ExpertRun(run.name, "expert", run))
    names = [expert.name for expert in experts]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{', '.join(twice)} is to be judged twice; name each run once")
    return experts


def _stack_members(ref: str, workspace: Workspace) -> list[ExpertRun]:
    stack = find_run(ref, workspace)
    if stack.document.get("kind") != "stack":
        raise ValueError(f"run {ref!r} is no stack; name it under `runs`, or make a stack first")
    members = []
    for row in stack.document["members"]:
        run = Run(member_weights(stack.folder, row).parent)
        # The stack's calibrators and coefficients hold only for the weights that it was fitted on.
        if sha256_file(run.folder / BEST) != row["weights_sha256"]:
            raise ValueError(f"{run.folder / BEST} has changed since {stack.name} was fitted on it: run `stack` again")
        members.append(ExpertRun(row["member"]["name"], row["member"]["role"], run, stack.folder))
    return members


def score_expert(
    expert: ExpertRun,
    manifest: Manifest,
    rebuilt_rows: np.ndarray,
    compare: ComparePictures,
    workspace: Workspace,
    *,
    batch_size: int,
    device: str,
    report: Reporter,
) -> RawScores:
    """Score and embed all rows, and compare sampled rows with their reconstructions where the network makes them.

    Args:
        expert: The run.
        manifest: N rows.
        rebuilt_rows: (M,) rows to reconstruct; may be empty.
        compare: Measures pictures against their reconstructions.
        workspace: Where decoded pictures are cached.
        batch_size: Items in one forward pass.
        device: auto, cpu, cuda or cuda:N; reconstructions run on the CPU.
        report: Receives the progress from 0 to 1.

    Returns:
        Uncalibrated scores in the order of the manifest.

    Raises:
        ValueError: A row of the manifest cannot be read.
    """
    file = embed_dataset(
        expert.run, manifest, workspace, batch_size=batch_size, device=device, report=Within(report, 0.0, 0.8)
    )
    table = read_embeddings(file).take(manifest.frame["sample_id"])
    detector = expert.run.load_detector("cpu")
    if not len(rebuilt_rows) or not rebuilds(detector):
        return RawScores(table.log_odds, table.parts)
    report.progress(0.8, f"Comparing {len(rebuilt_rows)} reconstructions of {expert.name}")
    batches = reconstructions(detector, open_faces(detector, manifest, workspace), rebuilt_rows, batch_size)
    measures = np.concatenate([compare(pictures, rebuilt) for _, pictures, rebuilt in batches])
    return RawScores(table.log_odds, table.parts, rebuilt_rows, measures)


def open_faces(detector: Detector, manifest: Manifest, workspace: Workspace) -> FaceCache:
    """Open the decoded pictures of a manifest at the size that a detector takes.

    Args:
        detector: Its input size decides the size of the pictures.
        manifest: The rows.
        workspace: Where decoded pictures are cached.

    Returns:
        The cache; pictures are decoded when they are first asked for.
    """
    return open_cache(manifest, workspace.root / "cache", cache_side(detector.input_spec.size))


def rebuilds(detector: Detector) -> bool:
    """Tell whether a detector makes reconstructions, by one black picture.

    Args:
        detector: Any network.

    Returns:
        True for the GenConViT networks.
    """
    size = detector.input_spec.size
    return reconstruct(detector, np.zeros((1, size, size, 3), np.uint8)) is not None


def reconstructions(
    detector: Detector, cache: FaceCache, rows: np.ndarray, batch_size: int
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Reconstruct rows batch by batch.

    Args:
        detector: A network for which `rebuilds` holds.
        cache: Pictures of the manifest, of `open_faces`.
        rows: (M,) positions in the manifest.
        batch_size: Rows in one batch.

    Yields:
        (rows, pictures, reconstructions) of a batch; the pictures are (n, S, S, 3) uint8 RGB.

    Raises:
        ValueError: The detector makes no reconstructions.
    """
    faces = EvalFaces(cache, rows, detector.input_spec.size)
    for start in range(0, len(rows), batch_size):
        part = range(start, min(start + batch_size, len(rows)))
        pictures = torch.stack([faces[i] for i in part]).permute(0, 2, 3, 1).numpy()
        rebuilt = reconstruct(detector, pictures)
        if rebuilt is None:
            raise ValueError(f"{type(detector).__name__} makes no reconstructions; ask `rebuilds` first")
        yield rows[list(part)], pictures, rebuilt


def keep_faces(manifest: Manifest, rows: np.ndarray, folder: Path) -> None:
    """Write the pictures of some rows as thumbnails, `<sample_id>.jpg`: pages show these, never a data set's files.

    Args:
        manifest: The rows' files and names.
        rows: (M,) positions in the manifest.
        folder: Where the thumbnails are written.
    """
    for row in rows:
        item = manifest.frame.iloc[row]
        _write_jpeg(folder / f"{item['sample_id']}.jpg", load_square(manifest.file(item["path"]), THUMBNAIL_PX))


def keep_reconstructions(
    expert: ExpertRun, manifest: Manifest, rows: np.ndarray, folder: Path, workspace: Workspace, batch_size: int
) -> None:
    """Write the reconstructions of some rows as `<sample_id>.jpg`.

    Args:
        expert: A run whose network makes reconstructions.
        manifest: The rows' files and names.
        rows: (M,) positions in the manifest.
        folder: Where the pictures are written.
        workspace: Where decoded pictures are cached.
        batch_size: Rows in one batch.
    """
    detector = expert.run.load_detector("cpu")
    cache = open_faces(detector, manifest, workspace)
    ids = manifest.frame["sample_id"].to_numpy()
    for part, _, rebuilt in reconstructions(detector, cache, rows, batch_size):
        for row, picture in zip(part, rebuilt, strict=True):
            _write_jpeg(folder / f"{ids[row]}.jpg", picture)


def _write_jpeg(path: Path, picture: np.ndarray) -> None:
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "JPEG", quality=88)
    write_bytes(path, stream.getvalue())


def describe_expert(expert: ExpertRun) -> dict[str, Any]:
    """Describe an expert for the list of members in the report.

    Args:
        expert: The run.

    Returns:
        name, title, role, run, detector and weights_sha256.
    """
    detector = str(expert.run.document["detector"])
    return {
        "name": expert.name,
        "title": detectors.get(detector).title,
        "role": expert.role,
        "run": expert.run.name,
        "detector": detector,
        "weights_sha256": sha256_file(expert.run.folder / BEST),
    }
