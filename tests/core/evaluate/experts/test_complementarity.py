"""Pairs of experts: figures against tables counted by hand, and laws that hold for every table."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.evaluate.experts.complementarity import FIGURES, agreement_counts, figures_of_counts, oracle, pairwise


def expand(both, only_a, only_b, neither):
    a = [True] * both + [True] * only_a + [False] * only_b + [False] * neither
    b = [True] * both + [False] * only_a + [True] * only_b + [False] * neither
    return np.array(a), np.array(b)


def test_a_table_counted_by_hand():
    """60 right together, 15 only a, 5 only b, 20 wrong together."""
    right_a, right_b = expand(60, 15, 5, 20)
    np.testing.assert_array_equal(agreement_counts(right_a, right_b).sum(0), [60, 15, 5, 20])
    (row,) = pairwise({"a": right_a, "b": right_b}, np.arange(100), draws=200)
    value = {name: row[name]["value"] for name in FIGURES}
    assert value == pytest.approx(
        {
            "error_overlap": 20 / 40,
            "q_statistic": (60 * 20 - 15 * 5) / (60 * 20 + 15 * 5),
            "disagreement": 0.20,
            "double_fault": 0.20,
            "oracle_gain": 0.80 - 0.75,
        }
    )
    assert (row["both_right"], row["only_a_right"], row["only_b_right"], row["both_wrong"]) == (60, 15, 5, 20)
    for name in FIGURES:
        assert row[name]["low"] <= value[name] <= row[name]["high"]


def test_twins_and_opposites():
    right = np.array([True, True, False, True, False])
    twins = figures_of_counts(agreement_counts(right, right).sum(0))
    assert (twins["q_statistic"], twins["error_overlap"], twins["disagreement"], twins["oracle_gain"]) == (1, 1, 0, 0)
    opposites = figures_of_counts(agreement_counts(right, ~right).sum(0))
    assert (opposites["q_statistic"], opposites["error_overlap"], opposites["double_fault"]) == (-1, 0, 0)
    assert opposites["oracle_gain"] == pytest.approx(2 / 5)


def test_flawless_experts_have_no_overlap_and_no_q():
    (row,) = pairwise({"a": np.ones(6, bool), "b": np.ones(6, bool)}, np.arange(6), draws=50)
    assert row["error_overlap"]["value"] is None
    assert row["q_statistic"]["value"] is None
    assert row["disagreement"]["value"] == 0


def test_unequal_lengths_are_refused():
    with pytest.raises(ValueError, match="same items"):
        agreement_counts(np.ones(3, bool), np.ones(4, bool))


@settings(deadline=None)
@given(st.tuples(*[st.integers(0, 40)] * 4).filter(sum))
def test_laws_of_every_table(counts):
    right_a, right_b = expand(*counts)
    found = figures_of_counts(agreement_counts(right_a, right_b).sum(0))
    turned = figures_of_counts(agreement_counts(right_b, right_a).sum(0))
    for name in FIGURES:
        np.testing.assert_allclose(found[name], turned[name])
    either = (right_a | right_b).mean()
    assert found["oracle_gain"] == pytest.approx(either - max(right_a.mean(), right_b.mean()))
    assert found["double_fault"] == pytest.approx(1 - either)
    assert found["disagreement"] + found["double_fault"] + (right_a & right_b).mean() == pytest.approx(1)
    if np.isfinite(found["q_statistic"]):
        assert -1 <= found["q_statistic"] <= 1
    if 0 < right_a.mean() < 1 and 0 < right_b.mean() < 1:
        rho = np.corrcoef(right_a, right_b)[0, 1]
        assert np.sign(np.round(found["q_statistic"], 9)) == np.sign(np.round(rho, 9))


def test_intervals_draw_groups_not_items():
    """Ten copies of every item in one group: the figure stays, its interval too; as single items it would shrink."""
    rng = np.random.default_rng(0)
    right = {name: rng.random(120) < 0.7 for name in "ab"}
    groups = np.arange(120)
    copied = {name: np.repeat(values, 10) for name, values in right.items()}
    one = pairwise(right, groups, draws=400)[0]["disagreement"]
    clustered = pairwise(copied, np.repeat(groups, 10), draws=400)[0]["disagreement"]
    loose = pairwise(copied, np.arange(1200), draws=400)[0]["disagreement"]
    assert clustered == pytest.approx(one)
    assert loose["high"] - loose["low"] < 0.5 * (one["high"] - one["low"])


def test_all_together_against_counting():
    right = {"a": np.array([1, 1, 0, 0, 0], bool), "b": np.array([1, 0, 1, 1, 0], bool), "c": np.zeros(5, bool)}
    found = oracle(right, np.arange(5), draws=100)
    assert found["best"] == "b"
    assert found["oracle"]["value"] == pytest.approx(0.8)
    assert found["accuracy"]["value"] == pytest.approx(0.6)
    assert found["gain"]["value"] == pytest.approx(0.2)
    assert 0 <= found["gain"]["low"] <= found["gain"]["high"]
