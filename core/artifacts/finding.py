"""Finds the folder or file that a name or a path in a spec means."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from core.artifacts.workspace import Workspace

RUN = "run.json"
BUNDLE = "bundle.json"
STACK = "stack/stack.json"
PREDICTIONS = "predictions.parquet"


def find_run_folder(ref: str | Path, workspace: Workspace) -> Path:
    """Find the folder of a run.

    Args:
        ref: Name of a run in the workspace, or the path of its folder.
        workspace: Where names are looked up.

    Returns:
        A folder that holds run.json.

    Raises:
        FileNotFoundError: No such run; the message lists the runs that exist.
    """
    folder = _folder(ref, (workspace.runs,), RUN)
    if folder is None:
        raise FileNotFoundError(f"no run {str(ref)!r} in {workspace.runs}; there are: {_names(workspace.runs, RUN)}")
    return folder


def find_stack(ref: str | Path, workspace: Workspace) -> Path:
    """Find the folder of a stack run: a run that holds a fitted stage 3.

    Args:
        ref: Name of a run in the workspace, or the path of its folder.
        workspace: Where names are looked up.

    Returns:
        A folder that holds stack/stack.json.

    Raises:
        FileNotFoundError: No such stack run; the message says where it was looked for.
    """
    folder = _folder(ref, (workspace.runs,), STACK)
    if folder is None:
        raise FileNotFoundError(
            f"{str(ref)!r} is no stack run (neither a folder nor a name in {workspace.runs}); run `stack`"
        )
    return folder


def find_bundle(ref: str | Path, workspace: Workspace) -> Path:
    """Find the folder of a bundle.

    Args:
        ref: Name of a bundle in the workspace, or the path of its folder.
        workspace: Where names are looked up.

    Returns:
        A folder that holds bundle.json. It is not opened or checked here.

    Raises:
        FileNotFoundError: No such bundle; the message lists the bundles that exist.
    """
    folder = _folder(ref, (workspace.bundles,), BUNDLE)
    if folder is None:
        raise FileNotFoundError(
            f"no bundle {str(ref)!r}: it is neither a folder with {BUNDLE} nor one of the workspace's "
            f"({_names(workspace.bundles, BUNDLE, 'none yet')})"
        )
    return folder


def find_source(ref: str | Path, workspace: Workspace) -> Path:
    """Find a folder with a table of scores: a stack run, a bundle or imported scores.

    Args:
        ref: Name of a run or a bundle in the workspace, or the path of its folder.
        workspace: Where names are looked up.

    Returns:
        A folder that holds predictions.parquet.

    Raises:
        FileNotFoundError: No such folder; the message says where it was looked for.
    """
    folder = _folder(ref, (workspace.runs, workspace.bundles), PREDICTIONS)
    if folder is None:
        raise FileNotFoundError(
            f"{str(ref)!r} is no stack run and no bundle (no {PREDICTIONS} in {workspace.runs}, {workspace.bundles} or "
            "as a path); run `stack` first"
        )
    return folder


def find_policy(ref: str | Path, workspace: Workspace) -> Path:
    """Find the file of a policy.

    Args:
        ref: Id of a policy in the workspace, or the path of its file.
        workspace: Where ids are looked up.

    Returns:
        The policy's JSON file.

    Raises:
        FileNotFoundError: No such policy; the message lists the policies that exist.
    """
    for place in (workspace.policies / f"{ref}.json", Path(ref).expanduser()):
        if str(ref) and place.is_file():
            return place
    known = sorted(path.stem for path in workspace.policies.glob("*.json"))
    raise FileNotFoundError(
        f"no policy {str(ref)!r}: it is neither a file nor one of the workspace's ({', '.join(known) or 'none yet'})"
    )


def _folder(ref: str | Path, rooms: Sequence[Path], marker: str) -> Path | None:
    """The first folder with `marker` in it: by name in `rooms`, then as a path."""
    if not str(ref):
        return None
    places = [*(room / str(ref) for room in rooms), Path(ref).expanduser()]
    return next((place for place in places if (place / marker).is_file()), None)


def _names(room: Path, marker: str, nothing: str = "none") -> str:
    return ", ".join(sorted(path.parent.name for path in room.glob(f"*/{marker}"))) or nothing
