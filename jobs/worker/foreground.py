"""Run a job in the caller, registered like any other so that pages see it; and judge files without a database."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.analysis.spec import AnalyzeSpec
from core.artifacts.finding import find_bundle, find_policy
from core.artifacts.workspace import Workspace
from core.progress import Reporter
from core.spec import Spec
from jobs.client import Workbench
from jobs.kind import kinds
from jobs.specs.checks import check
from jobs.specs.references import settled
from jobs.worker.execution import Outcome, run_claimed
from jobs.worker.reporter import StoreReporter
from jobs.worker.worker import IN_FOREGROUND, new_worker

Listener = Callable[[float, str], None]


def run_here(workbench: Workbench, kind: str, spec: Spec, listener: Listener | None = None) -> tuple[str, Outcome]:
    """Run a job in this process from start to end; returns its id and how it ended.

    It has a row, a lease, a folder and a log. Should this process be killed, the job has failed: no worker goes on
    with what somebody started, and stopped, at a terminal; a retry does. Raises as `Workbench.submit` does.
    """
    entry = kinds.get(kind)
    spec = settled(spec, workbench.workspace, workbench.active())
    check(spec, workbench.workspace)
    store = workbench.store
    me = new_worker(slots=0, now=time.time(), state=IN_FOREGROUND)
    store.enter(me)
    job_id = store.add(
        job_id=f"{kind}-{secrets.token_hex(5)}",
        kind=kind,
        pool=entry.pool,
        spec=spec.model_dump(mode="json"),
        now=time.time(),
        worker=me.id,
    )
    job = store.get(job_id)
    log = workbench.job_folder(job_id) / f"attempt-{job.attempt}" / "log.txt"
    log.parent.mkdir(parents=True)
    try:
        with open(log, "a", encoding="utf-8") as stream:
            reporter = StoreReporter(
                store, job_id, job.attempt, on_lost=lambda: None, beat=True, listener=listener, log=stream
            )
            return job_id, run_claimed(workbench, job, reporter, log=stream)
    finally:
        store.seen(me.id, time.time(), state="stopped")


def judge(spec: AnalyzeSpec, workspace: Workspace, out: Path | None, report: Reporter) -> dict[str, Any]:
    """Analyze the one file of `spec` without a job and without a database; returns the analysis document.

    out: folder for analysis.json and its PNGs; None: no files. Raises MediaRejected, FileNotFoundError, ValueError.
    """
    from jobs.kinds.analyze import analyzer_for

    (file,) = spec.files
    if not Path(file).is_file():
        raise FileNotFoundError(f"{file} is not a file")
    spec = settled(spec, workspace)  # type: ignore[assignment]
    policy = find_policy(spec.policy, workspace) if spec.policy else None
    report.progress(0.0, "loading the bundle")
    analyzer = analyzer_for(find_bundle(spec.bundle, workspace), policy, spec.device)
    return analyzer.analyze(Path(spec.files[0]), spec, out, report).model_dump(mode="json")
