"""Run folders as artefacts, read without torch."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core.artifacts.files import read_json, write_text
from jobs.kind import JobContext, Produced

# Documents of a run whose plain figures a list shows, and the prefix of the names of those figures.
DOCUMENTS = {"metrics.json": "", "calibration_metrics.json": "calibration_", "evaluation_report.json": "evaluation_"}

RUN_NAME = "run_name.txt"
"""File in a job's folder that holds the name which the job chose for its run."""


def run_name(given: str, stem: str, context: JobContext) -> str:
    """Return the name of the run that a job makes, the same in every attempt.

    Args:
        given: The name in the job's spec; empty: stem and time.
        stem: Beginning of a name that is chosen here.
        context: Its folder stores the chosen name.

    Returns:
        The name of a folder.
    """
    if given:
        return given
    memo = context.folder / RUN_NAME
    if not memo.exists():
        write_text(memo, f"{stem}-{datetime.now(UTC):%Y%m%d-%H%M%S}")
    return memo.read_text()


def produced_run(folder: Path) -> Produced:
    """Return the artefact of a run folder.

    Args:
        folder: Holds run.json.

    Returns:
        The artefact; its summary is run.json and the plain figures of the documents that were added later.
    """
    document: dict[str, Any] = dict(read_json(folder / "run.json"))
    for name, prefix in DOCUMENTS.items():
        if (folder / name).is_file():
            figures = read_json(folder / name)
            plain = {f"{prefix}{k}": v for k, v in figures.items() if isinstance(v, (int, float, str, bool))}
            document |= {key: value for key, value in plain.items() if key not in document}
    return Produced("run", folder.name, str(folder), document)
