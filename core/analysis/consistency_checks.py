"""Withhold an answer of the cascade that its own figures contradict. Pure functions; no torch.

A check turns real or fake into uncertain and never the other way, so what a policy guarantees about errors still holds:
fewer files are called real or fake, and none anew. The cascade itself, its replays, the boards and `thresholds.json`
know nothing of these checks and count exits alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from core.documents.decision import Decision, TraceStep
from core.documents.policy import Exits

HULL_MARGIN = 0.10
"""Stage 3 may lie this far outside the range of its members' p_fake. Chosen on the shipped bundle's val_calib: beyond
it 9 of 28 answers were wrong, against 60 of 383 over all."""
CONTRADICTION_SHARE = 0.75
"""A member contradicts an answer when its p_fake lies this share of the way from its exit on the answer's side to its
other exit. The whole way cannot be asked for: the first member that reaches an exit decides, so none would object."""
MIN_FAKE_RUN = 3
"""So many scored frames in a row at the fake exit forbid `real`; in clips of fewer than twice as many, two."""


def objections(
    decision: Decision,
    final: Exits,
    timeline: Sequence[tuple[float, float]] = (),
    titles: Mapping[str, str] | None = None,
) -> list[str]:
    """Say why an answer is withheld.

    Args:
        decision: What the cascade decided on one face.
        final: The last band of the policy; it replaces an exit that a member lacks (all p_fake are calibrated).
        timeline: (seconds, p_fake) of the deciding member's frames.
        titles: Titles by member.

    Returns:
        One sentence for each reason; empty when the answer stands, or when the decision is uncertain already.
    """
    if decision.verdict == "uncertain":
        return []
    sentences = (
        outside_members(decision),
        contradiction(decision, final, titles or {}),
        fake_run(decision, final, timeline),
    )
    return [sentence for sentence in sentences if sentence]


def outside_members(decision: Decision) -> str | None:
    """Check that stage 3 stays within the range of the members that it combines, give or take HULL_MARGIN.

    Args:
        decision: What the cascade decided on one face.

    Returns:
        A sentence when it does not, else None.
    """
    if decision.decided_by != "stage3":
        return None
    last, members = decision.trace[-1], _asked(decision)
    if last.p_fake is None or not members:
        return None
    low, high = min(p for _, p in members), max(p for _, p in members)
    if low - HULL_MARGIN <= last.p_fake <= high + HULL_MARGIN:
        return None
    return (
        f"Stage 3 gives p_fake {last.p_fake:.3f}, but all members lie between {low:.3f} and {high:.3f}. An answer that "
        f"is more than {HULL_MARGIN:g} outside this range is withheld, because no member supports it."
    )


def contradiction(decision: Decision, final: Exits, titles: Mapping[str, str]) -> str | None:
    """Check that no member leans to the other side, nearly as far as its own exit there (CONTRADICTION_SHARE).

    Members that were asked for the card only do not count: the answer does not depend on whether they were asked.

    Args:
        decision: What the cascade decided on one face.
        final: The last band of the policy.
        titles: Titles by member.

    Returns:
        A sentence that names those members, or None.
    """
    against = []
    for step, p in _asked(decision):
        exits = _both_exits(step.exits or Exits(), final)
        if exits is not None and _contradicts(decision.verdict, p, exits):
            other = f"fake exit {exits[1]:.3f}" if decision.verdict == "real" else f"real exit {exits[0]:.3f}"
            against.append(f"{titles.get(step.member, step.member)} gives p_fake {p:.3f}, close to the {other}")
    if not against:
        return None
    return f"The members disagree: the cascade answers {decision.verdict}, but {'; '.join(against)}."


def fake_run(decision: Decision, final: Exits, timeline: Sequence[tuple[float, float]]) -> str | None:
    """Check that a clip called real has no stretch that looks fake to the very member that decided.

    Args:
        decision: What the cascade decided on one face.
        final: The last band of the policy.
        timeline: (seconds, p_fake) of the deciding member's frames.

    Returns:
        A sentence that names the stretches, or None.
    """
    limit = _fake_limit(decision, final)
    if decision.verdict != "real" or limit is None or len(timeline) < 2:
        return None
    min_frames = MIN_FAKE_RUN if len(timeline) >= 2 * MIN_FAKE_RUN else 2
    runs = [run for run in _runs(timeline, limit) if len(run) >= min_frames]
    if not runs:
        return None
    spans = ", ".join(f"{run[0][0]:.1f} to {run[-1][0]:.1f} s ({len(run)} frames)" for run in runs)
    return f"Part of the clip looks fake: p_fake is {limit:.3f} or higher at {spans}, although the clip's mean is real."


def _asked(decision: Decision) -> list[tuple[TraceStep, float]]:
    """Members of stages 1 and 2 whose exits were asked, with their p_fake: those asked for the card have no exits."""
    steps = [step for step in decision.trace if step.stage != "stage3" and step.exits is not None]
    return [(step, step.p_fake) for step in steps if step.p_fake is not None]


def _both_exits(own: Exits, final: Exits) -> tuple[float, float] | None:
    """(real exit, fake exit), the last band's where the member has none; None when both lack one, or they cross."""
    low = own.real_below if own.real_below is not None else final.real_below
    high = own.fake_above if own.fake_above is not None else final.fake_above
    return None if low is None or high is None or low >= high else (low, high)


def _contradicts(verdict: str, p: float, exits: tuple[float, float]) -> bool:
    low, high = exits
    if verdict == "real":
        return p >= low + CONTRADICTION_SHARE * (high - low)
    return p <= high - CONTRADICTION_SHARE * (high - low)


def _fake_limit(decision: Decision, final: Exits) -> float | None:
    """The fake exit of the step that decided, else that of the last band."""
    deciding = [s for s in decision.trace if s.stage == decision.decided_by and s.outcome == decision.verdict]
    own = deciding[-1].exits.fake_above if deciding and deciding[-1].exits else None
    return own if own is not None else final.fake_above


def _runs(timeline: Sequence[tuple[float, float]], limit: float) -> list[list[tuple[float, float]]]:
    """Stretches of neighbouring frames with p_fake >= limit."""
    runs: list[list[tuple[float, float]]] = [[]]
    for time, p in timeline:
        if p >= limit:
            runs[-1].append((time, p))
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]
