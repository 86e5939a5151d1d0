"""Bars over groups: those of items where each is its own group, scipy's Wilson, wider where groups are large."""

import numpy as np
import pytest
from scipy.stats import binomtest

from core.evaluate.reliability import reliability
from core.evaluate.reliability_groups import grouped_reliability


@pytest.mark.parametrize("which", ["binary", "top_label"])
@pytest.mark.parametrize("binning", ["width", "mass"])
def test_groups_of_one_are_items(which, binning):
    rng = np.random.default_rng(0)
    p, y = rng.random(500), rng.integers(0, 2, 500)
    alone = grouped_reliability(p, y, None, 10, which, binning)
    plain = reliability(p, y, 10, which, binning)
    for name in ("low", "high", "observed", "stated"):
        np.testing.assert_allclose(getattr(alone, name), getattr(plain, name), equal_nan=True)


def test_a_bin_of_equal_groups_is_worth_its_groups():
    y = np.repeat(np.r_[np.ones(7, int), np.zeros(13, int)], 5)  # twenty groups of five, seven of fakes
    r = grouped_reliability(np.full(100, 0.4), y, np.repeat(np.arange(20), 5), 1)
    wanted = binomtest(7, 20).proportion_ci(0.95, method="wilson")
    assert (r.low[0], r.high[0]) == pytest.approx((wanted.low, wanted.high))
