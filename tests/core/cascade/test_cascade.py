"""The cascade's rules, with members that are arithmetic and count their calls."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.calibrate.log_odds import calibrated_log_odds
from core.cascade.cascade import Cascade
from core.cascade.units import Scores, Unit
from core.documents.inputs import InputSpec
from core.documents.policy import CascadePolicy, Exits, ExpertExits
from tests.support.cascade_rows import run_rows


def sigmoid(x):
    return 1 / (1 + np.exp(-np.asarray(x, np.float64)))


class Arithmetic:
    """Log-odds = the first pixel of each crop, read by the member's own channel, minus 100."""

    def __init__(self, name, role="expert", channel=0, fail_on=None, value=None):
        self.name, self.title, self.role, self.channel = name, name.title(), role, channel
        self.input = InputSpec(size=16)
        self.fail_on, self.value, self.calls = fail_on, value, []

    def score(self, crops):
        said = crops[:, 0, 0, self.channel].astype(np.float64) - 100
        self.calls.append(said)
        if self.fail_on is not None and self.fail_on in said:
            raise RuntimeError("out of memory\nsecond line")
        return Scores(np.full_like(said, self.value) if self.value is not None else said, np.ones((len(said), 3)))

    def p_fake(self, log_odds):
        return sigmoid(np.asarray(log_odds) / 10)


class Sum:
    experts = ["cheap", "dear"]

    def __init__(self):
        self.calls = 0

    def p_fake(self, log_odds, embeddings):
        self.calls += 1
        assert set(embeddings) >= set(self.experts)
        return float(sigmoid(sum(log_odds.values())))


def unit(*frames):
    """Each frame is (stage 1's, cheap's, dear's) log-odds."""
    crops = np.zeros((len(frames), 16, 16, 3), np.uint8)
    crops[:, 0, 0, :] = np.array(frames) + 100
    return Unit(lambda spec: crops, times=list(range(len(frames))))


POLICY = CascadePolicy(
    policy_id="p",
    name="test",
    created_at="2026-01-01T00:00:00Z",
    stage1=Exits(real_below=0.1, fake_above=0.9),
    experts=[
        ExpertExits(name="cheap", exits=Exits(real_below=0.2, fake_above=0.8)),
        ExpertExits(name="dear", exits=Exits(fake_above=0.95)),
    ],
    final=Exits(real_below=0.4, fake_above=0.6),
)


def members(**changes):
    made = [Arithmetic("stage1", "stage1", 0), Arithmetic("cheap", channel=1), Arithmetic("dear", channel=2)]
    for member in made:
        for name, value in changes.get(member.name, {}).items():
            setattr(member, name, value)
    return made


def test_each_stage_sees_only_what_is_passed_on():
    made, meta = members(), Sum()
    units = [unit((-50, 0, 0)), unit((50, 0, 0)), unit((0, 50, 0)), unit((0, 0, 90)), unit((0, 0, 0)), unit((3, 3, 3))]
    results = Cascade(made, POLICY, meta).run(units)
    assert [len(m.calls) for m in made] == [6, 4, 3]
    assert meta.calls == 2
    said = [(r.decision.verdict, r.decision.decided_by) for r in results]
    assert said == [
        ("real", "stage1"),
        ("fake", "stage1"),
        ("fake", "stage2"),
        ("fake", "stage2"),
        ("uncertain", "stage3"),
        ("fake", "stage3"),
    ]
    statuses = [[step.status for step in r.decision.trace] for r in results]
    assert statuses[0] == ["scored", "skipped", "skipped"]
    assert statuses[2] == ["scored", "scored", "skipped"]
    assert statuses[4] == ["scored"] * 4
    assert [step.member for step in results[4].decision.trace] == ["stage1", "cheap", "dear", "stage3"]
    assert all(step.reason.endswith(".") for r in results for step in r.decision.trace)


def test_a_track_is_scored_by_its_mean_log_odds_then_calibrated():
    result = Cascade(members(), POLICY, Sum()).run([unit((10, 0, 0), (30, 0, 0), (50, 0, 0))])[0]
    assert result.decision.p_fake == pytest.approx(sigmoid(30 / 10))
    np.testing.assert_allclose(result.frames["stage1"], sigmoid(np.array([1.0, 3.0, 5.0])))


@pytest.mark.parametrize("how", [{"fail_on": 0.0}, {"value": np.nan}, {"value": np.inf}])
def test_a_failing_expert_is_named_and_never_imputed(how):
    made, meta = members(cheap=how), Sum()
    open_end, released = Cascade(made, POLICY, meta).run([unit((0, 0, 0)), unit((0, 0, 99))])
    assert meta.calls == 0
    assert open_end.decision.verdict == "uncertain"
    assert open_end.decision.decided_by is None
    assert open_end.decision.p_fake is None
    assert "cheap" in open_end.decision.reason
    failed = open_end.decision.trace[1]
    assert (failed.status, failed.p_fake, failed.outcome) == ("failed", None, None)
    assert "No value replaces" in failed.reason
    assert "second line" not in failed.reason
    assert released.decision.verdict == "fake"
    assert released.decision.decided_by == "stage2"


