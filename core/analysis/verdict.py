"""From the faces of a picture or clip to one verdict, by a rule that is stated. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.documents.analysis import FaceReport
from core.documents.decision import Decision, Verdict

RULES = 2
"""Raised whenever scores may become another verdict, so that no answer by older rules is given to a new question."""
PROMISE = (
    "What the policy promises holds for one face at a time, on material like the validation faces that chose its exits"
)
RULE = (
    "Fake if any face is fake; else uncertain if any face is uncertain or was left out; real only if every face is "
    "real. The p_fake shown is that of the face that decided: the most suspicious one."
)

MIN_FACE_PX = 64
"""A face whose longer side has fewer pixels than this is not judged: the members were trained on larger ones."""
BLURRED = 8.0
"""Sharpness (`core.data.faces.faces.face_quality`) under which nothing fine is left to judge."""
SOFT = 20.0
"""Under this, a warning."""


@dataclass(frozen=True)
class MediaVerdict:
    """The verdict of the whole file.

    Attributes:
        verdict: What the file is called.
        face: Index in the list of the face that decided; None without faces.
        reason: Why, in plain sentences.
        withheld: Why the deciding face's answer real or fake is withheld; empty when it stands.
    """

    verdict: Verdict
    face: int | None
    reason: str
    withheld: str = ""


def judge(faces: Sequence[FaceReport], left_out: int = 0) -> MediaVerdict:
    """Apply RULE. left_out: faces that were found and not scored; they forbid `real`, never `fake`."""
    if not faces:
        return MediaVerdict("not_applicable", None, "No face was found, so there is nothing to judge.")
    order = sorted(range(len(faces)), key=lambda i: (_rank(faces[i].decision), -i), reverse=True)
    chosen = order[0]
    verdict = faces[chosen].decision.verdict
    reason = faces[chosen].decision.reason
    if len(faces) > 1:
        reason = f"Face {faces[chosen].face + 1} of {len(faces)} decides. {reason}"
    if left_out:
        counted = f"{len(faces) + left_out} faces were found and {len(faces)} scored."
        if verdict == "real":
            why = (
                f"{counted} The scored faces look real, but a verdict of real needs every face. Crop the picture, or "
                "have more faces scored."
            )
            return MediaVerdict("uncertain", chosen, why, withheld=why)
        reason = f"{counted} {reason}"
    return MediaVerdict(verdict, chosen, reason, withheld=faces[chosen].decision.withheld)


def rule_of(faces: int, left_out: int = 0) -> str:
    """How the verdict follows from so many scored faces and what the promises mean for them; empty without a face."""
    if not faces:
        return ""
    if faces + left_out == 1:
        return f"{PROMISE}."
    more = f"with {faces} faces scored, a false alarm on one of them is up to {faces} times as likely"
    return f"{RULE} {PROMISE}; {more}." if faces > 1 else f"{RULE} {PROMISE}."


def _rank(decision: Decision) -> tuple[int, float]:
    """Fake over uncertain over real; within one verdict the highest p_fake. No number ranks below any number."""
    order = {"real": 0, "uncertain": 1, "fake": 2}
    return order[decision.verdict], -1.0 if decision.p_fake is None else decision.p_fake


def abstain(decision: Decision, why: str) -> Decision:
    """Return the decision as `uncertain`, because the input or the members' own figures do not support an answer.

    The trace stays as it is: the step that decided keeps its outcome. A decision that was uncertain already has no
    answer to withhold; it only gets the reason.

    Args:
        decision: What the cascade decided on one face.
        why: One or more plain sentences.

    Returns:
        The decision with the verdict `uncertain`; `withheld` holds `why` when an answer real or fake is withheld.
    """
    if decision.verdict == "uncertain":
        return decision.model_copy(update={"reason": f"{why} {decision.reason}"})
    reason = f"{why} The answer of the cascade ({decision.verdict}) is withheld: {decision.reason}"
    return decision.model_copy(update={"verdict": "uncertain", "reason": reason, "withheld": why})


def input_problems(side_px: float, sharpness: float, what: str = "face") -> tuple[str | None, list[str]]:
    """(why to abstain or None, warnings) for one face, or for the `picture` scored in its place.

    side_px: longer side of the face box in the decoded picture, pixels. sharpness: see BLURRED.
    """
    if side_px < MIN_FACE_PX:
        said = f"The {what} is {side_px:.0f} px wide; under {MIN_FACE_PX} px too little is left to judge."
        return said, [said]
    if sharpness < BLURRED:
        said = f"The {what} is too blurred or too dark to judge: hardly any fine detail is left."
        return said, [said]
    if sharpness < SOFT:
        return None, [f"The {what} is soft: little fine detail is left, and the verdict is less sure."]
    return None, []
