"""What pages and commands see of the tables: plain frozen values, detached from any session."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

from core.artifacts.workspace import Workspace
from jobs.queue import models

State = Literal["queued", "running", "done", "failed", "cancelled"]
STATES: tuple[State, ...] = get_args(State)
ENDED: tuple[str, ...] = ("done", "failed", "cancelled")


def moment(seconds: float | None) -> datetime | None:
    """Seconds since the epoch as an aware UTC time; None stays None."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@dataclass(frozen=True)
class JobView:
    """One job. fraction in [0, 1]; times are aware UTC; `part` is the newest partial result."""

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

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    @classmethod
    def of(cls, row: models.Job, workspace: Workspace) -> JobView:
        """From its row, the paths of what it made as they are in this workspace."""
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
        )


@dataclass(frozen=True)
class ArtifactView:
    """A registered data set, run, bundle, policy or analysis."""

    kind: str
    name: str
    path: Path
    summary: dict[str, Any]
    created_at: datetime
    job_id: str | None

    @classmethod
    def of(cls, row: models.Artifact, workspace: Workspace) -> ArtifactView:
        """From its row, its path as it is in this workspace."""
        return cls(row.kind, row.name, workspace.absolute(row.path), row.summary, _moment(row.created_at), row.job_id)


@dataclass(frozen=True)
class WorkerView:
    """One worker. `alive` is judged by when it was last seen; `warm` by its note on the analysis process."""

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

    @classmethod
    def of(cls, row: models.Worker, now: float, patience: float, dead: bool) -> WorkerView:
        """From its row. now: seconds since the epoch; dead: its process is known to be gone. Alive when it takes jobs
        and was seen less than `patience` seconds before.
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
    """What analyses use when they name nothing. policy None: the bundle's own."""

    bundle: Path
    policy: Path | None


@dataclass(frozen=True)
class ActiveChangeView:
    """One promotion. value: the path of the bundle or policy; empty: the bundle's own policy."""

    what: Literal["bundle", "policy"]
    value: str
    author: str
    reason: str
    at: datetime

    @classmethod
    def of(cls, row: models.ActiveChange, value: str) -> ActiveChangeView:
        """From its row. value: its path as it is here."""
        return cls(row.what, value, row.author, row.reason, _moment(row.at))  # type: ignore[arg-type]
