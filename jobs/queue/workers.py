"""The worker table's verbs: who serves the queue, and when each was last seen."""

from __future__ import annotations

from sqlalchemy import delete, select, update

from jobs.queue.models import Worker
from jobs.queue.sessions import Sessions


class WorkerTable(Sessions):
    """Verbs of the worker table."""

    def enter(self, worker: Worker) -> None:
        """Store the row of a worker that begins.

        Args:
            worker: The row.
        """
        with self._write() as session, session.begin():
            session.merge(worker)

    def seen(self, worker_id: str, now: float, *, state: str = "up", note: str = "") -> None:
        """Store a worker's heartbeat.

        Args:
            worker_id: Id of a row that `enter` stored.
            now: Seconds since the epoch.
            state: up, stopped, or the state of a command in the foreground.
            note: What a person reads about its analysis process.
        """
        statement = update(Worker).where(Worker.id == worker_id)
        with self._write() as session, session.begin():
            session.execute(statement.values(seen_at=now, beat=Worker.beat + 1, state=state, note=note))

    def workers(self) -> list[Worker]:
        """Return every worker that is stored, newest first."""
        with self._read() as session:
            return list(session.scalars(select(Worker).order_by(Worker.started_at.desc())))

    def mark_gone(self, worker_id: str) -> None:
        """Mark a worker whose process is known to be dead.

        Args:
            worker_id: Its id.
        """
        with self._write() as session, session.begin():
            session.execute(update(Worker).where(Worker.id == worker_id).values(state="gone"))

    def forget_workers(self, before: float) -> None:
        """Remove the rows of workers that were not seen for long.

        Args:
            before: Seconds since the epoch; older rows are removed.
        """
        with self._write() as session, session.begin():
            session.execute(delete(Worker).where(Worker.seen_at < before))
