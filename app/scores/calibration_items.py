"""Find the items that a detector's calibrator was fitted on, so that pages leave them out and say how many."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from app.scores.sources import PREDICTIONS, ScoreSource, predictions_of
from core.artifacts.files import read_json
from core.calibrate import load_calibrator, of_run
from core.scores.imported_run import is_scores
from core.tables.item_membership import members
from core.tables.predictions import item_fingerprint

ITEMS_UNKNOWN = (
    "It is not known whether its calibrator was fitted on some of these items, because the calibrator was made before "
    "this was recorded. Calibrate the run, stack and export again."
)


def calibrator_file(folder: Path, member: str) -> Path | None:
    """Find the file that turned a member's log-odds into the p_fake of a folder's predictions.

    Args:
        folder: Folder of a stack run, of a bundle or of imported scores.
        member: Name of the member in that folder.

    Returns:
        The calibrator's JSON file, or None where the folder keeps none for this member.
    """
    if is_scores(folder):
        return of_run.calibrator_file(folder)
    places = [folder / "calibrators" / f"{member}.json", folder / member / of_run.CALIBRATOR_FILE]
    return next((path for path in places if path.is_file()), None)


def fitted_rows(source: ScoreSource, member: str) -> np.ndarray:
    """Mark the rows that the member's calibrator was fitted on.

    Args:
        source: Where the predictions are saved.
        member: Name of the member.

    Returns:
        (N,) bool over the rows of `predictions_of(source)`.
    """
    return _membership(source, member)[0]


def notes(source: ScoreSource, member: str) -> list[str]:
    """Say what a reader must know before any figure.

    Args:
        source: Where the predictions are saved.
        member: Name of the member.

    Returns:
        Sentences: what was decided when scores were imported, how many items are left out because the calibrator was
        fitted on them, and whether this cannot be known.
    """
    fitted, known = _membership(source, member)
    sentences = list(read_json(source.folder / "run.json").get("notes", [])) if is_scores(source.folder) else []
    sentences = [f"{note[:1].upper()}{note[1:]}." for note in sentences]
    if fitted.any():
        by_split = predictions_of(source).loc[fitted, "split"].value_counts()
        counts = ", ".join(f"{n:,} of {split}" for split, n in by_split.items())
        sentences.append(
            f"Its calibrator was fitted on {int(fitted.sum()):,} of the saved items ({counts}); "
            "this page leaves them out."
        )
    return sentences if known else [*sentences, ITEMS_UNKNOWN]


def _membership(source: ScoreSource, member: str) -> tuple[np.ndarray, bool]:
    file = calibrator_file(source.folder, member)
    if file is None:
        return np.zeros(len(predictions_of(source)), bool), True
    return _kept_membership(source, file, file.stat().st_mtime, (source.folder / PREDICTIONS).stat().st_mtime)


@lru_cache(maxsize=32)
def _kept_membership(source: ScoreSource, file: Path, changed: float, written: float) -> tuple[np.ndarray, bool]:
    """Return (N,) bool "fitted on", and whether that answer is certain.

    A calibrator that keeps no sketch of its items is known by the fingerprint of its items alone: a split with the
    same fingerprint was fitted on as a whole.
    """
    table, fitted = predictions_of(source), load_calibrator(file).fitted
    if fitted.item_sketch:
        return members(fitted.item_sketch, table["sample_id"], table["label"])[0], True
    none_fitted = np.zeros(len(table), bool)
    if not fitted.data_fingerprint:
        return none_fitted, fitted.method == "none"  # the identity is fitted on nothing
    for split in table["split"].unique():
        rows = (table["split"] == split).to_numpy(bool)
        if item_fingerprint(table.loc[rows, "sample_id"], table.loc[rows, "label"]) == fitted.data_fingerprint:
            return rows, True
    return none_fitted, False
