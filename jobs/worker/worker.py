"""`aware worker`: supervises one process for each job and one warm process for analyses. It loads no torch."""

from __future__ import annotations

import logging
import os
import secrets
import signal
import threading
import time
from dataclasses import replace

from sqlalchemy.exc import DBAPIError

from core.progress import Silent
from jobs import process as processes
from jobs.client import Workbench
from jobs.kind import JobContext, JobResult, kinds
from jobs.queue.models import Job, Worker
from jobs.queue.priority import BACKGROUND_PRIORITY
from jobs.queue.store import BEAT_SECONDS, LEASE_SECONDS, LeaseLost
from jobs.queue.views import NO_ANALYSES
from jobs.worker.children import Child, WarmChild, log_file, memory_limit, start_work
from jobs.worker.execution import done_ending

log = logging.getLogger(__name__)
POLL_SECONDS = 0.1
LOOK_SECONDS = 0.5
SWEEP_SECONDS = 2.0
FORGET_SECONDS = 7 * 86400.0
MAX_RESTART_PAUSE = 60.0
LOAD_SECONDS = 600.0
IN_FOREGROUND = "here"
"""State of a command that runs a job of its own in the foreground: no supervisor, takes no other job."""
COMMAND_ENDED = "The command that ran it was ended; a retry continues where it stopped."
YIELDED = "Paused: a job that somebody asked for runs first."


def new_worker(slots: int, now: float, state: str = "up") -> Worker:
    """Return this process's row for the worker table.

    Args:
        slots: Jobs of the work pool that it runs at once.
        now: Seconds since the epoch.
        state: `up`, or IN_FOREGROUND for a command that runs one job itself.

    Returns:
        A row that is not stored yet; its id names machine and process.
    """
    pid = os.getpid()
    name = f"{processes.host()}-{pid}-{secrets.token_hex(2)}"
    return Worker(
        id=name, host=processes.host(), pid=pid, started=processes.start_time(pid) or "", slots=slots, state=state,
        beat=0, note="", started_at=now, seen_at=now,
    )  # fmt: skip


