"""What the fields of a spec refer to: names in the workspace, or paths on the machine of its author."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.analysis.spec import AnalyzeSpec
from core.artifacts.workspace import Workspace
from core.spec import Spec

if TYPE_CHECKING:
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
"""The one field that names a place to write; it need not exist yet."""
WORDS = ("demo", "pretrained", "none")
"""Never a path, also where the folder in which a command runs holds a file of this name."""


def settled(spec: Spec, workspace: Workspace, active: Active | None = None) -> Spec:
    """Return the spec without anything that depends on where or when it is read.

    Relative paths become absolute (a worker has another working directory). An analysis that names no bundle gets
    the one in force now, so that its record says what judged it.

    Args:
        spec: Of any job kind.
        workspace: Where names are looked up.
        active: Bundle and policy in force; None: an analysis keeps its fields.

    Returns:
        A copy with the changed fields.
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
    """Return the fields of a spec that can name a file or folder of this machine.

    Args:
        spec: A spec's type.

    Returns:
        Names of fields, without a `source` that chooses one of the program's layouts.
    """
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
