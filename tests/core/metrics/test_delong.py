"""DeLong for groups and Holm for many: closed forms, MAPIE, coverage where items of a group move together."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.metrics.delong import compare_aurocs, delong, delong_difference, holm


def clustered(rng, groups: int = 60, size: int = 6):
    """Scores of two detectors that share what is hard about a group; both have the same true AUROC."""
    of = np.repeat(np.arange(groups), size)
    y = (np.arange(groups) % 2)[of]
    shared = rng.normal(0, 1.5, groups)[of]
    a, b = (1.5 * y + shared + rng.normal(0, 1, of.size) for _ in range(2))
    return a, b, y, of


def test_groups_of_one_item_change_nothing():
    a, b, y, _ = clustered(np.random.default_rng(0))
    alone = np.arange(y.size)
    assert delong(a, y) == delong(a, y, groups=alone)
    assert delong_difference(a, b, y) == pytest.approx(delong_difference(a, b, y, alone))


def test_a_copied_item_adds_nothing_once_it_is_in_its_group():
    """Every item twice, pairs as groups: the same area and nearly the same error as once; taken as independent, the
    error shrinks by the root of two."""
    rng = np.random.default_rng(1)
    y = np.repeat([0, 1], 100)
    s = rng.normal(y, 1)
    once, twice = delong(s, y), delong(np.repeat(s, 2), np.repeat(y, 2), groups=np.repeat(np.arange(200), 2))
    assert twice.auroc == pytest.approx(once.auroc)
    assert twice.standard_error == pytest.approx(once.standard_error, rel=0.01)
    naive = delong(np.repeat(s, 2), np.repeat(y, 2))
    assert naive.standard_error == pytest.approx(once.standard_error / 2**0.5, rel=0.02)


def test_the_interval_covers_only_when_groups_are_counted():
    rng = np.random.default_rng(2)
    truth = delong(*clustered(rng, 40_000)[::2]).auroc
    hits = np.zeros(2)
    for _ in range(300):
        a, _, y, of = clustered(rng)
        for i, groups in enumerate((of, None)):
            found = delong(a, y, groups=groups)
            hits[i] += found.low <= truth <= found.high
    assert hits[0] / 300 >= 0.95 - 3 * (0.95 * 0.05 / 300) ** 0.5
    assert hits[1] / 300 < 0.85


def test_equal_detectors_are_told_apart_as_often_as_stated():
    rng, rejected = np.random.default_rng(3), 0
    for _ in range(400):
        a, b, y, of = clustered(rng)
        rejected += delong_difference(a, b, y, of)[2] <= 0.05
    assert abs(rejected / 400 - 0.05) <= 3 * (0.05 * 0.95 / 400) ** 0.5 + 0.02


def test_the_error_of_mixed_groups_is_that_of_leaving_groups_out():
    """Against the jackknife over whole groups, where all, some or one of them hold both classes."""
    for mixed in (60, 20, 1):
        rng = np.random.default_rng(mixed)
        of = np.repeat(np.arange(60), 8)
        y = np.where(of < mixed, rng.integers(0, 2, of.size), of % 2)
        s = y + rng.normal(0, 1.2, 60)[of] + rng.normal(0, 1, of.size)
        left = [delong(s[of != g], y[of != g]).auroc for g in range(60)]
        jackknife = (59 / 60 * np.square(np.array(left) - np.mean(left)).sum()) ** 0.5
        assert delong(s, y, groups=of).standard_error == pytest.approx(jackknife, rel=0.05), mixed


def test_one_mixed_group_counts_and_moves_the_error_smoothly():
    """A large mixed group beside single-class ones: its two sides move together, which lowers the error."""
    rng = np.random.default_rng(0)
    of = np.concatenate((np.repeat(0, 200), np.repeat(np.arange(1, 21), 10)))
    y = np.concatenate((np.arange(200) % 2, np.repeat(np.arange(20) % 2, 10)))
    s = y + 2.0 * (of == 0) + rng.normal(0, 1, of.size)
    whole = delong(s, y, groups=of).standard_error
    apart = delong(s, y, groups=np.where((of == 0) & (y == 1), 99, of)).standard_error
    assert whole < 0.5 * apart


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_by_its_definition(p):
    p = np.array(p)
    found, order = holm(p), np.argsort(p, kind="stable")
    for rank, i in enumerate(order):
        assert found[i] == pytest.approx(min(1.0, max(p[j] * (p.size - k) for k, j in enumerate(order[: rank + 1]))))
    assert (found >= p - 1e-15).all()


def test_holm_rejects_what_mapie_rejects():
    fwer = pytest.importorskip("mapie.risk_control.fwer_control", reason="MAPIE is not installed")
    rng = np.random.default_rng(0)
    for _ in range(50):
        p = rng.random(8) ** 3
        theirs = fwer.control_fwer(p, 0.1, "bonferroni_holm")
        assert sorted(theirs) == np.flatnonzero(holm(p) <= 0.1).tolist()


def test_pairs_are_compared_and_adjusted():
    rng = np.random.default_rng(4)
    a, b, y, of = clustered(rng)
    found = compare_aurocs({"good": a + 3 * y, "a": a, "b": b}, y, of)
    assert [(d.a, d.b) for d in found] == [("good", "a"), ("good", "b"), ("a", "b")]
    assert found[0].p_holm < 0.01
    assert found[2].low <= found[2].difference <= found[2].high
    assert all(d.p_holm >= d.p and d.groups == 60 for d in found)
    assert compare_aurocs({"a": a[:6], "b": b[:6]}, y[:6], of[:6]) == []
    with pytest.raises(ValueError, match="p-values"):
        holm([1.2])
