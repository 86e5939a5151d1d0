"""The time limit of a job counts work: not the queue, not shared models that load, not the wait for a core."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from jobs import process as processes

MAX_STRETCH = 4.0
"""A job ends after this many times its limit by the wall clock, however loaded the machine is."""


class WorkClock:
    """Count the seconds that a job has worked since it began.

    A second of the wall clock is a second of work, less the time that the job stood ready to run and got no core. The
    kernel counts that time for each thread (`jobs.process.core_delays`); the longest wait of one thread is taken. A
    job that hangs waits for no core, so its seconds count in full. Where the kernel does not tell, all seconds count.

    Attributes:
        limit: Seconds of work that are allowed.
        worked: Seconds of work so far.
        paused: Whether the job waits for something that it shares with others (models that load, a lock).
    """

    def __init__(self, limit: float, now: float, delays: Mapping[int, float] | None = None) -> None:
        """Start the clock.

        Args:
            limit: Seconds of work that are allowed, above 0.
            now: Seconds of a monotonic clock.
            delays: Thread number -> seconds that it has waited for a core so far, before this job.
        """
        self.limit = limit
        self.worked = 0.0
        self.paused = False
        self._begun = self._last = now
        self._delays = dict(delays or {})

    def advance(self, now: float, delays: Mapping[int, float]) -> None:
        """Count the time since the last call.

        Args:
            now: Seconds of the same monotonic clock, not before the last call's.
            delays: Thread number -> seconds that it has waited for a core so far.
        """
        passed = now - self._last
        waits = (seconds - self._delays.get(thread, 0.0) for thread, seconds in delays.items())
        waited = min(passed, max(0.0, max(waits, default=0.0)))
        if not self.paused:
            self.worked += passed - waited
        self._last, self._delays = now, dict(delays)

    def seconds_left(self) -> float:
        """Return the seconds until the limit, as of the last `advance`; 0 or less when it is reached."""
        return min(self.limit - self.worked, MAX_STRETCH * self.limit - (self._last - self._begun))


class JobClock:
    """What a running job may ask and say about its time limit. Without a limit it answers None."""

    def __init__(self, limit: float | None = None, tell: Callable[[bool], None] | None = None) -> None:
        """Start the clock of a job in its own process.

        Args:
            limit: Seconds of work that are allowed; None: a command in the foreground, which has no limit.
            tell: Called with True when a pause begins and False when it ends, so that the supervisor, which enforces
                the limit, pauses its own clock too.
        """
        self._tell = tell
        self._clock = None if limit is None else WorkClock(limit, time.monotonic(), _own_delays())

    def seconds_left(self) -> float | None:
        """Return the seconds of work that are left before the job is ended, or None without a limit."""
        if self._clock is None:
            return None
        self._clock.advance(time.monotonic(), _own_delays())
        return self._clock.seconds_left()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Do not count the time inside the block: shared models load, or another process holds a lock."""
        self._pause(True)
        try:
            yield
        finally:
            self._pause(False)

    def _pause(self, paused: bool) -> None:
        if self._clock is None:
            return
        self._clock.advance(time.monotonic(), _own_delays())
        self._clock.paused = paused
        if self._tell is not None:
            self._tell(paused)


def _own_delays() -> dict[int, float]:
    return processes.core_delays(os.getsid(0))
