"""The job table's verbs. Every write of a running job names the attempt that it holds; a stale one changes nothing.

`now` (seconds since the epoch) is an argument of every verb that stores a time.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import case, delete, func, select, update
from sqlalchemy.orm import load_only

from jobs.kind import Produced
from jobs.queue.artifacts import ArtifactTable
from jobs.queue.database import empty_log
from jobs.queue.models import Artifact, Job, JobMetric
from jobs.queue.priority import WORK_PRIORITY
from jobs.queue.workers import WorkerTable

log = logging.getLogger(__name__)

LEASE_SECONDS = 30.0
BEAT_SECONDS = 5.0
MAX_ATTEMPTS = 3


class LeaseLost(Exception):
    """The job has passed on to another attempt or has ended: this process may not write about it any more."""


class Store(ArtifactTable, WorkerTable):
    """Every verb over one database: jobs here, artefacts and workers in the base classes."""

    # ---- from outside ------------------------------------------------------------------------------------------
    def add(
        self,
        *,
        job_id: str,
        kind: str,
        pool: str,
        spec: dict[str, Any],
        now: float,
        key: str | None = None,
        priority: int = WORK_PRIORITY,
        max_attempts: int = MAX_ATTEMPTS,
        worker: str | None = None,
    ) -> str:
        """Queue a job.

        Args:
            job_id: Unique id.
            kind: Name of a job kind.
            pool: analyze or work.
            spec: The kind's input, JSON.
            now: Seconds since the epoch.
            key: The same key is the same job; None: always a new job.
            priority: The highest of a pool runs first, then the oldest.
            max_attempts: Attempts until the job fails when its process is lost.
            worker: Id of a worker whose attempt 1 begins at once, without the queue; None: it is queued.

        Returns:
            `job_id`, or the id of the job that already has this key.
        """
        values = {
            "id": job_id,
            "key": key,
            "kind": kind,
            "pool": pool,
            "spec": spec,
            "priority": priority,
            "state": "queued",
            "fraction": 0.0,
            "attempt_fraction": 0.0,
            "message": "",
            "attempt": 0,
            "max_attempts": max_attempts,
            "beat": 0,
            "cancel_requested": False,
            "created_at": now,
        }
        if worker is not None:
            values |= {"state": "running", "attempt": 1, "worker": worker, "started_at": now, "attempt_at": now}
        statement = self._insert(Job).values(values).on_conflict_do_nothing(index_elements=["key"])
        with self._write() as session, session.begin():
            added = session.execute(statement.returning(Job.id)).scalar()
            return added or session.scalars(select(Job.id).where(Job.key == key)).one()

    def get(self, job_id: str) -> Job:
        """Return one job.

        Args:
            job_id: Its id.

        Returns:
            The row.

        Raises:
            LookupError: There is no such job.
        """
        with self._read() as session:
            row = session.scalars(select(Job).where(Job.id == job_id)).one_or_none()
        if row is None:
            raise LookupError(f"no job {job_id!r}; `aware jobs list` shows the existing ones")
        return row

    def jobs(self, *, kind: str | None, state: str | None, limit: int, offset: int) -> list[Job]:
        """Return jobs, newest first.

        Args:
            kind: Only this kind; None: every kind.
            state: Only this state; None: every state.
            limit: Most rows.
            offset: Rows to leave out at the beginning.

        Returns:
            Rows.
        """
        statement = select(Job).order_by(Job.seq.desc()).limit(limit).offset(offset)
        if kind is not None:
            statement = statement.where(Job.kind == kind)
        if state is not None:
            statement = statement.where(Job.state == state)
        with self._read() as session:
            return list(session.scalars(statement))

    def specs(self, kinds: Iterable[str] = ()) -> list[Job]:
        """Return every job with no more of it than its id, kind, state and spec.

        Args:
            kinds: Only these kinds; empty: every kind.

        Returns:
            Rows; reading another column of one is an error.
        """
        statement = select(Job).options(load_only(Job.id, Job.kind, Job.state, Job.spec, raiseload=True))
        if kinds := list(kinds):
            statement = statement.where(Job.kind.in_(kinds))
        with self._read() as session:
            return list(session.scalars(statement))

    def tally(self, kinds: Iterable[str]) -> tuple[int, float]:
        """Count the jobs of some kinds.

        Args:
            kinds: Names of kinds.

        Returns:
            How many there are, and when the newest was made (seconds since the epoch, 0 without any).
        """
        statement = select(func.count(), func.max(Job.created_at)).where(Job.kind.in_(list(kinds)))
        with self._read() as session:
            number, newest = session.execute(statement).one()
        return number, newest or 0

    def delete_job(self, job_id: str) -> None:
        """Remove an ended job, its curve and the rows of its artefacts, in one transaction.

        What SQLite's files still hold of it is overwritten, as far as no other process reads just then.

        Args:
            job_id: Id of the job.

        Raises:
            ValueError: The job does not exist or has not ended; nothing is removed.
        """
        statement = delete(Job).where(Job.id == job_id, Job.state.not_in(("queued", "running"))).returning(Job.id)
        with self._write() as session, session.begin():
            session.execute(delete(Artifact).where(Artifact.job_id == job_id))
            if session.execute(statement).scalar() is None:
                raise ValueError(f"{job_id} is not deleted: it is gone already, or was started again")
        if self.writer.dialect.name == "sqlite" and not empty_log(self.writer):
            log.warning("%s is deleted; the database's log is in use and keeps old pages for now", job_id)

    def cancel(self, job_id: str, now: float) -> str:
        """Ask a job to stop: a queued one ends at once, a running one is stopped by its worker.

        Args:
            job_id: Id of the job; one that has ended stays as it is.
            now: Seconds since the epoch.

        Returns:
            The job's state afterwards.

        Raises:
            LookupError: There is no such job.
        """
        self.get(job_id)
        queued = Job.state == "queued"
        statement = (
            update(Job)
            .where(Job.id == job_id, Job.state.in_(("queued", "running")))
            .values(
                cancel_requested=True,
                ended_at=case((queued, now), else_=Job.ended_at),
                message=case((queued, "Cancelled before it began."), else_=Job.message),
                state=case((queued, "cancelled"), else_=Job.state),
            )
        )
        with self._write() as session, session.begin():
            session.execute(statement)
        return self.get(job_id).state

    def retry(self, job_id: str, now: float) -> None:
        """Queue a failed or cancelled job again; its folder stays, so it goes on where it stopped.

        The attempt number goes on rising: it is the fencing token.

        Args:
            job_id: Id of the job.
            now: Seconds since the epoch.

        Raises:
            LookupError: There is no such job.
            ValueError: It has neither failed nor been cancelled.
        """
        self.get(job_id)
        statement = (
            update(Job)
            .where(Job.id == job_id, Job.state.in_(("failed", "cancelled")))
            .values(
                state="queued",
                cancel_requested=False,
                error=None,
                ended_at=None,
                worker=None,
                message="Waiting to be tried again.",
                max_attempts=Job.attempt + MAX_ATTEMPTS,
                created_at=case((Job.started_at.is_(None), now), else_=Job.created_at),
            )
            .returning(Job.id)
        )
        with self._write() as session, session.begin():
            if session.execute(statement).scalar() is None:
                raise ValueError(f"job {job_id} has not failed and was not cancelled: there is nothing to retry")

    # ---- from workers ------------------------------------------------------------------------------------------
    def waiting(self, pool: str) -> bool:
        """Return whether a job is queued; it only reads, so that idle workers take no lock.

        Args:
            pool: analyze or work.

        Returns:
            True when a job of this pool waits.
        """
        with self._read() as session:
            return session.scalar(select(Job.seq).where(Job.pool == pool, Job.state == "queued").limit(1)) is not None

    def queue(self, pool: str) -> list[Job]:
        """Return the queued jobs of a pool.

        Args:
            pool: analyze or work.

        Returns:
            Rows in the order in which they will begin.
        """
        statement = select(Job).where(Job.pool == pool, Job.state == "queued").order_by(Job.priority.desc(), Job.seq)
        with self._read() as session:
            return list(session.scalars(statement))

    def claim(self, pool: str, worker: str, now: float, job_id: str | None = None) -> Job | None:
        """Take the first queued job of a pool, in one statement.

        Args:
            pool: analyze or work.
            worker: Id of the worker that takes it.
            now: Seconds since the epoch.
            job_id: Only this job; None: the first of the queue.

        Returns:
            The row, whose attempt now belongs to this worker; None when no job is queued.
        """
        first = (
            select(Job.seq)
            .where(Job.pool == pool, Job.state == "queued")
            .order_by(Job.priority.desc(), Job.seq)
            .limit(1)
            .with_for_update(skip_locked=True)  # no effect on SQLite, where BEGIN IMMEDIATE serialises writers
        )
        if job_id is not None:
            first = first.where(Job.id == job_id)
        statement = (
            update(Job)
            .where(Job.seq == first.scalar_subquery(), Job.state == "queued")
            .values(
                state="running",
                attempt=Job.attempt + 1,
                worker=worker,
                message="Starting.",
                beat=Job.beat + 1,
                started_at=func.coalesce(Job.started_at, now),
                attempt_at=now,
                attempt_fraction=Job.fraction,
                ended_at=None,
                error=None,
            )
            .returning(Job)
            .execution_options(synchronize_session=False)
        )
        with self._write() as session, session.begin():
            return session.scalars(statement).one_or_none()

    def _held(self, job_id: str, attempt: int) -> Any:
        return (
            update(Job)
            .where(Job.id == job_id, Job.attempt == attempt, Job.state == "running")
            .execution_options(synchronize_session=False)
        )

    def beat(self, held: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
        """Renew leases.

        Args:
            held: (id, attempt) of each running job.

        Returns:
            Those of them that are no longer held.
        """
        lost = []
        with self._write() as session, session.begin():
            for job_id, attempt in held:
                done = session.execute(self._held(job_id, attempt).values(beat=Job.beat + 1).returning(Job.id))
                if done.scalar() is None:
                    lost.append((job_id, attempt))
        return lost

    def report(
        self,
        job_id: str,
        attempt: int,
        *,
        fraction: float | None = None,
        message: str | None = None,
        part: Mapping[str, Any] | None = None,
        metrics: Iterable[tuple[int, Mapping[str, float]]] = (),
    ) -> bool:
        """Store the progress of a running job.

        Args:
            job_id: Id of the job.
            attempt: The attempt that this process holds.
            fraction: Share done in [0, 1]; None: unchanged.
            message: One line for a person; None: unchanged.
            part: Partial result; None: unchanged.
            metrics: (step, values) rows of the curve; a repeated step is overwritten.

        Returns:
            True when somebody has asked to cancel the job.

        Raises:
            LeaseLost: The attempt is no longer held.
        """
        given: dict[str, Any] = {"fraction": fraction, "message": message, "part": part}
        values: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        statement = self._held(job_id, attempt).values(values or {"fraction": Job.fraction})
        with self._write() as session, session.begin():
            cancelled = session.execute(statement.returning(Job.cancel_requested)).scalar()
            if cancelled is None:
                raise LeaseLost(f"job {job_id} attempt {attempt} is no longer held")
            for step, row in metrics:
                insert = self._insert(JobMetric).values(job_id=job_id, step=step, row=dict(row))
                session.execute(
                    insert.on_conflict_do_update(index_elements=["job_id", "step"], set_={"row": insert.excluded.row})
                )
        return cancelled

    def finish(
        self,
        job_id: str,
        attempt: int,
        state: str,
        now: float,
        *,
        message: str = "",
        error: str | None = None,
        result: dict[str, Any] | None = None,
        produced: Iterable[Produced] = (),
    ) -> None:
        """End a job and register what it made, in one transaction.

        Args:
            job_id: Id of the job.
            attempt: The attempt that this process holds.
            state: done, failed or cancelled.
            now: Seconds since the epoch.
            message: One line for a person.
            error: Why it failed.
            result: JSON document of the result.
            produced: Artefacts, paths as `Workspace.relative` gives them.

        Raises:
            LeaseLost: The attempt is no longer held; nothing is stored.
        """
        values: dict[str, Any] = {"state": state, "error": error, "result": result, "ended_at": now}
        values["message"] = message
        if state == "done":
            values["fraction"] = 1.0
        with self._write() as session, session.begin():
            done = session.execute(self._held(job_id, attempt).values(values).returning(Job.id)).scalar()
            if done is None:
                raise LeaseLost(f"job {job_id} attempt {attempt} is no longer held: its result is not published")
            for item in produced:
                self._register(session, item, job_id, now)

    def requeue(self, job_id: str, attempt: int, now: float, why: str, *, free: bool = False) -> bool:
        """Queue a job whose process is gone again, or end it as failed after its last attempt.

        Args:
            job_id: Id of the job.
            attempt: The attempt that was lost.
            now: Seconds since the epoch.
            why: What happened to its process, a sentence.
            free: This attempt does not count (its worker was stopped in good order).

        Returns:
            False when the attempt was no longer held; nothing is changed then.
        """
        more = (Job.attempt < Job.max_attempts) | free
        stopped = Job.cancel_requested
        given_up = f"{why} Given up after {attempt} attempts; `retry` starts it again."
        statement = self._held(job_id, attempt).values(
            state=case((stopped, "cancelled"), (more, "queued"), else_="failed"),
            max_attempts=Job.max_attempts + int(free),
            message=case((stopped, "Cancelled."), (more, f"{why} It continues when a worker is free."), else_=""),
            error=case((stopped | more, None), else_=given_up),
            ended_at=case((stopped | ~more, now), else_=None),
            worker=case((stopped | ~more, Job.worker), else_=None),
        )
        with self._write() as session, session.begin():
            return session.execute(statement.returning(Job.id)).scalar() is not None

    def running(self, worker: str | None = None) -> list[Job]:
        """Return the running jobs.

        Args:
            worker: Only those of this worker; None: of all workers.

        Returns:
            Rows.
        """
        statement = select(Job).where(Job.state == "running")
        if worker is not None:
            statement = statement.where(Job.worker == worker)
        with self._read() as session:
            return list(session.scalars(statement))

    def metrics(self, job_id: str) -> list[JobMetric]:
        """Return the rows of a job's curve.

        Args:
            job_id: Id of the job.

        Returns:
            Rows by step.
        """
        with self._read() as session:
            return list(session.scalars(select(JobMetric).where(JobMetric.job_id == job_id).order_by(JobMetric.step)))
