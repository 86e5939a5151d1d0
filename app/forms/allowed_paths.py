"""Limit the paths that a browser may name to the workspace and the folders that the operator allowed.

Every form passes through `forms.spec_form`, which applies this. Commands are not limited: they run with the rights of
the person who types them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from app.forms.options import options
from core.spec import Spec
from jobs.client import SHIPPED_BUNDLE, Workbench
from jobs.specs.references import OUT, PATHS, places, settled

REGISTERED = ("dataset", "run", "bundle", "policy")
"""Kinds of artefact that a field can name."""


def bounded(spec: Spec, workbench: Workbench) -> Spec:
    """Return a spec whose paths are absolute and inside the allowed folders.

    A name of the workspace, a word such as `pretrained` and everything that a form offers stay as they are.

    Args:
        spec: The spec as the browser sent it.
        workbench: The workbench, with its allowed folders.

    Returns:
        The same spec with allowed paths.

    Raises:
        ValueError: A path lies outside the allowed folders or does not exist.
    """
    changes: dict[str, Any] = {}
    resolved = settled(spec, workbench.workspace)
    for name in places(type(spec)):
        texts, resolved_texts = _several(getattr(spec, name)), _several(getattr(resolved, name))
        free = _offered(type(spec), name, workbench)
        checked = [
            text if not text or text in free or _plain(name, text, path) else _place(name, text, workbench)
            for text, path in zip(texts, resolved_texts, strict=True)
        ]
        if checked != texts:
            changes[name] = checked if isinstance(getattr(spec, name), list) else checked[0]
    return spec.model_copy(update=changes)


def allowed(text: str, roots: Sequence[Path]) -> Path:
    """Return the real path of a text, if it lies in an allowed folder.

    A relative path is looked for in each folder. Links are followed before the place is judged.

    Args:
        text: A path.
        roots: The allowed folders.

    Returns:
        The resolved path of something that exists.

    Raises:
        ValueError: The path lies outside, or nothing exists there. The message tells nothing about other places.
    """
    inside = _inside(text, roots)
    existing = [path for path in inside if path.exists()]
    if not existing:
        raise ValueError(f"{inside[0]} does not exist. Check its spelling, or put the file or folder there first.")
    return existing[0]


def _inside(text: str, roots: Sequence[Path]) -> list[Path]:
    """Return every path below the roots that a text can mean, existing or not; ValueError when there is none."""
    outside = ValueError(
        f"{text!r} is not in a folder that the server may read ({', '.join(map(str, roots))}). "
        "Choose a place below these folders, or add its folder to AWARE_DATA_ROOTS."
    )
    try:
        typed = Path(text).expanduser()
        candidates = [typed] if typed.is_absolute() else [root / typed for root in roots]
        real = [path.resolve() for path in candidates]
    except (OSError, ValueError, RuntimeError) as error:
        raise outside from error
    inside = [path for path in real if any(path.is_relative_to(root.resolve()) for root in roots)]
    if not inside:
        raise outside
    return inside


def _several(value: Any) -> list[str]:
    return list(value) if isinstance(value, list) else [value or ""]


def _offered(spec: type[Spec], name: str, workbench: Workbench) -> list[str]:
    extra = spec.model_fields[name].json_schema_extra
    what = extra.get("choose") if isinstance(extra, dict) else None
    return options(str(what), workbench) if what else []


def _plain(name: str, text: str, settled_text: str) -> bool:
    """Tell whether a text is only a name: no path, and not the name of a file in the folder of the server process."""
    leads = {"/", "\\", "\0"} & set(text) or text.startswith(("~", "."))
    return name not in PATHS and not leads and text == settled_text


def _place(name: str, text: str, workbench: Workbench) -> str:
    """Return a path as text, if the workbench lists it itself or it lies below a root; ValueError otherwise.

    Listed are the folders of the workspace, registered artefacts (wherever they lie), and the bundles that ship with
    the product or are in force: an operator chose these, and pages offer them.
    """
    roots = workbench.settings.readable_roots()
    if name == OUT:
        return str(_inside(text, roots)[0])
    if any(Path(text) == item.path for kind in REGISTERED for item in workbench.artifacts(kind)):
        return text
    space, active = workbench.workspace, workbench.active()
    rooms = [space.datasets, space.runs, space.bundles, space.policies, space.uploads, SHIPPED_BUNDLE, active.bundle]
    if active.policy is not None:
        rooms.append(active.policy)
    try:
        return str(allowed(text, rooms))
    except ValueError:
        return str(allowed(text, roots))
