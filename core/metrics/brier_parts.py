"""The Brier score and its parts: reliability, resolution, uncertainty of the set, and what binning hides."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from core.metrics.metrics import probabilities
from core.metrics.reliability import bin_edges, bin_sums

PARTS = ("reliability", "resolution", "uncertainty", "within")


def brier_parts(p_fake: ArrayLike, labels: ArrayLike, n_bins: int | None = None) -> dict[str, float]:
    """Decompose the Brier score: Brier = reliability - resolution + uncertainty + within, exactly.

    Murphy 1973; Stephenson et al. 2008. reliability: mean squared gap between stated and observed frequency of a bin
    (0 is best). resolution: how far the observed frequencies of bins lie from the base rate (more is better).
    uncertainty: base rate x (1 - base rate), a property of the set. within: variation of p_fake inside bins less what
    that variation explains (0 without bins).

    Args:
        p_fake: (N,) probabilities of fake in [0, 1].
        labels: (N,) 0 = real, 1 = fake.
        n_bins: Bins of equal mass. None: one bin for each distinct value, Murphy's own form; it says nothing where all
            values are distinct, because each item is its own bin.

    Returns:
        The four PARTS by name.
    """
    p, y = probabilities(p_fake, labels)
    if n_bins is None:
        stated, index, count = np.unique(p, return_inverse=True, return_counts=True)
        sums = count.astype(np.float64), stated * count, np.bincount(index, y).astype(np.float64)
    else:
        sums = bin_sums(p, y.astype(np.float64), bin_edges(p, n_bins, "mass"))
    return {name: float(v) for name, v in parts_of(*sums, float(np.mean((p - y) ** 2))).items()}


def parts_of(
    count: np.ndarray, stated: np.ndarray, hits: np.ndarray, brier: np.ndarray | float
) -> dict[str, np.ndarray]:
    """Compute the four parts from sums by bin.

    Args:
        count: (..., B) items of each bin.
        stated: (..., B) sums of p_fake.
        hits: (..., B) fakes.
        brier: (...) Brier score of the same items.

    Returns:
        The four PARTS by name, (...) each.
    """
    n, total = np.maximum(count, 1e-300), count.sum(-1)
    base = hits.sum(-1) / total
    reliability = ((stated - hits) ** 2 / n).sum(-1) / total
    resolution = (count * (hits / n - base[..., None]) ** 2).sum(-1) / total
    uncertainty = base * (1 - base)
    within = brier - reliability + resolution - uncertainty
    return dict(zip(PARTS, (reliability, resolution, uncertainty, within), strict=True))
