"""Score a data set with a detector: batches stream from the cache, a table comes out. Torch ends here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch.utils.data import DataLoader

from core.data.loading.dataset import EvalFaces, FaceCache, cache_side, load_square, open_cache
from core.data.loading.transforms import normalise
from core.data.manifest.manifest import Manifest
from core.media.types import MediaRejected
from core.models.detector import Detector
from core.progress import Reporter, Silent
from core.tables.predictions import FAILED, Predictions, nothing_failed

CARRIED = ("sample_id", "group", "dataset", "label", "split", "method", "path")
CARRIED_IF_THERE = ("compression", "identity", "video", "track", "frame", "time")
"""Columns of the manifest that predictions keep where it has them: slices and the levels track and video need them."""


def pick_device(name: str = "auto") -> torch.device:
    """Choose the device to compute on.

    Args:
        name: auto (the first GPU, or the CPU), cpu, cuda or cuda:N.

    Returns:
        The device.

    Raises:
        ValueError: A GPU is asked for and there is none.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    device = torch.device(name)
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device {name!r} was asked for, and no GPU is at hand; use cpu or auto")
    return device


def score(detector: Detector, manifest: Manifest, cache_folder: Path, **options: object) -> Predictions:
    """Score every row of a manifest whose picture can be read.

    Args:
        detector: The detector.
        manifest: Rows to score.
        cache_folder: Where decoded pictures are kept (`workspace.root / "cache"`).
        options: Keyword arguments of `embed_rows`.

    Returns:
        Log-odds of the rows; those that cannot be read are in `failed`, with the reason.

    Raises:
        ValueError: No picture can be read (or OSError).
        FloatingPointError: A score is not finite.
    """
    side = cache_side(detector.input_spec.size)
    failed = nothing_failed()
    try:
        cache = open_cache(manifest, cache_folder, side, options.get("report"))  # type: ignore[arg-type]
    except (OSError, ValueError):
        manifest, failed = readable(manifest, side)
        if not len(failed) or not len(manifest):
            raise
        cache = open_cache(manifest, cache_folder, side, options.get("report"))  # type: ignore[arg-type]
    found, _ = embed_rows(detector, cache, np.arange(len(cache)), **options)  # type: ignore[arg-type]
    return Predictions(found.frame, failed)


def readable(manifest: Manifest, side: int) -> tuple[Manifest, pd.DataFrame]:
    """Part the rows whose picture can be read from the others.

    Every picture is read: this is for the rare case that one is known to be broken.

    Args:
        manifest: The rows.
        side: Side to which pictures are decoded, pixels.

    Returns:
        The readable rows, and a table of the failed ones with their reasons.
    """
    reasons = []
    for path in manifest.frame["path"]:
        try:
            load_square(manifest.file(path), side)
            reasons.append("")
        except (MediaRejected, OSError, ValueError) as error:
            reasons.append(f"cannot be read as a picture: {error}")
    failed = manifest.frame.assign(reason=reasons)
    failed = failed[failed["reason"] != ""]
    kept = manifest.frame.drop(index=failed.index).reset_index(drop=True)
    return Manifest(kept, manifest.root), failed[list(FAILED)].reset_index(drop=True)


@torch.inference_mode()
def answer(
    detector: Detector, pixels: torch.Tensor, device: torch.device | str
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Score one batch, however it was read.

    Args:
        detector: The detector, on `device`, in evaluation mode.
        pixels: (B, 3, S, S) uint8 at the detector's size.
        device: Where the detector is.

    Returns:
        (B,) float64 log-odds of fake, and the (B, D) float32 parts of the embedding by name.
    """
    inputs = normalise(pixels.to(device), detector.input_spec)
    output = detector(inputs.contiguous(memory_format=torch.channels_last))
    parts = {name: values.float().cpu().numpy() for name, values in detector.parts(output).items()}
    return output.log_odds.float().cpu().numpy().astype(np.float64), parts


def embed_rows(
    detector: Detector,
    cache: FaceCache,
    rows: np.ndarray,
    *,
    batch_size: int = 32,
    device: torch.device | str = "cpu",
    report: Reporter | None = None,
) -> tuple[Predictions, np.ndarray]:
    """Score and embed rows of an open cache, in their order.

    The detector works in evaluation mode on `device`; it stays there, and its mode is restored.

    Args:
        detector: The detector.
        cache: Decoded pictures.
        rows: (N,) indices into the cache.
        batch_size: Pictures in one forward.
        device: Where to compute.
        report: Receives the progress; may be None.

    Returns:
        Predictions of N rows, and (N, D) float32 embeddings.

    Raises:
        FloatingPointError: A score is not finite.
    """
    report, device = report or Silent(), torch.device(device)
    was_training = detector.training
    detector.to(device=device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
    log_odds, embeddings, done = [], [], 0
    for pixels in DataLoader(EvalFaces(cache, rows, detector.input_spec.size), batch_size):
        scores, parts = answer(detector, pixels, device)
        log_odds.append(scores)
        embeddings.append(parts["embedding"])
        done += len(pixels)
        report.progress(done / len(rows), f"Scored {done} of {len(rows)}")
    detector.train(was_training)
    frame = cache.manifest.frame.iloc[rows]
    kept = [*CARRIED, *(name for name in CARRIED_IF_THERE if name in frame)]
    table = frame[kept].reset_index(drop=True)
    table["log_odds"] = np.concatenate(log_odds)
    broken = table["sample_id"][~np.isfinite(table["log_odds"])]
    if len(broken):
        raise FloatingPointError(
            f"{len(broken)} of {len(table)} scores are not finite (first: {broken.iloc[0]}): the weights diverged. "
            "Train again with a lower learning rate"
        )
    return Predictions(table), np.concatenate(embeddings)
