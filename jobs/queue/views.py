"""What pages and commands see of the tables: plain frozen values, and sentences about place and progress."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from core.artifacts.workspace import Workspace
from jobs.kind import kinds
from jobs.queue.priority import BACKGROUND_PRIORITY

if TYPE_CHECKING:
    from jobs.queue import models

State = Literal["queued", "running", "done", "failed", "cancelled"]
STATES: tuple[State, ...] = get_args(State)
ENDED: tuple[str, ...] = ("done", "failed", "cancelled")
NO_ANALYSES = "no analyses here"
"""Note of a worker that runs no analyses."""
MIN_ESTIMATE_SECONDS = 5.0
MIN_ESTIMATE_FRACTION = 0.02
"""Below these the speed of a job is not known well enough to tell the time left."""
MAX_NAMED = 2
"""Jobs that a sentence about the queue names."""


def moment(seconds: float | None) -> datetime | None:
    """Return seconds since the epoch as a time.

    Args:
        seconds: Seconds, or None.

    Returns:
        An aware UTC time; None for None.
    """
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@dataclass(frozen=True)
class JobView:
    """One job. Times are aware UTC.

    Attributes:
        id: Unique id.
        kind: Name of its kind.
        pool: analyze or work.
        state: One of STATES.
        spec: Its input, JSON.
        fraction: Share done in [0, 1].
        message: What it does now, or its result in one line.
        part: The newest partial result.
        result: message, values and produced artefacts of a job that is done.
        error: Why it failed.
        attempt: Number of the newest attempt, from 1; 0: none yet.
        max_attempts: Attempts until it fails when its process is lost.
        created_at: When it was queued.
        started_at: When its first attempt began.
        ended_at: When it ended.
        worker: Id of the worker that runs or ran it.
        cancel_requested: Whether somebody has asked to cancel it.
        priority: The highest of a pool runs first.
        attempt_at: When its newest attempt began.
        attempt_fraction: Share that was done when that attempt began.
    """

    id: str
    kind: str
    pool: str
    state: State
    spec: dict[str, Any]
    fraction: float
    message: str
    part: dict[str, Any] | None
    result: dict[str, Any] | None
    error: str | None
    attempt: int
    max_attempts: int
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    worker: str | None
    cancel_requested: bool
    priority: int = 0
    attempt_at: datetime | None = None
    attempt_fraction: float = 0.0

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    @property
    def background(self) -> bool:
        """Whether the program started it by itself; it is paused for jobs that people ask for."""
        return self.priority <= BACKGROUND_PRIORITY

    @classmethod
    def of(cls, row: models.Job, workspace: Workspace) -> JobView:
        """Build the view of a row.

        Args:
            row: The job's row.
            workspace: Makes stored paths absolute.

        Returns:
            A value that later changes of the row do not touch.
        """
        result = row.result
        if result is not None:
            made = [{**item, "path": str(workspace.absolute(item["path"]))} for item in result.get("produced", [])]
            result = {**result, "produced": made}
        return cls(
            id=row.id,
            kind=row.kind,
            pool=row.pool,
            state=row.state,  # type: ignore[arg-type]
            spec=row.spec,
            fraction=row.fraction,
            message=row.message,
            part=row.part,
            result=result,
            error=row.error,
            attempt=row.attempt,
            max_attempts=row.max_attempts,
            created_at=_moment(row.created_at),
            started_at=moment(row.started_at),
            ended_at=moment(row.ended_at),
            worker=row.worker,
            cancel_requested=row.cancel_requested,
            priority=row.priority,
            attempt_at=moment(row.attempt_at),
            attempt_fraction=row.attempt_fraction,
        )


@dataclass(frozen=True)
class ArtifactView:
    """A registered data set, run, bundle, policy or analysis.

    Attributes:
        kind: Which of them.
        name: Unique within its kind.
        path: Its file or folder, absolute.
        summary: What a list shows of it.
        created_at: When it was registered, aware UTC.
        job_id: The job that made it; None: no job of this workspace.
    """

    kind: str
    name: str
    path: Path
    summary: dict[str, Any]
    created_at: datetime
    job_id: str | None

    @classmethod
    def of(cls, row: models.Artifact, workspace: Workspace) -> ArtifactView:
        """Build the view of a row.

        Args:
            row: The artefact's row.
            workspace: Makes its path absolute.

        Returns:
            A value that later changes of the row do not touch.
        """
        return cls(row.kind, row.name, workspace.absolute(row.path), row.summary, _moment(row.created_at), row.job_id)


@dataclass(frozen=True)
class WorkerView:
    """One worker.

    Attributes:
        id: Unique id, with the names of machine and process.
        host: Name of its machine.
        pid: Number of its process there.
        slots: Jobs of the work pool that it runs at once.
        state: up, stopped, gone, or here for a command that runs one job.
        note: What a person reads about its analysis process.
        started_at: When it began, aware UTC.
        seen_at: Its last heartbeat, aware UTC.
        alive: It takes jobs and was seen a short time ago.
        dead: Its process is known to be gone, or it has stopped.
    """

    id: str
    host: str
    pid: int
    slots: int
    state: str
    note: str
    started_at: datetime
    seen_at: datetime
    alive: bool
    dead: bool

    @property
    def analyses(self) -> bool:
        return self.note != NO_ANALYSES

    @classmethod
    def of(cls, row: models.Worker, now: float, patience: float, dead: bool) -> WorkerView:
        """Build the view of a row.

        Args:
            row: The worker's row.
            now: Seconds since the epoch.
            patience: Seconds without a heartbeat after which a worker is not alive.
            dead: Its process is known to be gone.

        Returns:
            A value that later changes of the row do not touch.
        """
        alive = row.state == "up" and now - row.seen_at < patience and not dead
        return cls(
            row.id,
            row.host,
            row.pid,
            row.slots,
            row.state,
            row.note,
            _moment(row.started_at),
            _moment(row.seen_at),
            alive,
            dead or row.state in ("gone", "stopped"),
        )


@dataclass(frozen=True)
class Active:
    """What analyses use when they name nothing else.

    Attributes:
        bundle: Folder of the bundle.
        policy: File of the policy; None: the bundle's own.
    """

    bundle: Path
    policy: Path | None


@dataclass(frozen=True)
class ActiveChangeView:
    """One promotion.

    Attributes:
        what: bundle or policy.
        value: Path of the bundle or policy; empty: the bundle's own policy.
        author: Who decided.
        reason: Why.
        at: When, aware UTC.
    """

    what: Literal["bundle", "policy"]
    value: str
    author: str
    reason: str
    at: datetime

    @classmethod
    def of(cls, row: models.ActiveChange, value: str) -> ActiveChangeView:
        """Build the view of a row.

        Args:
            row: The promotion's row.
            value: Its path as it is in this workspace.

        Returns:
            A value that later changes of the row do not touch.
        """
        return cls(row.what, value, row.author, row.reason, _moment(row.at))  # type: ignore[arg-type]


def job_title(job: JobView) -> str:
    """Return what people call a job.

    Args:
        job: The job.

    Returns:
        Its kind's title of this spec, or the kind's title; the kind's name where no plugin registers it.
    """
    if job.kind not in kinds:
        return job.kind
    kind = kinds.get(job.kind)
    return kind.title_of(job.spec) if kind.title_of is not None else kind.title


def time_left(job: JobView, now: float) -> float | None:
    """Estimate how long a running job still takes, from the speed of its newest attempt.

    seconds left = (1 - fraction) * elapsed / share done, both since the attempt began. An attempt that begins again
    below the share of the attempt before has done all of its fraction itself.

    Args:
        job: The job.
        now: Seconds since the epoch.

    Returns:
        Seconds, 0 or more; None for a job that does not run, and in its first seconds and per cents.
    """
    if job.state != "running" or job.attempt_at is None:
        return None
    elapsed = now - job.attempt_at.timestamp()
    before = job.attempt_fraction if job.fraction >= job.attempt_fraction else 0.0
    done = job.fraction - before
    if elapsed < MIN_ESTIMATE_SECONDS or done < MIN_ESTIMATE_FRACTION:
        return None
    return max(0.0, (1.0 - job.fraction) * elapsed / done)


def percent(job: JobView) -> str:
    """Return the share done in whole per cents, rounded down: 100 % is a job that has done all.

    Args:
        job: The job.

    Returns:
        Such as "42 %".
    """
    return f"{int(100 * job.fraction + 1e-9)} %"


def progress_text(job: JobView, now: float) -> str:
    """Return a running job's progress for page and command.

    Args:
        job: The job.
        now: Seconds since the epoch.

    Returns:
        "42 %, about 3 min left"; "42 %" while the time left is not known.
    """
    seconds = time_left(job, now)
    return percent(job) if seconds is None else f"{percent(job)}, {_duration_left(seconds)}"


def _duration_left(seconds: float) -> str:
    if seconds < 60:
        return "less than a minute left"
    for unit, size, most in (("min", 60, 90 * 60), ("h", 3600, 36 * 3600)):
        if seconds < most:
            return f"about {seconds / size:.0f} {unit} left"
    return f"about {seconds / 86400:.0f} days left"


def queue_sentence(job: JobView, running: Sequence[JobView], queued: Sequence[JobView], slots: int, now: float) -> str:
    """Say where a queued job stands and which jobs run before it.

    Args:
        job: A queued job.
        running: Jobs of its pool that take slots of workers.
        queued: Queued jobs of its pool, in the order in which they will begin.
        slots: Jobs of the pool that run at once; 0: no worker is alive.
        now: Seconds since the epoch.

    Returns:
        A sentence for a person.
    """
    if not slots:
        return "No worker is running, so the job waits. Start one with `aware worker`."
    ids = [other.id for other in queued]
    ahead = list(queued[: ids.index(job.id)]) if job.id in ids else []
    if len(running) < slots:
        before = ahead
    else:
        paused = [other for other in running if other.background and not job.background]
        before = [other for other in running if other not in paused] + ahead
        if not before and paused:
            return f"Next in the queue. {job_title(paused[0])} is paused for it and continues afterwards."
    if not before:
        return "Next in the queue. It starts as soon as the worker takes it."
    named = ", ".join(f"{job_title(other)} ({_standing(other, now)})" for other in before[:MAX_NAMED])
    more = f", and {len(before) - MAX_NAMED} more" if len(before) > MAX_NAMED else ""
    return f"{_ordinal(len(before) + 1)} in the queue, behind: {named}{more}."


def _standing(job: JobView, now: float) -> str:
    return progress_text(job, now) if job.state == "running" else "waiting"


def _ordinal(number: int) -> str:
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
