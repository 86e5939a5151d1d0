"""Does 0.8 mean 80 %? Bins of stated and observed frequency, and the errors computed from them.

Two conventions, always named. `binary`: x = p_fake, y = label (is a face given 0.8 fake in 80 % of cases?).
`top_label`: x = max(p, 1 - p) in [0.5, 1], y = 1 when the likelier class is the true one (Guo et al. 2017).
Two binnings: `width` cuts [0, 1] into equal pieces, (a, b] with 0 in the first; `mass` puts equally many items,
ties together, into each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from core.metrics.binomial import wilson
from core.metrics.metrics import probabilities

Convention = Literal["binary", "top_label"]
Binning = Literal["width", "mass"]

NEAR_EDGE = 1e-9
"""Of a bin's width: closer to an edge than this, a scaled score may have been rounded across it."""

CACHE_BLOCK = 1 << 16
"""Items handled at a time where a figure is a plain sum: their temporaries stay in the cache."""


@dataclass(frozen=True)
class Reliability:
    """edges: (B + 1,). count: (B,) int64. stated, observed: (B,) mean x and mean y, NaN where empty.

    low, high: (B,) 95 % Wilson interval of `observed`, items taken as independent (for the chart's bars).
    """

    edges: np.ndarray
    count: np.ndarray
    stated: np.ndarray
    observed: np.ndarray
    low: np.ndarray
    high: np.ndarray


def convention(p: np.ndarray, y: np.ndarray, which: Convention) -> tuple[np.ndarray, np.ndarray]:
    """(x, hit) of a convention; p = 0.5 is called fake."""
    if which == "binary":
        return p, y.astype(np.float64)
    if which == "top_label":
        return np.maximum(p, 1.0 - p), ((p >= 0.5) == (y == 1)).astype(np.float64)
    raise ValueError(f"unknown convention {which!r}; known: binary, top_label")


def bin_edges(x: np.ndarray, n_bins: int, binning: Binning) -> np.ndarray:
    """(B + 1,) edges from 0 to 1. Equal mass may give fewer bins where values are tied."""
    if binning == "width":
        return _even(n_bins)
    if n_bins < 1:
        raise ValueError(f"n_bins must be at least 1, not {n_bins}")
    if binning != "mass":
        raise ValueError(f"unknown binning {binning!r}; known: width, mass")
    cuts = np.ceil(np.arange(1, n_bins) * x.size / n_bins).astype(np.int64) - 1
    inner = np.unique(np.partition(x, np.unique(cuts))[cuts]) if cuts.size else cuts
    return np.concatenate(([0.0], inner[(inner > 0.0) & (inner < 1.0)], [1.0]))


def _even(n_bins: int) -> np.ndarray:
    if n_bins < 1:
        raise ValueError(f"n_bins must be at least 1, not {n_bins}")
    return np.linspace(0.0, 1.0, n_bins + 1)


def bin_of(x: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """(N,) index of the bin (edges[i], edges[i + 1]] that holds each x; 0 lies in the first."""
    n_bins = edges.size - 1
    if not np.array_equal(edges, np.linspace(0.0, 1.0, n_bins + 1)):
        return np.searchsorted(edges[1:-1], x, side="left")
    place = x * n_bins
    index = place.astype(np.int64)
    place -= index
    if x.size and (
        place.min() < NEAR_EDGE or place.max() > 1 - NEAR_EDGE
    ):  # so near an edge that only comparing can tell
        close = np.flatnonzero(np.abs(place - 0.5) > 0.5 - NEAR_EDGE)
        index[close] = np.searchsorted(edges[1:-1], x[close], side="left")
    return index


def bin_sums(x: np.ndarray, hit: np.ndarray, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(count, sum of x, sum of hits) by bin, float64."""
    index, size = bin_of(x, edges), edges.size - 1
    count = np.bincount(index, minlength=size).astype(np.float64)
    return count, np.bincount(index, x, size), np.bincount(index, hit, size)


def binned(
    p_fake: ArrayLike, labels: ArrayLike, n_bins: int, which: Convention, binning: Binning
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`bin_sums` of p_fake (N,) in [0, 1] and labels (N,) under a convention and a binning: what `mce_of` and its kin
    take. Raises ValueError as `probabilities` does, and for an unknown convention or binning.
    """
    x, hit = convention(*probabilities(p_fake, labels), which)
    return bin_sums(x, hit, bin_edges(x, n_bins, binning))


def ece_of(count: np.ndarray, stated: np.ndarray, hits: np.ndarray) -> np.ndarray:
    """sum_b |stated_b - hits_b| / sum_b count_b from bin sums; the last axis is bins."""
    return np.abs(stated - hits).sum(-1) / count.sum(-1)


def mce_of(count: np.ndarray, stated: np.ndarray, hits: np.ndarray) -> np.ndarray:
    """max_b |stated_b - hits_b| / count_b over bins that hold anything; the last axis is bins."""
    return np.where(count > 0, np.abs(stated - hits) / np.maximum(count, 1e-300), 0.0).max(-1)


def ece(
    p_fake: ArrayLike, labels: ArrayLike, n_bins: int = 15, which: Convention = "binary", binning: Binning = "width"
) -> float:
    """Expected calibration error: count-weighted mean |observed - stated| over bins (Naeini et al. 2015), in [0, 1].

    It is never negative, so noise alone makes it positive: read it beside NLL and Brier. Calling everything by the
    base rate has ECE 0.
    """
    p, y = probabilities(p_fake, labels)
    edges = bin_edges(convention(p, y, which)[0], n_bins, binning) if binning != "width" else _even(n_bins)
    gaps = np.zeros(edges.size - 1)
    for start in range(0, p.size, CACHE_BLOCK):
        x, hit = convention(p[start : start + CACHE_BLOCK], y[start : start + CACHE_BLOCK], which)
        gaps += np.bincount(bin_of(x, edges), x - hit, gaps.size)
    return float(np.abs(gaps).sum() / p.size)


def mce(
    p_fake: ArrayLike, labels: ArrayLike, n_bins: int = 15, which: Convention = "binary", binning: Binning = "width"
) -> float:
    """Maximum calibration error: the largest |observed - stated| of a bin that holds anything, in [0, 1]."""
    return float(mce_of(*binned(p_fake, labels, n_bins, which, binning)))


def reliability(
    p_fake: ArrayLike, labels: ArrayLike, n_bins: int = 15, which: Convention = "binary", binning: Binning = "width"
) -> Reliability:
    """Bins for a reliability diagram, with counts and 95 % Wilson intervals."""
    x, hit = convention(*probabilities(p_fake, labels), which)
    edges = bin_edges(x, n_bins, binning)
    count, stated, hits = bin_sums(x, hit, edges)
    with np.errstate(invalid="ignore"):
        rate = hits / count
        return Reliability(edges, count.astype(np.int64), stated / count, rate, *wilson(rate, count))
