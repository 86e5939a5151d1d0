"""Units run through the stages: stage 1, the experts cheapest first while still open, the meta-model, or `uncertain`.

No torch here: a member is anything that scores uint8 crops, so every rule of the cascade is tested with fakes.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np

from core.calibrate.log_odds import calibrated_log_odds
from core.documents.decision import Decision, StageName, TraceStep
from core.documents.inputs import InputSpec
from core.documents.policy import CascadePolicy, Exits

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Scores:
    """What a member says of one unit's frames: log_odds (N,) float64 uncalibrated, embedding (N, D) float32."""

    log_odds: np.ndarray
    embedding: np.ndarray


class Scorer(Protocol):
    """A member of a cascade: a detector with its calibrator."""

    name: str
    title: str
    role: Literal["stage1", "expert"]
    input: InputSpec

    def score(self, crops: np.ndarray) -> Scores:
        """crops: (N, H, H, 3) uint8 RGB, brought to the member's size by its own evaluation transform. Equal crops give
        equal digits whatever else is scored with them.
        """

    def p_fake(self, log_odds: np.ndarray) -> np.ndarray:
        """(N,) uncalibrated log-odds -> (N,) calibrated p_fake."""


class Meta(Protocol):
    """Stage 3. `experts` names the members whose embeddings it reads."""

    experts: list[str]

    def p_fake(self, log_odds: Mapping[str, float], embeddings: Mapping[str, np.ndarray]) -> float:
        """Calibrated log-odds by member (stage 1 too), mean embedding (D,) by expert -> calibrated p_fake."""


@dataclass(frozen=True)
class Unit:
    """One face of an image, or one tracked face of a clip. crops(InputSpec) -> (N, H, H, 3) uint8 RGB for the N
    moments in `times` (seconds).
    """

    crops: Callable[[InputSpec], np.ndarray]
    times: Sequence[float]


@dataclass
class UnitResult:
    """A unit's way so far; `decision` is None while it is open.

    frames: calibrated p_fake (N,) of every frame by member, and by `stage3` where it was asked. log_odds: calibrated,
    of the pooled score. embeddings: mean (D,); frame_embeddings: (N, D).
    """

    times: Sequence[float]
    steps: list[TraceStep] = field(default_factory=list)
    frames: dict[str, np.ndarray] = field(default_factory=dict)
    log_odds: dict[str, float] = field(default_factory=dict)
    embeddings: dict[str, np.ndarray] = field(default_factory=dict)
    frame_embeddings: dict[str, np.ndarray] = field(default_factory=dict)
    decision: Decision | None = None

    def standing(self) -> Decision:
        """The decision, or what can be said while the unit is still open."""
        if self.decision is not None:
            return self.decision.model_copy(update={"trace": list(self.steps)})
        scored = [step for step in self.steps if step.status == "scored"]
        p_fake = scored[-1].p_fake if scored else None
        reason = "Still being examined: no stage has decided yet."
        return Decision(verdict="uncertain", p_fake=p_fake, decided_by=None, reason=reason, trace=list(self.steps))


OnStage = Callable[[str, list[UnitResult]], None]


