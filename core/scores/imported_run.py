"""Scores of a detector that ran elsewhere, imported as a run without weights and judged like any other.

The folder looks like a run's: run.json (kind `scores`), spec.json, a table of predictions for each split,
predictions.parquet (p_scores, of all splits) and failed.csv. `calibrate`, `evaluate`, `policy` and `search` take it by
its name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from core.artifacts.files import atomic_folder, atomic_path, read_json, sha256_file, write_json, write_text
from core.data.manifest.tables import csv_text
from core.progress import Reporter, Within
from core.scores.imported_file import read_imported_table
from core.scores.imported_rows import checked_rows
from core.scores.spec import ImportScoresSpec
from core.tables.predictions import FAILED, Predictions, item_fingerprint

KIND = "scores"
MEMBER = "scores"
"""What the one member of such a run is called in its tables."""


def is_scores(folder: Path) -> bool:
    """Tell whether a run folder holds imported scores and no network.

    Args:
        folder: Folder of a run.

    Returns:
        True for imported scores.
    """
    return (folder / "run.json").is_file() and read_json(folder / "run.json").get("kind") == KIND


def kept_predictions(folder: Path, split: str) -> Predictions:
    """Read the imported scores of one split.

    Args:
        folder: Folder of the run.
        split: Name of the split.

    Returns:
        The predictions.

    Raises:
        ValueError: There is no such split; the message lists those there are.
    """
    path = folder / "predictions" / f"{split}.parquet"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in (folder / "predictions").glob("*.parquet")))
        raise ValueError(f"{folder.name} has no scores of split {split!r}; there are: {known}")
    return Predictions.load(path)


def import_scores(spec: ImportScoresSpec, folder: Path, report: Reporter) -> dict[str, Any]:
    """Read and check a file of scores and write the run.

    Args:
        spec: The file and what its columns mean.
        folder: Folder of the new run.
        report: Receives the progress.

    Returns:
        run.json.

    Raises:
        FileNotFoundError: There is no such file.
        FileExistsError: The folder exists.
        ScoresError: The file cannot be used; the message names rows.
    """
    path = Path(spec.file).expanduser()
    report.progress(0.0, f"Reading {path.name}")
    table = read_imported_table(path, Within(report, 0.0, 0.3))
    frame, notes = checked_rows(table, spec, spec.data or folder.name, Within(report, 0.3, 0.7))
    del table
    report.progress(0.7, "Listing the items")
    document = about(spec, path, frame, notes)
    parts = {str(split): parted(rows) for split, rows in frame.groupby("split")}
    report.progress(0.85, "Writing the tables")
    with atomic_folder(folder) as made:
        (made / "predictions").mkdir()
        for split, part in parts.items():
            part.save(made / "predictions" / f"{split}.parquet")
        write_text(made / "failed.csv", csv_text(frame.loc[frame["reason"] != "", [*FAILED, "split"]]))
        write_text(made / "spec.json", spec.to_json())
        write_tables(made, parts)
        write_json(made / "run.json", document)
    report.progress(1.0, f"Imported {document['items']:,} items")
    return document


def parted(rows: pd.DataFrame) -> Predictions:
    """Part the rows with a score from those that failed.

    Args:
        rows: Rows of `checked_rows`.

    Returns:
        The predictions.
    """
    lost = rows["reason"] != ""
    scored = rows[~lost].drop(columns="reason").reset_index(drop=True)
    return Predictions(scored, rows.loc[lost, list(FAILED)].reset_index(drop=True))


def about(spec: ImportScoresSpec, path: Path, frame: pd.DataFrame, notes: list[str]) -> dict[str, Any]:
    """Build run.json: where the scores come from, what they are, how many, and what was decided for the reader.

    Args:
        spec: The file and what its columns mean.
        path: The file.
        frame: Rows of `checked_rows`.
        notes: What was decided.

    Returns:
        The document.
    """
    scored = frame["reason"] == ""
    splits = {
        str(name): {"items": len(rows), "fake": int(rows["label"].sum()), "groups": int(rows["group"].nunique())}
        for name, rows in frame[scored].groupby("split")
    }
    return {
        "format": 1,
        "kind": KIND,
        "dataset": spec.data or ", ".join(sorted(frame["dataset"].unique())[:4]),
        "file": path.name,
        "file_sha256": sha256_file(path),
        "score": spec.score,
        "larger": spec.larger,
        "items": int(scored.sum()),
        "failed": int((~scored).sum()),
        "fake": int(frame.loc[scored, "label"].sum()),
        "groups": int(frame["group"].nunique()),
        "splits": splits,
        "columns": [str(name) for name in frame.columns],
        "notes": notes,
        "gflops": spec.gflops,
        "data_fingerprint": item_fingerprint(frame.loc[scored, "sample_id"], frame.loc[scored, "label"]),
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def write_tables(
    folder: Path, parts: Mapping[str, Predictions], to_p_fake: Callable[[np.ndarray], np.ndarray] | None = None
) -> None:
    """Write predictions.parquet (every split's items with p_scores) and failed.parquet (items without a score).

    Args:
        folder: Folder of the run, which exists.
        parts: Uncalibrated predictions by split.
        to_p_fake: (N,) log-odds to (N,) p_fake; None: the logistic function.
    """
    frame = pd.concat([part.frame for part in parts.values() if len(part)], ignore_index=True)
    z = frame["log_odds"].to_numpy(np.float64)
    p = to_p_fake(z) if to_p_fake else expit(z)
    failed = pd.concat([part.failed.assign(split=split) for split, part in parts.items()], ignore_index=True)
    for name, rows in (("predictions", frame.assign(**{f"p_{MEMBER}": p})), ("failed", failed)):
        with atomic_path(folder / f"{name}.parquet") as temporary:
            rows.to_parquet(temporary, index=False)
