"""Facts about processes, from /proc: which are alive, which belong to a job, what they hold and wait for."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
from pathlib import Path

PR_SET_PDEATHSIG = 1
JOB_VARIABLE = "AWARE_JOB"
PROC = Path("/proc")


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent dies; exit at once if the parent is gone already.

    Args:
        parent: Process number that the parent has given.

    Raises:
        OSError: The kernel refuses the request.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent:
        os._exit(1)


def start_time(pid: int) -> str | None:
    """Return the kernel's start time of a process, which tells apart processes that had the same number.

    Args:
        pid: Process number.

    Returns:
        Ticks since boot, as text; None when no such process is alive.
    """
    try:
        fields = (PROC / str(pid) / "stat").read_text().rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return None
    return None if fields[0] in "ZX" else fields[19]


def host() -> str:
    """Return this machine's name: a process number is valid on its own machine only."""
    return socket.gethostname()


def is_dead(on: str, pid: int, started: str) -> bool:
    """Return True when a process of this machine is gone, also where another has its number by now.

    Args:
        on: Name of the machine that it ran on.
        pid: Process number.
        started: What `start_time` returned when it began.

    Returns:
        False for a process of another machine, about which nothing is known.
    """
    return on == host() and start_time(pid) != started


def _session(pid: int) -> int | None:
    try:
        return int((PROC / str(pid) / "stat").read_text().rsplit(")", 1)[1].split()[3])
    except (OSError, IndexError, ValueError):
        return None


def _pids() -> list[int]:
    return [int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit()]


def session_memory(leader: int) -> int:
    """Measure the memory of a session.

    Args:
        leader: Process number of its leader.

    Returns:
        Resident bytes of all its processes.
    """
    total = 0
    for pid in _pids():
        if _session(pid) == leader:
            with contextlib.suppress(OSError, ValueError, IndexError):  # it ended between the two reads
                total += int((PROC / str(pid) / "statm").read_text().split()[1])
    return total * os.sysconf("SC_PAGE_SIZE")


def core_delays(leader: int) -> dict[int, float]:
    """Return how long each thread of a session has stood ready to run without a core, since it began.

    Source: the second figure of /proc/PID/task/TID/schedstat (run delay, ns), which Linux keeps per thread.

    Args:
        leader: Process number of the session's leader.

    Returns:
        Thread number -> seconds. Empty where the kernel does not keep the figure.
    """
    delays: dict[int, float] = {}
    for pid in _pids():
        if _session(pid) != leader:
            continue
        for thread in (PROC / str(pid) / "task").glob("[0-9]*"):
            with contextlib.suppress(OSError, ValueError, IndexError):  # it ended between the two reads
                delays[int(thread.name)] = int((thread / "schedstat").read_text().split()[1]) / 1e9
    return delays


def machine_memory() -> int:
    """Return the bytes of memory that this machine, or the control group that it runs in, may use."""
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for name in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with contextlib.suppress(OSError, ValueError):
            total = min(total, int(Path(name).read_text()))
    return total


def oom_kills() -> int:
    """Return how often the kernel has killed for lack of memory in this control group (or on this machine)."""
    for name, key in (("/sys/fs/cgroup/memory.events", "oom_kill"), ("/proc/vmstat", "oom_kill")):
        with contextlib.suppress(OSError):
            for line in Path(name).read_text().splitlines():
                word, _, count = line.partition(" ")
                if word == key:
                    return int(count)
    return 0


def job_processes(job_id: str) -> list[int]:
    """Return the living processes that were started for a job.

    Args:
        job_id: Id of the job; its processes have it in their environment.

    Returns:
        Process numbers, without this process.
    """
    wanted = f"{JOB_VARIABLE}={job_id}".encode()
    pids = []
    for pid in _pids():
        with contextlib.suppress(OSError):  # another user's, or ended meanwhile
            if wanted in (PROC / str(pid) / "environ").read_bytes().split(b"\0"):
                pids.append(pid)
    return [pid for pid in pids if pid != os.getpid()]


def kill_group(leader: int, number: int = signal.SIGKILL) -> None:
    """Signal a process group; a group that is gone is no error.

    Args:
        leader: Process number of its leader.
        number: The signal.
    """
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, number)


def kill_job_processes(job_id: str) -> int:
    """Kill the processes of a job whose worker died.

    Args:
        job_id: Id of the job.

    Returns:
        How many processes there were.
    """
    pids = job_processes(job_id)
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return len(pids)
