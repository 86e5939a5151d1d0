"""Whether what a spec refers to is there. Asked before a job has a row, and before anything heavy is loaded."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path

from core.artifacts.workspace import Workspace
from core.spec import Spec
from jobs.specs.choices import words
from jobs.specs.references import OUT, PATHS, WORDS, places

PLACES = (set(PATHS) | {"path", "weights"}) - {OUT}
"""Fields that hold the path of something that is there, or one of WORDS."""
MOST = 12
"""Names that a message lists."""


def check(spec: Spec, workspace: Workspace) -> None:
    """Raises LookupError for a word that the program does not know, FileNotFoundError for a name of nothing here.

    spec: as `references.settled` leaves it, so that paths are absolute.
    """
    for name, field in type(spec).model_fields.items():
        value = getattr(spec, name)
        extra = field.json_schema_extra
        what = str(extra.get("choose", "")) if isinstance(extra, dict) else ""
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str) and text:
                _check(name, text, what, type(spec), workspace)


def _check(name: str, text: str, what: str, spec: type[Spec], workspace: Workspace) -> None:
    known = words(what)
    if known:
        if text not in known:
            raise LookupError(f"{name}: there is no {text!r}.{meant(text, known)} Known: {', '.join(known)}")
    elif what in ROOMS:
        find, noun, after = ROOMS[what]
        there = find(workspace)
        base = text.rpartition("@")[0] if what == "dataset" and Path(text).is_absolute() else ""  # /folder@protocol
        if text not in there and not any(Path(path).expanduser().exists() for path in (text, base) if path):
            raise FileNotFoundError(
                f"{name}: there is no {noun} {text!r}, and no such path.{meant(text, there)} {_list(there)}{after}"
            )
    elif name in PLACES and name in places(spec) and text not in WORDS and not Path(text).exists():
        raise FileNotFoundError(f"{name}: {text} is not there. Check the spelling, or put it there first.")


def meant(text: str, known: list[str]) -> str:
    """` Did you mean 'x'?`, or nothing when no word is near."""
    near = get_close_matches(text, known, n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


def _list(names: list[str]) -> str:
    shown = ", ".join(names[:MOST]) + (", ..." if len(names) > MOST else "")
    return f"The workspace has: {shown}. " if names else "The workspace has none yet. "


def _datasets(workspace: Workspace) -> list[str]:
    found = []
    for folder in _folders(workspace.datasets, "manifest.*"):
        protocols = sorted(path.stem for path in (workspace.datasets / folder / "protocols").glob("[!.]*.json"))
        found += [folder, *(f"{folder}@{protocol}" for protocol in protocols)]
    return found


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
"""`choose(what)` of a field -> the names in the workspace, what they are called, how another comes about."""
