"""Run units through the cascade. This module is the reference for the rules of the cascade.

1. The score of a member for a unit is the calibrated p_fake of the mean of its frames' uncalibrated log-odds.
2. A member's exits decide a unit as real when p_fake <= `real_below`, or as fake when p_fake >= `fake_above`. Both
   limits belong to the exit. An exit that is None never decides.
3. Stage 1 scores every unit, and its exits decide first.
4. The experts are asked in the order of the policy, each only about the units that are still open. The first exit that
   a unit takes decides it; the later experts are not asked about it (`skipped`).
5. Stage 3 scores what no exit decided: the meta-model reads the calibrated log-odds of stage 1 and of its experts, and
   the experts' mean embeddings. The last band (`policy.final`) calls its p_fake real, fake, or, between the two,
   uncertain. Stage 3 has decided in all three cases.
6. A member that the bundle lacks (`missing`), or that raises an error or gives a number that is not finite (`failed`),
   is named in the trace. It takes no exit, nothing is imputed for it, and the next member is asked.
7. Stage 3 is not asked (`skipped`) when stage 1 or one of its experts has no score. Without an answer of stage 3
   (skipped, missing or failed) an open unit ends uncertain, without a p_fake, and no stage has decided it.
8. The p_fake of a decision is that of the step that decided it. What the other units are, and whether experts are asked
   for the card only (`all_members`), changes neither verdict nor p_fake.

The modules of `core.policies.replay` and `core.policies.boards`, and `assets/components/cascade_board.js`, state the
same rules again to count many items fast; `tests/core/policies/test_one_reference.py` holds them to this module. An
answer may still be withheld afterwards (`core.analysis.consistency_checks`); that is no rule of the cascade.

No torch here: a member is anything that scores uint8 crops, so every rule is tested with members that are arithmetic.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

import numpy as np

from core.calibrate.log_odds import calibrated_log_odds
from core.cascade.reasons import exit_reason, failure, final_reason
from core.cascade.units import Meta, Scorer, Unit, UnitResult
from core.documents.decision import Decision, StageName, TraceStep
from core.documents.policy import CascadePolicy, Exits

log = logging.getLogger(__name__)

NOT_FINITE = "it gave a number that is not finite"

OnStage = Callable[[str, list[UnitResult]], None]
"""Called with a member's name and all results after the member has scored every unit that was passed on to it."""


class Cascade:
    """Members that are asked in the policy's order, and the meta-model that decides what stays open.

    Raises:
        ValueError: There is not exactly one stage-1 member, or the policy gives no exits for an expert.
    """

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
        """Judge units by the rules of this module.

        Args:
            units: Faces or tracks.
            all_members: Also ask the experts about units that have exited, for the card only (rule 8).
            on_stage: Called after each member that was asked about at least one unit, and after stage 3.

        Returns:
            One result for each unit, in order, each with its decision.
        """
        notify = on_stage or (lambda member, results: None)
        results = [UnitResult(times=list(unit.times)) for unit in units]
        # Rule 3: stage 1 sees everything.
        for unit, result in zip(units, results, strict=True):
            take_step(result, score_unit(self.stage1, "stage1", self.policy.stage1, unit, result))
        notify(self.stage1.name, results)
        # Rule 4: each expert over all open units before the next, so that its answers can be shown at once.
        for expert in self.policy.experts:
            is_needed = any(result.decision is None for result in results)
            for unit, result in zip(units, results, strict=True):
                take_step(result, self._expert_step(expert.name, expert.exits, unit, result))
            if is_needed:
                notify(expert.name, results)
        # Rule 5: stage 3 ends what is still open.
        for result in results:
            if result.decision is None:
                take_step(result, stage3_step(self.meta, self.stage1.name, self.policy.final, result))
        notify("stage3", results)
        if all_members:
            for unit, result in zip(units, results, strict=True):
                self._ask_skipped_experts(unit, result)
        for result in results:
            result.decision = result.current_decision()
        return results

    def _expert_step(self, name: str, exits: Exits, unit: Unit, result: UnitResult) -> TraceStep:
        """The step of one expert on one unit: skipped, missing or asked (rules 4 and 6)."""
        if result.decision is not None:
            reason = f"Not asked: {self._decider_title(result)} had already decided."
            return TraceStep(stage="stage2", member=name, status="skipped", reason=reason)
        if name not in self.experts:
            reason = f"The policy names the expert {name}, but the bundle lacks it. No value replaces its score."
            return TraceStep(stage="stage2", member=name, status="missing", reason=reason)
        return score_unit(self.experts[name], "stage2", exits, unit, result)

    def _decider_title(self, result: UnitResult) -> str:
        """Title of the member whose exit the unit took."""
        decider = next(step.member for step in result.steps if step.outcome in ("real", "fake"))
        titles = {member.name: member.title for member in (self.stage1, *self.experts.values())}
        return titles.get(decider, decider)

    def _ask_skipped_experts(self, unit: Unit, result: UnitResult) -> None:
        """Replace `skipped` steps by the experts' scores without exits; the decision stands as it is."""
        for k, step in enumerate(result.steps):
            if step.status == "skipped" and step.member in self.experts:
                asked = score_unit(self.experts[step.member], "stage2", None, unit, result)
                if asked.status == "scored":
                    note = " It was asked for the card only: the verdict does not depend on it."
                    asked = asked.model_copy(update={"reason": asked.reason + note})
                result.steps[k] = asked