def test_a_missing_expert_is_named():
    stage1, _, dear = members()
    decision = Cascade([stage1, dear], POLICY, Sum()).run([unit((0, 0, 0))])[0].decision
    assert [step.status for step in decision.trace] == ["scored", "missing", "scored", "skipped"]
    assert decision.verdict == "uncertain"


def test_without_stage_3_the_open_end_is_uncertain():
    decision = Cascade(members(), POLICY, None).run([unit((0, 0, 0))])[0].decision
    assert (decision.verdict, decision.p_fake, decision.trace[-1].status) == ("uncertain", None, "missing")


def test_asking_everybody_changes_no_verdict():
    units = [unit((-50, 9, 9)), unit((0, 50, 3)), unit((0, 0, 0))]
    plain = Cascade(members(), POLICY, Sum()).run(units)
    made = members()
    asked = Cascade(made, POLICY, Sum()).run(units, all_members=True)
    assert [len(m.calls) for m in made] == [3, 3, 3]
    for a, b in zip(plain, asked, strict=True):
        assert (a.decision.verdict, a.decision.p_fake, a.decision.decided_by) == (
            b.decision.verdict,
            b.decision.p_fake,
            b.decision.decided_by,
        )
    assert all(step.status == "scored" for r in asked for step in r.decision.trace)


def test_the_hook_hears_after_every_stage_with_what_stands():
    heard = []
    run = Cascade(members(), POLICY, Sum()).run
    run(
        [unit((-50, 0, 0)), unit((0, 0, 0))],
        on_stage=lambda who, rs: heard.append((who, [r.current_decision() for r in rs])),
    )
    assert [who for who, _ in heard] == ["stage1", "cheap", "dear", "stage3"]
    first = heard[0][1]
    assert first[0].verdict == "real"
    assert (first[1].verdict, first[1].decided_by) == ("uncertain", None)
    assert first[1].p_fake == pytest.approx(0.5)


def test_a_policy_of_another_bundle_is_refused():
    with pytest.raises(ValueError, match="no exits for the expert"):
        Cascade([*members(), Arithmetic("stranger")], POLICY, Sum())
    with pytest.raises(ValueError, match="one stage-1 member"):
        Cascade(members()[1:], POLICY, Sum())


LIMITS = [0.0, 0.1, 0.2, 0.4, 0.5, 0.6, 0.8, 0.9, 0.95, 1.0]
"""Every exit of POLICY itself, and what lies between them."""


@given(st.lists(st.tuples(*[st.sampled_from([*LIMITS, np.nan])] * 4), min_size=1, max_size=20))
def test_the_rules_on_rows_of_a_table(rows):
    """The numbered rules over plain numbers. Limits are met exactly; NaN is a member that fails."""
    table = pd.DataFrame(rows, columns=["p_stage1", "p_cheap", "p_dear", "p_stack"])
    steps = [("stage1", POLICY.stage1), *(("stage2", expert.exits) for expert in POLICY.experts)]
    for row, found in zip(rows, run_rows(table, POLICY).to_dict("records"), strict=True):
        expected = ("uncertain", "", np.nan, 3)
        for asked, (p, (stage, exits)) in enumerate(zip(row, steps, strict=False), 1):
            low = exits.real_below is not None and p <= exits.real_below
            if low or (exits.fake_above is not None and p >= exits.fake_above):
                expected = ("real" if low else "fake", stage, p, asked)
                break
        else:
            if np.isfinite(row).all():
                verdict = "real" if row[3] <= 0.4 else "fake" if row[3] >= 0.6 else "uncertain"
                expected = (verdict, "stage3", row[3], 3)
        assert tuple(found.values())[:2] == expected[:2]
        np.testing.assert_equal((found["p_fake"], found["asked"]), expected[2:])


@given(st.lists(st.tuples(*[st.integers(-99, 99)] * 3), min_size=1, max_size=6), st.randoms())
def test_neighbours_never_change_a_unit(rows, random):
    """The digits and the trace of a unit are the same alone and in any company."""
    units = [unit(row) for row in rows]
    together = Cascade(members(), POLICY, Sum()).run(units)
    pick = random.randrange(len(rows))
    alone = Cascade(members(), POLICY, Sum()).run([units[pick]])[0]
    strip = {"seconds": 0.0}
    assert [s.model_copy(update=strip) for s in alone.decision.trace] == [
        s.model_copy(update=strip) for s in together[pick].decision.trace
    ]


@given(st.floats(0, 1))
def test_calibrated_log_odds_are_finite_and_invert(p):
    value = calibrated_log_odds(np.array([p]))[0]
    assert np.isfinite(value)
    assert sigmoid(value) == pytest.approx(p, abs=2e-7)
