"""A job's voice: gathers progress in memory and writes it to the job's row at most twice a second."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy.exc import DBAPIError

from core.progress import Cancelled
from jobs.store import LEASE_SECONDS, LeaseLost, Store

log = logging.getLogger(__name__)
WRITE_SECONDS = 0.5
WATCH_SECONDS = 2.0


class StoreReporter:
    """A core.progress.Reporter on one attempt of one job, with the lease watched by a thread.

    Args:
        on_lost: called once, in the thread, when the attempt is no longer held.
        beat: renew the lease here (a job in the caller); otherwise the supervisor renews it and this object
            only watches that it does.
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
    ) -> None:
        self.store, self.job_id, self.attempt = store, job_id, attempt
        self.on_lost, self.beat, self.lease, self.listener = on_lost, beat, lease, listener
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
        with self._lock:
            self._news |= {"fraction": min(1.0, max(0.0, float(fraction))), "message": message}
        self._check()

    def metric(self, step: int, values: Mapping[str, float]) -> None:
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
