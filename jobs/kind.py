"""A job kind is one file: Spec, Result, `run(spec, context)`. Its form and its command appear by themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from core.artifacts.workspace import Workspace
from core.progress import Reporter
from core.registry import Registry
from core.spec import Spec


@dataclass(frozen=True)
class JobContext:
    """What a running job gets. `folder` is the job's own and outlives attempts: a retry resumes from it."""

    workspace: Workspace
    folder: Path
    report: Reporter
    attempt: int = 1


@dataclass(frozen=True)
class Produced:
    """An artefact that a job made: registered in the database in the transaction that ends the job."""

    kind: Literal["dataset", "run", "bundle", "policy", "analysis", "experts"]
    name: str
    path: str
    summary: dict[str, Any]


@dataclass(frozen=True)
class JobResult:
    """What a job gives back: one line for a person, figures, artefacts. JSON throughout."""

    message: str
    values: dict[str, Any]
    produced: list[Produced]


@dataclass(frozen=True)
class JobKind:
    """`run` imports what is heavy inside itself: this module and every kind's module load without torch."""

    name: str
    title: str
    summary: str
    spec: type[Spec]
    run: Callable[[Any, JobContext], JobResult]
    pool: Literal["analyze", "work"] = "work"


kinds: Registry[JobKind] = Registry("job kind")
