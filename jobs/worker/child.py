"""The process in which jobs run: `python -m jobs.worker.child one JOB ATTEMPT PARENT`, or `... serve PARENT FD`.

`one` runs a single job and ends. `serve` keeps the analysis kind's bundle loaded and runs the jobs that the
supervisor names on standard input, one JSON line each, answering on FD.
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
from jobs.process import die_with_parent, kill_group
from jobs.settings import Settings
from jobs.worker.execution import run_claimed, stop_on_sigterm
from jobs.worker.reporter import StoreReporter

WORK_NICENESS = 5  # an analysis, which somebody waits for, goes before a training


def _vanish() -> None:
    """The lease is lost: nothing of this job's session may go on writing."""
    print("This attempt is no longer in charge of the job: stopping.", file=sys.stderr, flush=True)
    kill_group(os.getpgid(0))


def one(job_id: str, attempt: int) -> None:
    """Run one claimed job to its end."""
    os.nice(WORK_NICENESS)
    workbench = Workbench.open(Settings.read())
    job = workbench.store.get(job_id)
    if job.attempt != attempt or job.state != "running":
        sys.exit(f"job {job_id} attempt {attempt} is not this process's to run any more")
    reporter = StoreReporter(workbench.store, job_id, attempt, on_lost=_vanish, log=sys.stdout)
    stop_on_sigterm(reporter)
    run_claimed(workbench, job, reporter)


class Server:
    """The warm process. Standard output and error go to the log of the job that is running."""

    def __init__(self, workbench: Workbench, answers: IO[str]) -> None:
        self.workbench, self.answers = workbench, answers

    def answer(self, **document: Any) -> None:
        """Send one JSON line to the supervisor."""
        self.answers.write(json.dumps(document) + "\n")
        self.answers.flush()

    def serve(self, commands: IO[str]) -> None:
        """Follow commands until standard input closes: {"warm": {bundle, policy}} or {"job", "attempt", "log"}."""
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
        """Load what is in force before anybody asks; returns what is wrong, or nothing. Jobs say the same again."""
        from jobs.kinds.analyze import analyzer_for

        try:
            analyzer_for(Path(bundle), Path(policy) if policy else None, self.workbench.settings.device)
        except Exception as error:
            traceback.print_exc()
            return f"{type(error).__name__}: {error}"
        return ""

    def job(self, job_id: str, attempt: int, log: Path) -> None:
        """Run one job with the file descriptors 1 and 2 on its log."""
        job = self.workbench.store.get(job_id)
        if job.attempt != attempt or job.state != "running":
            return
        kept = os.dup(1), os.dup(2)
        with open(log, "ab") as stream:
            os.dup2(stream.fileno(), 1)
            os.dup2(stream.fileno(), 2)
        try:
            reporter = StoreReporter(self.workbench.store, job_id, attempt, on_lost=_vanish, log=sys.stdout)
            stop_on_sigterm(reporter)
            run_claimed(self.workbench, job, reporter)
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            sys.stdout.flush()
            sys.stderr.flush()
            for number, copy in zip((1, 2), kept, strict=True):
                os.dup2(copy, number)
                os.close(copy)


def main(arguments: list[str]) -> None:
    """Run one job (`one JOB ATTEMPT PARENT`) or serve a line of them with models kept warm (`warm PARENT HANDLE`)."""
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
