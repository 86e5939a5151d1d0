"""Deletes from the workspace: an analysis with everything that it left, and uploads when there are too many."""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from core.artifacts.workspace import Workspace
from jobs.queue.store import Store
from jobs.queue.views import ENDED
from jobs.workspace.upload_references import Unreadable, named_by, needed_uploads

CACHE_SECONDS = 900.0
"""Age from which a file that no job names may be deleted: whoever sends a file submits its job at once."""


class NoRoom(ValueError):
    """AWARE_UPLOADS_GB is used up by uploads that are still needed."""


def delete_analysis(job_id: str, store: Store, workspace: Workspace) -> list[Path]:
    """Delete an ended analysis: its row, log, documents and pictures, and the uploads that nothing else needs.

    A file outside of `uploads` belongs to its owner and stays.

    Args:
        job_id: Id of an analyze job.
        store: Holds its row.
        workspace: Holds its files.

    Returns:
        The uploads that were deleted.

    Raises:
        LookupError: There is no such job.
        ValueError: The job is of another kind or has not ended.
        Unreadable: A ValueError: a data set does not tell whether it needs the upload; nothing is deleted.
    """
    job = store.get(job_id)
    if job.kind != "analyze":
        raise ValueError(f"{job_id} is a {job.kind} job: only analyses are deleted")
    if job.state not in ENDED:
        raise ValueError(f"{job_id} is {job.state}: cancel it first")
    named = named_by([job], workspace)
    unneeded = named - needed_uploads(store.specs(), store, workspace) if named else set()
    store.delete_job(job_id)  # before its files: from here on nobody can start it again
    still_named = named_by(store.specs(), workspace)  # a job may have been submitted meanwhile
    own = sorted(name for name in unneeded - still_named if (workspace.uploads / name).exists())
    for room, name in ((workspace.analyses, job_id), (workspace.jobs, job_id), *((workspace.uploads, n) for n in own)):
        remove(room, name)
    return [workspace.uploads / name for name in own]


def remove(room: Path, name: str) -> None:
    """Remove a file or folder; one that does not exist is no error.

    Args:
        room: The folder in which it lies.
        name: Its name there.

    Raises:
        ValueError: The name leads out of the folder (`..`).
    """
    place = room / name
    if name in ("", ".", "..") or place.name != name or place.parent != room:
        raise ValueError(f"{name!r} names nothing that lies in {room}: it is not removed")
    with suppress(FileNotFoundError):
        shutil.rmtree(place) if place.is_dir() and not place.is_symlink() else place.unlink()


def make_room(needed: int, bound: int, store: Store, workspace: Workspace, now: float | None = None) -> list[Path]:
    """Remove uploads until more bytes fit in, the least needed and then the oldest first.

    First go those that no job names (and leftovers of the demo's cache), then uploads of analyses that have ended.
    Those of waiting and running jobs and of data sets stay, and those that no job names yet for CACHE_SECONDS.

    Args:
        needed: Bytes that are to be added.
        bound: Most bytes of all uploads.
        store: Tells which uploads jobs and data sets need.
        workspace: Holds the uploads.
        now: Seconds since the epoch; None: the present.

    Returns:
        What was removed.

    Raises:
        NoRoom: Removing all that may be removed is not enough.
    """
    now = time.time() if now is None else now
    paths = [*workspace.uploads.glob("[!.]*"), *_stale(workspace.demo_cache, now)]
    places = [place for place in map(_measured, paths) if place is not None]
    total, removed = sum(place.size for place in places) + needed, []
    if total <= bound:
        return []
    rows = store.specs()
    named = named_by(rows, workspace)
    try:
        needed_names = needed_uploads(rows, store, workspace)
    except Unreadable as error:
        raise NoRoom(f"the uploads are full, and {error}") from error
    free = []
    for place in places:
        uploaded, name = place.path.parent == workspace.uploads, place.path.name
        young = now - place.at <= CACHE_SECONDS
        if not uploaded or (name not in needed_names and (name in named or not young)):
            free.append((uploaded and name in named, place.at, place))
    for _, _, place in sorted(free, key=lambda item: item[:2]):
        if total <= bound:
            break
        remove(place.path.parent, place.path.name)
        total -= place.size
        removed.append(place.path)
    if total > bound:
        raise NoRoom(
            f"uploads may take {bound / 2**30:.1f} GiB in all, and the present ones are still needed: delete analyses "
            "or data sets, or raise AWARE_UPLOADS_GB"
        )
    return removed


class Place(NamedTuple):
    """A file or folder: its bytes, and when it was last written to (seconds since the epoch)."""

    path: Path
    size: int
    at: float


def _measured(path: Path) -> Place | None:
    """Measure a file or folder; None when another process has removed it meanwhile."""
    try:
        files = path.rglob("*") if path.is_dir() else [path]
        return Place(path, sum(file.lstat().st_size for file in files if not file.is_dir()), path.stat().st_mtime)
    except FileNotFoundError:
        return None


def _stale(cache: Path, now: float) -> list[Path]:
    places = [place for place in map(_measured, cache.glob("*") if cache.is_dir() else ()) if place is not None]
    return [place.path for place in places if now - place.at > CACHE_SECONDS]
