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
from jobs.kind import JobContext, JobResult, kinds
from jobs.queue.models import Job
from jobs.worker.reporter import StoreReporter
from jobs.workspace.discovery import kept


def sentence(error: BaseException) -> str:
    """What a person is told about an exception; the log holds the rest."""
    if isinstance(error, MediaRejected):
        return error.sentence
    name = type(error).__name__
    if isinstance(error, MemoryError) or name == "OutOfMemoryError":
        said = " ".join(str(error).splitlines()[:1])
        return "Out of memory: use a smaller batch or smaller inputs, then retry." + (f" ({said})" if said else "")
    if isinstance(error, KeyError):
        return f"KeyError: {error}; the job's log says where."
    if isinstance(error, (ValueError, LookupError, FileNotFoundError, FileExistsError)):
        return str(error) or name
    return f"{name}: {error}; the job's log says where."


def result_document(result: JobResult, workspace: Workspace) -> dict[str, Any]:
    """A job row's `result`, paths as the workspace keeps them. Raises ValueError for what JSON cannot hold."""
    made = [{"kind": item.kind, "name": item.name, "path": workspace.kept(item.path)} for item in result.produced]
    document = {"message": result.message, "values": result.values, "produced": made}
    return json.loads(json.dumps(document, allow_nan=False))


def on_device(spec: Spec, device: str) -> Spec:
    """The spec with `auto` replaced by this machine's setting (AWARE_DEVICE); one that names a device keeps it."""
    return spec.model_copy(update={"device": device}) if getattr(spec, "device", "") == "auto" else spec


@dataclass(frozen=True)
class Outcome:
    """How a job ended here: with a result, with an exception of its own, or (both None) stopped from outside."""

    result: JobResult | None = None
    error: Exception | None = None


def run_claimed(workbench: Workbench, job: Job, reporter: StoreReporter, log: TextIO | None = None) -> Outcome:
    """Run a job that this process holds and store its end in one transaction.

    A stop that nobody asked for in the job's row (the worker is going down) stores no end: the supervisor
    gives the job back to the queue. An exception of the job itself is stored as a sentence, its trace goes to
    `log` (standard error if None), and the caller gets it back.
    """
    store = workbench.store
    ending: dict[str, Any]
    outcome = Outcome()
    try:
        entry = kinds.get(job.kind)
        folder = workbench.job_folder(job.id)
        folder.mkdir(parents=True, exist_ok=True)
        spec: Spec = entry.spec.model_validate(job.spec)
        with reporter:
            result = entry.run(
                on_device(spec, workbench.settings.device),
                JobContext(workbench.workspace, folder, reporter, job.attempt),
            )
        reporter.flush()
        outcome = Outcome(result=result)
        ending = {
            "state": "done",
            "message": result.message,
            "result": result_document(result, workbench.workspace),
            "produced": [kept(item, workbench.workspace) for item in result.produced],
        }
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
    """SIGTERM asks the running job to stop at its next word of progress (main thread only)."""
    signal.signal(signal.SIGTERM, lambda *_: reporter.stop.set())
