"""Run folders as artefacts, read without torch."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core.artifacts.files import read_json, write_text
from jobs.kind import JobContext, Produced

# Documents of a run whose plain figures make its line in a list, with the prefix that tells them apart.
DOCUMENTS = {"metrics.json": "", "calibration_metrics.json": "calibration_", "evaluation_report.json": "evaluation_"}

RUN_NAME = "run_name.txt"
"""File of a job's folder that keeps the name which the job chose for its run."""


def run_name(given: str, stem: str, context: JobContext) -> str:
    """The name of the run that a job makes: the given one, or stem and time, the same in every attempt."""
    if given:
        return given
    memo = context.folder / RUN_NAME
    if not memo.exists():
        write_text(memo, f"{stem}-{datetime.now(UTC):%Y%m%d-%H%M%S}")
    return memo.read_text()


def produced_run(folder: Path) -> Produced:
    """The artefact of a run folder: its own document and the plain figures of those that were added later."""
    document: dict[str, Any] = dict(read_json(folder / "run.json"))
    for name, prefix in DOCUMENTS.items():
        if (folder / name).is_file():
            figures = read_json(folder / name)
            plain = {f"{prefix}{k}": v for k, v in figures.items() if isinstance(v, (int, float, str, bool))}
            document |= {key: value for key, value in plain.items() if key not in document}
    return Produced("run", folder.name, str(folder), document)
