"""Reliability: bins of stated and observed frequency, and the calibration errors computed from them.

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
    """The bins of a reliability diagram.

    Attributes:
        edges: (B + 1,) ascending from 0 to 1.
        count: (B,) int64 items.
        stated: (B,) mean x; NaN where empty.
        observed: (B,) mean y; NaN where empty.
        low: (B,) lower limit of `observed`: 95 % Wilson interval, items taken as independent.
        high: (B,) upper limit.
    """

    edges: np.ndarray
    count: np.ndarray
    stated: np.ndarray
    observed: np.ndarray
    low: np.ndarray
    high: np.ndarray


def convention(p: np.ndarray, y: np.ndarray, which: Convention) -> tuple[np.ndarray, np.ndarray]:
    """Turn probabilities and labels into the stated value and the hit of a convention; p = 0.5 is called fake.

    Args:
        p: (N,) probabilities of fake in [0, 1].
        y: (N,) 0 = real, 1 = fake.
        which: `binary` or `top_label`.

    Returns:
        (N,) x and (N,) hit, 0 or 1.

    Raises:
        ValueError: There is no such convention.
    """
    if which == "binary":
        return p, y.astype(np.float64)
    if which == "top_label":
        return np.maximum(p, 1.0 - p), ((p >= 0.5) == (y == 1)).astype(np.float64)
    raise ValueError(f"unknown convention {which!r}; known: binary, top_label")


def bin_edges(x: np.ndarray, n_bins: int, binning: Binning) -> np.ndarray:
    """Cut [0, 1] into bins.

    Args:
        x: (N,) stated values in [0, 1].
        n_bins: Number of bins, at least 1.
        binning: `width` or `mass`; equal mass may give fewer bins where values are tied.

    Returns:
        (B + 1,) edges from 0 to 1.

    Raises:
        ValueError: n_bins is below 1, or there is no such binning.
    """
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
    """Find the bin (edges[i], edges[i + 1]] of each value; 0 lies in the first.

    Args:
        x: (N,) values in [0, 1].
        edges: (B + 1,) edges from 0 to 1.

    Returns:
        (N,) int64 indices.
    """
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
    """Sum items, stated values and hits by bin.

    Args:
        x: (N,) stated values.
        hit: (N,) 0 or 1.
        edges: (B + 1,) edges from 0 to 1.

    Returns:
        Count, sum of x and sum of hits, (B,) float64 each.
    """
    index, size = bin_of(x, edges), edges.size - 1
    count = np.bincount(index, minlength=size).astype(np.float64)
    return count, np.bincount(index, x, size), np.bincount(index, hit, size)


def binned(
    p_fake: ArrayLike, labels: ArrayLike, n_bins: int, which: Convention, binning: Binning
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Compute `bin_sums` of probabilities under a convention and a binning.

    Args:
        p_fake: (N,) probabilities of fake in [0, 1].
        labels: (N,) 0 = real, 1 = fake.
        n_bins: Number of bins, at least 1.
        which: `binary` or `top_label`.
        binning: `width` or `mass`.

    Returns:
        Count, sum of stated values and sum of hits, (B,) each.

    Raises:
        ValueError: Lengths differ, a value is out of its range, or there is no such convention or binning.
    """
    x, hit = convention(*probabilities(p_fake, labels), which)
    return bin_sums(x, hit, bin_edges(x, n_bins, binning))


def ece_of(count: np.ndarray, stated: np.ndarray, hits: np.ndarray) -> np.ndarray:
    """Compute the ECE from sums by bin, sum_b |stated_b - hits_b| / sum_b count_b.

    Args:
        count: (..., B) items of each bin.
        stated: (..., B) sums of stated values.
        hits: (..., B) sums of hits.

    Returns:
        (...) errors in [0, 1].
    """
    return np.abs(stated - hits).sum(-1) / count.sum(-1)


def mce_of(count: np.ndarray, stated: np.ndarray, hits: np.ndarray) -> np.ndarray:
    """Compute the MCE from sums by bin, max_b |stated_b - hits_b| / count_b over bins that hold an item.

    Args:
        count: (..., B) items of each bin.
        stated: (..., B) sums of stated values.
        hits: (..., B) sums of hits.

    Returns:
        (...) errors in [0, 1].
    """
    return np.where(count > 0, np.abs(stated - hits) / np.maximum(count, 1e-300), 0.0).max(-1)


def ece(
    p_fake: ArrayLike, labels: ArrayLike, n_bins: int = 15, which: Convention = "binary", binning: Binning = "width"
) -> float:
    """Compute the expected calibration error, the count-weighted mean |observed - stated| of bins (Naeini et al. 2015).

    It is never negative, so noise alone makes it positive: read it beside NLL and Brier. Calling everything by the base
    rate has ECE 0.

    Args:
        p_fake: (N,) probabilities of fake in [0, 1].
        labels: (N,) 0 = real, 1 = fake.
        n_bins: Number of bins, at least 1.
        which: `binary` or `top_label`.
        binning: `width` or `mass`.

    Returns:
        A float in [0, 1].
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
    """Compute the maximum calibration error: the largest |observed - stated| of a bin that holds an item.

    Args:
        p_fake: (N,) probabilities of fake in [0, 1].
        labels: (N,) 0 = real, 1 = fake.
        n_bins: Number of bins, at least 1.
        which: `binary` or `top_label`.
        binning: `width` or `mass`.

    Returns:
        A float in [0, 1].
    """
    return float(mce_of(*binned(p_fake, labels, n_bins, which, binning)))


def reliability(
    p_fake: ArrayLike, labels: ArrayLike, n_bins: int = 15, which: Convention = "binary", binning: Binning = "width"
) -> Reliability:
    """Compute the bins of a reliability diagram, with counts and 95 % Wilson intervals.

    Args:
        p_fake: (N,) probabilities of fake in [0, 1].
        labels: (N,) 0 = real, 1 = fake.
        n_bins: Number of bins, at least 1.
        which: `binary` or `top_label`.
        binning: `width` or `mass`.

    Returns:
        The bins.
    """
    x, hit = convention(*probabilities(p_fake, labels), which)
    edges = bin_edges(x, n_bins, binning)
    count, stated, hits = bin_sums(x, hit, edges)
    with np.errstate(invalid="ignore"):
        rate = hits / count
        return Reliability(edges, count.astype(np.int64), stated / count, rate, *wilson(rate, count))
