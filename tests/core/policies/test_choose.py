"""Exits: what they guarantee holds over thousands of draws, where the naive rule breaks it."""

import hashlib

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom, norm

from core.artifacts.workspace import Workspace
from core.calibrate.methods.temperature import Temperature
from core.policies.choose import choose_policy, exit_policies, fit_policy
from core.policies.guarantees import GRID, NAMED, GroupScores, group_extremes, groups_needed
from core.policies.spec import PolicySpec
from core.policies.table import calibration_rows, table_fingerprint, table_members
from core.progress import Silent
from core.tables.predictions import Predictions


def test_groups_needed_closed_form():
    assert [groups_needed(t, 0.95) for t in (0.02, 0.05, 0.01)] == [149, 59, 299]


@pytest.mark.parametrize(("target", "confidence"), [(0.02, 0.95), (0.05, 0.9), (0.1, 0.8), (0.013, 0.99)])
def test_groups_needed_is_the_least(target, confidence):
    n = groups_needed(target, confidence)
    assert binom.cdf(0, n, target) <= 1 - confidence
    assert binom.cdf(0, n - 1, target) > 1 - confidence


def test_group_is_missed_when_any_of_its_items_is():
    p, y, g = [0.9, 0.1, 0.7, 0.2, 0.05], [1, 1, 1, 0, 0], ["a", "a", "b", "b", "c"]
    real = group_extremes(p, y, g, "real")
    assert sorted(real.extreme) == [0.1, 0.7]
    assert real.errors([0.05, 0.1, 0.5, 0.7]).tolist() == [0, 1, 1, 2]
    fake = group_extremes(p, y, g, "fake")
    assert sorted(fake.extreme) == pytest.approx([0.8, 0.95])
    assert fake.item_rate([0.8]).tolist() == [0.5]


def draws(rng, n_groups: int, size: int, rho: float, repeats: int) -> np.ndarray:
    """(repeats, n_groups, size) standard normal log-odds of fakes, correlated rho inside a group, mean 2."""
    shared = rng.normal(size=(repeats, n_groups, 1)) * rho**0.5
    return 2.0 + 2.0 * (shared + rng.normal(size=(repeats, n_groups, size)) * (1 - rho) ** 0.5)


def true_item_rate(t: float) -> float:
    return float(norm.cdf((np.log(t / (1 - t)) - 2.0) / 2.0))


@pytest.mark.parametrize(("size", "rho"), [(1, 0.0), (8, 0.6)])
@pytest.mark.parametrize("method", ["learn_then_test", "clopper_pearson", "observed"])
def test_violations_stay_under_delta(method, size, rho):
    """2,000 draws of 250 groups; the target is 5 % at confidence 90 %."""
    repeats, target, delta = 2000, 0.05, 0.1
    p = 1 / (1 + np.exp(-draws(np.random.default_rng(7), 250, size, rho, repeats)))
    reference = 1 / (1 + np.exp(-draws(np.random.default_rng(8), 200_000, size, rho, 1)[0]))
    truth = GroupScores(reference.min(1), reference.ravel())
    policy = exit_policies.get(method)
    chosen = [policy.choose(GroupScores(x.min(1), x.ravel()), target, 1 - delta).at for x in p]
    at = np.array([np.nan if t is None else t for t in chosen])
    broken_items = np.mean([t is not None and true_item_rate(t) > target for t in chosen])
    limit = delta + 3 * (delta * (1 - delta) / repeats) ** 0.5
    if method == "observed":
        assert broken_items > 0.40
        return
    group_risk = np.where(np.isnan(at), 0.0, truth.errors(np.nan_to_num(at)) / truth.groups)
    assert np.mean(group_risk > target) <= limit
    assert broken_items <= limit
    if size == 1:
        assert np.mean(~np.isnan(at)) > 0.9  # it is not safe by never choosing
    if method == "learn_then_test":
        assert np.mean(group_risk > target) > 0.02  # nor by wasting its delta


def test_learn_then_test_takes_the_last_threshold_that_the_binomial_allows():
    extreme = np.linspace(0.001, 0.999, 400)
    found = exit_policies.get("learn_then_test").choose(GroupScores(extreme, extreme), 0.05, 0.9)
    allowed = max(k for k in range(60) if binom.cdf(k, 400, 0.05) <= 0.1)
    assert (extreme <= found.at).sum() == allowed
    assert found.bound <= 0.05
    assert found.at in GRID


def test_too_few_groups_says_how_many():
    few = GroupScores(np.full(40, 0.99), np.full(40, 0.99))
    found = exit_policies.get("learn_then_test").choose(few, 0.05, 0.95)
    assert found.at is None
    assert "at least 59" in found.note
    shared = exit_policies.get("clopper_pearson").choose(few, 0.05, 0.95)
    assert f"at least {groups_needed(0.05, 1 - 0.05 / NAMED.size)}" in shared.note


@pytest.mark.parametrize("method", exit_policies.names())
def test_contract(method):
    nobody = GroupScores(np.array([]), np.array([]))
    assert exit_policies.get(method).choose(nobody, 0.05, 0.9).at is None
    clean = GroupScores(np.full(500, 0.999), np.full(500, 0.999))
    at = exit_policies.get(method).choose(clean, 0.05, 0.9).at
    assert 0 < at < 0.5
    hopeless = GroupScores(np.full(500, 1e-9), np.full(500, 1e-9))
    refused = exit_policies.get(method).choose(hopeless, 0.05, 0.9)
    assert refused.at is None
    assert refused.note


