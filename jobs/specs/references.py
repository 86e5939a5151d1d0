"""What a spec's words refer to: names in the workspace, or paths of whoever wrote the spec. All of it is here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core.analysis.spec import AnalyzeSpec
from core.artifacts.workspace import Workspace
from core.spec import Spec
from jobs.queue.views import Active

# Fields that are always paths, and fields that are a name in a room of the workspace or a path.
PATHS = ("file", "files", "calibrator", "card", "out", "reals", "media")
NAMES = {
    "source": ("runs", "bundles"),
    "path": (),
    "dataset": ("datasets",),
    "run": ("runs",),
    "stage1": ("runs",),
    "experts": ("runs",),
    "runs": ("runs",),
    "specialists": ("runs",),
    "stack": ("runs",),
    "bundle": ("bundles",),
    "policy": ("policies",),
    "weights": (),
}
OUT = "out"
"""The one field that names a place to write; it need not be there yet."""
WORDS = ("demo", "pretrained", "none")
"""Never a path, whatever lies in the folder that a command is run in."""


def settled(spec: Spec, workspace: Workspace, active: Active | None = None) -> Spec:
    """The spec with nothing left open that depends on where or when it is read.

    Relative paths become absolute (a worker has another working directory); an analysis that names no bundle gets
    the one in force now, so that its record says what judged it.
    """
    changes: dict[str, Any] = {}
    for name in places(type(spec)):
        value = getattr(spec, name)
        if name in PATHS:
            changes[name] = _each(value, lambda text: str(Path(text).expanduser().absolute()) if text else text)
        else:
            changes[name] = _each(value, lambda text, rooms=NAMES[name]: _named(text, workspace, rooms))
    if isinstance(spec, AnalyzeSpec) and active is not None:
        bundle = changes["bundle"] or str(active.bundle)
        if not changes["policy"] and active.policy is not None and Path(bundle) == active.bundle:
            changes["policy"] = str(active.policy)
        changes["bundle"] = bundle
    return spec.model_copy(update=changes)


def places(spec: type[Spec]) -> set[str]:
    """Fields that can name a place on this machine; not those that choose a layout, one of the program's own words."""
    chosen = {name: field.json_schema_extra for name, field in spec.model_fields.items()}
    words = {name for name, extra in chosen.items() if isinstance(extra, dict) and extra.get("choose") == "data_source"}
    return (set(PATHS) | set(NAMES)) & set(spec.model_fields) - words


def _each(value: Any, change: Any) -> Any:
    return [change(item) for item in value] if isinstance(value, list) else change(value)


def _named(text: str, workspace: Workspace, rooms: tuple[str, ...]) -> str:
    """A name that a room of the workspace knows stays a name; what exists as a path becomes absolute."""
    if not text or text in WORDS or any((getattr(workspace, room) / text).exists() for room in rooms):
        return text
    path = Path(text).expanduser()
    return str(path.absolute()) if path.exists() else text
