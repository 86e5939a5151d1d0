"""Run a job in the calling process, registered so that pages see it; and judge a file without a database."""

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
    """Run a job in this process from start to end.

    It has a row, a lease, a folder and a log, and no time limit. If this process is killed, the job has failed: no
    worker continues what a person started, and stopped, at a terminal; a retry does.

    Args:
        workbench: Store and workspace.
        kind: Name of a registered job kind.
        spec: Its input.
        listener: Called with the fraction and the message of every progress; None: nobody.

    Returns:
        The job's id and how it ended.

    Raises:
        LookupError: No such kind, or a field holds a word that the program does not know.
        FileNotFoundError: What the spec refers to does not exist.
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
    """Analyze one file without a job and without a database.

    Args:
        spec: Names one file and a bundle.
        workspace: Where names of bundles and policies are looked up.
        out: Folder for analysis.json and its PNGs; None: no files.
        report: Takes the progress.

    Returns:
        The analysis document, JSON.

    Raises:
        MediaRejected: The file is not analysed.
        FileNotFoundError: File, bundle or policy does not exist.
        ValueError: The policy belongs to another bundle, or the bundle lacks a member that a heat map is asked of.
    """
    from jobs.kinds.analyze import analyzer_for

    (file,) = spec.files
    if not Path(file).is_file():
        raise FileNotFoundError(f"{file} is not a file")
    spec = settled(spec, workspace)  # type: ignore[assignment]
    policy = find_policy(spec.policy, workspace) if spec.policy else None
    report.progress(0.0, "Loading the bundle")
    analyzer = analyzer_for(find_bundle(spec.bundle, workspace), policy, spec.device)
    return analyzer.analyze(Path(spec.files[0]), spec, out, report).model_dump(mode="json")
