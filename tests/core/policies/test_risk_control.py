"""Conformal risk control and certified thresholds: what is guaranteed holds over 2,000 draws, and MAPIE agrees."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from core.metrics.intervals import upper_bound
from core.policies.choose import choose_policy, exit_policies
from core.policies.guarantees import GRID, FixedClopperPearson, GroupScores
from core.policies.risk_control import groups_needed_in_expectation
from core.policies.spec import PolicySpec

REPEATS, TARGET, DELTA = 2000, 0.05, 0.1


def fakes(rng, groups: int, size: int, rho: float, repeats: int = 1) -> np.ndarray:
    """(repeats, groups, size) p_fake of fakes, log-odds normal with mean 2, sd 2, correlated rho inside a group."""
    shared = rng.normal(size=(repeats, groups, 1)) * rho**0.5
    z = 2.0 + 2.0 * (shared + rng.normal(size=(repeats, groups, size)) * (1 - rho) ** 0.5)
    return 1 / (1 + np.exp(-z))


def group_risk(size: int, rho: float) -> GroupScores:
    many = fakes(np.random.default_rng(8), 200_000, size, rho)[0]
    return GroupScores(many.min(1), many.ravel())


def risks(method, drawn: np.ndarray, truth: GroupScores) -> np.ndarray:
    """(repeats,) true share of groups in error at the exit chosen from each draw; 0 where none is."""
    chosen = [method.choose(GroupScores(np.sort(x.min(1)), x.ravel()), TARGET, 1 - DELTA).at for x in drawn]
    at = np.array([np.nan if t is None else t for t in chosen])
    return np.where(np.isnan(at), 0.0, truth.errors(np.nan_to_num(at)) / truth.groups)


@pytest.mark.parametrize(("size", "rho"), [(1, 0.0), (8, 0.6)])
def test_the_risk_is_kept_in_expectation_and_no_more(size, rho):
    drawn = fakes(np.random.default_rng(7), 200, size, rho, REPEATS)
    found = risks(exit_policies.get("conformal_risk_control"), drawn, group_risk(size, rho))
    assert found.mean() <= TARGET + 3 * found.std() / REPEATS**0.5
    assert found.mean() >= TARGET - 1.5 / 200  # it wastes at most the one group that it adds
    assert 0.3 < np.mean(found > TARGET) < 0.6  # a single set may break it: the note says so


def test_a_threshold_fixed_in_advance_is_certified_with_all_of_delta():
    """At the fixed threshold the bound covers the true rate in at least 1 - delta of the draws, alone and clustered."""
    method = FixedClopperPearson(np.array([0.02]))
    for size, rho in ((1, 0.0), (8, 0.6)):
        truth = group_risk(size, rho)
        rate = float(truth.errors(0.02)) / truth.groups
        drawn = fakes(np.random.default_rng(5), 150, size, rho, REPEATS)
        errors = (drawn.min(2) <= 0.02).sum(1)
        missed = np.mean(upper_bound(errors, 150, 1 - DELTA) < rate)
        assert missed <= DELTA + 3 * (DELTA * (1 - DELTA) / REPEATS) ** 0.5
        first = method.choose(GroupScores(drawn[0].min(1), drawn[0].ravel()), 0.5, 1 - DELTA)
        assert first.bound == pytest.approx(float(upper_bound(errors[0], 150, 1 - DELTA)))


def test_counting_frames_instead_of_groups_breaks_the_guarantee():
    """Eight frames of a clip are not eight trials: tested as if they were, the clip-level rate is broken."""
    truth, method = group_risk(8, 0.6), exit_policies.get("learn_then_test")
    drawn = fakes(np.random.default_rng(9), 100, 8, 0.6, 300)
    as_frames = [method.choose(GroupScores(np.sort(x.ravel()), x.ravel()), TARGET, 1 - DELTA).at for x in drawn]
    broken = np.mean([t is not None and truth.errors(t) / truth.groups > TARGET for t in as_frames])
    kept = np.mean(risks(method, drawn, truth) > TARGET)
    assert broken > 0.4
    assert kept <= DELTA + 3 * (DELTA * (1 - DELTA) / 300) ** 0.5


def test_two_sided_exits_keep_both_guarantees_at_once():
    """300 draws of fakes and reals: each side's risk exceeds its target in at most delta of them."""
    rng, method = np.random.default_rng(2), exit_policies.get("learn_then_test")
    truth, broken = group_risk(1, 0.0), np.zeros(2)
    for _ in range(300):
        for side in (0, 1):  # a real's distance from the fake end is distributed like a fake's from the real end
            x = fakes(rng, 200, 1, 0.0)[0]
            at = method.choose(GroupScores(np.sort(x[:, 0]), x[:, 0]), TARGET, 1 - DELTA).at
            broken[side] += at is not None and truth.errors(at) / truth.groups > TARGET
    assert (broken / 300 <= DELTA + 3 * (DELTA * (1 - DELTA) / 300) ** 0.5).all()


