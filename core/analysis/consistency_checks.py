"""When an answer of the cascade is withheld: its own figures contradict it. Pure functions; no torch.

A gate turns real or fake into uncertain and never the other way, so whatever a policy promises about errors still
holds: fewer files are called real or fake, and none anew. `simulate`, the boards and `thresholds.json` count exits
alone; `withheld` says what these gates would do to the same table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from core.documents.decision import Decision, TraceStep
from core.documents.policy import CascadePolicy, Exits
from core.policies.replay.simulate import simulate, stage1_member

HULL_MARGIN = 0.10
"""Stage 3 may lie this far outside the span of its members' p_fake. Chosen on the shipped bundle's val_calib: beyond
it 9 of 28 answers were wrong, against 60 of 383 over all."""
NEAR = 0.75
"""A member contradicts an answer when its p_fake lies this share of the way from its exit on the answer's side to its
other exit. The whole way cannot be asked for: the first member that reaches an exit decides, so nobody would object."""
RUN = 3
"""So many scored frames in a row at the fake exit forbid `real`; in clips of fewer than twice as many, two."""


def objections(
    decision: Decision,
    final: Exits,
    timeline: Sequence[tuple[float, float]] = (),
    titles: Mapping[str, str] | None = None,
) -> list[str]:
    """Why this answer should be withheld, a sentence each; empty: it stands, or it is none.

    final: the policy's last band, which stands in for an exit that a member lacks (all are calibrated). timeline:
    (seconds, p_fake) of the deciding member's frames. titles: names of members for people.
    """
    if decision.verdict == "uncertain":
        return []
    found = (
        outside_members(decision),
        contradiction(decision, final, titles or {}),
        fake_run(decision, final, timeline),
    )
    return [sentence for sentence in found if sentence]


def outside_members(decision: Decision) -> str | None:
    """Stage 3 leaves the span of the members that it weighs by more than HULL_MARGIN."""
    if decision.decided_by != "stage3":
        return None
    last, members = decision.trace[-1], _asked(decision)
    if last.p_fake is None or not members:
        return None
    low, high = min(p for _, p in members), max(p for _, p in members)
    if low - HULL_MARGIN <= last.p_fake <= high + HULL_MARGIN:
        return None
    return (
        f"Stage 3 gives p_fake {last.p_fake:.3f}, and its members all lie between {low:.3f} and {high:.3f}: an answer "
        f"that none of them supports (more than {HULL_MARGIN:g} outside) is withheld."
    )


def contradiction(decision: Decision, final: Exits, titles: Mapping[str, str]) -> str | None:
    """A member asked on the way leans to the other side, nearly as far as its own exit there (NEAR).

    Members asked for the card alone have no say: the answer does not depend on whether they were asked.
    """
    against = []
    for step, p in _asked(decision):
        exits = _whole(step.exits or Exits(), final)
        if exits is not None and _contradicts(decision.verdict, p, exits):
            other = f"fake from {exits[1]:.3f}" if decision.verdict == "real" else f"real up to {exits[0]:.3f}"
            against.append(f"{titles.get(step.member, step.member)} gives {p:.3f} ({other})")
    if not against:
        return None
    return f"The members disagree: the answer would be {decision.verdict}, but {'; '.join(against)}."


def fake_run(decision: Decision, final: Exits, timeline: Sequence[tuple[float, float]]) -> str | None:
    """A real answer over a clip of which a stretch looks fake to the very member that decided."""
    limit = _fake_limit(decision, final)
    if decision.verdict != "real" or limit is None or len(timeline) < 2:
        return None
    least = RUN if len(timeline) >= 2 * RUN else 2
    runs = [run for run in _runs(timeline, limit) if len(run) >= least]
    if not runs:
        return None
    spans = ", ".join(f"{run[0][0]:.1f} to {run[-1][0]:.1f} s ({len(run)} frames)" for run in runs)
    return f"Part of the clip looks fake: p_fake is {limit:.3f} or more at {spans}, although the clip's mean is real."


def withheld(table: pd.DataFrame, policy: CascadePolicy, stage1: str | None = None) -> np.ndarray:
    """(N,) bool: items of a predictions table (as for `simulate`) whose answer the gates would withhold, frames apart.

    A table has no frames, so `fake_run` has no part in it.
    """
    first = stage1 or stage1_member(table, policy)
    way = simulate(table, policy, first)
    named = [(first, policy.stage1), *((expert.name, expert.exits) for expert in policy.experts)]
    p = np.column_stack([table[f"p_{name}"].to_numpy(np.float64) for name, _ in named])
    asked = way["asked"].to_numpy()[:, None] > np.arange(p.shape[1])
    answer, verdict = way["p_fake"].to_numpy(np.float64), way["verdict"].to_numpy()
    outside = (answer < p.min(1) - HULL_MARGIN) | (answer > p.max(1) + HULL_MARGIN)
    stop = outside & (way["decided_by"] == "stage3").to_numpy()
    for m, (_, own) in enumerate(named):
        exits = _whole(own, policy.final)
        if exits is not None:
            low, high = exits
            leans_fake, leans_real = p[:, m] >= low + NEAR * (high - low), p[:, m] <= high - NEAR * (high - low)
            stop |= asked[:, m] & (((verdict == "real") & leans_fake) | ((verdict == "fake") & leans_real))
    return stop & (verdict != "uncertain")


def _asked(decision: Decision) -> list[tuple[TraceStep, float]]:
    """Members that were asked in earnest, with their p_fake: those asked for the card alone have no exits."""
    steps = [step for step in decision.trace if step.stage != "stage3" and step.exits is not None]
    return [(step, step.p_fake) for step in steps if step.p_fake is not None]


def _whole(own: Exits, final: Exits) -> tuple[float, float] | None:
    """(real exit, fake exit), the last band's where the member has none; None when both lack one, or they cross."""
    low = own.real_below if own.real_below is not None else final.real_below
    high = own.fake_above if own.fake_above is not None else final.fake_above
    return None if low is None or high is None or low >= high else (low, high)


def _contradicts(verdict: str, p: float, exits: tuple[float, float]) -> bool:
    low, high = exits
    if verdict == "real":
        return p >= low + NEAR * (high - low)
    return p <= high - NEAR * (high - low)


def _fake_limit(decision: Decision, final: Exits) -> float | None:
    """The fake exit of the step that decided, else that of the last band."""
    took = [step for step in decision.trace if step.stage == decision.decided_by and step.outcome == decision.verdict]
    own = took[-1].exits.fake_above if took and took[-1].exits else None
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
