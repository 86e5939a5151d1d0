"""A job's voice: gathers progress in memory and writes it to the job's row at most twice a second."""

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
    """Progress as lines of a job's log: every row of the curve, every new kind of message, and a message that only
    counts on ("step 7 of 90") once in LOG_SECONDS.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self._kind, self._at = "", -math.inf

    def progress(self, fraction: float, message: str) -> None:
        kind, now = re.sub(r"\d+|:.*", "", message), time.monotonic()
        if kind != self._kind or now - self._at >= LOG_SECONDS:
            self._kind, self._at = kind, now
            self._line(f"{100 * fraction:3.0f} %  {message}")

    def metric(self, step: int, values: Mapping[str, float]) -> None:
        self._line(f"step {step}: " + ", ".join(f"{name} {value:.4g}" for name, value in values.items()))

    def _line(self, text: str) -> None:
        # A message may hold a file's name: control characters in it must not reach a terminal.
        plain = "".join(c if c.isprintable() else "?" for c in text)
        self.stream.write(f"{time.strftime('%H:%M:%S')} {plain}\n")
        self.stream.flush()


class StoreReporter:
    """A core.progress.Reporter on one attempt of one job, with the lease watched by a thread.

    Args:
        on_lost: called once, in the thread, when the attempt is no longer held.
        beat: renew the lease here (a job in the caller); otherwise the supervisor renews it and this object
            only watches that it does.
        log: where progress is written as lines of text too, see `JobLog`; None: nowhere.
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
        """Raises Cancelled when the job was cancelled, or has passed on."""
        if self.listener is not None:
            self.listener(fraction, message)
        if self.log is not None:
            self.log.progress(fraction, message)
        with self._lock:
            self._news |= {"fraction": min(1.0, max(0.0, float(fraction))), "message": message}
        self._check()

    def metric(self, step: int, values: Mapping[str, float]) -> None:
        if self.log is not None:
            self.log.metric(step, values)
        # JSON knows no NaN; a diverged loss is stored as null.
        row = {name: float(value) if math.isfinite(value) else None for name, value in values.items()}
        with self._lock:
            self._metrics[int(step)] = row  # type: ignore[assignment]
        self._check()

    def part(self, document: Mapping[str, Any]) -> None:
        """Written at once: somebody is looking at a half-finished card."""
        with self._lock:
            self._news["part"] = dict(document)
        self.flush()
        self._check()

    def _check(self) -> None:
        if self.stop.is_set() or self.lost.is_set():
            raise Cancelled

    def flush(self) -> None:
        """Write what is new."""
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
                with self._lock:  # kept for the next round; newer values win
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
