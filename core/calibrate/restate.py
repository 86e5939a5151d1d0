"""Write the table of imported scores anew once they are calibrated, so that its readers see calibrated p_fake."""

from __future__ import annotations

from pathlib import Path

from core.calibrate import load_calibrator
from core.calibrate.of_run import calibrator_file
from core.scores.imported_run import write_tables
from core.tables.predictions import Predictions


def restate_scores(folder: Path) -> None:
    """Write predictions.parquet and failed.parquet of imported scores anew, by the run's own calibrator.

    Args:
        folder: Folder of the imported scores. Without a calibrator p_fake is the logistic of the log-odds.
    """
    parts = {path.stem: Predictions.load(path) for path in sorted((folder / "predictions").glob("*.parquet"))}
    file = calibrator_file(folder)
    write_tables(folder, parts, load_calibrator(file).transform if file else None)
