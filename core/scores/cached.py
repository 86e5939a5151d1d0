"""A run's predictions on a split: scored once, kept in the run's folder, read again while nothing has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.artifacts.files import sha256_file
from core.artifacts.workspace import Workspace
from core.progress import Reporter, Within
from core.scores.imported_run import is_scores, kept_predictions
from core.spec import fingerprint
from core.tables.predictions import Predictions

if TYPE_CHECKING:
    from core.models.inference.run import Run


def run_predictions(
    run: Run, dataset: str, split: str, workspace: Workspace, *, batch_size: int, device: str, report: Reporter
) -> Predictions:
    """Uncalibrated predictions of `run` on one split of a data set (empty: the run's own).

    A run of imported scores (`core.scores.imported_run`) gives those of the split; it has no network to ask for more.
    Kept as `predictions/<split>-<key>.parquet` in the run's folder; the key covers the split's items and files, the
    weights and the input, so a change of any of them scores anew. Items that could not be read are in `failed`; then
    everything is scored anew the next time, for they may have been mended. Raises what opening the run or data set
    raises.
    """
    if is_scores(run.folder):
        if dataset:
            raise ValueError(f"run {run.name!r} holds imported scores: it cannot be asked about another data set")
        report.progress(0.9, f"reading the imported scores of {split}")
        return kept_predictions(run.folder, split)
    from core.data.manifest.open import open_dataset

    manifest = open_dataset(run.dataset(dataset), workspace).select(split)
    weights = sha256_file(run.folder / "best_model.safetensors")
    files = manifest.frame[["sample_id", "path"]].astype(str).to_numpy().tolist()
    parts = [manifest.fingerprint(), str(manifest.root), files, weights, run.document.get("input")]
    kept = run.folder / "predictions" / f"{split}-{fingerprint(parts)[:16]}.parquet"
    if kept.is_file():
        report.progress(0.9, f"reading {kept.name}")
        found = Predictions.load(kept)
        if not len(found.failed):
            return found
    from core.models.inference.scoring import pick_device, score

    where = pick_device(device)
    detector = run.load_detector(str(where))
    report.progress(0.0, f"scoring {len(manifest)} items of {split} on {where}")
    step = Within(report, 0.0, 0.9)
    found = score(detector, manifest, workspace.root / "cache", batch_size=batch_size, device=where, report=step)
    found.save(kept)
    return found
