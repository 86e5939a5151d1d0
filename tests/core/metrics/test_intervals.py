"""Intervals against scipy, closed forms and brute-force resampling."""

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import average_precision_score, roc_auc_score

from core.metrics import delong, intervals, metrics
from core.metrics.reliability import ece


def clustered(n_groups: int = 60, size: int = 8, seed: int = 0):
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(n_groups), size)
    y = rng.integers(0, 2, n_groups)[groups]
    z = 1.5 * (2 * y - 1) + rng.normal(0, 1.2, n_groups)[groups] + rng.normal(0, 1, groups.size)
    return 1 / (1 + np.exp(-z)), y, groups


@pytest.mark.parametrize(("k", "n"), [(0, 10), (3, 10), (10, 10), (1, 400)])
def test_shares_equal_scipy(k, n):
    test = binomtest(k, n)
    assert np.array(intervals.wilson(k / n, n, 0.9)) == pytest.approx(test.proportion_ci(0.9, "wilson"), abs=1e-9)
    assert intervals.clopper_pearson(k, n, 0.9) == pytest.approx(tuple(test.proportion_ci(0.9, "exact")), abs=1e-9)
    one_sided = binomtest(k, n, alternative="less").proportion_ci(0.95, "exact").high
    assert float(intervals.upper_bound(k, n, 0.95)) == pytest.approx(one_sided, abs=1e-9)


def test_nothing_observed_is_unknown():
    assert np.isnan(intervals.wilson([np.nan, 0.5], [0, 0])).all()
    assert intervals.clopper_pearson(0, 0) is None
    assert float(intervals.upper_bound(0, 0)) == 1.0


def test_zero_misses_closed_form():
    assert float(intervals.upper_bound(0, 149, 0.95)) == pytest.approx(1 - 0.05 ** (1 / 149))


def test_delong_equals_its_definition():
    rng = np.random.default_rng(1)
    y = rng.integers(0, 2, 80)
    s = np.round(rng.normal(y, 1), 1)
    pairs = np.array([[(a > b) + 0.5 * (a == b) for b in s[y == 0]] for a in s[y == 1]])
    found = delong.delong(s, y)
    assert found.auroc == pytest.approx(roc_auc_score(y, s))
    expected = pairs.mean(1).var(ddof=1) / len(pairs) + pairs.mean(0).var(ddof=1) / pairs.shape[1]
    assert found.standard_error == pytest.approx(expected**0.5)
    assert found.low < found.auroc < found.high


def test_delong_interval_covers():
    rng = np.random.default_rng(2)
    truth, hits = 0.7602499, 0  # Phi(1 / sqrt(2))
    for _ in range(300):
        y = np.repeat([0, 1], 60)
        e = delong.delong(rng.normal(y, 1), y)
        hits += e.low <= truth <= e.high
    assert hits / 300 == pytest.approx(0.95, abs=0.04)


def test_delong_difference_of_a_score_with_itself():
    p, y, _ = clustered()
    assert delong.delong_difference(p, p, y)[:4] == (0.0, 0.0, 1.0, 0.0)
    gap = delong.delong_difference(p, np.random.default_rng(0).random(p.size), y)
    assert gap.value - gap.half > 0.2
    assert gap.p < 1e-6


def test_bootstrap_draws_equal_recomputing_each_draw():
    p, y, groups = clustered()
    seed, draws = 5, 6
    weights = intervals.draw_weights(60, draws, np.random.default_rng(seed))
    ranking = intervals.ranking_draws(p, y, groups, draws, np.random.default_rng(seed))
    rest = intervals.probability_draws(p, y, groups, draws, np.random.default_rng(seed))
    for i in range(draws):
        rows = np.repeat(np.arange(p.size), weights[i][groups].astype(int))
        a, b = p[rows], y[rows]
        assert ranking["auroc"][i] == pytest.approx(roc_auc_score(b, a), abs=1e-12)
        assert ranking["average_precision"][i] == pytest.approx(average_precision_score(b, a), abs=1e-12)
        assert ranking["eer"][i] == pytest.approx(metrics.eer(a, b), abs=1e-12)
        assert rest["brier"][i] == pytest.approx(metrics.brier(a, b), abs=1e-12)
        assert rest["nll"][i] == pytest.approx(metrics.nll(a, b), abs=1e-12)
        assert rest["ece_binary_width"][i] == pytest.approx(ece(a, b), abs=1e-12)
        assert rest["ece_top_label_width"][i] == pytest.approx(ece(a, b, which="top_label"), abs=1e-12)
        for name, value in metrics.threshold_metrics(metrics.confusion(a, b)).items():
            assert rest[name][i] == pytest.approx(value, abs=1e-12)


def test_binned_ranks_are_close_enough():
    rng = np.random.default_rng(4)
    y = rng.integers(0, 2, 20_000)
    s = rng.normal(y, 1)
    draws = intervals.ranking_draws(s, y, np.arange(20_000) // 20, 200, rng)["auroc"]
    assert draws.mean() == pytest.approx(roc_auc_score(y, s), abs=3 * draws.std() / 200**0.5 + 1e-5)
    plain = intervals.ranking_draws(s, y, None, 200, rng)["auroc"]
    assert plain.std() == pytest.approx(delong.delong(s, y).standard_error, rel=0.2)


def test_clusters_widen_the_interval():
    p, y, groups = clustered(200, 20)
    rng = np.random.default_rng(0)
    by_group = intervals.ranking_draws(p, y, groups, 300, rng)["auroc"].std()
    by_item = intervals.ranking_draws(p, y, None, 300, rng)["auroc"].std()
    assert by_group > 2 * by_item


def test_draws_without_a_class_are_left_out():
    draws = intervals.ranking_draws([0.1, 0.9], [0, 1], ["a", "b"], 200, np.random.default_rng(0))["auroc"]
    assert np.isnan(draws).any()
    assert intervals.percentile(draws) is None or np.isfinite(intervals.percentile(draws)).all()
    assert intervals.percentile(np.full(5, np.nan)) is None
