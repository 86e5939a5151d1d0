"""How long work reports its progress: to a console, to a job's row, or to nobody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class Cancelled(Exception):
    """The caller asked the work to stop. This is no error: what is finished stays."""


class Reporter(Protocol):
    """Takes what core reports about work in progress. Every method is cheap and may be called often."""

    def progress(self, fraction: float, message: str) -> None:
        """Take the share that is done and what happens now.

        Args:
            fraction: Share done in [0, 1].
            message: One line for a person, a short clause with a capital first letter.

        Raises:
            Cancelled: The work should stop.
        """

    def metric(self, step: int, values: Mapping[str, float]) -> None:
        """Take one row of a curve (an epoch's losses and scores).

        Args:
            step: Number of the row; a repeated one replaces the first.
            values: Name -> value.
        """

    def part(self, document: Mapping[str, Any]) -> None:
        """Take a partial result (an analysis after stage 1).

        Args:
            document: JSON document; it replaces the one before.
        """


class Silent:
    """A Reporter that drops everything."""

    def progress(self, fraction: float, message: str) -> None:
        pass

    def metric(self, step: int, values: Mapping[str, float]) -> None:
        pass

    def part(self, document: Mapping[str, Any]) -> None:
        pass


class Within:
    """A Reporter for one step of a larger work: its fractions 0 to 1 become `start` to `end` of the whole."""

    def __init__(self, report: Reporter, start: float, end: float) -> None:
        self._report, self._start, self._end = report, start, end

    def progress(self, fraction: float, message: str) -> None:
        self._report.progress(self._start + (self._end - self._start) * fraction, message)

    def metric(self, step: int, values: Mapping[str, float]) -> None:
        self._report.metric(step, values)

    def part(self, document: Mapping[str, Any]) -> None:
        self._report.part(document)
