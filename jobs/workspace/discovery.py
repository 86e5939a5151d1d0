"""Finds artefacts in the workspace that no job of it made: copied, unpacked or restored ones."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from core.artifacts.files import read_json
from core.artifacts.workspace import Workspace
from jobs.kind import Produced
from jobs.queue.store import Store
from jobs.workspace.policies import produced_policy
from jobs.workspace.runs import RUN_NAME, produced_run

log = logging.getLogger(__name__)


def with_relative_path(item: Produced, workspace: Workspace) -> Produced:
    """Return an artefact as the database stores it.

    Args:
        item: An artefact with an absolute path.
        workspace: Its path is made relative to it where it lies inside.

    Returns:
        A copy of the artefact.
    """
    return replace(item, path=workspace.relative(item.path))


def _dataset(mark: Path) -> Produced:
    return Produced("dataset", mark.parent.name, str(mark.parent), read_json(mark))


def _bundle(mark: Path) -> Produced:
    from jobs.workspace.bundles import produced_bundle

    return produced_bundle(mark.parent)


LAYOUTS: dict[str, tuple[str, Callable[[Path], Produced]]] = {
    "dataset": ("datasets/*/dataset.json", _dataset),
    "run": ("runs/*/run.json", lambda mark: produced_run(mark.parent)),
    "bundle": ("bundles/*/bundle.json", _bundle),
    "policy": ("policies/*.json", produced_policy),
}
"""Kind -> the document that every complete artefact of that kind has, and how it is read and checked."""


class Finder:
    """Registers artefacts that lie in the workspace's folders and are not in the database, after checking them.

    Attributes:
        refused: Document of an artefact that is not listed -> why.
    """

    def __init__(self, store: Store, workspace: Workspace) -> None:
        self.store, self.workspace = store, workspace
        self.refused: dict[Path, str] = {}
        self._seen: dict[Path, float] = {}

    def look(self, kind: str) -> None:
        """Register new artefacts of one kind; `refused` says why one is not listed.

        Args:
            kind: dataset, run, bundle or policy; other kinds have no such folders.
        """
        if kind not in LAYOUTS:
            return
        pattern, produced = LAYOUTS[kind]
        marks = {mark: mark.stat().st_mtime for mark in self.workspace.root.glob(pattern) if _complete(mark)}
        changed = {mark: at for mark, at in marks.items() if self._seen.get(mark) != at}
        if not changed:
            return
        known = {self.workspace.absolute(text) for text in self.store.artifact_paths(kind)}
        in_work = self._names_in_work()
        for mark, at in sorted(changed.items()):
            unknown = not known & {mark, mark.parent}
            if unknown and in_work & {mark.stem, mark.parent.name}:
                continue  # its job will register it; it is looked at again until then
            self._seen[mark] = at
            self.refused.pop(mark, None)
            if not unknown:
                continue
            try:
                self._adopt(with_relative_path(produced(mark), self.workspace), at)
            except Exception as error:  # whatever the folder holds, the list of the others is shown
                self.refused[mark] = f"{type(error).__name__}: {error}"
                log.warning("%s is not listed: %s", mark, self.refused[mark])

    def _names_in_work(self) -> set[str]:
        """Return the names of what running jobs make: given in their specs, or chosen by the job."""
        names = set()
        for job in self.store.running():
            names |= {Path(str(job.spec[field])).name for field in ("name", "out") if job.spec.get(field)}
            memo = self.workspace.jobs / job.id / RUN_NAME
            names |= {memo.read_text()} if memo.is_file() else set()
        return names

    def _adopt(self, item: Produced, at: float) -> None:
        """Register an artefact that no job made. A row of its name stays, unless the file that it names is gone."""
        if self.store.adopt(item, at):
            return
        row = self.store.artifact(item.kind, item.name)
        if not self.workspace.absolute(row.path).exists():
            self.store.adopt(item, at, instead_of=row.path)


def _complete(mark: Path) -> bool:
    return not any(part.startswith(".") for part in mark.parts[-2:])
