"""Which uploads something still needs: what jobs name, and what data sets were made of."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from core.artifacts.files import read_json
from core.artifacts.workspace import Workspace
from jobs.queue.models import Job
from jobs.queue.store import Store
from jobs.queue.views import ENDED

SHA256 = re.compile(r"[0-9a-f]{64}")


class Unreadable(ValueError):
    """A data set does not tell which pictures it holds."""


def named_by(rows: Iterable[Job], workspace: Workspace) -> set[str]:
    """Return the uploads that some jobs' specs point into.

    Args:
        rows: Jobs.
        workspace: Holds the uploads.

    Returns:
        Names of folders of `uploads`.
    """
    return _folders((text for row in rows for text in _texts(row.spec)), workspace)


def needed_uploads(rows: list[Job], store: Store, workspace: Workspace) -> set[str]:
    """Return the uploads that must stay: of waiting and running jobs, of jobs that are no analyses, of data sets.

    While a job other than an analysis has not ended, all unpacked archives stay too: such a job names its archive,
    which may lie anywhere.

    Args:
        rows: Every job.
        store: Knows the data sets that are registered.
        workspace: Holds the uploads.

    Returns:
        Names of folders of `uploads`.

    Raises:
        Unreadable: A data set does not tell which pictures it holds.
    """
    needed = named_by((row for row in rows if row.kind != "analyze" or row.state not in ENDED), workspace)
    if any(row.kind != "analyze" and row.state not in ENDED for row in rows):
        needed |= {folder.parent.name for folder in workspace.uploads.glob("*/unpacked")}
    sets = {workspace.absolute(text) for text in store.artifact_paths("dataset")}
    for folder in sorted(sets | {card.parent for card in workspace.datasets.glob("*/dataset.json")}):
        needed |= _folders(_pictures(folder), workspace)
    return needed


def upload_of(text: str, workspace: Workspace) -> str | None:
    """Return the upload that a path points into.

    A path of a workspace that was moved also counts when the folder's name is a hash and the folder exists here.

    Args:
        text: Any text.
        workspace: Holds the uploads.

    Returns:
        Name of a folder of `uploads`; None for a relative path and for one that points elsewhere.
    """
    uploads = Path(os.path.realpath(workspace.uploads))
    if not os.path.isabs(text) or "\0" in text:
        return None
    path = Path(os.path.realpath(text))
    if path.is_relative_to(uploads):
        return next(iter(path.relative_to(uploads).parts), None)
    rooms = [index for index, part in enumerate(path.parts[:-1]) if part == workspace.uploads.name]
    name = path.parts[rooms[-1] + 1] if rooms else ""
    return name if SHA256.fullmatch(name) and (uploads / name).is_dir() else None


def _folders(texts: Iterable[str], workspace: Workspace) -> set[str]:
    return {name for text in texts if (name := upload_of(text, workspace))}


def _texts(document: object) -> list[str]:
    if isinstance(document, str):
        return [os.path.expanduser(document)]
    items = document.values() if isinstance(document, dict) else document if isinstance(document, list) else ()
    return [text for item in items for text in _texts(item)]


def _pictures(folder: Path) -> Iterator[str]:
    """Yield the paths that a data set needs: what its card names, its root, and folders of pictures outside it."""
    card = folder / "dataset.json"
    if not card.is_file():
        return
    try:
        document = read_json(card)
        root = folder / document.get("root", ".")
        cells = _path_cells(folder)
    except Exception as error:  # whatever is wrong with it: no upload is deleted that it may need
        raise Unreadable(
            f"the data set {folder.name} does not record which uploads it needs ({type(error).__name__}: {error}): "
            f"repair or remove {folder}"
        ) from error
    yield from _texts(document)
    yield str(root)
    outside = {os.path.dirname(cell) for cell in cells if os.path.isabs(cell) or ".." in cell}
    yield from (str(root / place) for place in outside)


def _path_cells(folder: Path) -> Iterable[str]:
    import pandas as pd  # only when the uploads are full

    if (folder / "manifest.parquet").is_file():
        return pd.read_parquet(folder / "manifest.parquet", columns=["path"])["path"].astype(str)
    return pd.read_csv(folder / "manifest.csv", usecols=["path"], dtype=str)["path"].dropna()
