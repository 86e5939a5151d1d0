"""A job kind is one file: a spec, `run(spec, context)` and its registration. Its form and command follow from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from core.artifacts.workspace import Workspace
from core.progress import Reporter
from core.registry import Registry
from core.spec import Spec
from jobs.clock import JobClock


@dataclass(frozen=True)
class JobContext:
    """What a running job gets.

    Attributes:
        workspace: Where names are looked up and artefacts are written.
        folder: The job's own folder. It outlives attempts: a retry resumes from what lies in it.
        report: Takes progress, metrics and partial results.
        attempt: Number of this attempt, from 1.
        clock: Says how many seconds are left (`clock.seconds_left()`, None without a limit), and stands still in
            `with clock.paused():`, for time that is not the job's own work.
    """

    workspace: Workspace
    folder: Path
    report: Reporter
    attempt: int = 1
    clock: JobClock = field(default_factory=JobClock)


@dataclass(frozen=True)
class Produced:
    """An artefact that a job made: registered in the database in the transaction that ends the job.

    Attributes:
        kind: Which list it appears in.
        name: Unique within its kind; a later artefact of the same name replaces it.
        path: Its file or folder, absolute, or relative to the workspace.
        summary: What a list shows of it, JSON.
    """

    kind: Literal["dataset", "run", "bundle", "policy", "analysis", "experts"]
    name: str
    path: str
    summary: dict[str, Any]


@dataclass(frozen=True)
class JobResult:
    """What a job gives back.

    Attributes:
        message: One line for a person.
        values: Figures and documents, JSON.
        produced: Artefacts that it made.
    """

    message: str
    values: dict[str, Any]
    produced: list[Produced]


@dataclass(frozen=True)
class JobKind:
    """One kind of job. Its module and this one load without torch: `run` imports what is heavy inside itself.

    Attributes:
        name: The kind's name in the registry, the database and the command line.
        title: Its name for people.
        summary: One sentence for the help.
        spec: The type of its input.
        run: Does the work; raises an exception with a sentence for a person when it cannot.
        pool: `analyze` runs in the warm process, `work` in a process of its own.
        title_of: Returns the title of one job from its spec (a JSON document), where that says more than `title`.
        result_of_part: Returns the result that the newest partial result amounts to, when the process ended before
            the job did; None when that part is no result. Without it such a job fails or is tried again.
    """

    name: str
    title: str
    summary: str
    spec: type[Spec]
    run: Callable[[Any, JobContext], JobResult]
    pool: Literal["analyze", "work"] = "work"
    title_of: Callable[[Mapping[str, Any]], str] | None = None
    result_of_part: Callable[[Any, Mapping[str, Any], JobContext], JobResult | None] | None = None


kinds: Registry[JobKind] = Registry("job kind")
"""Every registered kind, by name."""
