"""Bars over groups: scipy's bootstrap, the board's own bands, wider where groups are large, exact at the ends."""

import numpy as np
import pytest
from scipy.stats import binomtest, bootstrap

from core.metrics.grouped_reliability import grouped_reliability
from core.metrics.rate_bands import rate_bands
from core.metrics.reliability import reliability


def test_groups_of_one_agree_with_the_bootstrap_of_scipy():
    y = np.repeat([1, 0], [30, 70])
    r = grouped_reliability(np.full(100, 0.4), y, None, 1, draws=4000)
    wanted = bootstrap((y,), np.mean, n_resamples=4000, method="percentile", rng=0).confidence_interval
    assert (r.low[0], r.high[0]) == pytest.approx((wanted.low, wanted.high), abs=0.011)
    assert r.observed[0] == reliability(np.full(100, 0.4), y, 1).observed[0] == 0.3


def test_copies_of_items_in_a_group_change_nothing():
    rng = np.random.default_rng(3)
    y, p, own = rng.integers(0, 2, 120), rng.random(120), np.arange(120)
    for which in ("binary", "top_label"):
        once = grouped_reliability(p, y, own, 4, which)
        many = grouped_reliability(np.repeat(p, 5), np.repeat(y, 5), np.repeat(own, 5), 4, which)
        np.testing.assert_allclose((once.low, once.high), (many.low, many.high))


def test_bars_are_those_of_the_board():
    rng = np.random.default_rng(4)
    y, groups = rng.integers(0, 2, 400), rng.integers(0, 60, 400)
    p = np.clip(rng.normal(0.3 + 0.4 * y, 0.25), 0, 1)
    edges = np.linspace(0, 1, 11)
    r = grouped_reliability(p, y, groups, 10)
    np.testing.assert_allclose(np.stack([r.low, r.high], 1), rate_bands(edges, p, y, groups).reliability(np.arange(10)))


def test_a_share_of_one_is_limited_by_its_groups_and_few_groups_by_nothing():
    p, groups = np.full(60, 0.9), np.repeat(np.arange(20), 3)
    r = grouped_reliability(p, np.ones(60, int), groups, 1)
    wanted = binomtest(20, 20).proportion_ci(0.95, method="exact")
    assert (r.low[0], r.high[0]) == pytest.approx((wanted.low, 1.0))
    few = grouped_reliability(p, np.repeat([0, 1], 30), np.repeat([0, 1, 2], 20), 1)
    assert np.isnan(few.low[0])
