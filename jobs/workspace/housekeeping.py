"""What leaves the workspace: an analysis with everything that it left, and uploads when there are too many."""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from core.artifacts.workspace import Workspace
from jobs.queue.store import Store
from jobs.queue.views import ENDED
from jobs.workspace.upload_references import Unreadable, kept_uploads, named_by

CACHE_SECONDS = 900.0
"""Age at which a file that no job names is nobody's any more: what sends a file submits its job at once."""


class NoRoom(ValueError):
    """The uploads are full of what is still needed."""


def delete_analysis(job_id: str, store: Store, workspace: Workspace) -> list[Path]:
    """Delete an ended analysis: its row, log, documents and pictures, and the uploads that nothing else needs.

    Returns the uploads that are gone. A file outside of `uploads` is its owner's and stays. Raises LookupError for an
    unknown id, ValueError for a job of another kind or one that has not ended, and Unreadable, a ValueError, when a
    data set does not say whether it needs the upload; then everything stays.
    """
    job = store.get(job_id)
    if job.kind != "analyze":
        raise ValueError(f"{job_id} is a {job.kind} job: only analyses are deleted")
    if job.state not in ENDED:
        raise ValueError(f"{job_id} is {job.state}: cancel it first")
    named = named_by([job], workspace)
    spare = named - kept_uploads(store.specs(), store, workspace) if named else set()
    store.delete_job(job_id)  # before its files: from here on nobody can start it again
    mine = sorted(name for name in spare - named_by(store.specs(), workspace) if (workspace.uploads / name).exists())
    for room, name in ((workspace.analyses, job_id), (workspace.jobs, job_id), *((workspace.uploads, n) for n in mine)):
        remove(room, name)
    return [workspace.uploads / name for name in mine]


def remove(room: Path, name: str) -> None:
    """Remove the file or folder of that name in `room`; one that is gone already is gone.

    Raises ValueError for a name that leads elsewhere, `..` among them.
    """
    place = room / name
    if name in ("", ".", "..") or place.name != name or place.parent != room:
        raise ValueError(f"{name!r} names nothing that lies in {room}: it is not removed")
    with suppress(FileNotFoundError):
        shutil.rmtree(place) if place.is_dir() and not place.is_symlink() else place.unlink()


def make_room(needed: int, bound: int, store: Store, workspace: Workspace, now: float | None = None) -> list[Path]:
    """Remove uploads until `needed` more bytes fit into `bound`, the least needed and then the oldest first.

    First what no job names (and leftovers of the demo's cache), then uploads of analyses that have ended. Those of
    waiting and running jobs and of data sets stay, and what no job names yet in the first CACHE_SECONDS. Returns what
    was removed. Raises NoRoom when it is not enough.
    """
    now = time.time() if now is None else now
    found = [*workspace.uploads.glob("[!.]*"), *_stale(workspace.demo_cache, now)]
    places = [place for place in map(_measured, found) if place is not None]
    total, removed = sum(place.size for place in places) + needed, []
    if total <= bound:
        return []
    rows = store.specs()
    named = named_by(rows, workspace)
    try:
        kept = kept_uploads(rows, store, workspace)
    except Unreadable as error:
        raise NoRoom(f"the uploads are full, and {error}") from error
    free = []
    for place in places:
        uploaded, name = place.path.parent == workspace.uploads, place.path.name
        young = now - place.at <= CACHE_SECONDS
        if not uploaded or (name not in kept and (name in named or not young)):
            free.append((uploaded and name in named, place.at, place))
    for _, _, place in sorted(free, key=lambda item: item[:2]):
        if total <= bound:
            break
        remove(place.path.parent, place.path.name)
        total -= place.size
        removed.append(place.path)
    if total > bound:
        raise NoRoom(
            f"uploads may take {bound / 2**30:.1f} GiB in all, and what is there is still needed: delete analyses or "
            "data sets, or raise AWARE_UPLOADS_GB"
        )
    return removed


class Place(NamedTuple):
    """Something that takes room: its bytes, and when it was last written to (seconds since the epoch)."""

    path: Path
    size: int
    at: float


def _measured(path: Path) -> Place | None:
    """The place as it is; None when another process has removed it meanwhile."""
    try:
        files = path.rglob("*") if path.is_dir() else [path]
        return Place(path, sum(file.lstat().st_size for file in files if not file.is_dir()), path.stat().st_mtime)
    except FileNotFoundError:
        return None


def _stale(cache: Path, now: float) -> list[Path]:
    found = [place for place in map(_measured, cache.glob("*") if cache.is_dir() else ()) if place is not None]
    return [place.path for place in found if now - place.at > CACHE_SECONDS]
