"""Run one claimed job in this process and publish its end."""

from __future__ import annotations

import json
import logging
import signal
import time
import traceback
from typing import Any

from core.media.types import MediaRejected
from core.progress import Cancelled
from core.spec import Spec
from jobs.client import Workbench
from jobs.kind import JobContext, JobResult, kinds
from jobs.models import Job
from jobs.reporter import StoreReporter

log = logging.getLogger(__name__)


def sentence(error: BaseException) -> str:
    """What a person is told about an exception; the log holds the rest."""
    if isinstance(error, MediaRejected):
        return error.sentence
    name = type(error).__name__
    if isinstance(error, MemoryError) or name == "OutOfMemoryError":
        return f"Out of memory: use a smaller batch or smaller inputs, then retry. ({str(error).splitlines()[:1]})"
    if isinstance(error, KeyError):
        return f"KeyError: {error}; the job's log says where."
    if isinstance(error, (ValueError, LookupError, FileNotFoundError, FileExistsError)):
        return str(error) or name
    return f"{name}: {error}; the job's log says where."


def result_document(result: JobResult) -> dict[str, Any]:
    """A job row's `result`. Raises ValueError for what JSON cannot hold."""
    document = {
        "message": result.message,
        "values": result.values,
        "produced": [{"kind": item.kind, "name": item.name, "path": item.path} for item in result.produced],
    }
    return json.loads(json.dumps(document, allow_nan=False))


def run_claimed(workbench: Workbench, job: Job, reporter: StoreReporter) -> JobResult | None:
    """Run a job that this process holds; store its end in one transaction. Returns its result, or None.

    A stop that nobody asked for in the job's row (the worker is going down) stores no end: the supervisor
    gives the job back to the queue. Exceptions of the job itself end in its row and its log, not here."""
    store = workbench.store
    ending: dict[str, Any]
    result = None
    try:
        entry = kinds.get(job.kind)
        folder = workbench.job_folder(job.id)
        folder.mkdir(parents=True, exist_ok=True)
        spec: Spec = entry.spec.model_validate(job.spec)
        with reporter:
            result = entry.run(spec, JobContext(workbench.workspace, folder, reporter, job.attempt))
        reporter.flush()
        ending = {
            "state": "done",
            "message": result.message,
            "result": result_document(result),
            "produced": result.produced,
        }
    except (Cancelled, KeyboardInterrupt) as stop:
        asked = isinstance(stop, KeyboardInterrupt) or store.get(job.id).cancel_requested
        if reporter.lost.is_set() or not asked:
            return None
        ending = {"state": "cancelled", "message": "Cancelled."}
    except Exception as error:
        traceback.print_exc()
        if reporter.lost.is_set() or reporter.stop.is_set():  # it failed because it was being stopped
            return None
        ending = {"state": "failed", "error": sentence(error)}
    store.finish(job.id, job.attempt, now=time.time(), **ending)
    return result


def stop_on_sigterm(reporter: StoreReporter) -> None:
    """SIGTERM asks the running job to stop at its next word of progress (main thread only)."""
    signal.signal(signal.SIGTERM, lambda *_: reporter.stop.set())
