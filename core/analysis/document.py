"""Turn what is known of a file into the analysis document, at every step of its way."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from core.analysis.consistency_checks import objections
from core.analysis.faces import FaceCandidate, FacesFound
from core.analysis.verdict import NO_FACE, abstain, input_problems, judge, rule_of
from core.cascade.units import UnitResult
from core.documents.analysis import Analysis, BundleReference, FaceReport
from core.documents.inputs import InputSpec
from core.documents.policy import Exits
from core.media.types import Media


@dataclass(frozen=True)
class Basis:
    """What judges a file.

    Attributes:
        reference: Bundle and policy, as the document names them.
        final: The last band of the policy.
        titles: Title by member.
        stage1_input: Input of the stage-1 member; sharpness is measured on its crops.
    """

    reference: BundleReference
    final: Exits
    titles: Mapping[str, str]
    stage1_input: InputSpec


@dataclass
class Timings:
    """Seconds by step of one analysis.

    Attributes:
        seconds: Step -> seconds; a step that runs twice adds up.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    _start: float = field(default_factory=time.perf_counter)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Add the time inside the block to a step.

        Args:
            name: The step.

        Yields:
            Nothing.
        """
        start = time.perf_counter()
        try:
            yield
        finally:
            self.add(name, time.perf_counter() - start)

    def add(self, name: str, seconds: float) -> None:
        """Add seconds to a step.

        Args:
            name: The step.
            seconds: How long it took.
        """
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds

    def with_total(self) -> dict[str, float]:
        """Return the seconds by step, and under `total` the seconds since the analysis began."""
        return {**self.seconds, "total": time.perf_counter() - self._start}


@dataclass
class Case:
    """One file under analysis: what is known of it so far.

    Attributes:
        file_name: Its name, text from outside.
        media: The decoded frames.
        faces: The faces to judge.
        notes: Sentences for the card's warnings.
        timings: Seconds by step.
        results: One for each face in `faces.candidates`; empty before the cascade has begun.
    """

    file_name: str
    media: Media
    faces: FacesFound
    notes: list[str]
    timings: Timings
    results: list[UnitResult] = field(default_factory=list)


def analysis_document(case: Case, basis: Basis) -> Analysis:
    """Write what can be said of a file so far, as a partial document.

    Args:
        case: The file, with the results of the cascade so far.
        basis: Bundle and policy that judge it.

    Returns:
        The document with `complete` false and without evidence.
    """
    pairs = zip(case.faces.candidates, case.results, strict=True)
    faces = [face_report(i, candidate, result, case.media, basis) for i, (candidate, result) in enumerate(pairs)]
    verdict = judge(faces, case.faces.left_out)
    decision = faces[verdict.face].decision if verdict.face is not None else None
    return Analysis(
        sha256=case.media.sha256,
        file_name=case.file_name,
        media=case.media.describe(),
        faces=faces,
        verdict=verdict.verdict,
        p_fake=decision.p_fake if decision else None,
        decided_by=decision.decided_by if decision else None,
        reason=verdict.reason if faces else NO_FACE,
        withheld=verdict.withheld,
        rule=rule_of(len(faces), case.faces.left_out),
        trace=decision.trace if decision else [],
        timings=dict(case.timings.seconds),
        bundle=basis.reference,
        warnings=[*case.media.warnings, *case.notes],
        complete=False,
    )


def face_report(index: int, candidate: FaceCandidate, result: UnitResult, media: Media, basis: Basis) -> FaceReport:
    """Write the report of one face; its answer is withheld when the picture or the members' figures contradict it.

    Args:
        index: The face's number from 0.
        candidate: The face.
        result: Its way through the cascade so far.
        media: The file.
        basis: Bundle and policy that judge it.

    Returns:
        The report, without its crop.
    """
    decision = result.current_decision()
    shown = shown_frame(result)
    curve = result.frames.get(deciding_member(result), np.array([])) if media.kind == "video" else np.array([])
    timeline = [(float(t), float(p)) for t, p in zip(result.times, curve, strict=False)]
    sharpness = candidate.sharpness(basis.stage1_input)
    missing = candidate.missing(media, basis.stage1_input)
    what = "picture" if candidate.whole else "face"
    problem, warnings = input_problems(candidate.side_px, sharpness, what, missing)
    # A picture that is too poor is reason enough; otherwise the members' own figures are compared with the answer.
    reasons = [problem] if problem else objections(decision, basis.final, timeline, basis.titles)
    return FaceReport(
        face=index,
        box=candidate.shown_box(media, shown),
        shown_at=float(candidate.times[shown]),
        detection_score=candidate.score,
        frames=len(candidate.times),
        decision=abstain(decision, " ".join(reasons)) if reasons else decision,
        timeline=timeline,
        warnings=warnings,
    )


def deciding_member(result: UnitResult) -> str:
    """Find the member whose curve over time is shown.

    Args:
        result: A face's way through the cascade.

    Returns:
        The member whose exit the face took, else the last that scored it; `stage1` when none did.
    """
    scored = [step for step in result.steps if step.status == "scored"]
    exits = [step for step in scored if step.outcome in ("real", "fake")]
    if exits:
        return exits[0].member
    return scored[-1].member if scored else "stage1"


def shown_frame(result: UnitResult) -> int:
    """Find the frame that crop, box and evidence show: the most suspicious one to the deciding member.

    Args:
        result: A face's way through the cascade.

    Returns:
        Index of the frame; 0 when no member scored it.
    """
    return int(np.argmax(result.frames.get(deciding_member(result), np.zeros(len(result.times)))))
