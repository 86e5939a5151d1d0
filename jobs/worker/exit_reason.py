"""Why a job's process ended without a result, as a sentence for a person."""

from __future__ import annotations

import signal
from dataclasses import dataclass

# Faults of the program itself: another attempt on the same input would end the same way.
CRASHES = (signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGABRT, signal.SIGSYS)


@dataclass(frozen=True)
class ExitReason:
    """Why a process ended.

    Attributes:
        reason: Sentences for a person.
        again: Another attempt may succeed: the process was ended from outside, not by its own fault.
    """

    reason: str
    again: bool


def exit_reason(returncode: int, log: str, *, out_of_memory: bool, limit: str = "") -> ExitReason:
    """Find why a process ended.

    Args:
        returncode: As subprocess gives it (negative: the signal that ended it).
        log: End of its log; its last lines are quoted.
        out_of_memory: Whether the kernel killed a process for lack of memory meanwhile.
        limit: The limit for which the supervisor itself ended the process, a sentence; empty: none.

    Returns:
        The reason, and whether another attempt may succeed.
    """
    if limit:
        return ExitReason(limit, again=False)
    quoted = _last_lines(log)
    if returncode < 0:
        number = -returncode
        name = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
        if number == signal.SIGKILL and out_of_memory:
            return ExitReason(
                "Out of memory: the system ended the job's process (SIGKILL). "
                "Use a smaller batch, smaller inputs or a machine with more memory, then retry.",
                again=False,
            )
        if number in CRASHES:
            return ExitReason(f"The job's process crashed ({name}).{quoted}", again=False)
        return ExitReason(f"The job's process was ended from outside ({name}).", again=True)
    if returncode == 0:
        return ExitReason(f"The job's process ended without a result.{quoted}", again=False)
    return ExitReason(f"The job's process ended with exit code {returncode}.{quoted}", again=False)


def _last_lines(log: str, count: int = 3) -> str:
    lines = [line.strip() for line in log.splitlines() if line.strip()][-count:]
    return f" Last lines of its log: {' | '.join(line[:200] for line in lines)}" if lines else " Its log is empty."
