"""Draw the evidence of one face by the members that scored it, as PNGs beside the analysis document."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.bundles.load import LoadedMember
from core.documents.analysis import Evidence
from core.documents.decision import Verdict
from core.explain.evidence import explain, explain_spectrum
from core.explain.spec import heat_map_of

log = logging.getLogger(__name__)

FINISH_SECONDS = 2.0
"""Kept free of evidence: the document is still to be stored and the job to be ended."""
FIRST_MAP_PASSES = 40.0
"""Expected time of the first map, in times of scoring one crop. Measured on two busy CPU cores for a heat map with its
sanity check: 7 to 18, and up to 38 for the first map of a process."""


@dataclass(frozen=True)
class EvidenceTask:
    """One member's part of the evidence.

    Attributes:
        member: The detector.
        crop: (H, W, 3) uint8 RGB of the face.
        score_seconds: Time that the member took to score one crop; its maps take a multiple of it.
    """

    member: LoadedMember
    crop: np.ndarray
    score_seconds: float


class TimeBudget:
    """Decides whether a map still fits into the time that is left, from the maps drawn so far."""

    def __init__(self, seconds_left: Callable[[], float | None]) -> None:
        """Start without an experience of maps.

        Args:
            seconds_left: Seconds until the work will be ended; None: no limit.
        """
        self._seconds_left = seconds_left
        self._passes: float | None = None

    def allows(self, score_seconds: float) -> bool:
        """Tell whether the next map fits.

        Args:
            score_seconds: Time that its member takes to score one crop; 0 for what takes next to no time.

        Returns:
            True without a limit, or when the map's expected time and FINISH_SECONDS are left.
        """
        left = self._seconds_left()
        passes = FIRST_MAP_PASSES if self._passes is None else self._passes
        return left is None or left > FINISH_SECONDS + passes * score_seconds

    def note(self, score_seconds: float, map_seconds: float) -> None:
        """Learn from a map that was drawn: the slowest one so far, in times of scoring, is expected of the next.

        Args:
            score_seconds: Time that its member takes to score one crop.
            map_seconds: Time that the map took.
        """
        if score_seconds > 0:
            self._passes = max(self._passes or 0.0, map_seconds / score_seconds)


def draw_evidence(
    tasks: Sequence[EvidenceTask],
    face: int,
    verdict: Verdict,
    out: Path,
    heat_maps: Sequence[str],
    budget: TimeBudget,
) -> Iterator[tuple[list[Evidence], list[str]]]:
    """Draw what each member shows on its crop, then the spectrum of the first crop.

    A picture that cannot be drawn, or for which there is no time, costs the evidence and never the verdict: it is named
    in a warning.

    Args:
        tasks: One for each member that scored the face.
        face: Number of the face from 0.
        verdict: Of the whole file; the maps argue for its side.
        out: Existing folder for the PNGs.
        heat_maps: As in AnalyzeSpec.
        budget: The time that may be spent.

    Yields:
        (evidence, warnings) of each member and of the spectrum; at the end, if need be, a warning that names what was
        left out.
    """
    left_out = []
    for task in tasks:
        if not budget.allows(task.score_seconds):
            left_out.append(f"the maps of {task.member.title}")
            continue
        start = time.perf_counter()
        yield _explain(task, face, verdict, out, heat_maps)
        budget.note(task.score_seconds, time.perf_counter() - start)
    if tasks and budget.allows(0.0):
        yield [explain_spectrum(tasks[0].crop, face, out)], []
    elif tasks:
        left_out.append("the spectrum")
    if left_out:
        yield [], [f"The time limit of the analysis leaves no time for part of the evidence: {', '.join(left_out)}."]


def _explain(
    task: EvidenceTask, face: int, verdict: Verdict, out: Path, heat_maps: Sequence[str]
) -> tuple[list[Evidence], list[str]]:
    member = task.member
    try:
        method = heat_map_of(member.name, list(heat_maps))
        return explain(member.detector, task.crop, member.name, face, verdict, out, method), []
    except Exception as error:
        log.exception("evidence of %s failed", member.name)
        return [], [f"The evidence of {member.title} could not be drawn ({type(error).__name__})."]
