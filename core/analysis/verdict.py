"""Combine the faces of a picture or clip into one verdict, by a stated rule. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.documents.analysis import FaceReport
from core.documents.decision import Decision, Verdict

RULES = 3
"""Raised whenever scores may become another verdict, so that no answer by older rules is given to a new question."""
NO_FACE = "No face was found, so there is no verdict. If the picture does show a face, score the whole frame."
GUARANTEE_SCOPE = (
    "The guarantees of the policy hold for one face at a time, on material like the validation faces that chose its "
    "exits"
)
RULE = (
    "The file is fake if any face is fake. Otherwise it is uncertain if any face is uncertain or was left out. It is "
    "real only if every face is real. The p_fake shown is that of the face that decides: the most suspicious one."
)

MIN_FACE_PX = 64
"""A face whose longer side has fewer pixels than this is not judged: the members were trained on larger ones."""
MIN_SHARPNESS = 8.0
"""A face with a lower sharpness (`core.data.faces.faces.face_quality`) is not judged: no fine detail is left."""
SOFT_SHARPNESS = 20.0
"""A face with a lower sharpness gets a warning."""
MAX_MISSING = 0.01
"""A face of which the file does not hold a larger share is not judged."""


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
    """Apply RULE to the faces of a file.

    Args:
        faces: Their reports.
        left_out: Number of faces that were found and not scored; they forbid `real`, never `fake`.

    Returns:
        The verdict of the file.
    """
    if not faces:
        return MediaVerdict("not_applicable", None, NO_FACE)
    # Of equal faces the first decides.
    chosen = max(range(len(faces)), key=lambda i: (_rank(faces[i].decision), -i))
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
    """Say how the verdict follows from the faces, and what the guarantees mean for them.

    Args:
        faces: Number of scored faces.
        left_out: Number of faces that were found and not scored.

    Returns:
        One or more sentences; empty without a face.
    """
    if not faces:
        return ""
    if faces + left_out == 1:
        return f"{GUARANTEE_SCOPE}."
    if faces == 1:
        return f"{RULE} {GUARANTEE_SCOPE}."
    # Union bound: the chance of at least one false alarm is at most the sum of the chances of each.
    more = f"With {faces} faces scored, a false alarm on one of them is up to {faces} times as likely."
    return f"{RULE} {GUARANTEE_SCOPE}. {more}"


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


def input_problems(
    side_px: float, sharpness: float, what: str = "face", missing: float = 0.0
) -> tuple[str | None, list[str]]:
    """Say whether the picture of a face is good enough to judge.

    Args:
        side_px: Longer side of the face box in the decoded picture, pixels.
        sharpness: See MIN_SHARPNESS.
        what: "face", or "picture" when the centre square was scored in its place.
        missing: Share of the scored region that the file does not hold, [0, 1].

    Returns:
        (why to abstain, or None; warnings).
    """
    if missing > MAX_MISSING:
        sentence = (
            f"The file ends early or is damaged, and {missing:.0%} of the {what} lies in the part that is missing."
        )
        return sentence, [sentence]
    if side_px < MIN_FACE_PX:
        why = f"The {what} is {side_px:.0f} px wide. Below {MIN_FACE_PX} px it shows too little detail to judge."
        return why, [why]
    if sharpness < MIN_SHARPNESS:
        why = f"The {what} is too blurred or too dark to judge: it shows hardly any fine detail."
        return why, [why]
    if sharpness < SOFT_SHARPNESS:
        return None, [f"The {what} is soft: it shows little fine detail, and the verdict is less certain."]
    return None, []