def predictions(n_groups: int = 300, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    label = np.arange(n_groups * 2) % 2
    frame = pd.DataFrame({"sample_id": [f"s{i}" for i in range(label.size)], "label": label, "dataset": "d"})
    frame["group"] = [f"g{i // 2}" for i in range(label.size)]
    frame["split"] = np.where(np.arange(label.size) < label.size * 0.8, "val_calib", "test")
    for name, strength in (("stage1", 1.5), ("b3", 2.5), ("gen", 2.5), ("stack", 4.0)):
        frame[f"p_{name}"] = 1 / (1 + np.exp(-rng.normal(strength * (2 * label - 1), 1.5)))
    return frame


def spec(**values) -> PolicySpec:
    return PolicySpec(**({"source": "stack"} | values))


def test_policy_has_every_exit_and_its_guarantee():
    table = predictions()
    policy = choose_policy(spec(), table, table_members(table))
    assert table_members(table) == ["stage1", "b3", "gen"]
    assert policy.stage1.real_below is not None
    assert policy.stage1.fake_above is None
    assert [e.name for e in policy.experts] == ["b3", "gen"]
    stages = [(g.stage, g.side) for g in policy.guarantees]
    assert stages == [("stage1", "real"), *[(s, side) for s in ("b3", "gen", "stage3") for side in ("real", "fake")]]
    assert all(g.groups == 240 and g.bound <= g.target for g in policy.guarantees)
    assert policy.data_fingerprint
    rows = table[table["split"] == "val_calib"].assign(log_odds=0.0)
    assert policy.data_fingerprint == Predictions(rows).fingerprint()


def test_policy_id_is_its_content():
    table = predictions()
    members = table_members(table)
    first, again = choose_policy(spec(), table, members), choose_policy(spec(), table, members)
    assert first.policy_id == again.policy_id
    assert first.policy_id != choose_policy(spec(max_leakage=0.1), table, members).policy_id


def test_only_val_calib_chooses():
    table = predictions()
    spoiled = table.copy()
    spoiled.loc[spoiled["split"] == "test", "p_stage1"] = 0.5
    members = table_members(table)
    assert choose_policy(spec(), table, members).policy_id == choose_policy(spec(), spoiled, members).policy_id


def test_infeasible_exits_stay_closed_and_say_why():
    table = predictions(20)
    policy = choose_policy(spec(), table, table_members(table))
    assert policy.stage1.real_below is None
    guarantee = policy.guarantees[0]
    assert not guarantee.feasible
    assert guarantee.observed is None
    assert "45 are needed" in guarantee.note


def test_bad_tables_are_named():
    with pytest.raises(ValueError, match="p_nobody"):
        choose_policy(spec(), predictions(), ["stage1", "nobody"])
    with pytest.raises(ValueError, match="val_calib"):
        choose_policy(spec(), predictions().assign(split="test"), ["stage1"])
    with pytest.raises(ValueError, match="twice"):
        choose_policy(spec(), pd.concat([predictions(), predictions()[:1]]), ["stage1"])
    with pytest.raises(ValueError, match="learn_then_test"):
        choose_policy(spec(method="luck"), predictions(), ["stage1"])


def test_source_is_found_by_name(tmp_path):
    workspace = Workspace(tmp_path).create()
    (workspace.runs / "stack").mkdir()
    predictions().to_parquet(workspace.runs / "stack" / "predictions.parquet")
    policy = fit_policy(spec(), workspace, Silent())
    assert policy.data_fingerprint == table_fingerprint(calibration_rows(predictions()))
    table = workspace.runs / "stack" / "predictions.parquet"
    assert policy.scores_fingerprint == hashlib.sha256(table.read_bytes()).hexdigest()
    with pytest.raises(FileNotFoundError, match="run `stack` first"):
        fit_policy(spec(source="none"), workspace, Silent())


def test_guarantees_hold_with_calibrators_and_two_stages_from_the_same_items():
    """600 draws: both calibrators and both exits come from one sample; each stage keeps its own guarantee."""
    repeats, n, target, delta = 600, 150, 0.05, 0.1
    rng = np.random.default_rng(11)

    def stages(fakes: int) -> tuple[np.ndarray, np.ndarray]:
        shared = rng.normal(size=fakes)
        return 3.0 + 2 * shared + rng.normal(size=fakes), 4.0 + 2 * shared + 2 * rng.normal(size=fakes)

    truth1, truth2 = stages(20_000)
    policy, broken = exit_policies.get("learn_then_test"), np.zeros(2)
    for _ in range(repeats):
        fake1, fake2 = stages(n)
        risks, still_open = [], np.ones(truth1.size, bool)
        for fakes, truth in ((fake1, truth1), (fake2, truth2)):
            reals = -2.0 + 2 * rng.normal(size=n)
            t = Temperature().fit(np.concatenate((fakes, reals)), np.repeat([1, 0], n))
            at = policy.choose(GroupScores(t.transform(fakes), t.transform(fakes)), target, 1 - delta).at
            leaves = still_open & (t.transform(truth) <= (at or -1.0))
            risks.append(leaves.mean())
            still_open &= ~leaves
        broken += np.array(risks) > target
    assert (broken / repeats <= delta + 3 * (delta * (1 - delta) / repeats) ** 0.5).all()
    assert broken[0] / repeats > 0.02