class Cascade:
    """Members asked in the policy's order. Raises ValueError when members and policy do not fit together."""

    def __init__(self, members: Sequence[Scorer], policy: CascadePolicy, meta: Meta | None = None) -> None:
        first = [member for member in members if member.role == "stage1"]
        if len(first) != 1:
            raise ValueError(f"a cascade needs one stage-1 member, not {len(first)}")
        self.stage1 = first[0]
        self.experts = {member.name: member for member in members if member.role == "expert"}
        self.policy = policy
        self.meta = meta
        named = [expert.name for expert in policy.experts]
        unnamed = [name for name in self.experts if name not in named]
        if unnamed:
            raise ValueError(
                f"policy {policy.name!r} gives no exits for the expert(s) {', '.join(unnamed)}; "
                "it belongs to another bundle: choose a policy made from this one"
            )

    def run(
        self, units: Sequence[Unit], *, all_members: bool = False, on_stage: OnStage | None = None
    ) -> list[UnitResult]:
        """Judge units, one result each, in order.

        all_members: ask the experts even about units that have left; verdicts and p_fake do not change.
        on_stage(member, results): called after each member has seen every unit that was passed on to it.
        """
        results = [UnitResult(times=list(unit.times)) for unit in units]
        told = on_stage or (lambda member, results: None)
        self._pass(self.stage1, "stage1", self.policy.stage1, units, results, range(len(units)))
        told(self.stage1.name, results)
        for expert in self.policy.experts:
            still_open = [i for i, result in enumerate(results) if result.decision is None]
            self._ask(expert.name, expert.exits, units, results, still_open)
            if still_open:
                told(expert.name, results)
        for result in results:
            if result.decision is None:
                self._close(result)
        told("stage3", results)
        if all_members:
            self._ask_the_rest(units, results)
        for result in results:
            result.decision = result.standing()
        return results

    def _ask(self, name: str, exits: Exits, units, results, still_open: Sequence[int]) -> None:
        """One expert over what is still open; everybody else's trace says that it was skipped, and why."""
        for i, result in enumerate(results):
            if i not in still_open:
                reason = f"Not asked: {self._who_decided(result)} had already decided."
                result.steps.append(TraceStep(stage="stage2", member=name, status="skipped", reason=reason))
            elif name not in self.experts:
                reason = f"Expert {name} is named by the policy but is not in this bundle; nothing stands in for it."
                result.steps.append(TraceStep(stage="stage2", member=name, status="missing", reason=reason))
        if name in self.experts:
            self._pass(self.experts[name], "stage2", exits, units, results, still_open)

    def _who_decided(self, result: UnitResult) -> str:
        """Title of the member whose exit the unit took."""
        took = [step.member for step in result.steps if step.outcome in ("real", "fake")]
        known = {member.name: member.title for member in (self.stage1, *self.experts.values())}
        return known.get(took[-1], took[-1]) if took else "an earlier stage"

    def _pass(self, member: Scorer, stage: StageName, exits: Exits | None, units, results, chosen) -> None:
        """Let one member score the chosen units; those that take an exit get their decision."""
        for i in chosen:
            step = self._score(member, stage, exits, units[i], results[i])
            results[i].steps.append(step)
            if step.outcome in ("real", "fake"):
                results[i].decision = Decision(
                    verdict=step.outcome, p_fake=step.p_fake, decided_by=stage, reason=step.reason, trace=[]
                )

    def _score(
        self, member: Scorer, stage: StageName, exits: Exits | None, unit: Unit, result: UnitResult
    ) -> TraceStep:
        """One member on one unit. The unit's score is the calibrated mean of its frames' log-odds.

        A member that raises or gives a number that is not finite is named as failed; its part stays empty.
        """
        start = time.perf_counter()
        try:
            scores = member.score(unit.crops(member.input))
            pooled = float(np.mean(scores.log_odds, dtype=np.float64))
            embedding: np.ndarray = np.asarray(np.mean(scores.embedding, axis=0, dtype=np.float64))
            p_fake = float(member.p_fake(np.array([pooled]))[0])
            frames = np.asarray(member.p_fake(np.asarray(scores.log_odds, np.float64)), np.float64)
            if not (np.isfinite([pooled, p_fake]).all() and np.isfinite(embedding).all() and np.isfinite(frames).all()):
                raise FloatingPointError("it gave a number that is not finite")
        except Exception as error:
            log.exception("member %s failed", member.name)
            reason = f"{member.title} failed ({type(error).__name__}: {_short(error)}); nothing stands in for it."
            took = time.perf_counter() - start
            return TraceStep(stage=stage, member=member.name, status="failed", reason=reason, seconds=took)
        result.frames[member.name] = frames
        result.log_odds[member.name] = float(calibrated_log_odds(np.array([p_fake]))[0])
        result.embeddings[member.name] = embedding
        result.frame_embeddings[member.name] = scores.embedding
        outcome = exits.decide(p_fake) if exits else None
        return TraceStep(
            stage=stage,
            member=member.name,
            status="scored",
            p_fake=p_fake,
            log_odds=pooled,
            exits=exits,
            outcome=(outcome or "open") if exits else None,
            reason=exit_reason(member.title, p_fake, exits, outcome),
            seconds=time.perf_counter() - start,
        )

    def _close(self, result: UnitResult) -> None:
        """Stage 3 for a unit that nobody released: the meta-model where it has everything it needs, or `uncertain`."""
        start = time.perf_counter()
        step, reason = self._meta_step(result)
        step = step.model_copy(update={"seconds": time.perf_counter() - start})
        result.steps.append(step)
        scored = step.status == "scored"
        result.decision = Decision(
            verdict=step.outcome if scored and step.outcome in ("real", "fake") else "uncertain",
            p_fake=step.p_fake,
            decided_by="stage3" if scored else None,
            reason=reason,
            trace=[],
        )

    def _meta_step(self, result: UnitResult) -> tuple[TraceStep, str]:
        if self.meta is None:
            reason = "The bundle has no stage 3: what no exit releases stays uncertain."
            return TraceStep(stage="stage3", member="stage3", status="missing", reason=reason), reason
        needed = [self.stage1.name, *self.meta.experts]
        lacking = [name for name in needed if name not in result.log_odds]
        if lacking:
            reason = f"Stage 3 needs every member and has no score of {', '.join(lacking)}: it stays uncertain."
            return TraceStep(stage="stage3", member="stage3", status="skipped", reason=reason), reason
        try:
            p_fake = float(self.meta.p_fake(result.log_odds, result.embeddings))
            if not np.isfinite(p_fake):
                raise FloatingPointError("it gave a number that is not finite")
            result.frames["stage3"] = self._meta_frames(result, p_fake)
        except Exception as error:
            log.exception("stage 3 failed")
            reason = f"Stage 3 failed ({type(error).__name__}: {_short(error)}): the verdict stays uncertain."
            return TraceStep(stage="stage3", member="stage3", status="failed", reason=reason), reason
        final = self.policy.final
        outcome = final.decide(p_fake)
        reason = final_reason(p_fake, final, outcome)
        step = TraceStep(
            stage="stage3",
            member="stage3",
            status="scored",
            p_fake=p_fake,
            log_odds=float(calibrated_log_odds(np.array([p_fake]))[0]),
            exits=final,
            outcome=outcome or "uncertain",
            reason=reason,
        )
        return step, reason

    def _meta_frames(self, result: UnitResult, p_fake: float) -> np.ndarray:
        """Stage 3's p_fake of every frame on its own, (N,): the curve over time, not what decides."""
        assert self.meta is not None
        if len(result.times) == 1:
            return np.array([p_fake])
        by_member = {name: calibrated_log_odds(p) for name, p in result.frames.items()}
        return np.array(
            [
                self.meta.p_fake(
                    {name: float(values[i]) for name, values in by_member.items()},
                    {name: values[i] for name, values in result.frame_embeddings.items()},
                )
                for i in range(len(result.times))
            ]
        )

    def _ask_the_rest(self, units: Sequence[Unit], results: list[UnitResult]) -> None:
        """Replace the `skipped` steps by what the experts say, for the card; decisions stand as they are."""
        for i, result in enumerate(results):
            for k, step in enumerate(result.steps):
                if step.status == "skipped" and step.stage == "stage2" and step.member in self.experts:
                    asked = self._score(self.experts[step.member], "stage2", None, units[i], result)
                    if asked.status == "scored":
                        note = " Asked for the card only: the verdict had been reached before."
                        asked = asked.model_copy(update={"reason": asked.reason + note})
                    result.steps[k] = asked


