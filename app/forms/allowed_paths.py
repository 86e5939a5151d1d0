"""What a browser may name: things of the workspace, and places below the folders that the operator allowed.

Every form is held to this in one place (`forms.spec_form`). Commands are not: they read what their person may read.
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
    """The spec with each place that it names made absolute and found inside the bounds. Raises ValueError.

    A name of the workspace, a word such as `pretrained` and whatever a form offers stay as they are.
    """
    changes: dict[str, Any] = {}
    resolved = settled(spec, workbench.workspace)
    for name in places(type(spec)):
        texts, found = _several(getattr(spec, name)), _several(getattr(resolved, name))
        free = _offered(type(spec), name, workbench)
        kept = [
            text if not text or text in free or _plain(name, text, there) else _place(name, text, workbench)
            for text, there in zip(texts, found, strict=True)
        ]
        if kept != texts:
            changes[name] = kept if isinstance(getattr(spec, name), list) else kept[0]
    return spec.model_copy(update=changes)


def allowed(text: str, roots: Sequence[Path]) -> Path:
    """The real path behind `text` when it lies in a root. Raises ValueError that tells nothing of other places.

    A relative path is looked for in each root. Links are followed before the place is judged.
    """
    inside = _inside(text, roots)
    there = [path for path in inside if path.exists()]
    if not there:
        raise ValueError(f"{inside[0]} is not there. Check its spelling, or put the folder there first.")
    return there[0]


def _inside(text: str, roots: Sequence[Path]) -> list[Path]:
    """What `text` can mean below the roots, there or not; at least one path. Raises ValueError."""
    outside = ValueError(
        f"{text!r} is not in a folder that the server may read ({', '.join(map(str, roots))}). "
        "Choose one below these, or have AWARE_DATA_ROOTS name more."
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
    """Whether it is a mere name: no path, and not that of a file which happens to lie where the server was started."""
    leads = {"/", "\\", "\0"} & set(text) or text.startswith(("~", "."))
    return name not in PATHS and not leads and text == settled_text


def _place(name: str, text: str, workbench: Workbench) -> str:
    """A path as text: of something the workbench lists itself, or below a root. Raises ValueError.

    Listed are the rooms of the workspace, what is registered (wherever it lies), and the bundles that ship with the
    product or were put in force: an operator chose these, and pages offer them.
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
