"""What an embedding holds: against scikit-learn's own figures and against embeddings made to hold something."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score, silhouette_samples
from sklearn.preprocessing import StandardScaler

from core.evaluate.experts.embedding_quality import (
    embedding_quality,
    probe_scores,
    sample_rows,
    silhouette,
    standardised,
)


def made(rng, n=300, label_signal=0.0, source_signal=0.0):
    groups = np.arange(n) // 2
    labels = rng.integers(0, 2, n // 2)[groups]
    sources = np.where(labels == 1, 2, 0) + rng.integers(0, 2, n // 2)[groups]
    x = rng.normal(size=(n, 6))
    x[:, 0] += label_signal * labels
    x[:, 1] += source_signal * (sources % 2)
    return x, labels, groups.astype(str), sources.astype(str)


def test_standardised_is_scikit_learns():
    x = np.random.default_rng(0).normal(3, 5, (40, 4))
    np.testing.assert_allclose(standardised(x), StandardScaler().fit_transform(x), atol=1e-12)
    assert (standardised(np.ones((5, 2))) == 0).all()


def test_silhouette_is_the_mean_of_its_samples():
    x, labels, _, _ = made(np.random.default_rng(1), label_signal=2)
    expected = silhouette_samples(StandardScaler().fit_transform(x), labels).mean()
    assert silhouette(x, labels) == pytest.approx(expected)
    assert silhouette(x, np.zeros(len(x))) is None


def test_a_probe_finds_what_is_there_and_nothing_else():
    x, labels, groups, sources = made(np.random.default_rng(2), label_signal=3)
    found = embedding_quality(x, labels, groups, sources, draws=200)
    assert found["probe"]["low"] > 0.93
    assert found["silhouette_label"] > 0.1
    assert abs(found["silhouette_source"]) < 0.05
    x, labels, groups, sources = made(np.random.default_rng(3))
    nothing = embedding_quality(x, labels, groups, sources, draws=200)
    assert nothing["probe"]["low"] < 0.5 < nothing["probe"]["high"]


def test_lying_by_source_is_told_from_lying_by_label():
    x, labels, groups, sources = made(np.random.default_rng(4), source_signal=8)
    found = embedding_quality(x, labels, groups, sources, draws=0)
    assert found["silhouette_source"] > 0.1
    assert abs(found["silhouette_label"]) < 0.05
    assert found["probe"]["low"] is None


def test_no_group_is_on_both_sides_of_the_probe():
    """Every group has its own fingerprint and a random label: only a leak could rank it."""
    rng = np.random.default_rng(5)
    groups = np.arange(400) // 8
    labels = rng.integers(0, 2, 50)[groups]
    x = rng.normal(size=(50, 30))[groups] + rng.normal(0, 0.01, (400, 30))
    scores = probe_scores(x, labels, groups.astype(str))
    assert abs(roc_auc_score(labels, scores) - 0.5) < 0.2


def test_too_few_groups_and_too_many_rows():
    assert probe_scores(np.ones((4, 2)), np.array([0, 0, 1, 1]), np.array(["a", "b", "c", "c"])) is None
    rows = sample_rows(1000, 50, seed=1)
    assert len(np.unique(rows)) == 50
    np.testing.assert_array_equal(rows, sample_rows(1000, 50, seed=1))
    np.testing.assert_array_equal(sample_rows(3, 50, seed=1), [0, 1, 2])
