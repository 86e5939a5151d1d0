"""Run a job in the caller, registered like any other so that pages see it; and judge files without a database."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path

from core.artifacts.workspace import Workspace
from core.cascade.spec import AnalyzeSpec
from core.progress import Reporter
from core.spec import Spec
from jobs.client import Workbench
from jobs.execution import run_claimed
from jobs.kind import JobContext, JobResult, kinds
from jobs.references import settled
from jobs.reporter import StoreReporter
from jobs.views import JobView
from jobs.worker import new_worker

Listener = Callable[[float, str], None]


def run_here(workbench: Workbench, kind: str, spec: Spec, listener: Listener | None = None) -> JobView:
    """Run a job in this process from start to end and return its final view.

    It has a row, a lease and a folder; should this process be killed, a worker takes the job over."""
    entry = kinds.get(kind)
    store = workbench.store
    me = new_worker(slots=0, now=time.time(), state="here")
    store.enter(me)
    job_id = store.add(
        job_id=f"{kind}-{secrets.token_hex(5)}",
        kind=kind,
        pool=entry.pool,
        spec=settled(spec, workbench.workspace, workbench.active()).model_dump(mode="json"),
        now=time.time(),
        worker=me.id,
    )
    job = store.get(job_id)
    reporter = StoreReporter(store, job_id, job.attempt, on_lost=lambda: None, beat=True, listener=listener)
    try:
        run_claimed(workbench, job, reporter)
    finally:
        store.seen(me.id, time.time(), state="stopped")
    return workbench.job(job_id)


def judge(spec: AnalyzeSpec, out: Path, report: Reporter) -> JobResult:
    """Analyze without a workspace or a database: `out` takes what would lie in the workspace's `analyses`."""
    entry = kinds.get("analyze")
    workspace = Workspace(out)
    return entry.run(settled(spec, workspace), JobContext(workspace, out / "jobs" / f"analyze-{os.getpid()}", report))
