"""The calibrator of a run: its newest one. The only place that knows where a run keeps it."""

from __future__ import annotations

from pathlib import Path

from core.calibrate import Calibrator, calibrators, load_calibrator

TEMPERATURE_FILE = "calibration_temp.json"
CALIBRATOR_FILE = "calibrator.json"
FILES = (CALIBRATOR_FILE, TEMPERATURE_FILE)
"""What `aware calibrate` writes into a run's folder: one of them, and it removes the other."""


def file_name(method: str) -> str:
    """Name the file that a calibration method is written to.

    Args:
        method: Registered name of the calibrator, for example `platt`.

    Returns:
        calibration_temp.json for a temperature, calibrator.json for all others.
    """
    return TEMPERATURE_FILE if method.startswith("temperature") else CALIBRATOR_FILE


def calibrator_file(folder: Path) -> Path | None:
    """Find the newest calibrator file of a run.

    Args:
        folder: Folder of a training run or of imported scores.

    Returns:
        The file written last, or None where the run is not calibrated.
    """
    files = [folder / name for name in FILES if (folder / name).is_file()]
    return max(files, key=lambda path: (path.stat().st_mtime_ns, path.name)) if files else None


def calibrator_of(folder: Path) -> tuple[Calibrator, str]:
    """Load the calibrator of a run.

    Args:
        folder: Folder of a training run or of imported scores.

    Returns:
        The run's newest calibrator, or the identity where it has none; and a clause that says which it is.

    Raises:
        ValueError: The file is not a calibrator that this version reads.
    """
    file = calibrator_file(folder)
    if file is None:
        identity = calibrators.get("none")().fit([0.0], [0])
        return identity, "not calibrated: the run has no calibrator; run `calibrate` first"
    return load_calibrator(file), f"calibrated by the run's {file.name}"
