"""Raw pictures and clips to square crops, in parallel: every file ends in the report, kept or with the reason."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from core.data.faces.faces import find_faces  # noqa: F401 - the registry is filled by it
from core.data.faces.types import face_detectors
from core.data.prepare.ingest import ingest, subjects_of, thresholds
from core.data.prepare.journal import JOURNAL, Outcome, read_journal, summary, why, write_report
from core.data.prepare.worker_pool import Died, unordered, usable_cores
from core.data.sources.base import SourceItem
from core.data.spec import PrepareSpec
from core.progress import Reporter

FILES_A_WORKER = 8
"""A worker takes seconds to start: for fewer files than this it does not pay."""

__all__ = ["FILES_A_WORKER", "collect", "summary", "thresholds", "workers_for"]


def collect(items: list[SourceItem], spec: PrepareSpec, folder: Path, report: Reporter) -> pd.DataFrame:
    """Take in every file below `folder`. Files done by an interrupted run are not done again. Writes report.csv.

    Args:
        items: The files.
        spec: What to keep of them.
        folder: Where crops, sound, journal and report go.
        report: Receives the progress.

    Returns:
        Manifest rows in the order of the files, the same for any number of workers.

    Raises:
        ValueError: Nothing at all could be kept, or the spec asks the impossible.
        RuntimeError: The face detector cannot run.
        Cancelled: The job was stopped; no process is left behind.
    """
    _check(items, spec)
    done = read_journal(folder)
    todo = [item for item in items if item.name not in done]
    pace = _Pace(len(items), len(items) - len(todo))
    work = partial(ingest, spec=spec, folder=folder)
    modules = ("torch", face_detectors.get(spec.detector).find.__module__) if spec.detect_faces else ()
    if todo:
        report.progress(pace.share, pace.said(todo[0].name))
    with open(folder / JOURNAL, "a", encoding="utf-8") as journal:
        results = unordered(
            work,
            todo,
            workers_for(spec, len(todo)),
            modules=modules,
            tick=lambda: report.progress(pace.share, pace.said()),
        )
        for index, result in results:
            outcome = _outcome(todo[index], result)
            done[outcome.name] = outcome
            journal.write(outcome.line())
            journal.flush()
            pace.done += 1
            report.progress(pace.share, pace.said(outcome.name))
    outcomes = [done[item.name] for item in items]
    write_report(folder, outcomes)
    rows = [row for item, outcome in zip(items, outcomes, strict=True) for row in _rows(item, outcome)]
    if not rows:
        raise ValueError(f"none of {len(items)} files gave a picture: {why(outcomes)}")
    return pd.DataFrame(rows)


def workers_for(spec: PrepareSpec, files: int) -> int:
    """Choose the number of processes: as asked, else one a core where that pays.

    Args:
        spec: What the person asked for.
        files: How many files there are to do.

    Returns:
        At least 1, at most one a file.
    """
    return max(min(spec.workers or min(usable_cores(), files // FILES_A_WORKER), files), 1)


def _check(items: list[SourceItem], spec: PrepareSpec) -> None:
    """What would otherwise fail file by file. Raises ValueError, RuntimeError."""
    for item in items:
        subjects_of(item)
    if not spec.detect_faces:
        return
    detector = face_detectors.get(spec.detector)
    problem = detector.ready()
    if problem:
        raise RuntimeError(problem)
    if spec.aligned and not detector.landmarks:
        able = ", ".join(one.name for one in face_detectors if one.landmarks)
        raise ValueError(
            f"the face detector {spec.detector} gives no landmarks to align by; use {able}, or no alignment"
        )


def _outcome(item: SourceItem, result: Any) -> Outcome:
    if not isinstance(result, Died):
        return result
    sentence = (
        f"The process that read the file was ended (exit {result.code}), most likely because it used too much memory."
    )
    return Outcome(item.name, "refused", "worker_died", sentence)


def _rows(item: SourceItem, outcome: Outcome) -> Iterator[dict[str, Any]]:
    """Manifest rows: what the source said of the file, then what was measured on each crop."""
    for crop in outcome.crops:
        measured = {**crop.columns(), "source": item.name, "sha256": outcome.sha256, "audio": outcome.audio}
        clip = item.name if outcome.kind == "video" else ""
        yield {**item.row, **measured, "video": item.row.get("video") or clip}


class _Pace:
    """Share done, speed and time left of a preparation."""

    def __init__(self, total: int, done: int) -> None:
        self.total, self.done, self.before, self.start = total, done, done, time.monotonic()

    @property
    def share(self) -> float:
        return self.done / self.total if self.total else 1.0

    def said(self, name: str = "") -> str:
        text = f"{self.done} of {self.total} files"
        spent, new = time.monotonic() - self.start, self.done - self.before
        if new and spent > 2:
            left = (self.total - self.done) * spent / new
            pace = f"{new / spent:.1f} files/s" if new >= spent else f"{spent / new:.1f} s a file"
            text += f", {pace}, {_duration(left)} left"
        return f"{text}: {name}" if name else text


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{math.ceil(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
