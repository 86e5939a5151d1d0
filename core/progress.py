"""How long work speaks to whoever watches it: a console, a job row, or nobody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class Cancelled(Exception):
    """Raised inside work whose caller asked it to stop. Not an error: what is finished stays."""


class Reporter(Protocol):
    """Everything that core ever says about work in progress. Every method is cheap and may be called often."""

    def progress(self, fraction: float, message: str) -> None:
        """Share done in [0, 1] and one line for a person. Raises Cancelled if the work should stop."""

    def metric(self, step: int, values: Mapping[str, float]) -> None:
        """One row of a curve (an epoch's losses and scores)."""

    def part(self, document: Mapping[str, Any]) -> None:
        """A partial result, a JSON document that replaces the one before (an analysis after stage 1)."""


class Silent:
    """A Reporter that says nothing."""

    def progress(self, fraction: float, message: str) -> None:
        pass

    def metric(self, step: int, values: Mapping[str, float]) -> None:
        pass

    def part(self, document: Mapping[str, Any]) -> None:
        pass


class Within:
    """A Reporter for one step of a larger work: its 0 to 1 becomes `start` to `end` of the whole."""

    def __init__(self, report: Reporter, start: float, end: float) -> None:
        self._report, self._start, self._end = report, start, end

    def progress(self, fraction: float, message: str) -> None:
        self._report.progress(self._start + (self._end - self._start) * fraction, message)

    def metric(self, step: int, values: Mapping[str, float]) -> None:
        self._report.metric(step, values)

    def part(self, document: Mapping[str, Any]) -> None:
        self._report.part(document)
