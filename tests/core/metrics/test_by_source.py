"""AUROC by source, and its draws: the same as those of all ranking figures."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from core.metrics.all_metrics import all_metrics
from core.metrics.bootstrap_draws import ranking_draws
from core.metrics.by_source import against_the_rest, at_a_half, auroc_draws, by_source


def table(rng, n=240):
    groups = np.arange(n) // 3
    labels = rng.integers(0, 2, n // 3)[groups]
    return rng.normal(labels, 1.0), labels, groups.astype(str)


@pytest.mark.parametrize("n", [240, 3000])
def test_draws_are_those_of_the_ranking_figures(n):
    scores, labels, groups = table(np.random.default_rng(0), n)
    own = auroc_draws(scores, labels, groups, 60, 7)
    peer = ranking_draws(scores, labels, groups, 60, np.random.default_rng(7))["auroc"]
    np.testing.assert_allclose(own, peer, atol=1e-4 if n > 1000 else 1e-12)


def test_a_draw_without_a_class_has_no_area():
    drawn = auroc_draws(np.arange(4.0), np.array([0, 0, 0, 1]), np.arange(4), 200, 0)
    assert 0 < np.isnan(drawn).sum() < 200


def test_a_source_of_one_label_stands_against_all_of_the_other():
    scores, labels, groups = table(np.random.default_rng(1))
    sources = np.where(labels == 1, np.where(np.arange(240) % 2, "gan", "swap"), "photo")
    p = 1 / (1 + np.exp(-scores))
    found = by_source(p, labels, groups, sources, draws=100)
    rows = (sources == "gan") | (labels == 0)
    assert found["gan"]["auroc"] == pytest.approx(roc_auc_score(labels[rows], p[rows]))
    assert found["photo"]["auroc"] == pytest.approx(roc_auc_score(labels, p))
    assert found["gan"]["interval"][0] < found["gan"]["auroc"] < found["gan"]["interval"][1]
    assert found["gan"]["right"] == pytest.approx((p[sources == "gan"] >= 0.5).mean())
    assert found["gan"]["fakes"] == found["gan"]["items"]
    assert found["gan"]["f1"] == pytest.approx(f1_score(labels[rows], p[rows] >= 0.5))
    assert found["gan"]["f1_interval"][0] < found["gan"]["f1"] < found["gan"]["f1_interval"][1]
    assert found["gan"]["ece_interval"][0] <= found["gan"]["ece"] <= found["gan"]["ece_interval"][1]


def test_f1_and_ece_are_those_of_every_report():
    scores, labels, groups = table(np.random.default_rng(2))
    p = 1 / (1 + np.exp(-scores))
    found, peer = at_a_half(p, labels, groups, 200, 5), all_metrics(p, labels, groups, draws=200, seed=5)
    for own, name in (("f1", "f1"), ("ece", "ece_binary_width")):
        assert found[own] == peer[name]["value"]
        assert found[f"{own}_interval"] == (peer[name]["low"], peer[name]["high"])
    assert at_a_half(p, labels, np.zeros(240), 200, 5)["ece_interval"] is None


def test_a_source_of_both_labels_stands_alone():
    labels, sources = np.array([0, 1, 0, 1]), np.array(["a", "a", "b", "b"])
    np.testing.assert_array_equal(against_the_rest(labels, sources, "a"), [True, True, False, False])
    only = by_source(np.array([0.2, 0.9]), np.array([1, 1]), np.array(["x", "y"]), np.array(["a", "a"]))
    assert only["a"]["auroc"] is None
