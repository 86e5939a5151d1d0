"""The calibrated scores of the experts that a comparison judges, and the calibrator of each."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from core.calibrate import Calibrator, load_calibrator
from core.calibrate.of_run import calibrator_of


@dataclass
class ExpertScores:
    """The scores of one expert on the N items of a split.

    Attributes:
        p: (N,) calibrated p_fake.
        log_odds: (N,) uncalibrated log-odds of fake.
        parts: (N, D) by part of the embedding; `embedding` is always there.
        rebuilt_rows: (M,) items that the expert reconstructed.
        measures: (M, 3) MEASURES of these reconstructions (`reconstruction_quality`); None where there are none.
        calibrated: (N,) log-odds of p, by which items rank; None after a calibrator in steps.
    """

    p: np.ndarray
    log_odds: np.ndarray
    parts: dict[str, np.ndarray]
    rebuilt_rows: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    measures: np.ndarray | None = None
    calibrated: np.ndarray | None = None


def expert_calibrator(name: str, run_folder: Path, stack_folder: Path | None) -> tuple[Calibrator, str]:
    """Load the calibrator of an expert: the stack's for a member of a stack, else the run's own.

    Args:
        name: Name of the member in the stack.
        run_folder: Folder of its training run.
        stack_folder: Folder of the stack; None for a run that is judged alone.

    Returns:
        The calibrator, and a clause on where it comes from.

    Raises:
        FileNotFoundError: The stack's folder lacks the file.
        ValueError: The file is not a calibrator that this version reads.
    """
    if stack_folder is None:
        return calibrator_of(run_folder)
    return load_calibrator(stack_folder / "calibrators" / f"{name}.json"), f"calibrated as in {stack_folder.name}"


def stage3_scores(stack_folder: Path, split: str, sample_ids: pd.Series) -> np.ndarray | None:
    """Read the stage-3 scores of a stack run for some items.

    Args:
        stack_folder: Folder of the stack run.
        split: Split of the items.
        sample_ids: (N,) names of the items.

    Returns:
        (N,) p_stack in the order of `sample_ids`; None when the stack lacks the score of any item.
    """
    table = pd.read_parquet(stack_folder / "predictions.parquet")
    known = table[table["split"] == split].set_index("sample_id")["p_stack"]
    if not sample_ids.isin(known.index).all():
        return None
    return known.reindex(sample_ids).to_numpy(np.float64)
