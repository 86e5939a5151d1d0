"""Items that a detector's calibrator was fitted on: pages judge it on the others, and say how many were left out."""

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

UNTOLD = (
    "Whether its calibrator was fitted on some of these items cannot be told, for it was made before that was kept: "
    "calibrate, stack and export again."
)


def calibrator_file(folder: Path, member: str) -> Path | None:
    """The file that turned a member's log-odds into the folder's p_fake: of a stack run, a bundle, imported scores."""
    if is_scores(folder):
        return of_run.calibrator_file(folder)
    places = [folder / "calibrators" / f"{member}.json", folder / member / of_run.CALIBRATOR_FILE]
    return next((path for path in places if path.is_file()), None)


def fitted_rows(source: ScoreSource, member: str) -> np.ndarray:
    """(N,) bool over the rows of `predictions_of(source)`: those that the member's calibrator was fitted on."""
    return _found(source, member)[0]


def notes(source: ScoreSource, member: str) -> list[str]:
    """What a reader must know before any figure: what was decided at an import, which items are left out."""
    seen, known = _found(source, member)
    said = list(read_json(source.folder / "run.json").get("notes", [])) if is_scores(source.folder) else []
    said = [f"{note[:1].upper()}{note[1:]}." for note in said]
    if seen.any():
        by_split = predictions_of(source).loc[seen, "split"].value_counts()
        what = ", ".join(f"{n:,} of {split}" for split, n in by_split.items())
        said.append(
            f"Its calibrator was fitted on {int(seen.sum()):,} of these items ({what}): they are not judged here."
        )
    return said if known else [*said, UNTOLD]


def _found(source: ScoreSource, member: str) -> tuple[np.ndarray, bool]:
    file = calibrator_file(source.folder, member)
    if file is None:
        return np.zeros(len(predictions_of(source)), bool), True
    return _seen(source, file, file.stat().st_mtime, (source.folder / PREDICTIONS).stat().st_mtime)


@lru_cache(maxsize=32)
def _seen(source: ScoreSource, file: Path, changed: float, written: float) -> tuple[np.ndarray, bool]:
    """((N,) bool: fitted on; whether that is all that can be asked). A calibrator from before sketches is known only by
    the fingerprint of its items: a split that has it was fitted on, whole.
    """
    table, fitted = predictions_of(source), load_calibrator(file).fitted
    if fitted.item_sketch:
        return members(fitted.item_sketch, table["sample_id"], table["label"])[0], True
    seen = np.zeros(len(table), bool)
    if not fitted.data_fingerprint:
        return seen, fitted.method == "none"
    for split in table["split"].unique():
        rows = (table["split"] == split).to_numpy(bool)
        if item_fingerprint(table.loc[rows, "sample_id"], table.loc[rows, "label"]) == fitted.data_fingerprint:
            return rows, True
    return seen, False