def take_step(result: UnitResult, step: TraceStep) -> None:
    """Append a step to the trace, and decide the unit when the step does.

    An exit decides as real or fake (rule 2). Stage 3 ends the unit whatever its step is (rules 5 and 7).

    Args:
        result: The unit's way so far; it is changed.
        step: The step of the next member.
    """
    result.steps.append(step)
    if step.outcome in ("real", "fake"):
        result.decision = Decision(
            verdict=step.outcome, p_fake=step.p_fake, decided_by=step.stage, reason=step.reason, trace=[]
        )
    elif step.stage == "stage3":
        decided_by: StageName | None = "stage3" if step.status == "scored" else None
        result.decision = Decision(
            verdict="uncertain", p_fake=step.p_fake, decided_by=decided_by, reason=step.reason, trace=[]
        )


def score_unit(member: Scorer, stage: StageName, exits: Exits | None, unit: Unit, result: UnitResult) -> TraceStep:
    """Let one member score one unit, and compare the score with its exits (rules 1, 2 and 6).

    Args:
        member: The detector with its calibrator.
        stage: The member's stage.
        exits: The member's exits; None when it is asked for the card only.
        unit: The face or track.
        result: The unit's way so far; it gets the member's scores.

    Returns:
        The step for the trace, with the status `scored` or `failed`.
    """
    start = time.perf_counter()
    try:
        p_fake, pooled = _score_frames(member, unit, result)
    except Exception as error:
        log.exception("member %s failed", member.name)
        reason = f"{member.title} failed ({failure(error)}). No value replaces its score."
        seconds = time.perf_counter() - start
        return TraceStep(stage=stage, member=member.name, status="failed", reason=reason, seconds=seconds)
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


def _score_frames(member: Scorer, unit: Unit, result: UnitResult) -> tuple[float, float]:
    """(calibrated p_fake, pooled log-odds) of a unit; its scores enter the result only when all are finite."""
    scores = member.score(unit.crops(member.input))
    pooled = float(np.mean(scores.log_odds, dtype=np.float64))
    embedding: np.ndarray = np.asarray(np.mean(scores.embedding, axis=0, dtype=np.float64))
    p_fake = float(member.p_fake(np.array([pooled]))[0])
    frames = np.asarray(member.p_fake(np.asarray(scores.log_odds, np.float64)), np.float64)
    if not (np.isfinite([pooled, p_fake]).all() and np.isfinite(embedding).all() and np.isfinite(frames).all()):
        raise FloatingPointError(NOT_FINITE)
    result.frames[member.name] = frames
    result.log_odds[member.name] = float(calibrated_log_odds(np.array([p_fake]))[0])
    result.embeddings[member.name] = embedding
    result.frame_embeddings[member.name] = scores.embedding
    return p_fake, pooled


def stage3_step(meta: Meta | None, stage1: str, final: Exits, result: UnitResult) -> TraceStep:
    """Let the meta-model decide an open unit by the last band (rules 5 and 7).

    Args:
        meta: The meta-model; None when the bundle has none.
        stage1: Name of the stage-1 member.
        final: The last band of the policy.
        result: The unit's way so far; it gets the curve of stage 3 over the frames.

    Returns:
        The step for the trace, with the status `scored`, `missing`, `skipped` or `failed`.
    """
    start = time.perf_counter()
    if meta is None:
        reason = "The bundle has no stage 3: a face that no exit decides is uncertain."
        return TraceStep(stage="stage3", member="stage3", status="missing", reason=reason)
    unscored = [name for name in (stage1, *meta.experts) if name not in result.log_odds]
    if unscored:
        reason = f"Stage 3 needs the scores of all members and lacks {', '.join(unscored)}: the face is uncertain."
        return TraceStep(stage="stage3", member="stage3", status="skipped", reason=reason)
    try:
        p_fake = _combine(meta, result)
    except Exception as error:
        log.exception("stage 3 failed")
        reason = f"Stage 3 failed ({failure(error)}): the face is uncertain."
        seconds = time.perf_counter() - start
        return TraceStep(stage="stage3", member="stage3", status="failed", reason=reason, seconds=seconds)
    outcome = final.decide(p_fake)
    return TraceStep(
        stage="stage3",
        member="stage3",
        status="scored",
        p_fake=p_fake,
        log_odds=float(calibrated_log_odds(np.array([p_fake]))[0]),
        exits=final,
        outcome=outcome or "uncertain",
        reason=final_reason(p_fake, final, outcome),
        seconds=time.perf_counter() - start,
    )


def _combine(meta: Meta, result: UnitResult) -> float:
    """Calibrated p_fake of stage 3; its curve over the frames enters the result."""
    p_fake = float(meta.p_fake(result.log_odds, result.embeddings))
    if not np.isfinite(p_fake):
        raise FloatingPointError(NOT_FINITE)
    result.frames["stage3"] = _stage3_frames(meta, result, p_fake)
    return p_fake


def _stage3_frames(meta: Meta, result: UnitResult, p_fake: float) -> np.ndarray:
    """Stage 3's p_fake of each frame on its own, (N,): the curve over time, which decides nothing."""
    if len(result.times) == 1:
        return np.array([p_fake])
    by_member = {name: calibrated_log_odds(p) for name, p in result.frames.items()}
    return np.array(
        [
            meta.p_fake(
                {name: float(values[i]) for name, values in by_member.items()},
                {name: values[i] for name, values in result.frame_embeddings.items()},
            )
            for i in range(len(result.times))
        ]
    )
