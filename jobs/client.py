"""The one interface through which pages, the demo and the command line reach jobs, artefacts and what is in force."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from core.artifacts.files import read_tail
from core.artifacts.workspace import Workspace
from core.documents.policy import CascadePolicy
from core.spec import Spec
from jobs import process as processes
from jobs.kind import Produced, kinds
from jobs.kinds import load_plugins
from jobs.queue.database import connect
from jobs.queue.priority import ANALYZE_PRIORITY, BACKGROUND_PRIORITY, WORK_PRIORITY
from jobs.queue.store import LEASE_SECONDS, MAX_ATTEMPTS, Store
from jobs.queue.views import Active, ActiveChangeView, ArtifactView, JobView, WorkerView, queue_sentence
from jobs.settings import Settings
from jobs.specs.checks import check
from jobs.specs.references import settled
from jobs.workspace.discovery import Finder, with_relative_path
from jobs.workspace.housekeeping import delete_analysis
from jobs.workspace.policies import write_policy
from jobs.workspace.uploads import store_upload

SHIPPED_BUNDLE = Path(__file__).resolve().parents[1] / "assets" / "demo_bundle"


class Workbench:
    """Facade over store and workspace. It is safe to share between threads and loads no torch.

    Attributes:
        settings: Settings in force.
        store: Verbs over the database.
        clock: Returns seconds since the epoch.
    """

    def __init__(self, settings: Settings, store: Store, clock: Callable[[], float] = time.time) -> None:
        self.settings = settings
        self.store = store
        self.clock = clock
        self.finder = Finder(store, settings.workspace)

    @classmethod
    def open(cls, settings: Settings | None = None) -> Workbench:
        """Create the workspace's folders, bring the database's schema up to date, and connect.

        Args:
            settings: Settings to use; None: those of the environment.

        Returns:
            A workbench; `close` it when it is no longer needed.

        Raises:
            ValueError: A setting is wrong.
            RuntimeError: The database is newer than this program.
        """
        settings = settings or Settings.read()
        load_plugins(settings.plugins)
        settings.workspace.create()
        return cls(settings, Store(*connect(settings.url, settings.workspace.root)))

    def close(self) -> None:
        """Close the connections to the database."""
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
        """Return one job.

        Args:
            job_id: Its id.

        Returns:
            The job as it is now.

        Raises:
            LookupError: There is no such job.
        """
        return JobView.of(self.store.get(job_id), self.workspace)

    def jobs(
        self, *, kind: str | None = None, state: str | None = None, limit: int = 100, offset: int = 0
    ) -> list[JobView]:
        """Return jobs, newest first.

        Args:
            kind: Only this kind; None: every kind.
            state: Only this state; None: every state.
            limit: Most jobs.
            offset: Jobs to leave out at the beginning.

        Returns:
            Jobs as they are now.
        """
        rows = self.store.jobs(kind=kind, state=state, limit=limit, offset=offset)
        return [JobView.of(row, self.workspace) for row in rows]

    def queue_position(self, job: JobView) -> str:
        """Return where a queued job stands and what runs before it.

        Args:
            job: A job; its state may be older than the database.

        Returns:
            A sentence such as "2nd in the queue, behind: Draw demo portraits (42 %, about 3 min left)."; empty for a
            job that is not queued.
        """
        if job.state != "queued":
            return ""
        workers = [worker for worker in self.workers() if worker.alive and (job.pool == "work" or worker.analyses)]
        slots = len(workers) if job.pool == "analyze" else sum(worker.slots for worker in workers)
        owners = {worker.id for worker in workers}  # a command that runs its own job takes no slot
        rows = [row for row in self.store.running() if row.pool == job.pool and row.worker in owners]
        running = [JobView.of(row, self.workspace) for row in rows]
        queued = [JobView.of(row, self.workspace) for row in self.store.queue(job.pool)]
        return queue_sentence(job, running, queued, slots, self.clock())

    def cancel(self, job_id: str) -> None:
        """Ask a job to stop; one that has ended stays as it is.

        Args:
            job_id: Id of the job.

        Raises:
            LookupError: There is no such job.
        """
        self.store.cancel(job_id, self.clock())

    def retry(self, job_id: str) -> None:
        """Queue a failed or cancelled job again.

        Args:
            job_id: Id of the job.

        Raises:
            LookupError: There is no such job.
            ValueError: It has neither failed nor been cancelled.
        """
        self.store.retry(job_id, self.clock())

    def wait(self, job_id: str, timeout: float, poll: float = 0.1) -> JobView:
        """Wait until a job has ended.

        Args:
            job_id: Id of the job.
            timeout: Longest wait in seconds.
            poll: Seconds between two looks.

        Returns:
            The ended job.

        Raises:
            LookupError: There is no such job.
            TimeoutError: It has not ended in time.
        """
        end = time.monotonic() + timeout
        while not (view := self.job(job_id)).ended:
            if time.monotonic() > end:
                raise TimeoutError(f"job {job_id} is still {view.state} after {timeout:g} s")
            time.sleep(poll)
        return view

    def job_folder(self, job_id: str) -> Path:
        """Return the job's own folder: checkpoints, `attempt-N/log.txt`.

        Args:
            job_id: Id of the job.

        Returns:
            A folder, which need not exist yet.
        """
        return self.workspace.jobs / job_id

    def analysis_folder(self, job_id: str) -> Path:
        """Return the folder in which an analyze job puts its documents, crops and maps, also while it runs.

        Args:
            job_id: Id of the job.

        Returns:
            A folder, which need not exist yet.
        """
        return self.workspace.analyses / job_id

    def log_tail(self, job_id: str, n_bytes: int = 16384) -> str:
        """Return the end of the newest attempt's log.

        Args:
            job_id: Id of the job.
            n_bytes: Most bytes.

        Returns:
            Plain text; empty when there is no log yet.
        """
        logs = sorted(self.job_folder(job_id).glob("attempt-*/log.txt"), key=lambda p: int(p.parent.name[8:]))
        return read_tail(logs[-1], n_bytes) if logs else ""

    def metrics(self, job_id: str) -> list[dict[str, Any]]:
        """Return a job's curve.

        Args:
            job_id: Id of the job.

        Returns:
            One dict for each step, `{"step": n, name: value, ...}`, in order.
        """
        return [{"step": row.step, **row.row} for row in self.store.metrics(job_id)]

    def delete_analysis(self, job_id: str) -> list[Path]:
        """Delete an ended analysis with everything that it left, and its uploads unless something else needs them.

        Args:
            job_id: Id of an analyze job.

        Returns:
            The uploads that were deleted.

        Raises:
            LookupError: There is no such job.
            ValueError: It is no analysis, has not ended, or a data set does not record which uploads it needs.
        """
        return delete_analysis(job_id, self.store, self.workspace)

    # ---- artefacts ---------------------------------------------------------------------------------------------
    def artifacts(self, kind: str, limit: int = 200) -> list[ArtifactView]:
        """Return artefacts: what jobs made, and what else lies in the workspace's folder of that kind.

        Args:
            kind: dataset, run, bundle, policy, analysis or experts.
            limit: Most artefacts.

        Returns:
            Artefacts, newest first.
        """
        self.finder.look(kind)
        return [ArtifactView.of(row, self.workspace) for row in self.store.artifacts(kind, limit)]

    def artifact(self, kind: str, name: str) -> ArtifactView:
        """Return one artefact.

        Args:
            kind: dataset, run, bundle, policy, analysis or experts.
            name: Its name.

        Returns:
            The artefact.

        Raises:
            LookupError: No artefact of this kind and name is registered.
        """
        self.finder.look(kind)
        return ArtifactView.of(self.store.artifact(kind, name), self.workspace)

    def register(self, produced: Produced) -> None:
        """Register an artefact that was made outside a job (an imported bundle).

        Args:
            produced: The artefact, its path absolute.
        """
        self.store.register(with_relative_path(produced, self.workspace), self.clock())

    def save_policy(self, policy: CascadePolicy) -> ArtifactView:
        """Store a policy as a file named by its id, and register it.

        Args:
            policy: The policy; it is never changed afterwards.

        Returns:
            The artefact.

        Raises:
            ValueError: Another policy has this id, or the id is no file name.
        """
        self.register(write_policy(policy, self.workspace))
        return self.artifact("policy", policy.policy_id)

    # ---- what is in force --------------------------------------------------------------------------------------
    def active(self) -> Active:
        """Return the bundle and policy that analyses use; the shipped bundle until another is promoted."""
        newest = {what: self.store.promotions(what, limit=1) for what in ("bundle", "policy")}
        bundle, policy = (self._in_force(what, rows[0].value if rows else "") for what, rows in newest.items())
        return Active(bundle=Path(bundle), policy=Path(policy) if policy else None)

    def _in_force(self, what: str, value: str) -> str:
        """Return a promotion's value as a path. Empty means the shipped bundle, or the bundle's own policy ("")."""
        default = str(SHIPPED_BUNDLE) if what == "bundle" else ""
        return str(self.workspace.absolute(value)) if value else default

    def set_active(
        self, *, bundle: Path | str | None = None, policy: Path | str | None = None, author: str = "", reason: str = ""
    ) -> None:
        """Put a bundle, a policy or both in force.

        A new bundle without a policy brings its own: thresholds belong to the detectors that they were chosen for.

        Args:
            bundle: Folder of a bundle; None: the bundle stays.
            policy: File of a policy; "": the bundle's own; None: the policy stays, or is the new bundle's own.
            author: Who decides.
            reason: Why.

        Raises:
            FileNotFoundError: The folder is no bundle, or the policy's file does not exist.
            ValueError: Neither is named, or the policy is of other experts or was chosen on other scores.
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
                raise FileNotFoundError(f"the policy file {file} does not exist")
            from core.documents.read import read_policy  # these load pandas, which slows a command's start
            from core.policies.origin import check_origin, read_origin

            check_origin(read_policy(file), read_origin(folder if bundle is not None else self.active().bundle))
            changes["policy"] = self.workspace.relative(file)
        elif policy is not None:
            changes["policy"] = ""
        self.store.promote(changes, author, reason, self.clock())

    def active_history(self, limit: int = 200) -> list[ActiveChangeView]:
        """Return the promotions, newest first.

        Args:
            limit: Most promotions.

        Returns:
            Promotions, paths as they are in this workspace.
        """
        return [
            ActiveChangeView.of(row, self._in_force(row.what, row.value)) for row in self.store.promotions(limit=limit)
        ]

    def workers(self) -> list[WorkerView]:
        """Return the workers, newest first.

        A worker is alive when it was seen less than a lease ago and, on this machine, its process exists.
        """
        now = self.clock()
        return [
            WorkerView.of(row, now, LEASE_SECONDS, processes.is_dead(row.host, row.pid, row.started))
            for row in self.store.workers()
        ]

    # ---- uploads -----------------------------------------------------------------------------------------------
    def store_upload(self, stream: IO[bytes], file_name: str) -> Path:
        """Copy an upload to `uploads/<sha256>/<safe name>`.

        Args:
            stream: The file's bytes, read to the end.
            file_name: The name that the visitor's machine gave it.

        Returns:
            The copy's path.

        Raises:
            UploadTooLarge: The file is larger than AWARE_UPLOAD_MB.
            ValueError: The file is empty, or the uploads are full of files that are still needed.
        """
        return store_upload(stream, file_name, self.settings, self.store)


def _priority(pool: str, background: bool) -> int:
    if background:
        return BACKGROUND_PRIORITY
    return ANALYZE_PRIORITY if pool == "analyze" else WORK_PRIORITY
