"""The process in which jobs run: `python -m jobs.worker.child one JOB ATTEMPT PARENT`, or `... serve PARENT FD`.

`one` runs a single job and ends. `serve` keeps a bundle of detectors loaded and runs the jobs that the supervisor
names on standard input, one JSON line each; it answers on the file descriptor FD.
"""

from __future__ import annotations

import faulthandler
import json
import logging
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import IO, Any

from jobs.client import Workbench
from jobs.clock import JobClock
from jobs.process import die_with_parent, kill_group
from jobs.settings import Settings
from jobs.worker.execution import run_claimed, stop_on_sigterm
from jobs.worker.reporter import StoreReporter

WORK_NICENESS = 5  # a person waits for an analysis, so it gets the cores before a training does


def _end_session() -> None:
    """End this process and its helpers: the lease is lost, so none of them may write any more."""
    print("This attempt no longer holds the job: stopping.", file=sys.stderr, flush=True)
    kill_group(os.getpgid(0))


def one(job_id: str, attempt: int) -> None:
    """Run one claimed job to its end.

    Args:
        job_id: Id of a job that the supervisor has claimed.
        attempt: The attempt that it has claimed; the process ends when the row holds another one.
    """
    os.nice(WORK_NICENESS)
    workbench = Workbench.open(Settings.read())
    job = workbench.store.get(job_id)
    if job.attempt != attempt or job.state != "running":
        sys.exit(f"job {job_id} attempt {attempt} is no longer this process's job")
    reporter = StoreReporter(workbench.store, job_id, attempt, on_lost=_end_session, log=sys.stdout)
    stop_on_sigterm(reporter)
    run_claimed(workbench, job, reporter, clock=JobClock(workbench.settings.work_hours * 3600))


class Server:
    """The warm process. Standard output and error go to the log of the job that is running.

    Attributes:
        workbench: Store and workspace.
        answers: Stream to the supervisor, one JSON document a line.
    """

    def __init__(self, workbench: Workbench, answers: IO[str]) -> None:
        self.workbench, self.answers = workbench, answers

    def answer(self, **document: Any) -> None:
        """Send one JSON line to the supervisor: warm, done or paused."""
        self.answers.write(json.dumps(document) + "\n")
        self.answers.flush()

    def serve(self, commands: IO[str]) -> None:
        """Follow commands until their stream closes.

        Args:
            commands: One JSON document a line: {"warm": {bundle, policy}} or {"job", "attempt", "log"}.
        """
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        self.answer(warm="")
        for line in commands:
            command = json.loads(line)
            if "warm" in command:
                self.answer(warm=self.warm(**command["warm"]))
            else:
                self.job(command["job"], command["attempt"], Path(command["log"]))
                self.answer(done=command["job"])

    def warm(self, bundle: str, policy: str | None) -> str:
        """Load a bundle before the first analysis asks for it.

        Args:
            bundle: Folder of the bundle.
            policy: File of the policy; None: the bundle's own.

        Returns:
            Why it does not load, or an empty string. A job with this bundle fails with the same reason.
        """
        from jobs.kinds.analyze import analyzer_for

        try:
            analyzer_for(Path(bundle), Path(policy) if policy else None, self.workbench.settings.device)
        except Exception as error:
            traceback.print_exc()
            return f"{type(error).__name__}: {error}"
        return ""

    def job(self, job_id: str, attempt: int, log: Path) -> None:
        """Run one job; the file descriptors 1 and 2 lead to its log meanwhile.

        Args:
            job_id: Id of a job that the supervisor has claimed.
            attempt: The attempt that it has claimed; nothing happens when the row holds another one.
            log: File that the output is added to.
        """
        job = self.workbench.store.get(job_id)
        if job.attempt != attempt or job.state != "running":
            return
        own_output = os.dup(1), os.dup(2)
        with open(log, "ab") as stream:
            os.dup2(stream.fileno(), 1)
            os.dup2(stream.fileno(), 2)
        try:
            reporter = StoreReporter(self.workbench.store, job_id, attempt, on_lost=_end_session, log=sys.stdout)
            stop_on_sigterm(reporter)
            clock = JobClock(self.workbench.settings.analyze_seconds, lambda paused: self.answer(paused=paused))
            run_claimed(self.workbench, job, reporter, clock=clock)
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            sys.stdout.flush()
            sys.stderr.flush()
            for number, copy in zip((1, 2), own_output, strict=True):
                os.dup2(copy, number)
                os.close(copy)


def main(arguments: list[str]) -> None:
    """Run one job, or serve many with the models kept warm.

    Args:
        arguments: `one JOB ATTEMPT PARENT` or `serve PARENT FD`.
    """
    faulthandler.enable()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the supervisor's to handle
    role, *rest = arguments
    if role == "one":
        die_with_parent(int(rest[2]))
        one(rest[0], int(rest[1]))
    else:
        die_with_parent(int(rest[0]))
        with open(int(rest[1]), "w", encoding="utf-8") as answers:
            Server(Workbench.open(Settings.read()), answers).serve(sys.stdin)


if __name__ == "__main__":
    main(sys.argv[1:])