def exit_reason(title: str, p_fake: float, exits: Exits | None, outcome: str | None) -> str:
    """One sentence: what a member found and what followed."""
    said = f"{title} gives p_fake {p_fake:.3f}"
    if exits is None:
        return f"{said}."
    if outcome == "real":
        return f"{said}; its exit is real up to {exits.real_below:.3f}, so the face leaves as real."
    if outcome == "fake":
        return f"{said}; its exit is fake from {exits.fake_above:.3f}, so the face leaves as fake."
    return f"{said}, {_between(exits)}: passed on."


def final_reason(p_fake: float, exits: Exits, outcome: str | None) -> str:
    """One sentence for stage 3."""
    said = f"Stage 3 weighs all members and gives p_fake {p_fake:.3f}"
    if outcome == "real":
        return f"{said}; the policy calls real up to {exits.real_below:.3f}."
    if outcome == "fake":
        return f"{said}; the policy calls fake from {exits.fake_above:.3f}."
    return f"{said}, {_between(exits)}: uncertain."


def _between(exits: Exits) -> str:
    if exits.real_below is None and exits.fake_above is None:
        return "and the policy has no exit here"
    if exits.real_below is None:
        return f"under its only exit, fake from {exits.fake_above:.3f}"
    if exits.fake_above is None:
        return f"over its only exit, real up to {exits.real_below:.3f}"
    return f"between real up to {exits.real_below:.3f} and fake from {exits.fake_above:.3f}"


def _short(error: BaseException) -> str:
    """First line of an error's text, at most 160 characters."""
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else "no message")[:160]
