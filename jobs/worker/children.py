"""The supervisor's side of its child processes: start, watch, end. It loads no torch.

No thread starts a child: a child dies with the thread that started it (PR_SET_PDEATHSIG).
"""

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

from core.artifacts.files import read_tail
from jobs.client import Workbench
from jobs.clock import WorkClock
from jobs.process import JOB_VARIABLE, core_delays, kill_group, machine_memory, oom_kills, session_memory
from jobs.queue.models import Job
from jobs.settings import Settings
from jobs.worker.exit_reason import ExitReason, exit_reason

GRACE_SECONDS = 1.0


def environment(settings: Settings, threads: int) -> dict[str, str]:
    """Return the environment of a child process.

    Args:
        settings: Passed on as AWARE_ variables.
        threads: Threads that its math libraries may use.

    Returns:
        This process's environment with both added.
    """
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
    """Return the file for the output of a job's attempt; its folder is made.

    Args:
        workbench: Knows the job's folder.
        job: The claimed row.

    Returns:
        `attempt-N/log.txt` in the job's folder.
    """
    path = workbench.job_folder(job.id) / f"attempt-{job.attempt}" / "log.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


class Child:
    """One process, leader of a session of its own, and the job that it runs.

    Attributes:
        process: The session's leader.
        job: The claimed row; None between jobs.
        log: File of the job's output.
        clock: Counts the seconds that the job works; None between jobs.
        term_at: Monotonic second at which it was asked to end; None: it was not.
        limit: Why the supervisor itself ended it, a sentence; empty: it did not.
        yields: Whether it was asked to end so that another job goes first.
        oom_before: Kills for lack of memory on this machine before the job began.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.job: Job | None = None
        self.log: Path | None = None
        self.clock: WorkClock | None = None
        self.term_at: float | None = None
        self.limit = ""
        self.yields = False
        self.oom_before = oom_kills()

    def give(self, job: Job, log: Path, seconds: float) -> None:
        """Note the job that the child now runs, and start its clock.

        Args:
            job: The claimed row.
            log: File of the job's output.
            seconds: Longest work that is allowed.
        """
        self.job, self.log = job, log
        self.clock = WorkClock(seconds, time.monotonic(), core_delays(self.process.pid))
        self.term_at, self.limit, self.yields, self.oom_before = None, "", False, oom_kills()

    @property
    def held(self) -> tuple[str, int]:
        """(id, attempt) of the job that it runs, which every write to the store must name."""
        assert self.job is not None
        return self.job.id, self.job.attempt

    def ended(self) -> bool:
        """Return True once the process has ended; whatever it left in its session is ended first.

        The leader is waited for without being reaped, so that no other process can have taken its group's number.
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
        """Send SIGTERM to the leader, which ends its helpers; `push` kills the group after GRACE_SECONDS."""
        if self.term_at is None and self.process.returncode is None:
            self.term_at = time.monotonic()
            self.process.send_signal(signal.SIGTERM)

    def push(self) -> None:
        """Kill a child that was asked to end more than GRACE_SECONDS ago."""
        if self.term_at is not None and time.monotonic() - self.term_at > GRACE_SECONDS:
            self.kill()

    def kill(self) -> None:
        """Kill the whole process group (SIGKILL)."""
        if self.process.returncode is None:
            kill_group(self.process.pid)

    def check_limits(self, memory: int, now: float) -> None:
        """End the process when it works longer or holds more than it may; `limit` then says why.

        Args:
            memory: Bytes that it may hold.
            now: Seconds of the monotonic clock.
        """
        if self.job is None or self.clock is None or self.limit:
            return
        self.clock.advance(now, core_delays(self.process.pid))
        if self.clock.seconds_left() < 0:
            self.limit = (
                f"It ran longer than the {_duration(self.clock.limit)} that are allowed, and was ended. "
                "The wait for a core does not count."
            )
        elif session_memory(self.process.pid) > memory:
            self.limit = (
                f"Out of memory: it held more than the {memory / 2**30:.1f} GiB that a job may use, and was ended. "
                "Use a smaller batch or smaller inputs, or raise AWARE_MEMORY_GB."
            )
        if self.limit:
            self.kill()

    def exit_reason(self) -> ExitReason:
        """Return why the ended process left its job without an end."""
        log = read_tail(self.log, 8192) if self.log is not None and self.log.is_file() else ""
        killed_for_memory = oom_kills() > self.oom_before
        return exit_reason(self.process.returncode, log, out_of_memory=killed_for_memory, limit=self.limit)


def start_work(workbench: Workbench, job: Job) -> Child:
    """Start the process of one job of the work pool.

    Args:
        workbench: Store, workspace and settings.
        job: The claimed row.

    Returns:
        The running child.
    """
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
    child.give(job, log, settings.work_hours * 3600)
    return child


class WarmChild(Child):
    """The analysis process: it is told what to load and which job to run, and answers line by line.

    Attributes:
        loading: Whether it loads a bundle, or has not yet answered at all.
        since: Monotonic second at which the loading began.
        trouble: Why the bundle in force does not load; empty when it does.
    """

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
        self.seconds = settings.analyze_seconds
        self.loading = True  # until its first answer
        self.since = time.monotonic()
        self.trouble = ""
        self._buffer = b""

    def _send(self, document: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(document).encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            self.kill()  # it is ending; `ended` returns True soon

    def warm(self, bundle: Path, policy: Path | None) -> None:
        """Ask it to load a bundle before the first analysis comes.

        Args:
            bundle: Folder of the bundle.
            policy: File of the policy; None: the bundle's own.
        """
        self.loading, self.since = True, time.monotonic()
        self._send({"warm": {"bundle": str(bundle), "policy": str(policy) if policy else None}})

    def run(self, job: Job, log: Path) -> None:
        """Give it a job to run.

        Args:
            job: The claimed row.
            log: File for the job's output.
        """
        self.give(job, log, self.seconds)
        self._send({"job": job.id, "attempt": job.attempt, "log": str(log)})

    @property
    def idle(self) -> bool:
        return self.job is None and not self.loading and self.process.returncode is None

    def wait_for_answer(self, seconds: float) -> None:
        """Wait until `listen` has something to read.

        Args:
            seconds: Longest wait.
        """
        select.select([self._answers], [], [], seconds)

    def listen(self) -> Job | None:
        """Read the answers that have come.

        Returns:
            The job that has just ended, or None.
        """
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
            elif "paused" in answer and self.clock is not None:
                self.clock.advance(time.monotonic(), core_delays(self.process.pid))
                self.clock.paused = answer["paused"]
            elif self.job is not None and answer.get("done") == self.job.id:
                done, self.job, self.clock, self.term_at = self.job, None, None, None
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
    """Return how much memory one job may hold.

    Args:
        settings: AWARE_MEMORY_GB; 0: four fifths of the machine's memory.

    Returns:
        Bytes.
    """
    return int(settings.memory_gb * 2**30) if settings.memory_gb else machine_memory() * 4 // 5


def _duration(seconds: float) -> str:
    return f"{seconds / 3600:g} hours" if seconds >= 7200 else f"{seconds:g} seconds"
