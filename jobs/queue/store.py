"""The job table's verbs. Every write of a running job names the attempt it holds; a stale one changes nothing.

`now` (seconds since the epoch) is an argument of every verb that stores a time.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Engine, case, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session, load_only

from jobs.kind import Produced
from jobs.queue.database import emptied_log
from jobs.queue.models import ActiveChange, Artifact, Base, Job, JobMetric, Worker

log = logging.getLogger(__name__)

LEASE_SECONDS = 30.0
BEAT_SECONDS = 5.0
MAX_ATTEMPTS = 3


class LeaseLost(Exception):
    """The job has passed on to another attempt, or has ended: whatever this process holds is void."""


class Store:
    """Verbs over one database. Sessions live for one call; rows come back detached."""

    def __init__(self, writer: Engine, reader: Engine) -> None:
        self.writer = writer
        self.reader = reader

    def _write(self) -> Session:
        return Session(self.writer, expire_on_commit=False)

    def _read(self) -> Session:
        return Session(self.reader, expire_on_commit=False)

    def _insert(self, table: type[Base]) -> Any:
        dialect = postgresql if self.writer.dialect.name == "postgresql" else sqlite
        return dialect.insert(table)

    def dispose(self) -> None:
        """Close every connection."""
        self.writer.dispose()
        self.reader.dispose()

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
        priority: int = 0,
        max_attempts: int = MAX_ATTEMPTS,
        worker: str | None = None,
    ) -> str:
        """Queue a job; returns its id, or the id of the job that already has this key.

        With `worker` the job begins at once, as that worker's attempt 1, and never stands in the queue.
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
            "message": "",
            "attempt": 0,
            "max_attempts": max_attempts,
            "beat": 0,
            "cancel_requested": False,
            "created_at": now,
        }
        if worker is not None:
            values |= {"state": "running", "attempt": 1, "worker": worker, "started_at": now}
        statement = self._insert(Job).values(values).on_conflict_do_nothing(index_elements=["key"])
        with self._write() as session, session.begin():
            added = session.execute(statement.returning(Job.id)).scalar()
            return added or session.scalars(select(Job.id).where(Job.key == key)).one()

    def get(self, job_id: str) -> Job:
        """The row. Raises LookupError for an unknown id."""
        with self._read() as session:
            row = session.scalars(select(Job).where(Job.id == job_id)).one_or_none()
        if row is None:
            raise LookupError(f"no job {job_id!r}; `aware jobs list` shows those there are")
        return row

    def jobs(self, *, kind: str | None, state: str | None, limit: int, offset: int) -> list[Job]:
        """Newest first."""
        statement = select(Job).order_by(Job.seq.desc()).limit(limit).offset(offset)
        if kind is not None:
            statement = statement.where(Job.kind == kind)
        if state is not None:
            statement = statement.where(Job.state == state)
        with self._read() as session:
            return list(session.scalars(statement))

    def specs(self, kinds: Iterable[str] = ()) -> list[Job]:
        """Every job (of these kinds), with no more of it than its id, kind, state and spec."""
        statement = select(Job).options(load_only(Job.id, Job.kind, Job.state, Job.spec, raiseload=True))
        if kinds := list(kinds):
            statement = statement.where(Job.kind.in_(kinds))
        with self._read() as session:
            return list(session.scalars(statement))

    def tally(self, kinds: Iterable[str]) -> tuple[int, float]:
        """(how many jobs there are of these kinds, when the newest was made, 0 without any)."""
        statement = select(func.count(), func.max(Job.created_at)).where(Job.kind.in_(list(kinds)))
        with self._read() as session:
            number, newest = session.execute(statement).one()
        return number, newest or 0

    def delete_job(self, job_id: str) -> None:
        """Remove an ended job, its curve and its artefacts' rows, in one transaction, and what the database's files
        still hold of it. Raises ValueError, and removes nothing, when the job is gone or has not ended.
        """
        statement = delete(Job).where(Job.id == job_id, Job.state.not_in(("queued", "running"))).returning(Job.id)
        with self._write() as session, session.begin():
            session.execute(delete(Artifact).where(Artifact.job_id == job_id))
            if session.execute(statement).scalar() is None:
                raise ValueError(f"{job_id} is not deleted: it is gone already, or was started again")
        if self.writer.dialect.name == "sqlite" and not emptied_log(self.writer):
            log.warning("%s is deleted; the database's log is in use and keeps old pages for now", job_id)

    def cancel(self, job_id: str, now: float) -> str:
        """Ask a job to stop: queued ends at once, running is stopped by its worker. Returns the state after."""
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
        """Queue an ended job again; its folder stays, so it goes on where it stopped. Raises ValueError if not ended.

        The attempt number goes on rising: it is the fencing token.
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
        """True when a job is queued in `pool`; a read, so that idle workers take no lock."""
        with self._read() as session:
            return session.scalar(select(Job.seq).where(Job.pool == pool, Job.state == "queued").limit(1)) is not None

    def claim(self, pool: str, worker: str, now: float, job_id: str | None = None) -> Job | None:
        """Take the first queued job of `pool` (or the one named) in one statement; None when there is none."""
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
        """Renew leases; returns those that are lost."""
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
        """Store progress; returns whether cancelling was asked for. Raises LeaseLost."""
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
        """End a job and publish what it made, in one transaction. Raises LeaseLost and publishes nothing."""
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
        """Give a job whose process is gone back to the queue, or end it as failed after its last attempt.

        `free`: this attempt does not count (a worker that was stopped in good order).
        Returns False when the attempt was no longer held.
        """
        more = (Job.attempt < Job.max_attempts) | free
        stopped = Job.cancel_requested
        given_up = f"{why} Given up after {attempt} attempts; `retry` starts it again."
        statement = self._held(job_id, attempt).values(
            state=case((stopped, "cancelled"), (more, "queued"), else_="failed"),
            max_attempts=Job.max_attempts + int(free),
            message=case((stopped, "Cancelled."), (more, f"{why} It goes on when a worker is free."), else_=""),
            error=case((stopped | more, None), else_=given_up),
            ended_at=case((stopped | ~more, now), else_=None),
            worker=case((stopped | ~more, Job.worker), else_=None),
        )
        with self._write() as session, session.begin():
            return session.execute(statement.returning(Job.id)).scalar() is not None

    def running(self, worker: str | None = None) -> list[Job]:
        """Jobs in the state running, of one worker or of all."""
        statement = select(Job).where(Job.state == "running")
        if worker is not None:
            statement = statement.where(Job.worker == worker)
        with self._read() as session:
            return list(session.scalars(statement))

    def metrics(self, job_id: str) -> list[JobMetric]:
        """What a job has reported, by step."""
        with self._read() as session:
            return list(session.scalars(select(JobMetric).where(JobMetric.job_id == job_id).order_by(JobMetric.step)))

    # ---- workers -----------------------------------------------------------------------------------------------
    def enter(self, worker: Worker) -> None:
        """Sign a worker on."""
        with self._write() as session, session.begin():
            session.merge(worker)

    def seen(self, worker_id: str, now: float, *, state: str = "up", note: str = "") -> None:
        """A worker's own heartbeat."""
        statement = update(Worker).where(Worker.id == worker_id)
        with self._write() as session, session.begin():
            session.execute(statement.values(seen_at=now, beat=Worker.beat + 1, state=state, note=note))

    def workers(self) -> list[Worker]:
        """Every worker that ever signed on, newest first."""
        with self._read() as session:
            return list(session.scalars(select(Worker).order_by(Worker.started_at.desc())))

    def mark_gone(self, worker_id: str) -> None:
        """A worker whose process is known to be dead."""
        with self._write() as session, session.begin():
            session.execute(update(Worker).where(Worker.id == worker_id).values(state="gone"))

    def forget_workers(self, before: float) -> None:
        """Remove the rows of workers not seen since `before`."""
        with self._write() as session, session.begin():
            session.execute(delete(Worker).where(Worker.seen_at < before))

    # ---- artefacts and what is in force ------------------------------------------------------------------------
    def _register(self, session: Session, item: Produced, job_id: str | None, now: float) -> None:
        values = {"path": item.path, "summary": item.summary, "job_id": job_id, "created_at": now}
        insert = self._insert(Artifact).values(kind=item.kind, name=item.name, **values)
        session.execute(insert.on_conflict_do_update(index_elements=["kind", "name"], set_=values))

    def register(self, item: Produced, now: float) -> None:
        """Register an artefact that no job made (an imported bundle)."""
        with self._write() as session, session.begin():
            self._register(session, item, None, now)

    def adopt(self, item: Produced, now: float, instead_of: str | None = None) -> bool:
        """Register an artefact that was found; False, and nothing changes, when its name is taken.

        instead_of: a path; a row of that name gives way while it has this path.
        """
        values = {"path": item.path, "summary": item.summary, "job_id": None, "created_at": now}
        insert = self._insert(Artifact).values(kind=item.kind, name=item.name, **values)
        named = ["kind", "name"]
        if instead_of is None:
            insert = insert.on_conflict_do_nothing(index_elements=named)
        else:
            insert = insert.on_conflict_do_update(index_elements=named, set_=values, where=Artifact.path == instead_of)
        with self._write() as session, session.begin():
            return session.execute(insert.returning(Artifact.seq)).scalar() is not None

    def artifacts(self, kind: str, limit: int) -> list[Artifact]:
        """Newest first."""
        statement = select(Artifact).where(Artifact.kind == kind).order_by(Artifact.created_at.desc()).limit(limit)
        with self._read() as session:
            return list(session.scalars(statement))

    def artifact_paths(self, kind: str) -> list[str]:
        """Every kept path of a kind."""
        with self._read() as session:
            return list(session.scalars(select(Artifact.path).where(Artifact.kind == kind)))

    def artifact(self, kind: str, name: str) -> Artifact:
        """Raises LookupError for an unknown name."""
        with self._read() as session:
            row = session.scalars(select(Artifact).where(Artifact.kind == kind, Artifact.name == name)).one_or_none()
        if row is None:
            raise LookupError(f"no {kind} named {name!r} is registered")
        return row

    def promote(self, changes: Mapping[str, str], author: str, reason: str, now: float) -> None:
        """Put a bundle and/or a policy in force; the history keeps every row."""
        with self._write() as session, session.begin():
            for what, value in changes.items():
                session.add(ActiveChange(what=what, value=value, author=author, reason=reason, at=now))

    def promotions(self, what: str | None = None, limit: int = 200) -> list[ActiveChange]:
        """Newest first."""
        statement = select(ActiveChange).order_by(ActiveChange.seq.desc()).limit(limit)
        if what is not None:
            statement = statement.where(ActiveChange.what == what)
        with self._read() as session:
            return list(session.scalars(statement))
