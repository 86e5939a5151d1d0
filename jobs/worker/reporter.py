"""Progress of a running job, gathered in memory and written to the job's row at most twice a second."""

from __future__ import annotations

import logging
import math
import re
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, TextIO

from sqlalchemy.exc import DBAPIError

from core.progress import Cancelled
from jobs.queue.store import LEASE_SECONDS, LeaseLost, Store

log = logging.getLogger(__name__)
WRITE_SECONDS = 0.5
WATCH_SECONDS = 2.0
LOG_SECONDS = 10.0


class JobLog:
    """Writes progress as lines of a job's log.

    Every row of the curve and every new kind of message gets a line; a message that only counts on ("step 7 of 90")
    gets one in LOG_SECONDS.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self._kind, self._at = "", -math.inf

    def progress(self, fraction: float, message: str) -> None:
        """Write one line, unless the message has only counted on since a short time.

        Args:
            fraction: Share done in [0, 1].
            message: One line for a person.
        """
        kind, now = re.sub(r"\d+|:.*", "", message), time.monotonic()
        if kind != self._kind or now - self._at >= LOG_SECONDS:
            self._kind, self._at = kind, now
            self._line(f"{100 * fraction:3.0f} %  {message}")

    def metric(self, step: int, values: Mapping[str, float]) -> None:
        """Write one row of the curve.

        Args:
            step: Number of the step.
            values: Name -> value.
        """
        self._line(f"step {step}: " + ", ".join(f"{name} {value:.4g}" for name, value in values.items()))

    def _line(self, text: str) -> None:
        # A message may hold a file's name: control characters in it must not reach a terminal.
        plain = "".join(c if c.isprintable() else "?" for c in text)
        self.stream.write(f"{time.strftime('%H:%M:%S')} {plain}\n")
        self.stream.flush()


class StoreReporter:
    """A core.progress.Reporter for one attempt of one job; a thread watches the lease.

    Attributes:
        stop: Set when the job must stop: the next report raises Cancelled.
        lost: Set when the attempt is no longer held.
    """

    def __init__(
        self,
        store: Store,
        job_id: str,
        attempt: int,
        *,
        on_lost: Callable[[], None],
        beat: bool = False,
        lease: float = LEASE_SECONDS,
        listener: Callable[[float, str], None] | None = None,
        log: TextIO | None = None,
    ) -> None:
        """Prepare the reporter; the thread runs inside `with`.

        Args:
            store: Where progress is written.
            job_id: Id of the job.
            attempt: The attempt that this process holds.
            on_lost: Called once, in the thread, when the attempt is no longer held.
            beat: Renew the lease here (a job in the foreground); otherwise the supervisor renews it and this object
                only watches that it does.
            lease: Seconds without a renewal after which another worker may take the job.
            listener: Called with every progress; None: nobody.
            log: Where progress is also written as lines of text, see `JobLog`; None: nowhere.
        """
        self.store, self.job_id, self.attempt = store, job_id, attempt
        self.on_lost, self.beat, self.lease, self.listener = on_lost, beat, lease, listener
        self.log = JobLog(log) if log is not None else None
        self.stop = threading.Event()
        self.lost = threading.Event()
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._news: dict[str, Any] = {}
        self._metrics: dict[int, Mapping[str, float]] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="reporter", daemon=True)

    def __enter__(self) -> StoreReporter:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def progress(self, fraction: float, message: str) -> None:
        """Take the job's progress.

        Args:
            fraction: Share done in [0, 1].
            message: One line for a person.

        Raises:
            Cancelled: The job was cancelled, must stop, or has passed on to another attempt.
        """
        if self.listener is not None:
            self.listener(fraction, message)
        if self.log is not None:
            self.log.progress(fraction, message)
        with self._lock:
            self._news |= {"fraction": min(1.0, max(0.0, float(fraction))), "message": message}
        self._check()

    def metric(self, step: int, values: Mapping[str, float]) -> None:
        """Take one row of the job's curve.

        Args:
            step: Number of the step; a repeated one is overwritten.
            values: Name -> value; NaN and infinity are stored as null.

        Raises:
            Cancelled: As `progress`.
        """
        if self.log is not None:
            self.log.metric(step, values)
        # JSON knows no NaN; a diverged loss is stored as null.
        row = {name: float(value) if math.isfinite(value) else None for name, value in values.items()}
        with self._lock:
            self._metrics[int(step)] = row  # type: ignore[assignment]
        self._check()

    def part(self, document: Mapping[str, Any]) -> None:
        """Write a partial result at once: a person may be looking at it.

        Args:
            document: JSON document that replaces the one before.

        Raises:
            Cancelled: As `progress`.
        """
        with self._lock:
            self._news["part"] = dict(document)
        self.flush()
        self._check()

    def _check(self) -> None:
        if self.stop.is_set() or self.lost.is_set():
            raise Cancelled

    def flush(self) -> None:
        """Write what is new since the last time.

        Raises:
            DBAPIError: The database does not answer; the news stay for the next time.
        """
        with self._writing:
            with self._lock:
                news, metrics = self._news, self._metrics
                self._news, self._metrics = {}, {}
            if not news and not metrics:
                return
            try:
                if self.store.report(self.job_id, self.attempt, metrics=list(metrics.items()), **news):
                    self.stop.set()
            except LeaseLost:
                self._lose()
            except DBAPIError:
                with self._lock:  # stays for the next round; newer values win
                    self._news = news | self._news
                    self._metrics = metrics | self._metrics
                raise

    def _lose(self) -> None:
        if not self.lost.is_set():
            self.lost.set()
            self.on_lost()

    def _watch(self) -> None:
        seen, since, checked = -1, time.monotonic(), 0.0
        while not self._ended.wait(WRITE_SECONDS):
            now = time.monotonic()
            try:
                self.flush()
                if now - checked < WATCH_SECONDS:
                    continue
                checked = now
                if self.beat and self.store.beat([(self.job_id, self.attempt)]):
                    self._lose()
                row = self.store.get(self.job_id)
                if row.cancel_requested:
                    self.stop.set()
                if row.attempt != self.attempt or row.state != "running":
                    self._lose()
                if row.beat != seen:
                    seen, since = row.beat, now
            except DBAPIError as error:
                log.warning("the database does not answer (%s); trying again", str(error).splitlines()[0])
            # Two thirds of the lease: this process must be gone before another may take the job.
            if now - since > self.lease * 2 / 3:
                log.error("nobody has renewed the lease for %.0f s: stopping", now - since)
                self._lose()
