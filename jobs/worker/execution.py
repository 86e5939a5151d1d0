"""Run one claimed job in this process and publish its end."""

from __future__ import annotations

import json
import signal
import time
import traceback
from dataclasses import dataclass
from typing import Any, TextIO

from core.artifacts.workspace import Workspace
from core.media.types import MediaRejected
from core.progress import Cancelled
from core.spec import Spec
from jobs.client import Workbench
from jobs.clock import JobClock
from jobs.kind import JobContext, JobResult, kinds
from jobs.queue.models import Job
from jobs.worker.reporter import StoreReporter
from jobs.workspace.discovery import with_relative_path


def sentence(error: BaseException) -> str:
    """Return what a person reads about an exception; the job's log holds the rest.

    Args:
        error: The exception that ended a job.

    Returns:
        One sentence. For a fault of the program it starts with the exception's type.
    """
    if isinstance(error, MediaRejected):
        return error.sentence
    name = type(error).__name__
    if isinstance(error, MemoryError) or name == "OutOfMemoryError":
        detail = " ".join(str(error).splitlines()[:1])
        return "Out of memory: use a smaller batch or smaller inputs, then retry." + (f" ({detail})" if detail else "")
    if isinstance(error, KeyError):
        return f"KeyError: {error}; the job's log says where."
    if isinstance(error, (ValueError, LookupError, FileNotFoundError, FileExistsError)):
        return str(error) or name
    return f"{name}: {error}; the job's log says where."


def result_document(result: JobResult, workspace: Workspace) -> dict[str, Any]:
    """Return the JSON document that a job's row keeps as its result.

    Args:
        result: What the job gave back.
        workspace: Paths inside it are written relative to it.

    Returns:
        message, values, and the kind, name and path of each artefact.

    Raises:
        ValueError: JSON cannot hold a value (NaN, infinity).
    """
    made = [{"kind": item.kind, "name": item.name, "path": workspace.relative(item.path)} for item in result.produced]
    document = {"message": result.message, "values": result.values, "produced": made}
    return json.loads(json.dumps(document, allow_nan=False))


def done_ending(result: JobResult, workspace: Workspace) -> dict[str, Any]:
    """Return the arguments of `Store.finish` for a job that ended with a result.

    Args:
        result: What the job gave back.
        workspace: Paths inside it are stored relative to it.

    Returns:
        state, message, result and produced.

    Raises:
        ValueError: JSON cannot hold a value of the result.
    """
    return {
        "state": "done",
        "message": result.message,
        "result": result_document(result, workspace),
        "produced": [with_relative_path(item, workspace) for item in result.produced],
    }


def on_device(spec: Spec, device: str) -> Spec:
    """Return the spec with the device `auto` replaced by this machine's setting (AWARE_DEVICE).

    Args:
        spec: Of any job kind.
        device: auto, cpu, cuda or cuda:N.

    Returns:
        The same spec when it names a device or has no such field.
    """
    return spec.model_copy(update={"device": device}) if getattr(spec, "device", "") == "auto" else spec


@dataclass(frozen=True)
class Outcome:
    """How a job ended here: with a result, with an exception of its own, or (both None) stopped from outside."""

    result: JobResult | None = None
    error: Exception | None = None


def run_claimed(
    workbench: Workbench, job: Job, reporter: StoreReporter, log: TextIO | None = None, clock: JobClock | None = None
) -> Outcome:
    """Run a job that this process holds and store its end in one transaction.

    A stop that nobody asked for in the job's row (the worker goes down, or another job goes first) stores no end:
    the supervisor gives the job back to the queue. An exception of the job itself is stored as a sentence.

    Args:
        workbench: Store and workspace.
        job: The claimed row: its attempt is this process's.
        reporter: Takes the job's progress and knows whether it must stop.
        log: Where the trace of an exception goes; None: standard error.
        clock: The job's time limit; None: no limit.

    Returns:
        The job's result or its exception.

    Raises:
        LeaseLost: The job passed on to another attempt before its end was stored.
    """
    store = workbench.store
    ending: dict[str, Any]
    outcome = Outcome()
    try:
        entry = kinds.get(job.kind)
        folder = workbench.job_folder(job.id)
        folder.mkdir(parents=True, exist_ok=True)
        spec: Spec = entry.spec.model_validate(job.spec)
        context = JobContext(workbench.workspace, folder, reporter, job.attempt, clock or JobClock())
        with reporter:
            result = entry.run(on_device(spec, workbench.settings.device), context)
        reporter.flush()
        outcome = Outcome(result=result)
        ending = done_ending(result, workbench.workspace)
    except (Cancelled, KeyboardInterrupt) as stop:
        asked = isinstance(stop, KeyboardInterrupt) or store.get(job.id).cancel_requested
        if reporter.lost.is_set() or not asked:
            return Outcome()
        ending = {"state": "cancelled", "message": "Cancelled."}
    except Exception as error:
        traceback.print_exc(file=log)
        if reporter.lost.is_set() or reporter.stop.is_set():  # it failed because it was being stopped
            return Outcome()
        outcome = Outcome(error=error)
        ending = {"state": "failed", "error": sentence(error)}
    store.finish(job.id, job.attempt, now=time.time(), **ending)
    return outcome


def stop_on_sigterm(reporter: StoreReporter) -> None:
    """Have SIGTERM stop the running job at its next report of progress. Call it in the main thread.

    Args:
        reporter: The running job's.
    """
    signal.signal(signal.SIGTERM, lambda *_: reporter.stop.set())
