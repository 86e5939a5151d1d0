"""The tables. Times are seconds since the epoch (UTC); documents are JSON; states are words."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, Integer, MetaData, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

# SQLite numbers rows by itself only in a column declared INTEGER; PostgreSQL gets 64 bits.
Number = BigInteger().with_variant(Integer, "sqlite")
Document = JSON(none_as_null=True)


class Base(DeclarativeBase):
    """What every table shares: the names of constraints, and JSON for dictionaries."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {dict[str, Any]: Document}


class Job(Base):
    """One job. `attempt` is the fencing token: whoever writes must hold the attempt that the row holds.

    `attempt_at` and `attempt_fraction` say when the newest attempt began, and how much was done before it.
    """

    __tablename__ = "job"
    __table_args__ = (Index("ix_job_claim", "pool", "state", "priority", "seq"),)

    seq: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(String(80), unique=True)
    key: Mapped[str | None] = mapped_column(String(200), unique=True)
    kind: Mapped[str] = mapped_column(String(40), index=True)
    pool: Mapped[str] = mapped_column(String(20))
    priority: Mapped[int] = mapped_column(default=0)
    spec: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(String(12), default="queued")
    fraction: Mapped[float] = mapped_column(default=0.0)
    message: Mapped[str] = mapped_column(Text, default="")
    part: Mapped[dict[str, Any] | None]
    result: Mapped[dict[str, Any] | None]
    error: Mapped[str | None] = mapped_column(Text)
    attempt: Mapped[int] = mapped_column(default=0)
    max_attempts: Mapped[int] = mapped_column(default=3)
    beat: Mapped[int] = mapped_column(default=0)
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    worker: Mapped[str | None] = mapped_column(String(120))
    created_at: Mapped[float]
    started_at: Mapped[float | None]
    ended_at: Mapped[float | None]
    attempt_at: Mapped[float | None]
    attempt_fraction: Mapped[float] = mapped_column(default=0.0, server_default="0")


class JobMetric(Base):
    """One row of a job's curve; a resumed job overwrites the steps that it repeats."""

    __tablename__ = "job_metric"

    job_id: Mapped[str] = mapped_column(ForeignKey("job.id", ondelete="CASCADE"), primary_key=True)
    step: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    row: Mapped[dict[str, Any]]


class Artifact(Base):
    """Something that a job made: a data set, a run, a bundle, a policy, an analysis."""

    __tablename__ = "artifact"
    __table_args__ = (Index("uq_artifact_kind_name", "kind", "name", unique=True),)

    seq: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=True)
    kind: Mapped[str] = mapped_column(String(20))
    name: Mapped[str] = mapped_column(String(200))
    path: Mapped[str] = mapped_column(Text)
    summary: Mapped[dict[str, Any]]
    created_at: Mapped[float]
    job_id: Mapped[str | None] = mapped_column(ForeignKey("job.id", ondelete="SET NULL"))


class Worker(Base):
    """One supervisor process. `started` tells this process from a later one with the same number."""

    __tablename__ = "worker"

    id: Mapped[str] = mapped_column(String(120), primary_key=True)
    host: Mapped[str] = mapped_column(String(200))
    pid: Mapped[int]
    started: Mapped[str] = mapped_column(String(40))
    slots: Mapped[int]
    state: Mapped[str] = mapped_column(String(12))
    beat: Mapped[int] = mapped_column(default=0)
    note: Mapped[str] = mapped_column(Text, default="")
    started_at: Mapped[float]
    seen_at: Mapped[float]


class ActiveChange(Base):
    """One promotion. The newest row of each `what` is in force; rows are never changed."""

    __tablename__ = "active_change"

    seq: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=True)
    what: Mapped[str] = mapped_column(String(12), index=True)
    value: Mapped[str] = mapped_column(Text)
    author: Mapped[str] = mapped_column(String(80))
    reason: Mapped[str] = mapped_column(Text)
    at: Mapped[float]
