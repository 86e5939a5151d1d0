"""What the shares of a cascade are worth: items that are their own groups, groups that agree, and samples of many."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import logit

from core.metrics import rate_bands
from core.metrics.delong import delong
from core.policies.boards import effective_sizes as module
from core.policies.boards.effective_sizes import effective_sizes

EDGES = np.linspace(0, 1, 21)


def drawn(n: int, size: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(p_fake the same within a group, labels, groups of `size`)."""
    rng = np.random.default_rng(seed)
    y = np.repeat(rng.integers(0, 2, n // size), size)
    return np.repeat(rng.uniform(0, 1, n // size), size) * 0.8 + 0.1 * y, y, np.repeat(np.arange(n // size), size)


def test_items_that_are_their_own_groups_are_worth_themselves():
    p, y, _ = drawn(2000, 1)
    found = effective_sizes([EDGES], [p], y, None)
    for name, n in (("fake", y.sum()), ("real", (1 - y).sum()), ("all", y.size)):
        inside = [w for w in found["stages"][0][name] if w is not None]
        assert inside == pytest.approx([n] * len(inside), rel=2e-3)
        assert found["stages"][0][name][0] is None, "at 0 the share is 1: nothing is parted"


def test_groups_that_agree_wholly_are_worth_one_each():
    p, y, groups = drawn(2000, 10)
    found = effective_sizes([EDGES], [p], y, groups)
    inside = [w for w in found["stages"][0]["all"] if w]
    assert inside == pytest.approx([200] * len(inside), rel=0.01)
    assert found["least"] == {"fake": y.sum() / 10, "real": (1 - y).sum() / 10, "all": 200}
    wanted = delong(p, y, groups=groups)
    assert found["auroc_half"] == pytest.approx((logit(wanted.high) - logit(wanted.low)) / 2)


def test_a_sample_of_the_groups_says_the_same(monkeypatch):
    p, y, groups = drawn(40_000, 4)
    whole = effective_sizes([EDGES], [p], y, groups)
    monkeypatch.setattr(module, "SAMPLE_ITEMS", 10_000)
    part = effective_sizes([EDGES], [p], y, groups)
    assert part["stages"][0]["all"][10] == pytest.approx(whole["stages"][0]["all"][10], rel=0.02)
    assert part["least"] == whole["least"]
    assert part["auroc_half"] == pytest.approx(whole["auroc_half"], rel=0.05)


def test_one_class_has_no_auroc_and_an_empty_class_no_worth():
    p, _, groups = drawn(100, 5)
    found = effective_sizes([EDGES], [p], np.zeros(100, np.int64), groups)
    assert found["auroc_half"] is None
    assert set(found["stages"][0]["fake"]) == {None}
    assert found["least"]["fake"] == 0


@pytest.mark.parametrize("groups", [2, 12])
def test_few_large_groups_are_never_sampled_away(monkeypatch, groups):
    rng = np.random.default_rng(groups)
    y, of = rng.integers(0, 2, 60_000), rng.integers(0, groups, 60_000)
    p = rng.uniform(0, 1, y.size) * 0.8 + 0.1 * y
    monkeypatch.setattr(module, "SAMPLE_ITEMS", 10_000)
    found = effective_sizes([EDGES], [p], y, of)
    monkeypatch.setattr(module, "SAMPLE_ITEMS", y.size)
    assert found == effective_sizes([EDGES], [p], y, of)
    assert max(w for w in found["stages"][0]["fake"] if w) <= y.sum()


def test_a_rare_class_keeps_all_its_groups(monkeypatch):
    rng = np.random.default_rng(3)
    of = np.arange(60_000) // 3
    y = (of < 12).astype(np.int64)
    p = rng.uniform(0, 1, y.size)
    monkeypatch.setattr(module, "SAMPLE_ITEMS", 10_000)
    found = effective_sizes([EDGES], [p], y, of)["stages"][0]
    assert max(w for w in found["fake"] if w) <= 36
    assert max(w for w in found["real"] if w) <= 60_000


def test_few_groups_and_many_are_summed_to_the_same():
    rng = np.random.default_rng(4)
    cell, codes = rng.integers(0, 20, 5000), rng.integers(0, 7, 5000)
    dense = rate_bands._dense_sums(cell, codes, 20)
    ranked = rate_bands._ranked_sums(cell, codes, np.bincount(codes).astype(np.float64), 20)
    for name, sums in dense.items():
        assert sums == pytest.approx(ranked[name]), name
