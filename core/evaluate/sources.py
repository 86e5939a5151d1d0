"""One score, source by source: AUROC with its interval where a source mostly holds one label."""

from __future__ import annotations

from typing import Any

import numpy as np

from core.evaluate.intervals import percentile, ranking_draws
from core.evaluate.metrics import auroc


def against_the_rest(labels: np.ndarray, sources: np.ndarray, source: str) -> np.ndarray:
    """(N,) bool: a source's items, and all items of the other class when it holds one label only."""
    own = sources == source
    held = np.unique(labels[own])
    return own if len(held) == 2 else own | (labels != held[0])


def by_source(
    p_fake: np.ndarray, labels: np.ndarray, groups: np.ndarray, sources: np.ndarray, *, draws: int = 400, seed: int = 0
) -> dict[str, dict[str, Any]]:
    """By source: `auroc` (None with one class in all), its 95 % `interval` over groups, `items`, `fakes`,
    `mean_p_fake`, and `right`, the share called rightly at p_fake 0.5. All arguments (N,)."""
    found = {}
    for source in np.unique(sources):
        own, rows = sources == source, against_the_rest(labels, sources, source)
        defined = len(np.unique(labels[rows])) == 2
        spread = None
        if defined and draws:
            drawn = ranking_draws(p_fake[rows], labels[rows], groups[rows], draws, np.random.default_rng(seed))
            spread = percentile(drawn["auroc"])
        found[str(source)] = {
            "auroc": auroc(p_fake[rows], labels[rows]) if defined else None,
            "interval": spread,
            "items": int(own.sum()),
            "fakes": int(labels[own].sum()),
            "mean_p_fake": float(p_fake[own].mean()),
            "right": float(((p_fake[own] >= 0.5) == (labels[own] == 1)).mean()),
        }
    return found
