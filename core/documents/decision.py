"""The decision of the cascade on one face, and its trace. Pure data."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from core.documents.policy import Exits
from core.spec import Spec

Verdict = Literal["real", "fake", "uncertain", "not_applicable"]
StageName = Literal["stage1", "stage2", "stage3"]
WITHHELD = (
    "Why the answer real or fake of the stage in `decided_by` is withheld, in plain sentences; the verdict is then "
    "uncertain, and the step in the trace keeps its outcome. Empty: the answer stands."
)


class TraceStep(Spec):
    """The part of one member in the way of one face through the cascade."""

    stage: StageName
    member: str
    status: Literal["scored", "skipped", "missing", "failed"]
    p_fake: float | None = None
    log_odds: float | None = None
    exits: Exits | None = None
    outcome: Literal["real", "fake", "uncertain", "open"] | None = None
    reason: str
    seconds: float = 0.0


class Decision(Spec):
    """What the cascade decides on one unit: a face, or the track of one face through a clip."""

    verdict: Literal["real", "fake", "uncertain"]
    p_fake: float | None
    decided_by: StageName | None
    reason: str
    trace: list[TraceStep]
    withheld: str = Field("", description=WITHHELD)
