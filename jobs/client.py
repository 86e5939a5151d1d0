"""The one door through which pages, the demo and the command line reach jobs, artefacts and what is in force."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from core.artifacts.files import sync_folder
from core.artifacts.workspace import Workspace
from core.documents.policy import CascadePolicy
from core.spec import Spec
from jobs import process as processes
from jobs.kind import Produced, kinds
from jobs.kinds import load_plugins
from jobs.queue.database import connect
from jobs.queue.store import ANALYZE_PRIORITY, BACKGROUND_PRIORITY, LEASE_SECONDS, MAX_ATTEMPTS, WORK_PRIORITY, Store
from jobs.queue.views import Active, ActiveChangeView, ArtifactView, JobView, WorkerView
from jobs.settings import Settings
from jobs.specs.checks import check
from jobs.specs.references import settled
from jobs.workspace.discovery import Finder, with_relative_path
from jobs.workspace.housekeeping import delete_analysis, make_room
from jobs.workspace.policies import write_policy

SHIPPED_BUNDLE = Path(__file__).resolve().parents[1] / "assets" / "demo_bundle"


class UploadTooLarge(ValueError):
    """More bytes than `AWARE_UPLOAD_MB` allows."""


class Workbench:
    """Facade over store and workspace. Safe to share between threads; loads no torch."""

    def __init__(self, settings: Settings, store: Store, clock: Callable[[], float] = time.time) -> None:
        self.settings = settings
        self.store = store
        self.clock = clock
        self.finder = Finder(store, settings.workspace)

    @classmethod
    def open(cls, settings: Settings | None = None) -> Workbench:
        """Create the workspace's folders, bring the database's schema up to date, connect."""
        settings = settings or Settings.read()
        load_plugins(settings.plugins)
        settings.workspace.create()
        return cls(settings, Store(*connect(settings.url, settings.workspace.root)))

    def close(self) -> None:
        """Let go of the database; the facade is of no use afterwards."""
        self.store.dispose()

    @property
    def workspace(self) -> Workspace:
        return self.settings.workspace

    # ---- jobs --------------------------------------------------------------------------------------------------
    def submit(
        self,
        kind: str,
        spec: Spec,
        *,
        key: str | None = None,
        max_attempts: int = MAX_ATTEMPTS,
        background: bool = False,
    ) -> str:
        """Queue a job.

        Args:
            kind: Name of a registered job kind.
            spec: Its input.
            key: The same key is the same job; None: always a new job.
            max_attempts: Attempts until the job fails when its process is lost.
            background: The program starts the job by itself: it waits for what people ask for, and is paused for it.

        Returns:
            The job's id, or the id of the job that already has this key.

        Raises:
            ValueError: The spec is another kind's.
            LookupError: No such kind, or a field holds a word that the program does not know.
            FileNotFoundError: What the spec refers to does not exist.
        """
        entry = kinds.get(kind)
        if not isinstance(spec, entry.spec):
            raise ValueError(f"a {kind} job takes a {entry.spec.__name__}, not a {type(spec).__name__}")
        spec = settled(spec, self.workspace, self.active())
        check(spec, self.workspace)
        return self.store.add(
            job_id=f"{kind}-{secrets.token_hex(5)}",
            kind=kind,
            pool=entry.pool,
            spec=spec.model_dump(mode="json"),
            now=self.clock(),
            key=key,
            priority=_priority(entry.pool, background),
            max_attempts=max_attempts,
        )

    def job(self, job_id: str) -> JobView:
        """Raises LookupError for an unknown id."""
        return JobView.of(self.store.get(job_id), self.workspace)

    def jobs(
        self, *, kind: str | None = None, state: str | None = None, limit: int = 100, offset: int = 0
    ) -> list[JobView]:
        """Newest first."""
        rows = self.store.jobs(kind=kind, state=state, limit=limit, offset=offset)
        return [JobView.of(row, self.workspace) for row in rows]

    def cancel(self, job_id: str) -> None:
        """Ask a job to stop; one that has ended stays as it is."""
        self.store.cancel(job_id, self.clock())

    def retry(self, job_id: str) -> None:
        """Queue a failed or cancelled job again. Raises ValueError for any other."""
        self.store.retry(job_id, self.clock())

    def wait(self, job_id: str, timeout: float, poll: float = 0.1) -> JobView:
        """Return the job once it has ended. Raises TimeoutError."""
        end = time.monotonic() + timeout
        while not (view := self.job(job_id)).ended:
            if time.monotonic() > end:
                raise TimeoutError(f"job {job_id} is still {view.state} after {timeout:g} s")
            time.sleep(poll)
        return view

    def job_folder(self, job_id: str) -> Path:
        """The job's own folder: checkpoints, `attempt-N/log.txt`."""
        return self.workspace.jobs / job_id

    def analysis_folder(self, job_id: str) -> Path:
        """Where an analyze job puts its documents, crops and maps, also while it runs."""
        return self.workspace.analyses / job_id

    def log_tail(self, job_id: str, n_bytes: int = 16384) -> str:
        """The end of the newest attempt's log, plain text; empty when there is none yet."""
        logs = sorted(self.job_folder(job_id).glob("attempt-*/log.txt"), key=lambda p: int(p.parent.name[8:]))
        return tail(logs[-1], n_bytes) if logs else ""

    def metrics(self, job_id: str) -> list[dict[str, Any]]:
        """The curve: one dict a step, `{"step": n, name: value, ...}`, in order."""
        return [{"step": row.step, **row.row} for row in self.store.metrics(job_id)]

    def delete_analysis(self, job_id: str) -> list[Path]:
        """Delete an ended analysis with everything it left, and its uploads unless a job or a data set needs
        them; those that are gone are returned. Raises LookupError, ValueError.
        """
        return delete_analysis(job_id, self.store, self.workspace)

    # ---- artefacts ---------------------------------------------------------------------------------------------
    def artifacts(self, kind: str, limit: int = 200) -> list[ArtifactView]:
        """Newest first: what jobs made, and whatever else lies in the workspace's folder of that kind."""
        self.finder.look(kind)
        return [ArtifactView.of(row, self.workspace) for row in self.store.artifacts(kind, limit)]

    def artifact(self, kind: str, name: str) -> ArtifactView:
        """Raises LookupError for an unknown name."""
        self.finder.look(kind)
        return ArtifactView.of(self.store.artifact(kind, name), self.workspace)

    def register(self, produced: Produced) -> None:
        """Register an artefact made outside a job (an imported bundle)."""
        self.store.register(with_relative_path(produced, self.workspace), self.clock())

    def save_policy(self, policy: CascadePolicy) -> ArtifactView:
        """Keep a policy (immutable, by its id) and register it. Raises ValueError for another one under its id."""
        self.register(write_policy(policy, self.workspace))
        return self.artifact("policy", policy.policy_id)

    # ---- what is in force --------------------------------------------------------------------------------------
    def active(self) -> Active:
        """The bundle and policy that analyses use; the shipped bundle until another is promoted."""
        newest = {what: self.store.promotions(what, limit=1) for what in ("bundle", "policy")}
        bundle, policy = (self._in_force(what, rows[0].value if rows else "") for what, rows in newest.items())
        return Active(bundle=Path(bundle), policy=Path(policy) if policy else None)

    def _in_force(self, what: str, value: str) -> str:
        """A promotion's value as a path. Nothing is the shipped bundle, or the bundle's own policy ("")."""
        nothing = str(SHIPPED_BUNDLE) if what == "bundle" else ""
        return str(self.workspace.absolute(value)) if value else nothing

    def set_active(
        self, *, bundle: Path | str | None = None, policy: Path | str | None = None, author: str = "", reason: str = ""
    ) -> None:
        """Promote. A new bundle without a policy brings its own (thresholds belong to the detectors they were
        chosen for); policy "" goes back to the bundle's own. Raises FileNotFoundError, and ValueError for a policy of
        other experts or chosen on other scores.
        """
        if bundle is None and policy is None:
            raise ValueError("name a bundle or a policy to put in force")
        changes: dict[str, str] = {}
        if bundle is not None:
            folder = Path(bundle).expanduser().resolve()
            if not (folder / "bundle.json").is_file():
                raise FileNotFoundError(f"{folder} is no bundle: it holds no bundle.json")
            changes |= {"bundle": "" if folder == SHIPPED_BUNDLE else self.workspace.relative(folder), "policy": ""}
        if policy is not None and str(policy):
            file = Path(policy).expanduser().resolve()
            if not file.is_file():
                raise FileNotFoundError(f"policy file {file} is not there")
            from core.documents.read import read_policy  # these read tables, which a command's start can do without
            from core.policies.origin import check_origin, read_origin

            check_origin(read_policy(file), read_origin(folder if bundle is not None else self.active().bundle))
            changes["policy"] = self.workspace.relative(file)
        elif policy is not None:
            changes["policy"] = ""
        self.store.promote(changes, author, reason, self.clock())

    def active_history(self, limit: int = 200) -> list[ActiveChangeView]:
        """Every promotion, newest first."""
        return [
            ActiveChangeView.of(row, self._in_force(row.what, row.value)) for row in self.store.promotions(limit=limit)
        ]

    def workers(self) -> list[WorkerView]:
        """Newest first; `alive` when seen within a lease and, on this machine, its process is there."""
        now = self.clock()
        return [
            WorkerView.of(row, now, LEASE_SECONDS, processes.is_dead(row.host, row.pid, row.started))
            for row in self.store.workers()
        ]

    # ---- uploads -----------------------------------------------------------------------------------------------
    def store_upload(self, stream: IO[bytes], file_name: str) -> Path:
        """Copy an upload to `uploads/<sha256>/<safe name>` in pieces. Raises UploadTooLarge, ValueError if empty
        or when the uploads are full of what is still needed.
        """
        limit = self.settings.upload_mb << 20
        digest, size = hashlib.sha256(), 0
        temporary = self.workspace.uploads / f".{secrets.token_hex(8)}"
        try:
            with open(temporary, "xb", opener=_private) as out:
                while piece := stream.read(1 << 20):
                    size += len(piece)
                    if size > limit:
                        raise UploadTooLarge(f"the file is larger than {self.settings.upload_mb} MiB")
                    digest.update(piece)
                    out.write(piece)
                out.flush()
                os.fsync(out.fileno())
            if not size:
                raise ValueError("the file is empty")
            folder = self.workspace.uploads / digest.hexdigest()
            target = folder / safe_name(file_name)
            more = 0 if target.exists() else size
            make_room(more, int(self.settings.uploads_gb * 2**30), self.store, self.workspace)
            folder.mkdir(mode=0o700, exist_ok=True)
            os.replace(temporary, target)
            sync_folder(folder)
            return target
        finally:
            temporary.unlink(missing_ok=True)


def _priority(pool: str, background: bool) -> int:
    if background:
        return BACKGROUND_PRIORITY
    return ANALYZE_PRIORITY if pool == "analyze" else WORK_PRIORITY


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def tail(path: Path, n_bytes: int) -> str:
    """The last `n_bytes` of a text file, from a line's beginning where it was cut."""
    with open(path, "rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(max(0, size - n_bytes))
        text = stream.read().decode(errors="replace")
    return text.split("\n", 1)[-1] if size > n_bytes and "\n" in text else text


def safe_name(file_name: str) -> str:
    """A visitor's file name made harmless: last part, letters, digits and `._-` only, at most 80 characters."""
    name = re.sub(r"[^\w.-]+", "_", re.split(r"[/\\]", file_name)[-1]).lstrip(".-")
    stem, dot, ending = name.rpartition(".")
    if not dot:
        stem, ending = name, ""
    return f"{(stem or 'file')[:64]}{dot}{ending[:15]}"
