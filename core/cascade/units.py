"""What goes into the cascade and what it carries along: units, members that score them, and results."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np

from core.documents.decision import Decision, TraceStep
from core.documents.inputs import InputSpec


@dataclass(frozen=True)
class Scores:
    """The scores that a member gives to the frames of one unit.

    Attributes:
        log_odds: (N,) float64, uncalibrated.
        embedding: (N, D) float32.
    """

    log_odds: np.ndarray
    embedding: np.ndarray


class Scorer(Protocol):
    """A member of a cascade: a detector with its calibrator."""

    name: str
    title: str
    role: Literal["stage1", "expert"]
    input: InputSpec

    def score(self, crops: np.ndarray) -> Scores:
        """Score crops, each on its own: equal crops give equal digits, whatever else is scored with them.

        Args:
            crops: (N, H, H, 3) uint8 RGB; the member's own evaluation transform brings them to its size.

        Returns:
            The scores of the N crops.
        """
        ...

    def p_fake(self, log_odds: np.ndarray) -> np.ndarray:
        """Calibrate log-odds.

        Args:
            log_odds: (N,) uncalibrated.

        Returns:
            (N,) calibrated p_fake in [0, 1].
        """
        ...


class Meta(Protocol):
    """The meta-model of stage 3.

    Attributes:
        experts: Names of the members whose embeddings it reads.
    """

    experts: list[str]

    def p_fake(self, log_odds: Mapping[str, float], embeddings: Mapping[str, np.ndarray]) -> float:
        """Combine the members' scores.

        Args:
            log_odds: Calibrated log-odds by member, stage 1 included.
            embeddings: Mean embedding (D,) by expert.

        Returns:
            The calibrated p_fake in [0, 1].
        """
        ...


@dataclass(frozen=True)
class Unit:
    """One face of an image, or one tracked face of a clip.

    Attributes:
        crops: Maps an InputSpec to (N, H, H, 3) uint8 RGB crops of the N moments in `times`.
        times: N moments in seconds.
    """

    crops: Callable[[InputSpec], np.ndarray]
    times: Sequence[float]


@dataclass
class UnitResult:
    """The way of one unit through the cascade so far.

    Attributes:
        times: N moments in seconds, those of the unit.
        steps: The trace, one step for each member in the order of asking.
        frames: Calibrated p_fake (N,) of each frame by member, and under `stage3` where stage 3 was asked.
        log_odds: Calibrated log-odds of the pooled score by member.
        embeddings: Mean embedding (D,) by member.
        frame_embeddings: Embeddings (N, D) by member.
        decision: None while the unit is open.
    """

    times: Sequence[float]
    steps: list[TraceStep] = field(default_factory=list)
    frames: dict[str, np.ndarray] = field(default_factory=dict)
    log_odds: dict[str, float] = field(default_factory=dict)
    embeddings: dict[str, np.ndarray] = field(default_factory=dict)
    frame_embeddings: dict[str, np.ndarray] = field(default_factory=dict)
    decision: Decision | None = None

    def current_decision(self) -> Decision:
        """Return the decision with its trace, or what is known while the unit is still open."""
        if self.decision is not None:
            return self.decision.model_copy(update={"trace": list(self.steps)})
        scored = [step for step in self.steps if step.status == "scored"]
        p_fake = scored[-1].p_fake if scored else None
        reason = "The analysis is not finished: no stage has decided yet."
        return Decision(verdict="uncertain", p_fake=p_fake, decided_by=None, reason=reason, trace=list(self.steps))