def test_conformal_risk_control_equals_mapie():
    methods = pytest.importorskip("mapie.risk_control.methods", reason="MAPIE is not installed")
    for seed in range(8):
        x = fakes(np.random.default_rng(seed), 120, 3, 0.6)[0]
        scores = GroupScores(x.min(1), x.ravel())
        losses = (x.min(1)[:, None] <= GRID[None, :]).astype(float)
        _, plus = methods.get_r_hat_plus(losses, GRID, "crc", None, None, None)
        allowed = np.flatnonzero(plus <= TARGET)
        found = exit_policies.get("conformal_risk_control").choose(scores, TARGET, 0.9)
        assert found.at == GRID[allowed[-1]]
        assert found.bound == pytest.approx(plus[allowed[-1]])


def test_conformal_risk_control_by_its_definition():
    """Errors allowed among 99 groups at 5 %: (k + 1) / 100 <= .05, so four."""
    extreme = np.linspace(0.001, 0.99, 99)
    found = exit_policies.get("conformal_risk_control").choose(GroupScores(extreme, extreme), 0.05, 0.9)
    assert (extreme <= found.at).sum() == 4
    assert found.bound == pytest.approx(0.05)
    assert "expectation" in found.note


def test_learn_then_test_equals_mapie():
    """Binary losses, fixed sequence. They round groups x rate up to a count, so the rate is given a hair under it."""
    control = pytest.importorskip("mapie.risk_control._base_controller", reason="MAPIE is not installed")
    for seed in range(8):
        x = fakes(np.random.default_rng(seed), 300, 1, 0.0)[0][:, 0]
        scores = GroupScores(x, x)
        errors, n = scores.errors(GRID), np.full((1, GRID.size), 300.0)
        risk = np.maximum(errors - 1e-9, 0.0) / 300
        valid, p_values = control.ltt_procedure(
            risk[None], np.array([[TARGET]]), DELTA, n, binary=True, fwer_method="fixed_sequence"
        )
        assert p_values[:, 0] == pytest.approx(binom.cdf(errors, 300, TARGET), abs=1e-8)
        assert exit_policies.get("learn_then_test").choose(scores, TARGET, 1 - DELTA).at == GRID[max(valid[0])]


def test_expectation_needs_fewer_groups_and_says_how_many():
    assert [groups_needed_in_expectation(t) for t in (0.02, 0.05, 0.01)] == [49, 19, 99]
    few = GroupScores(np.full(18, 0.99), np.full(18, 0.99))
    refused = exit_policies.get("conformal_risk_control").choose(few, 0.05, 0.9)
    assert refused.at is None
    assert "at least 19" in refused.note
    enough = GroupScores(np.full(19, 0.99), np.full(19, 0.99))
    assert exit_policies.get("conformal_risk_control").choose(enough, 0.05, 0.9).at is not None


def predictions() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    label = np.arange(800) % 2
    frame = pd.DataFrame({"sample_id": np.arange(800).astype(str), "label": label, "group": np.arange(800).astype(str)})
    frame["p_stage1"] = 1 / (1 + np.exp(-rng.normal(3 * (2 * label - 1), 1.5)))
    return frame


def test_fixed_threshold_in_a_policy():
    spec = PolicySpec(source="x", method="clopper_pearson", fixed=0.9, max_leakage=0.1, stage1_both_sides=True)
    policy = choose_policy(spec, predictions(), ["stage1"])
    assert policy.stage1.real_below == pytest.approx(0.1)
    assert policy.stage1.fake_above == pytest.approx(0.9)
    assert policy.stage1.decide(0.5) is None  # the uncertain band
    errors = int((predictions().query("label == 1")["p_stage1"] <= 0.1).sum())
    assert policy.guarantees[0].bound == pytest.approx(float(upper_bound(errors, 400, 0.9)))
    strict = choose_policy(spec.model_copy(update={"max_leakage": 0.001}), predictions(), ["stage1"])
    assert strict.stage1.real_below is None
    assert "are needed" in strict.guarantees[0].note
    with pytest.raises(ValueError, match="clopper_pearson"):
        choose_policy(spec.model_copy(update={"method": "learn_then_test"}), predictions(), ["stage1"])


def test_a_policy_in_expectation_states_no_confidence():
    policy = choose_policy(PolicySpec(source="x", method="conformal_risk_control"), predictions(), ["stage1"])
    guarantee = policy.guarantees[0]
    assert guarantee.confidence is None
    assert guarantee.bound <= guarantee.target
    assert "expectation" in guarantee.note


@pytest.mark.parametrize("method", exit_policies.names())
def test_every_method_says_what_it_guarantees(method):
    assert len(exit_policies.get(method).guarantee) > 20
