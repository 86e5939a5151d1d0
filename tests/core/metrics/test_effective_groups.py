"""Intervals only where they hold: few groups, shares of 0 and 1, perfect areas, draws that all agree."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, norm

from core.evaluate.thresholds import threshold_rows
from core.metrics.all_metrics import all_metrics
from core.metrics.by_source import auroc_draws
from core.metrics.delong import compare_aurocs, delong, delong_difference
from core.metrics.effective_groups import (
    MANY_GROUPS,
    MIN_GROUPS,
    count_groups,
    exact_interval,
    interval_from_draws,
    interval_limits,
    perfect_auroc_interval,
    smallest_class,
)
from core.metrics.intervals import percentile


def grouped(groups: int, size: int = 16, rho: float = 0.6, seed: int = 0):
    """`groups` groups of each class; scores whose true AUROC is Phi(1 / sqrt 2)."""
    rng = np.random.default_rng(seed)
    of = np.repeat(np.arange(2 * groups), size)
    y = (of >= groups).astype(int)
    return y + rho**0.5 * rng.normal(size=2 * groups)[of] + (1 - rho) ** 0.5 * rng.normal(size=of.size), y, of


def test_effective_groups_by_hand():
    assert count_groups(np.repeat([0, 1, 2], [1, 1, 8])).effective == pytest.approx(100 / 66)
    even = count_groups(np.repeat(np.arange(40), 3))
    assert (even.groups, even.effective, even.note) == (40, pytest.approx(40), "")
    found = smallest_class([1, 1, 1, 0, 0], ["a", "b", "c", "d", "d"])
    assert (found.groups, found.of) == (1, "reals")
    assert found.note == "No interval: there is 1 group of reals, and 5 are needed."


def test_no_interval_and_no_p_under_the_least_number_of_groups():
    s, y, of = grouped(MIN_GROUPS - 1)
    found = all_metrics(1 / (1 + np.exp(-s)), y, of, draws=100)
    for name in ("auroc", "accuracy", "f1", "brier", "ece_binary_width", "recall", "specificity"):
        assert (found[name]["low"], found[name]["high"]) == (None, None), name
        assert f"{MIN_GROUPS} are needed" in found[name]["note"], name
    assert delong(s, y, groups=of).low is None
    other = s + np.random.default_rng(1).normal(0, 1, s.size)
    gap = delong_difference(s, other, y, of)
    assert (gap.p, gap.half) == (None, None)
    (pair,) = compare_aurocs({"a": s, "b": other}, y, of)
    assert (pair.low, pair.p, pair.p_holm) == (None, None, None)
    assert pair.note.startswith("No test: ")


def test_few_groups_are_said_and_many_are_not():
    for groups, said in ((MIN_GROUPS, True), (MANY_GROUPS - 1, True), (MANY_GROUPS, False)):
        s, y, of = grouped(groups)
        found = all_metrics(1 / (1 + np.exp(-s)), y, of, draws=60)["auroc"]
        assert found["low"] < found["value"] < found["high"]
        assert found["note"].startswith("The interval may be too narrow: ") == said
    uneven = count_groups(np.repeat(np.arange(40), [400, *[1] * 39]))
    assert uneven.note == (
        "The interval may be too narrow: 40 groups of very unequal size carry as much information as a single one."
    )
    eight = count_groups(np.repeat(np.arange(209), [*[200] * 8, *[1] * 201]), "reals")
    assert eight.note == (
        "The interval may be too narrow: "
        "209 groups of reals of very unequal size carry as much information as 10 equal ones."
    )


@pytest.mark.parametrize(("value", "k"), [(0.0, 0), (1.0, 12)])
def test_a_share_at_its_end_has_the_exact_interval_over_groups(value, k):
    found = exact_interval(value, 12)
    assert found.interval == pytest.approx(tuple(binomtest(k, 12).proportion_ci(0.95, "exact")), abs=1e-9)
    low, high = interval_limits(np.array([value]), np.full((9, 1), value), True, np.array([12]))
    assert (low[0], high[0]) == pytest.approx(found.interval)
    assert exact_interval(value, 1).interval is None


def test_perfect_figures_are_not_certain():
    """Four and four perfect groups of three: nothing says 1.000 to 1.000."""
    y, of = np.repeat([0, 1], 18), np.repeat(np.arange(12), 3)
    p = np.where(y == 1, 0.9, 0.1) + np.arange(36) / 1000
    found = all_metrics(p, y, of, draws=100)
    for name, at in found.items():
        assert at["low"] is None or at["low"] < at["high"], name
    assert found["recall"]["low"] == pytest.approx(0.025 ** (1 / 6))
    assert found["accuracy"]["low"] == pytest.approx(0.025 ** (1 / 12))
    assert found["auroc"]["low"] == pytest.approx(0.025 ** (1 / 6))  # six pairs of a group of fakes and one of reals
    assert "all draws agree" in found["f1"]["note"]
    assert delong(p, y, groups=of).low == found["auroc"]["low"]
    assert delong(1 - p, y, groups=of).high == pytest.approx(1 - 0.025 ** (1 / 6))
    assert perfect_auroc_interval(1.0, y, np.tile(np.arange(18), 2)).low == pytest.approx(
        0.025 ** (1 / 9)
    )  # mixed: a group once
    gap = delong_difference(p, 1 - p, y, of)
    assert (gap.value, gap.error, gap.p, gap.half) == (1.0, 0.0, None, None)
    assert delong_difference(p, 2 * p, y, of).p == 1.0


def test_the_exact_bound_of_a_perfect_area_holds():
    """In worlds whose perfect sets are common (AUROC .97), the limit of a perfect set lies above the truth in at most
    2.5 % of all sets."""
    truth = norm.cdf(2.66 / 2**0.5)
    over = 0
    for seed in range(2000):
        rng = np.random.default_rng(seed)
        s = np.concatenate((rng.normal(0, 1, 6), rng.normal(2.66, 1, 6)))
        if s[:6].max() < s[6:].min():
            over += perfect_auroc_interval(1.0, np.repeat([0, 1], 6), None).low > truth
    assert over / 2000 <= 0.025


def test_a_rate_without_a_hit_on_evaluate_is_not_zero_to_zero():
    y, of = np.repeat([0, 1], 60), np.repeat(np.arange(40), 3)
    p = np.where(y == 1, 0.9, 0.005)
    (row,) = threshold_rows(p, y, of, [0.98], draws=50)
    assert (row["leakage"]["value"], row["leakage"]["low"]) == (0, 0)
    assert row["leakage"]["high"] == pytest.approx(1 - 0.025 ** (1 / 20))
    assert row["leakage"]["groups"] == 20
    assert row["filtration_of_reals"]["low"] == pytest.approx(0.025 ** (1 / 20))
    assert row["filtration"]["low"] < 0.5 < row["filtration"]["high"]


@given(st.lists(st.floats(0, 1), min_size=2, max_size=50))
def test_an_interval_has_a_width_or_is_none(values):
    found = percentile(np.array(values))
    if max(values) - min(values) <= 1e-9:
        assert found is None
        assert "all draws agree" in interval_from_draws(np.array(values), count_groups(np.arange(50))).note


@pytest.mark.slow
@pytest.mark.parametrize(
    ("groups", "least", "most"), [(2, 0.4, 0.75), (5, 0.78, 0.92), (10, 0.85, 0.96), (30, 0.9, 0.98)]
)
def test_coverage_of_the_bootstrap_by_groups(groups, least, most):
    """The table beside MIN_GROUPS, again: 300 sets a row."""
    truth, hits = norm.cdf(1 / 2**0.5), 0
    for seed in range(300):
        s, y, of = grouped(groups, seed=seed)
        low, high = percentile(auroc_draws(s, y, of, 300, seed)) or (1.0, 1.0)
        hits += low <= truth <= high
    assert least <= hits / 300 <= most


@pytest.mark.slow
@pytest.mark.parametrize("groups", [5, 10, 30])
def test_coverage_of_delong_by_groups(groups):
    truth = norm.cdf(1 / 2**0.5)
    hits = rejected = 0
    for seed in range(500):
        s, y, of = grouped(groups, seed=seed)
        found = delong(s, y, groups=of)
        hits += found.low is not None and found.low <= truth <= found.high
        rejected += delong_difference(s, grouped(groups, seed=10_000 + seed)[0], y, of).p <= 0.05
    assert hits / 500 >= 0.95 - 3 * (0.05 * 0.95 / 500) ** 0.5
    assert rejected / 500 <= 0.05 + 3 * (0.05 * 0.95 / 500) ** 0.5
