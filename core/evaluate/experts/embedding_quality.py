"""What an embedding holds: a linear probe by group, and how its items lie by label and by source."""

from __future__ import annotations

from typing import Any

import numpy as np

from core.metrics.by_source import auroc_interval
from core.metrics.metrics import auroc

FOLDS = 5
PENALTY = 0.05
"""Inverse strength of the probe's L2 penalty (C): embeddings have about as many dimensions as a split has groups."""


def sample_rows(count: int, most: int, seed: int) -> np.ndarray:
    """Draw rows without replacement.

    Args:
        count: Number of rows there are.
        most: Most rows to draw.
        seed: Seed of the draw.

    Returns:
        (min(count, most),) ascending rows.
    """
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, most, replace=False))


def standardised(embedding: np.ndarray) -> np.ndarray:
    """Scale columns to mean 0 and deviation 1; a constant column becomes 0.

    Args:
        embedding: (N, D).

    Returns:
        (N, D) float64.
    """
    values = np.asarray(embedding, np.float64)
    spread = values.std(0)
    return (values - values.mean(0)) / np.where(spread > 1e-12, spread, 1.0)


def probe_scores(embedding: np.ndarray, labels: np.ndarray, groups: np.ndarray, seed: int = 0) -> np.ndarray | None:
    """Compute out-of-fold log-odds of a logistic regression on the standardised embedding, folds by group.

    Scaling is fitted inside the training part of each fold.

    Args:
        embedding: (N, D).
        labels: (N,) 0 = real, 1 = fake.
        groups: (N,) names of groups.
        seed: Seed of the folds.

    Returns:
        (N,) log-odds; None when a class has fewer than two groups.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    per_class = [len(np.unique(groups[labels == label])) for label in (0, 1)]
    folds = min(FOLDS, *per_class)
    if folds < 2:
        return None
    scores = np.full(len(labels), np.nan)
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    for train, held in splitter.split(embedding, labels, groups):
        if len(np.unique(labels[train])) < 2:
            return None
        model = make_pipeline(StandardScaler(), LogisticRegression(C=PENALTY, max_iter=500, tol=1e-3))
        scores[held] = model.fit(embedding[train], labels[train]).decision_function(embedding[held])
    return scores


def silhouette(embedding: np.ndarray, names: np.ndarray) -> float | None:
    """Compute the mean silhouette (Rousseeuw 1987) of the standardised embedding, Euclidean.

    Args:
        embedding: (N, D).
        names: (N,) name of the cluster of each item.

    Returns:
        A float in [-1, 1]; near 0, items of one name lie no closer to each other than to the rest. None unless
        2 <= names < items.
    """
    from sklearn.metrics import silhouette_score

    if not 2 <= len(np.unique(names)) < len(names):
        return None
    return float(silhouette_score(standardised(embedding), names))


def embedding_quality(
    embedding: np.ndarray,
    labels: np.ndarray,
    groups: np.ndarray,
    sources: np.ndarray,
    *,
    most: int = 2000,
    draws: int = 1000,
    seed: int = 0,
) -> dict[str, Any]:
    """Measure an embedding by a linear probe and by silhouettes.

    `silhouette_source` is the mean over the two labels of the silhouette by source inside one label: sources mostly
    hold one label, so over all items it would measure the label again.

    Args:
        embedding: (N, D).
        labels: (N,) 0 = real, 1 = fake.
        groups: (N,) names of groups.
        sources: (N,) source of each item.
        most: Most rows that are used, drawn by seed.
        draws: Bootstrap draws of groups; 0 for no intervals.
        seed: Seed of rows, folds and draws.

    Returns:
        dimensions, items, probe (AUROC with interval), silhouette_label and silhouette_source.
    """
    rows = sample_rows(len(labels), most, seed)
    x, y, of, where = embedding[rows], labels[rows], groups[rows], sources[rows]
    scores = probe_scores(x, y, of, seed)
    probe: dict[str, float | None] = {"value": None, "low": None, "high": None}
    if scores is not None:
        between = auroc_interval(scores, y, of, draws, seed)
        probe = {"value": auroc(scores, y), "low": between.low, "high": between.high}
    inside = [silhouette(x[y == label], where[y == label]) for label in (0, 1)]
    known = [value for value in inside if value is not None]
    return {
        "dimensions": int(embedding.shape[1]),
        "items": len(rows),
        "probe": probe,
        "silhouette_label": silhouette(x, y),
        "silhouette_source": float(np.mean(known)) if known else None,
    }
