"""Checks that what a spec refers to exists, before a job is stored and before anything heavy is loaded."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path

from core.artifacts.workspace import Workspace
from core.spec import Spec
from jobs.specs.choices import choices
from jobs.specs.references import OUT, PATHS, WORDS, places

PLACES = (set(PATHS) | {"path", "weights"}) - {OUT}
"""Fields that hold the path of an existing file or folder, or one of WORDS."""
MAX_LISTED = 12
"""Names that a message lists."""


def check(spec: Spec, workspace: Workspace) -> None:
    """Check that what a spec refers to exists.

    Args:
        spec: As `references.settled` returns it, so that paths are absolute.
        workspace: Where names are looked up.

    Raises:
        LookupError: A field holds a word that the program does not know.
        FileNotFoundError: A field names something that does not exist.
    """
    for name, field in type(spec).model_fields.items():
        value = getattr(spec, name)
        extra = field.json_schema_extra
        what = str(extra.get("choose", "")) if isinstance(extra, dict) else ""
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str) and text:
                _check(name, text, what, type(spec), workspace)


def _check(name: str, text: str, what: str, spec: type[Spec], workspace: Workspace) -> None:
    known = choices(what)
    if known:
        if text not in known:
            raise LookupError(f"{name}: there is no {text!r}.{suggestion(text, known)} Known: {', '.join(known)}")
    elif what in ROOMS:
        find, noun, after = ROOMS[what]
        names = find(workspace)
        base = text.rpartition("@")[0] if what == "dataset" and Path(text).is_absolute() else ""  # /folder@protocol
        if text not in names and not any(Path(path).expanduser().exists() for path in (text, base) if path):
            raise FileNotFoundError(
                f"{name}: there is no {noun} {text!r}, and no such path.{suggestion(text, names)} {_list(names)}{after}"
            )
    elif name in PLACES and name in places(spec) and text not in WORDS and not Path(text).exists():
        raise FileNotFoundError(f"{name}: {text} does not exist. Check the spelling, or create it first.")


def suggestion(text: str, known: list[str]) -> str:
    """Return a question that names the known word most like a text.

    Args:
        text: What somebody wrote.
        known: Words that are allowed.

    Returns:
        ` Did you mean 'x'?`, or an empty string when no word is similar.
    """
    near = get_close_matches(text, known, n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


def _list(names: list[str]) -> str:
    shown = ", ".join(names[:MAX_LISTED]) + (", ..." if len(names) > MAX_LISTED else "")
    return f"The workspace has: {shown}. " if names else "The workspace has none yet. "


def _datasets(workspace: Workspace) -> list[str]:
    names = []
    for folder in _folders(workspace.datasets, "manifest.*"):
        protocols = sorted(path.stem for path in (workspace.datasets / folder / "protocols").glob("[!.]*.json"))
        names += [folder, *(f"{folder}@{protocol}" for protocol in protocols)]
    return names


def _folders(room: Path, mark: str) -> list[str]:
    return sorted({path.parent.name for path in room.glob(f"[!.]*/{mark}")})


def _runs(workspace: Workspace) -> list[str]:
    return _folders(workspace.runs, "run.json")


def _bundles(workspace: Workspace) -> list[str]:
    return _folders(workspace.bundles, "bundle.json")


def _policies(workspace: Workspace) -> list[str]:
    return sorted(path.stem for path in workspace.policies.glob("[!.]*.json"))


def _scored(workspace: Workspace) -> list[str]:
    return _runs(workspace) + _bundles(workspace)


ROOMS: dict[str, tuple[Callable[[Workspace], list[str]], str, str]] = {
    "dataset": (_datasets, "data set", "`aware prepare` makes one."),
    "run": (_runs, "run", "`aware train` makes one."),
    "expert_runs": (_runs, "run", "`aware train` makes one."),
    "scored_run": (_scored, "run or bundle", "`aware train` and `aware scores import` make runs."),
    "bundle": (_bundles, "bundle", "`aware export` makes one."),
    "policy": (_policies, "policy", "`aware policy` and `aware search` make one."),
}
"""`choose(what)` of a field -> the names in the workspace, the noun for one, the command that makes another."""