class Supervisor:
    """Claims jobs, starts their processes, renews their leases, ends what must end, and requeues lost jobs.

    Attributes:
        me: This process's row in the worker table.
        stopping: Set to end `run`.
        children: Running processes of the work pool.
        warm: The analysis process.
        warmed: What it was last asked to load: bundle, policy, whether the bundle is there.
    """

    def __init__(
        self,
        workbench: Workbench,
        *,
        analyses: bool = True,
        lease: float = LEASE_SECONDS,
        beat: float = BEAT_SECONDS,
    ) -> None:
        self.workbench, self.store, self.settings = workbench, workbench.store, workbench.settings
        self.analyses, self.lease, self.beat_every = analyses, lease, beat
        self.me = new_worker(self.settings.work_slots, time.time())
        self.stopping = threading.Event()
        self.children: list[Child] = []
        self.warm: WarmChild | None = None
        self.warmed: tuple[object, ...] | None = None
        self.silent: dict[str, tuple[int, int, float]] = {}
        self.due: dict[str, float] = {}
        self.failures, self.start_warm_at = 0, 0.0
        self.memory = memory_limit(self.settings)

    # ---- life --------------------------------------------------------------------------------------------------
    def run(self) -> None:
        """Work until `stopping` is set (SIGTERM and SIGINT set it), then end every child and requeue its job.

        Raises:
            RuntimeError: A worker of another machine uses the same SQLite database.
        """
        self._refuse_second_machine()
        self.store.enter(self.me)
        log.info("worker %s: %d slot(s)", self.me.id, self.settings.work_slots)
        try:
            while not self.stopping.is_set():
                try:
                    self.tick()
                except DBAPIError as error:
                    log.error("the database does not answer: %s", str(error).splitlines()[0])
                    self.stopping.wait(1.0)
                self._pause()
        finally:
            self.shut_down()

    def tick(self) -> None:
        """Do one round; every part of it is short."""
        self._collect()
        self._tend_warm()
        if self._is_due("look", LOOK_SECONDS):
            self._look()
        if self._is_due("beat", self.beat_every):
            self._beat()
        if self._is_due("sweep", SWEEP_SECONDS):
            self._sweep()
        self._claim()

    def _pause(self) -> None:
        """Wait a moment, or until a running analysis answers: the next one may be waiting."""
        if self.warm is not None and self.warm.job is not None:
            self.warm.wait_for_answer(POLL_SECONDS)
        else:
            self.stopping.wait(POLL_SECONDS)

    def shut_down(self) -> None:
        """Stop every child; its job goes back to the queue, and the attempt does not count."""
        held = [child for child in [*self.children, self.warm] if child is not None]
        for child in held:
            child.ask_to_stop()
        end = time.monotonic() + 5.0
        while not all(child.ended() for child in held) and time.monotonic() < end:
            for child in held:
                child.push()
            time.sleep(0.05)
        for child in held:
            if child.job is not None:
                self.store.requeue(*child.held, time.time(), "Its worker was stopped.", free=True)
        if self.warm is not None:
            self.warm.close()
        self.store.seen(self.me.id, time.time(), state="stopped")
        log.info("worker %s stopped", self.me.id)

    def _is_due(self, what: str, every: float) -> bool:
        now = time.monotonic()
        if now < self.due.get(what, 0.0):
            return False
        self.due[what] = now + every
        return True

    def _refuse_second_machine(self) -> None:
        if self.store.writer.dialect.name != "sqlite":
            return
        for row in self.store.workers():
            if row.state == "up" and row.host != self.me.host and time.time() - row.seen_at < self.lease:
                raise RuntimeError(
                    f"a worker on {row.host} uses this SQLite database. SQLite serves one machine: "
                    "set AWARE_DATABASE_URL to a PostgreSQL database to work on several"
                )

    # ---- children ----------------------------------------------------------------------------------------------
    def _collect(self) -> None:
        """Free the slots of children that have ended, and store the end of a job that they left without one."""
        for child in [child for child in self.children if child.ended()]:
            self._store_end(child)  # first: when the database does not answer, the next round tries again
            self.children.remove(child)

    def _store_end(self, child: Child) -> None:
        if child.job is None:
            return
        job_id, attempt = child.held
        row = self.store.get(job_id)
        if row.state != "running" or row.attempt != attempt:
            log.info("job %s attempt %d: %s", job_id, attempt, row.state)
            return
        ending = child.exit_reason()
        now = time.time()
        try:
            if row.cancel_requested:
                self.store.finish(job_id, attempt, "cancelled", now, message="Cancelled.")
            elif child.yields and not child.limit:
                log.info("job %s attempt %d makes room for another job", job_id, attempt)
                self.store.requeue(job_id, attempt, now, YIELDED, free=True)
            elif (result := self._result_of_part(row, ending.reason)) is not None:
                log.warning("job %s attempt %d ended early, its partial result stands: %s", *child.held, ending.reason)
                self.store.finish(job_id, attempt, now=now, **done_ending(result, self.workbench.workspace))
            elif ending.again:
                log.warning("job %s attempt %d is lost, it is tried again: %s", job_id, attempt, ending.reason)
                self.store.requeue(job_id, attempt, now, ending.reason)
            else:
                log.warning("job %s attempt %d ended without a result: %s", job_id, attempt, ending.reason)
                self.store.finish(job_id, attempt, "failed", now, error=ending.reason)
        except LeaseLost:
            log.warning("job %s attempt %d had passed on meanwhile", job_id, attempt)

    def _result_of_part(self, row: Job, reason: str) -> JobResult | None:
        """Return the result that the job's partial result amounts to, with the reason of its early end; None: none."""
        if row.part is None or row.kind not in kinds:
            return None
        kind = kinds.get(row.kind)
        if kind.result_of_part is None:
            return None
        context = JobContext(self.workbench.workspace, self.workbench.job_folder(row.id), Silent(), row.attempt)
        try:
            result = kind.result_of_part(kind.spec.model_validate(row.spec), row.part, context)
        except Exception:  # whatever a kind does here: the job still gets an end
            log.exception("the partial result of job %s cannot be used", row.id)
            return None
        return None if result is None else replace(result, values={**result.values, "ended_early": reason})

    def _tend_warm(self) -> None:
        """Keep the analysis process alive, with the bundle in force loaded."""
        if not self.analyses:
            return
        if self.warm is not None and self.warm.ended():
            self.warm.listen()
            self._store_end(self.warm)
            self._pause_after_death(self.warm)
            self.warm.close()
            self.warm = None
        if self.warm is None:
            if time.monotonic() >= self.start_warm_at:
                self.warm, self.warmed = WarmChild(self.workbench), None
            return
        if self.warm.listen() is not None:
            self.failures = 0
        if self.warm.idle and self._is_due("active", LOOK_SECONDS):
            active = self.workbench.active()
            exists = (active.bundle / "bundle.json").is_file()
            wanted = (active.bundle, active.policy, exists)
            if wanted != self.warmed:
                self.warmed = wanted
                if exists:
                    self.warm.warm(active.bundle, active.policy)
        if self.warm.loading and time.monotonic() - self.warm.since > LOAD_SECONDS and self.warm.job is None:
            self.warm.kill()

    def _pause_after_death(self, warm: WarmChild) -> None:
        """Start a process that dies at once again only after 1, 2, 4, ... seconds."""
        stopped = warm.term_at is not None or bool(warm.limit)
        self.failures = 0 if stopped else self.failures + 1
        pause = 0.0 if stopped else min(MAX_RESTART_PAUSE, 2.0 ** (self.failures - 1))
        self.start_warm_at = time.monotonic() + pause
        log.warning("the analysis process ended (%s); starting it again in %g s", warm.process.returncode, pause)

    def _busy(self) -> list[Child]:
        warm = [self.warm] if self.warm is not None and self.warm.job is not None else []
        return [*self.children, *warm]

    def _look(self) -> None:
        """Follow cancel requests, enforce limits, and make room for jobs that somebody asked for."""
        busy = self._busy()
        if not busy:
            return
        asked = {row.id for row in self.store.running(self.me.id) if row.cancel_requested}
        for child in busy:
            if child.held[0] in asked:
                child.ask_to_stop()
            child.push()
            child.check_limits(self.memory, time.monotonic())
        self._make_room()

    def _make_room(self) -> None:
        """End a job that the program started by itself when all slots are taken and a person's job waits.

        One at a time: the next round sees whether more jobs wait than slots are about to be free.
        """
        yielding = sum(child.yields for child in self.children)
        if len(self.children) < self.settings.work_slots:
            return
        waiting = [job for job in self.store.queue("work") if job.priority > BACKGROUND_PRIORITY]
        if len(waiting) <= yielding:
            return
        for child in self.children:
            if child.job is not None and child.job.priority <= BACKGROUND_PRIORITY and child.term_at is None:
                child.yields = True
                child.ask_to_stop()
                return

    def _beat(self) -> None:
        """Renew leases, and end a child whose job has passed on to another worker."""
        busy = {child.held: child for child in self._busy()}
        for lost in self.store.beat(busy):
            row = self.store.get(lost[0])
            if row.attempt != lost[1] or row.state == "queued":
                log.warning("job %s attempt %d has passed on: ending its process", *lost)
                busy[lost].kill()
        self.store.seen(self.me.id, time.time(), note=self._note())

    def _note(self) -> str:
        if not self.analyses:
            return NO_ANALYSES
        if self.warm is None:
            return f"analysis process ended {self.failures} time(s) in a row; see logs/analysis.log"
        if self.warm.trouble:
            return f"the active bundle does not load: {self.warm.trouble}"
        return "loading the active bundle" if self.warm.loading else "ready for analyses"

    # ---- the queue ---------------------------------------------------------------------------------------------
    def _claim(self) -> None:
        if self.warm is not None and self.warm.idle and self.warmed is not None:
            job = self._next("analyze")
            if job is not None:
                self.warm.run(job, log_file(self.workbench, job))
        while len(self.children) < self.settings.work_slots:
            job = self._next("work")
            if job is None:
                return
            self.children.append(start_work(self.workbench, job))

    def _next(self, pool: str) -> Job | None:
        if not self.store.waiting(pool):
            return None
        job = self.store.claim(pool, self.me.id, time.time())
        if job is not None:
            log.info("job %s attempt %d begins", job.id, job.attempt)
        return job

    def _sweep(self) -> None:
        """Requeue jobs whose worker is dead (this machine: seen in /proc) or silent (any: heartbeat counter).

        Silence is measured with this process's own monotonic clock against the counter: clocks that differ between
        machines, or jump, cannot end a lease.
        """
        mine = {child.held for child in self._busy()}
        rows = {row.id: row for row in self.store.running() if (row.id, row.attempt) not in mine}
        self.silent = {job_id: seen for job_id, seen in self.silent.items() if job_id in rows}
        workers = {row.id: row for row in self.store.workers()}
        dead = {w.id for w in workers.values() if self._is_dead(w)}
        now = time.monotonic()
        for row in rows.values():
            owner = workers.get(row.worker or "")
            local = owner is not None and owner.host == self.me.host
            seen = self.silent.get(row.id)
            if seen is None or seen[:2] != (row.attempt, row.beat):
                seen = self.silent[row.id] = (row.attempt, row.beat, now)
            if row.worker not in dead and now - seen[2] < self.lease:
                continue
            if local:
                processes.kill_job_processes(row.id)
            self._give_up(row, own=owner is not None and owner.state == IN_FOREGROUND)
        for worker_id in dead:
            if workers[worker_id].state in ("up", IN_FOREGROUND):
                self.store.mark_gone(worker_id)
        if self._is_due("forget", 3600.0):
            self.store.forget_workers(time.time() - FORGET_SECONDS)

    def _give_up(self, row: Job, own: bool) -> None:
        """Requeue a job whose worker is gone. own: a command ran it in the foreground, so it fails instead."""
        if not own:
            if self.store.requeue(row.id, row.attempt, time.time(), "Its worker ended unexpectedly."):
                log.warning("job %s attempt %d: its worker is gone", row.id, row.attempt)
            return
        try:
            self.store.finish(row.id, row.attempt, "failed", time.time(), error=COMMAND_ENDED)
        except LeaseLost:
            log.warning("job %s attempt %d had passed on meanwhile", row.id, row.attempt)

    def _is_dead(self, worker: Worker) -> bool:
        """Return True when a worker of this machine has no process any more."""
        return processes.is_dead(worker.host, worker.pid, worker.started)


def serve(workbench: Workbench, *, analyses: bool = True) -> None:
    """Run a supervisor in this process until SIGTERM or SIGINT.

    Args:
        workbench: Store, workspace and settings.
        analyses: Whether it also keeps an analysis process.

    Raises:
        RuntimeError: A worker of another machine uses the same SQLite database.
    """
    supervisor = Supervisor(workbench, analyses=analyses)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: supervisor.stopping.set())
    supervisor.run()
