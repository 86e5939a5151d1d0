"""What leaves the workspace: an analysis with everything that it left, and uploads when there are too many."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable
from pathlib import Path

from core.artifacts.workspace import Workspace
from jobs.models import Job
from jobs.store import Store
from jobs.views import ENDED

CACHE_SECONDS = 900.0
"""Age at which a file of the demo's cache is nobody's any more: its upload was copied at once."""


class NoRoom(ValueError):
    """The uploads are full of what is still needed."""


def delete_analysis(job_id: str, store: Store, workspace: Workspace) -> list[Path]:
    """Delete an ended analysis: its row, log, documents and pictures, and the uploads that no other job names.

    Returns the uploads that are gone. A file outside of `uploads` is its owner's and stays. Raises LookupError for an
    unknown id, ValueError for a job of another kind or one that has not ended."""
    job = store.get(job_id)
    if job.kind != "analyze":
        raise ValueError(f"{job_id} is a {job.kind} job: only analyses are deleted")
    if job.state not in ENDED:
        raise ValueError(f"{job_id} is {job.state}: cancel it first")
    others = _named_uploads((row for row in store.specs() if row.id != job_id), workspace)
    mine = [workspace.uploads / name for name in _named_uploads([job], workspace) - others]
    for folder in (workspace.analyses / job_id, workspace.jobs / job_id, *mine):
        if folder.is_dir():
            shutil.rmtree(folder)
        folder.unlink(missing_ok=True)
    store.delete_job(job_id)
    return mine


def make_room(needed: int, bound: int, store: Store, workspace: Workspace, now: float | None = None) -> list[Path]:
    """Remove uploads until `needed` more bytes fit into `bound`, the least needed and then the oldest first.

    First what no job names (and leftovers of the demo's cache), then uploads of analyses that have ended. Those of
    waiting and running jobs and of data sets stay. Returns what was removed. Raises NoRoom when it is not enough."""
    places = [*workspace.uploads.glob("[!.]*"), *_stale(workspace.demo_cache, time.time() if now is None else now)]
    sizes = {place: _size(place) for place in places}
    total, removed = sum(sizes.values()) + needed, []
    if total <= bound:
        return []
    rows = store.specs()
    named = _named_uploads(rows, workspace)
    kept = _named_uploads((row for row in rows if row.kind != "analyze" or row.state not in ENDED), workspace)
    free = [place for place in places if place.parent != workspace.uploads or place.name not in kept]
    for place in sorted(free, key=lambda p: (p.parent == workspace.uploads and p.name in named, p.stat().st_mtime)):
        if total <= bound:
            break
        shutil.rmtree(place) if place.is_dir() else place.unlink()
        total -= sizes[place]
        removed.append(place)
    if total > bound:
        raise NoRoom(
            f"uploads may take {bound / 2**30:.1f} GiB in all, and what is there is still needed: delete analyses or "
            "data sets, or raise AWARE_UPLOADS_GB"
        )
    return removed


def _named_uploads(rows: Iterable[Job], workspace: Workspace) -> set[str]:
    """First parts below `uploads` of every path that these jobs' specs name."""
    mark = f"/{workspace.uploads.name}/"
    found = set()
    for row in rows:
        for text in _texts(row.spec):
            if mark in text:
                found.add(text.rsplit(mark, 1)[1].split("/", 1)[0])
    return found


def _texts(document: object) -> list[str]:
    if isinstance(document, str):
        return [document]
    items = document.values() if isinstance(document, dict) else document if isinstance(document, list) else ()
    return [text for item in items for text in _texts(item)]


def _stale(cache: Path, now: float) -> list[Path]:
    return [p for p in cache.glob("*") if now - p.stat().st_mtime > CACHE_SECONDS] if cache.is_dir() else []


def _size(place: Path) -> int:
    files = place.rglob("*") if place.is_dir() else [place]
    return sum(file.lstat().st_size for file in files if not file.is_dir())
