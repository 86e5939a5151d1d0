"""An answer that its own figures contradict is withheld; no error is added, and the shipped bundle stays of use."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.analysis.consistency_checks import (
    CONTRADICTION_SHARE,
    HULL_MARGIN,
    contradiction,
    fake_run,
    objections,
    outside_members,
)
from core.analysis.verdict import abstain
from core.documents.decision import Decision, TraceStep
from core.documents.policy import CascadePolicy, Exits, ExpertExits
from tests.support.cascade_rows import decide_rows

BUNDLE = Path(__file__).parents[3] / "assets" / "demo_bundle"
FINAL = Exits(real_below=0.3, fake_above=0.85)
BAND = Exits(real_below=0.2, fake_above=0.8)


def step(member, p, exits=BAND, outcome="open", stage="stage2"):
    return TraceStep(
        stage=stage, member=member, status="scored", p_fake=p, exits=exits, outcome=outcome, reason="Because."
    )


def by_stage3(p, *members, verdict="real"):
    trace = [step(f"m{i}", value) for i, value in enumerate(members)]
    trace.append(step("stage3", p, FINAL, verdict, "stage3"))
    return Decision(verdict=verdict, p_fake=p, decided_by="stage3", reason="Because.", trace=trace)


def by_expert(p, first, verdict="real", exits=BAND):
    trace = [
        step("filter", first, Exits(real_below=0.1), stage="stage1"),
        step("expert", p, exits, verdict),
    ]
    return Decision(verdict=verdict, p_fake=p, decided_by="stage2", reason="Because.", trace=trace)


def test_stage_3_may_not_say_what_none_of_its_members_supports():
    said = outside_members(by_stage3(0.233, 0.484, 0.627, 0.645))
    assert "0.233" in said
    assert "0.484 and 0.645" in said
    assert outside_members(by_stage3(0.96, 0.5, 0.7, verdict="fake")) is not None
    assert outside_members(by_stage3(0.5 - HULL_MARGIN, 0.5, 0.7)) is None
    assert outside_members(by_stage3(0.25, 0.2, 0.7)) is None


def test_only_stage_3_is_held_to_the_span_of_the_members():
    assert outside_members(by_expert(0.1, 0.7)) is None


def test_a_member_near_its_other_exit_contradicts():
    at = 0.1 + CONTRADICTION_SHARE * (0.85 - 0.1)  # stage 1 has no fake exit of its own: the last band's stands in
    said = contradiction(by_expert(0.15, at), FINAL, {"filter": "The filter"})
    assert said.startswith("The members disagree: the cascade answers real, but The filter gives p_fake 0.66")
    assert "close to the fake exit 0.850" in said
    assert contradiction(by_expert(0.15, at - 0.01), FINAL, {}) is None
    assert contradiction(by_expert(0.9, 0.15, "fake"), FINAL, {}) is not None
    assert contradiction(by_expert(0.9, 0.6, "fake"), FINAL, {}) is None


def test_members_asked_for_the_card_alone_have_no_say():
    decision = by_expert(0.15, 0.3)
    asked = step("late", 0.99).model_copy(update={"exits": None, "outcome": None})
    more = decision.model_copy(update={"trace": [*decision.trace, asked]})
    assert objections(more, FINAL) == objections(decision, FINAL) == []


def test_a_stretch_of_fake_frames_forbids_real():
    frames = [(i / 2, 0.1) for i in range(12)]
    decision = by_expert(0.15, 0.3)
    spliced = [(t, 0.9 if 2.0 <= t <= 3.0 else p) for t, p in frames]
    said = fake_run(decision, FINAL, spliced)
    assert "2.0 to 3.0 s (3 frames)" in said
    assert objections(decision, FINAL, spliced) == [said]
    scattered = [(t, 0.9 if t in (0.0, 2.0, 3.0, 5.0) else p) for t, p in frames]
    assert fake_run(decision, FINAL, scattered) is None
    assert fake_run(decision, FINAL, [(0.0, 0.1), (1.0, 0.85), (2.0, 0.8)]) is not None
    assert fake_run(decision, FINAL, [(0.0, 0.9)]) is None
    assert fake_run(by_expert(0.9, 0.5, "fake"), FINAL, spliced) is None


def test_the_deciding_members_own_exit_is_the_limit():
    frames = [(0.0, 0.1), (1.0, 0.82), (2.0, 0.82), (3.0, 0.1)]
    assert fake_run(by_expert(0.15, 0.3), FINAL, frames) is not None
    assert fake_run(by_expert(0.15, 0.3, exits=Exits(real_below=0.2)), FINAL, frames) is None
    assert fake_run(by_expert(0.15, 0.3, exits=Exits(real_below=0.2)), Exits(), frames) is None


def test_an_uncertain_answer_is_left_alone():
    decision = by_stage3(0.1, 0.6, 0.7).model_copy(update={"verdict": "uncertain"})
    assert objections(decision, FINAL, [(0.0, 0.99), (1.0, 0.99)]) == []


def random_table(seed, n=60):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "sample_id": [f"s{i}" for i in range(n)], "group": [f"g{i}" for i in range(n)], "dataset": "d",
            "label": rng.integers(0, 2, n), "split": "test",
            "p_first": rng.random(n), "p_a": rng.random(n), "p_b": rng.random(n), "p_stack": rng.random(n),
        }
    )  # fmt: skip


exits = st.tuples(st.none() | st.floats(0, 0.49), st.none() | st.floats(0.51, 1)).map(
    lambda pair: Exits(real_below=pair[0], fake_above=pair[1])
)


def policy_of(first, a, b, final):
    named = [ExpertExits(name="a", exits=a), ExpertExits(name="b", exits=b)]
    return CascadePolicy(policy_id="p", name="p", created_at="", stage1=first, experts=named, final=final)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), exits, exits, exits, exits)
def test_a_check_adds_no_error(seed, first, a, b, final):
    """Over the cascade's own decisions: an answer that a check touches was real or fake and becomes uncertain."""
    policy = policy_of(first, a, b, final)
    for decision in decide_rows(random_table(seed), policy, "first"):
        reasons = objections(decision, policy.final)
        if decision.verdict == "uncertain":
            assert reasons == []
        elif reasons:
            after = abstain(decision, " ".join(reasons))
            assert (after.verdict, after.withheld) == ("uncertain", " ".join(reasons))
            assert after.trace == decision.trace
            assert decision.verdict in [step.outcome for step in after.trace]


@pytest.mark.skipif(not (BUNDLE / "predictions.parquet").is_file(), reason="the demo bundle is not in this checkout")
def test_on_the_shipped_bundle_the_checks_catch_errors_and_cost_few_answers():
    table = pd.read_parquet(BUNDLE / "predictions.parquet")
    table = table[table["split"] == "test"].reset_index(drop=True)
    policy = CascadePolicy.model_validate_json((BUNDLE / "policy.json").read_text(encoding="utf-8"))
    decisions = decide_rows(table, policy)
    stop = np.array([bool(objections(decision, policy.final)) for decision in decisions])
    verdicts = np.array([decision.verdict for decision in decisions])
    decided = verdicts != "uncertain"
    wrong = decided & (verdicts != table["label"].map({0: "real", 1: "fake"}).to_numpy())
    assert 0 < stop.mean() <= 0.08
    assert stop.sum() < 10 or wrong[stop].mean() > wrong[decided].mean()
