"""One score source by source, and the draws of its AUROC over groups."""

from __future__ import annotations

from typing import Any

import numpy as np

from core.evaluate.draws import drawn_counts, probability_draws, rank_cells
from core.evaluate.figures import interval_of
from core.evaluate.intervals import percentile
from core.evaluate.metrics import auroc, confusion, threshold_metrics
from core.evaluate.reliability import ece


def auroc_draws(scores: np.ndarray, labels: np.ndarray, groups: np.ndarray, draws: int, seed: Any = 0) -> np.ndarray:
    """(draws,) AUROC of each draw of groups, as `ranking_draws` has it without its other figures. NaN where a
    draw lacks a class. Equal seeds and groups are equal draws, so two scores can be paired."""
    cell, size = rank_cells(np.asarray(scores, np.float64))
    reals, fakes = drawn_counts(cell, size, np.asarray(labels), groups, draws, np.random.default_rng(seed))
    below, pairs = np.cumsum(reals, 1) - reals / 2, reals.sum(1) * fakes.sum(1)
    return np.where(pairs > 0, (fakes * below).sum(1) / np.where(pairs > 0, pairs, 1.0), np.nan)


def against_the_rest(labels: np.ndarray, sources: np.ndarray, source: str) -> np.ndarray:
    """(N,) bool: a source's items, and all items of the other class when it holds one label only."""
    own = sources == source
    held = np.unique(labels[own])
    return own if len(held) == 2 else own | (labels != held[0])


def by_source(
    p_fake: np.ndarray, labels: np.ndarray, groups: np.ndarray, sources: np.ndarray, *, draws: int = 400, seed: int = 0
) -> dict[str, dict[str, Any]]:
    """By source. On the rows of `against_the_rest`: `auroc` (None with one class in all), `f1`, `ece` as `at_a_half`,
    with their 95 % intervals over groups (`interval`, `f1_interval`, `ece_interval`). On its own items alone: `items`,
    `fakes`, `mean_p_fake`, and `right`, the share called rightly at p_fake 0.5. All arguments (N,)."""
    found = {}
    for source in np.unique(sources):
        own, rows = sources == source, against_the_rest(labels, sources, source)
        defined = len(np.unique(labels[rows])) == 2
        spread = None
        if defined and draws:
            spread = percentile(auroc_draws(p_fake[rows], labels[rows], groups[rows], draws, seed))
        found[str(source)] = {
            "auroc": auroc(p_fake[rows], labels[rows]) if defined else None,
            "interval": spread,
            **at_a_half(p_fake[rows], labels[rows], groups[rows], draws, seed),
            "items": int(own.sum()),
            "fakes": int(labels[own].sum()),
            "mean_p_fake": float(p_fake[own].mean()),
            "right": float(((p_fake[own] >= 0.5) == (labels[own] == 1)).mean()),
        }
    return found


def at_a_half(p: np.ndarray, labels: np.ndarray, groups: np.ndarray, draws: int, seed: int = 0) -> dict[str, Any]:
    """`f1` at p_fake 0.5 and `ece` (binary, 15 equal widths), and their 95 % intervals over groups as `f1_interval` and
    `ece_interval`: None where the figure is, with a single group, or without draws."""
    values = {"f1": threshold_metrics(confusion(p, labels))["f1"], "ece": ece(p, labels)}
    found: dict[str, Any] = {}
    drawn = {}
    if draws and np.unique(groups).size > 1:
        drawn = probability_draws(p, labels, groups, draws, np.random.default_rng(seed))
    for name, catalogued in (("f1", "f1"), ("ece", "ece_binary_width")):
        value = values[name]
        spread = interval_of(catalogued, value, None, drawn[catalogued]) if drawn and value is not None else None
        found |= {name: value, f"{name}_interval": spread}
    return found
