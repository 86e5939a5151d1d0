"""One score source by source, and its AUROC under draws of groups."""

from __future__ import annotations

from typing import Any

import numpy as np

from core.metrics.all_metrics import metric_interval
from core.metrics.bootstrap_draws import drawn_counts, probability_draws, rank_cells
from core.metrics.effective_groups import GroupInterval, interval_from_draws, perfect_auroc_interval, smallest_class
from core.metrics.metrics import auroc, confusion, threshold_metrics
from core.metrics.reliability import ece


def auroc_draws(scores: np.ndarray, labels: np.ndarray, groups: np.ndarray, draws: int, seed: Any = 0) -> np.ndarray:
    """Compute the AUROC of each draw of groups: `ranking_draws` without its other metrics.

    Equal seeds and groups give equal draws, so two scores of the same items can be paired.

    Args:
        scores: (N,) finite scores, higher = more fake.
        labels: (N,) 0 = real, 1 = fake.
        groups: (N,) names of groups.
        draws: Number of draws.
        seed: Seed of the draws.

    Returns:
        (draws,) AUROC; NaN where a draw lacks a class.
    """
    y = np.asarray(labels)
    cell, size = rank_cells(np.asarray(scores, np.float64), y)
    reals, fakes = drawn_counts(cell, size, y, groups, draws, np.random.default_rng(seed))
    below, pairs = np.cumsum(reals, 1) - reals / 2, reals.sum(1) * fakes.sum(1)
    return np.where(pairs > 0, (fakes * below).sum(1) / np.where(pairs > 0, pairs, 1.0), np.nan)


def auroc_interval(
    scores: np.ndarray, labels: np.ndarray, groups: np.ndarray, draws: int, seed: Any = 0
) -> GroupInterval:
    """Compute the 95 % interval of an AUROC over groups, by the rules of `core.metrics.effective_groups`.

    Args:
        scores: (N,) finite scores, higher = more fake.
        labels: (N,) 0 = real, 1 = fake; both classes are present.
        groups: (N,) names of groups.
        draws: Number of draws; 0 for no interval.
        seed: Seed of the draws.

    Returns:
        The interval, or none with a note.
    """
    if not draws:
        return GroupInterval(None, None)
    if (area := auroc(scores, labels)) in (0.0, 1.0):
        return perfect_auroc_interval(area, labels, groups)  # type: ignore[arg-type]
    return interval_from_draws(auroc_draws(scores, labels, groups, draws, seed), smallest_class(labels, groups))


def against_the_rest(labels: np.ndarray, sources: np.ndarray, source: str) -> np.ndarray:
    """Select the items on which a source is ranked.

    Args:
        labels: (N,) 0 = real, 1 = fake.
        sources: (N,) source of each item.
        source: The source asked about.

    Returns:
        (N,) bool: its items; and all items of the other class when the source holds one class only.
    """
    own = sources == source
    held = np.unique(labels[own])
    return own if len(held) == 2 else own | (labels != held[0])


def by_source(
    p_fake: np.ndarray,
    labels: np.ndarray,
    groups: np.ndarray,
    sources: np.ndarray,
    *,
    draws: int = 400,
    seed: int = 0,
    log_odds: np.ndarray | None = None,
) -> dict[str, dict[str, Any]]:
    """Compute the metrics of one score for each source.

    Args:
        p_fake: (N,) probabilities of fake in [0, 1].
        labels: (N,) 0 = real, 1 = fake.
        groups: (N,) names of groups.
        sources: (N,) source of each item.
        draws: Bootstrap draws of groups; 0 for no intervals.
        seed: Seed of the draws.
        log_odds: (N,) log-odds of p_fake where known; items then rank by them.

    Returns:
        By source. On the items of `against_the_rest`: `auroc` (None with one class in all), `f1` and `ece` as in
        `at_a_half`, with 95 % intervals over groups (`interval`, `f1_interval`, `ece_interval`). On its own items
        alone: `items`, `fakes`, `mean_p_fake`, and `right`, the share called correctly at p_fake 0.5.
    """
    results = {}
    ranks = p_fake if log_odds is None else log_odds
    for source in np.unique(sources):
        own, rows = sources == source, against_the_rest(labels, sources, source)
        defined = len(np.unique(labels[rows])) == 2
        between = (
            auroc_interval(ranks[rows], labels[rows], groups[rows], draws, seed)
            if defined
            else GroupInterval(None, None)
        )
        results[str(source)] = {
            "auroc": auroc(ranks[rows], labels[rows]) if defined else None,
            "interval": between.interval,
            **at_a_half(p_fake[rows], labels[rows], groups[rows], draws, seed),
            "items": int(own.sum()),
            "fakes": int(labels[own].sum()),
            "mean_p_fake": float(p_fake[own].mean()),
            "right": float(((p_fake[own] >= 0.5) == (labels[own] == 1)).mean()),
        }
    return results


def at_a_half(p: np.ndarray, labels: np.ndarray, groups: np.ndarray, draws: int, seed: int = 0) -> dict[str, Any]:
    """Compute F1 at p_fake 0.5 and ECE (binary, 15 equal-width bins) with intervals.

    Args:
        p: (N,) probabilities of fake in [0, 1].
        labels: (N,) 0 = real, 1 = fake.
        groups: (N,) names of groups.
        draws: Bootstrap draws of groups; 0 for no intervals.
        seed: Seed of the draws.

    Returns:
        `f1`, `ece`, and their 95 % intervals over groups `f1_interval`, `ece_interval`: None where the metric is None,
        with a single group, or without draws.
    """
    values = {"f1": threshold_metrics(confusion(p, labels))["f1"], "ece": ece(p, labels)}
    results: dict[str, Any] = {}
    drawn = {}
    if draws and np.unique(groups).size > 1:
        drawn = probability_draws(p, labels, groups, draws, np.random.default_rng(seed))
    for name, catalogued in (("f1", "f1"), ("ece", "ece_binary_width")):
        value, between = values[name], None
        if drawn and value is not None:
            between = metric_interval(
                catalogued, value, None, drawn[catalogued], smallest_class(labels, groups)
            ).interval
        results |= {name: value, f"{name}_interval": between}
    return results
