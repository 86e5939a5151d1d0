"""The predictions of a run on one split: scored once, stored in the run's folder, read again while nothing changes."""

from __future__ import annotations

from core.artifacts.files import sha256_file
from core.artifacts.workspace import Workspace
from core.models.inference.run import BEST, Run
from core.progress import Reporter, Within
from core.scores.imported_run import is_scores, kept_predictions
from core.spec import fingerprint
from core.tables.predictions import Predictions


def run_predictions(
    run: Run, dataset: str, split: str, workspace: Workspace, *, batch_size: int, device: str, report: Reporter
) -> Predictions:
    """Return the uncalibrated predictions of a run on one split of a data set.

    They are stored as `predictions/<split>-<key>.parquet` in the run's folder. The key covers the items and files of
    the split, the weights and the input, so a change of any of them scores the split again. Items that could not be
    read are listed in `failed`; then the split is scored again the next time, because they may be repaired by then. A
    run of imported scores (`core.scores.imported_run`) returns the scores of the split: it has no network.

    Args:
        run: A training run, or imported scores.
        dataset: Name or folder of the data set; empty for the run's own.
        split: Name of the split.
        workspace: Where data sets are found and decoded pictures are cached.
        batch_size: Items in one forward pass.
        device: auto, cpu, cuda or cuda:N.
        report: Receives the progress from 0 to 0.9.

    Returns:
        One row for each item that has a score, and the list of failed items.

    Raises:
        FileNotFoundError: There is no such data set, or the run has no weights.
        ValueError: The split does not exist, or a data set is named for imported scores.
    """
    if is_scores(run.folder):
        if dataset:
            raise ValueError(
                f"run {run.name!r} holds imported scores: it cannot score another data set; leave the data set empty"
            )
        report.progress(0.9, f"Reading the imported scores of {split}")
        return kept_predictions(run.folder, split)
    from core.data.manifest.open import open_dataset

    manifest = open_dataset(run.dataset(dataset), workspace).select(split)
    weights = sha256_file(run.folder / BEST)
    files = manifest.frame[["sample_id", "path"]].astype(str).to_numpy().tolist()
    parts = [manifest.fingerprint(), str(manifest.root), files, weights, run.document.get("input")]
    stored = run.folder / "predictions" / f"{split}-{fingerprint(parts)[:16]}.parquet"
    if stored.is_file():
        report.progress(0.9, f"Reading {stored.name}")
        predictions = Predictions.load(stored)
        if not len(predictions.failed):
            return predictions
    # Torch is loaded only where a network runs: stored predictions are read without it.
    from core.models.inference.scoring import pick_device, score

    chosen = pick_device(device)
    detector = run.load_detector(str(chosen))
    report.progress(0.0, f"Scoring {len(manifest)} items of {split} on {chosen}")
    step = Within(report, 0.0, 0.9)
    predictions = score(detector, manifest, workspace.root / "cache", batch_size=batch_size, device=chosen, report=step)
    predictions.save(stored)
    return predictions
