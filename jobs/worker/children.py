"""The supervisor's side of its child processes: start, watch, end. No torch, and no thread: PDEATHSIG follows one."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from jobs.client import Workbench, tail
from jobs.process import JOB_VARIABLE, kill_group, machine_memory, oom_kills, session_memory
from jobs.queue.models import Job
from jobs.settings import Settings
from jobs.worker.exit_reason import ExitReason, exit_reason

GRACE_SECONDS = 1.0


def environment(settings: Settings, threads: int) -> dict[str, str]:
    """A child's environment: these settings, and math libraries that share the machine."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
    return {
        **os.environ,
        **settings.environ(),
        **dict.fromkeys(names, str(threads)),
        "OMP_WAIT_POLICY": "PASSIVE",
        "PYTHONUNBUFFERED": "1",
        "AWARE_THREADS": str(threads),
    }


def log_file(workbench: Workbench, job: Job) -> Path:
    """Where an attempt's output goes; the folder is made."""
    path = workbench.job_folder(job.id) / f"attempt-{job.attempt}" / "log.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


class Child:
    """One process, leader of a session of its own, and the job that it runs."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.job: Job | None = None
        self.log: Path | None = None
        self.since = time.monotonic()
        self.term_at: float | None = None
        self.limit = ""
        self.oom_before = oom_kills()

    def give(self, job: Job, log: Path) -> None:
        """Note the job that the child now runs, and start its clock."""
        self.job, self.log, self.since = job, log, time.monotonic()
        self.term_at, self.limit, self.oom_before = None, "", oom_kills()

    @property
    def held(self) -> tuple[str, int]:
        """(id, attempt) of the job that it runs: what a write to the store must hold."""
        assert self.job is not None
        return self.job.id, self.job.attempt

    def ended(self) -> bool:
        """True once the process has ended; whatever it left in its session is ended first.

        The leader is looked at without being reaped, so that its group's number cannot have passed to another.
        """
        if self.process.returncode is not None:
            return True
        flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
        if os.waitid(os.P_PID, self.process.pid, flags) is None:
            return False
        kill_group(self.process.pid)
        self.process.wait()
        return True

    def ask_to_stop(self) -> None:
        """SIGTERM to the leader now (its helpers are its own to end); `push` kills the group after the grace."""
        if self.term_at is None and self.process.returncode is None:
            self.term_at = time.monotonic()
            self.process.send_signal(signal.SIGTERM)

    def push(self) -> None:
        """Kill a child that was asked to end and has used up its grace."""
        if self.term_at is not None and time.monotonic() - self.term_at > GRACE_SECONDS:
            self.kill()

    def kill(self) -> None:
        """SIGKILL the whole group."""
        if self.process.returncode is None:
            kill_group(self.process.pid)

    def check_limits(self, seconds: float, memory: int) -> None:
        """End the process when it takes longer or holds more than it may; the sentence goes into the job's row."""
        if self.job is None or self.limit:
            return
        if time.monotonic() - self.since > seconds:
            self.limit = f"It ran longer than the {_duration(seconds)} that are allowed, and was ended."
        elif session_memory(self.process.pid) > memory:
            self.limit = (
                f"Out of memory: it held more than the {memory / 2**30:.1f} GiB that a job may use, and was ended. "
                "Use a smaller batch or smaller inputs, or raise AWARE_MEMORY_GB."
            )
        if self.limit:
            self.kill()

    def exit_reason(self) -> ExitReason:
        """Why the ended process left its job without an end."""
        log = tail(self.log, 8192) if self.log is not None and self.log.is_file() else ""
        killed_for_memory = oom_kills() > self.oom_before
        return exit_reason(self.process.returncode, log, out_of_memory=killed_for_memory, limit=self.limit)


def start_work(workbench: Workbench, job: Job) -> Child:
    """Start the process of one job of the work pool."""
    log = log_file(workbench, job)
    settings = workbench.settings
    with open(log, "ab") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "jobs.worker.child", "one", job.id, str(job.attempt), str(os.getpid())],
            env={**environment(settings, settings.threads), JOB_VARIABLE: job.id},
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    child = Child(process)
    child.give(job, log)
    return child


class WarmChild(Child):
    """The analysis process: told what to load and which job to run, it answers line by line."""

    def __init__(self, workbench: Workbench) -> None:
        settings = workbench.settings
        logs = workbench.workspace.root / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        self.home_log = logs / "analysis.log"
        self._answers, theirs = os.pipe()
        os.set_blocking(self._answers, False)
        try:
            with open(self.home_log, "ab") as stream:
                process = subprocess.Popen(
                    [sys.executable, "-m", "jobs.worker.child", "serve", str(os.getpid()), str(theirs)],
                    env=environment(settings, settings.analyze_threads),
                    stdin=subprocess.PIPE,
                    stdout=stream,
                    stderr=subprocess.STDOUT,
                    pass_fds=(theirs,),
                    start_new_session=True,
                )
        finally:
            os.close(theirs)
        super().__init__(process)
        self.loading = True  # until it says that it is up
        self.trouble = ""
        self._buffer = b""

    def _send(self, document: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(document).encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            self.kill()  # it is ending; `ended` will say so

    def warm(self, bundle: Path, policy: Path | None) -> None:
        """Ask it to load a bundle with a policy (None: its own) before the first analysis comes."""
        self.loading, self.since = True, time.monotonic()
        self._send({"warm": {"bundle": str(bundle), "policy": str(policy) if policy else None}})

    def run(self, job: Job, log: Path) -> None:
        """Hand it a job."""
        self.give(job, log)
        self._send({"job": job.id, "attempt": job.attempt, "log": str(log)})

    @property
    def idle(self) -> bool:
        return self.job is None and not self.loading and self.process.returncode is None

    def wait_for_answer(self, seconds: float) -> None:
        """Return when there is something to `listen` to, or after `seconds`."""
        select.select([self._answers], [], [], seconds)

    def listen(self) -> Job | None:
        """Read answers; returns the job that has just come to its end, if one has."""
        done = None
        while select.select([self._answers], [], [], 0)[0]:
            piece = os.read(self._answers, 65536)
            if not piece:
                break
            self._buffer += piece
        while b"\n" in self._buffer:
            line, self._buffer = self._buffer.split(b"\n", 1)
            answer = json.loads(line)
            if "warm" in answer:
                self.loading, self.trouble = False, answer["warm"]
            elif self.job is not None and answer.get("done") == self.job.id:
                done, self.job, self.term_at = self.job, None, None
        return done

    def close(self) -> None:
        """Free the pipes of an ended process."""
        os.close(self._answers)
        if self.process.stdin is not None:
            try:
                self.process.stdin.close()
            except BrokenPipeError:
                return


def memory_limit(settings: Settings) -> int:
    """Bytes that one job may hold."""
    return int(settings.memory_gb * 2**30) if settings.memory_gb else machine_memory() * 4 // 5


def _duration(seconds: float) -> str:
    return f"{seconds / 3600:g} hours" if seconds >= 7200 else f"{seconds:g} seconds"
