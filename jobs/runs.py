"""Run folders as artefacts, read without torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core.artifacts.files import read_json
from core.artifacts.workspace import Workspace
from jobs.kind import Produced

# Documents of a run whose plain figures make its line in a list, with the prefix that tells them apart.
DOCUMENTS = {"metrics.json": "", "calibration_metrics.json": "calibration_", "evaluation_report.json": "evaluation_"}


def run_folder(reference: str, workspace: Workspace) -> Path:
    """Folder of the run that a name or path means. Raises FileNotFoundError."""
    for place in (workspace.runs / reference, Path(reference).expanduser()):
        if reference and (place / "run.json").is_file():
            return place
    known = sorted(p.parent.name for p in workspace.runs.glob("*/run.json"))
    raise FileNotFoundError(f"no run {reference!r}; the workspace has {', '.join(known) or 'none yet'}")


def produced_run(folder: Path) -> Produced:
    """The artefact of a run folder: its own document and the plain figures of those that were added later."""
    document: dict[str, Any] = dict(read_json(folder / "run.json"))
    for name, prefix in DOCUMENTS.items():
        if (folder / name).is_file():
            figures = read_json(folder / name)
            plain = {f"{prefix}{k}": v for k, v in figures.items() if isinstance(v, (int, float, str, bool))}
            document |= {key: value for key, value in plain.items() if key not in document}
    return Produced("run", folder.name, str(folder), document)
