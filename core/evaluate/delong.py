"""DeLong for AUROC: its error, and whether two detectors differ on the same items; Holm where many are compared."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm, rankdata

from core.evaluate.bootstrap import group_codes
from core.evaluate.sweep import checked


@dataclass(frozen=True)
class AurocEstimate:
    """AUROC with its DeLong standard error and normal interval on the logit scale."""

    auroc: float
    standard_error: float
    low: float
    high: float


@dataclass(frozen=True)
class AurocDifference:
    """AUROC of `a` less that of `b` on the same items. p: two-sided; p_holm: adjusted for all pairs of the comparison.

    low, high: normal interval of the difference, not adjusted. groups: independent units that it rests on."""

    a: str
    b: str
    difference: float
    standard_error: float
    low: float
    high: float
    p: float
    p_holm: float
    n: int
    groups: int


def delong_parts(scores: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Structural components (fakes, reals): for each fake the share of reals under it, for each real the share of
    fakes above it, ties half. Midrank form (Sun & Xu 2014)."""
    fakes, reals = scores[labels == 1], scores[labels == 0]
    together = rankdata(np.concatenate((fakes, reals)))
    of_fakes = (together[: fakes.size] - rankdata(fakes)) / reals.size
    of_reals = 1.0 - (together[fakes.size :] - rankdata(reals)) / fakes.size
    return of_fakes, of_reals


def _variance(of_fakes: np.ndarray, of_reals: np.ndarray, labels: np.ndarray, codes: np.ndarray, groups: int) -> float:
    """Variance of the mean component (or of a mean difference of components) when whole groups are independent
    (Obuchowski 1997). With one item a group it is DeLong's. NaN with a single group of a class."""
    total, g = 0.0, np.zeros((2, groups))
    present = np.zeros((2, groups), bool)
    for row, (label, part) in enumerate(((1, of_fakes), (0, of_reals))):
        of = codes[labels == label]
        g[row] = np.bincount(of, part - part.mean(), groups) / part.size
        present[row, of] = True
        count = int(present[row].sum())
        total += float(g[row] @ g[row]) * count / (count - 1) if count > 1 else math.nan
    both = int((present[0] & present[1]).sum())
    return total + (2 * float(g[0] @ g[1]) * both / (both - 1) if both > 1 else 0.0)


def _ready(labels: np.ndarray, groups: ArrayLike | None) -> tuple[np.ndarray, int] | None:
    """Group codes, or None with fewer than two groups of a class."""
    codes, n = group_codes(groups, labels.size)
    if min(np.unique(codes[labels == c]).size for c in (0, 1)) < 2:
        return None
    return codes, n


def delong(
    scores: ArrayLike, labels: ArrayLike, confidence: float = 0.95, groups: ArrayLike | None = None
) -> AurocEstimate | None:
    """AUROC and its variance by DeLong et al. 1988; with `groups`, of whole groups (Obuchowski 1997).

    None with fewer than two items (groups) of a class."""
    s, y = checked(scores, labels)
    units = _ready(y, groups)
    if units is None:
        return None
    of_fakes, of_reals = delong_parts(s, y)
    area = float(of_fakes.mean())
    error = math.sqrt(max(_variance(of_fakes, of_reals, y, *units), 0.0))
    if not 0.0 < area < 1.0:
        return AurocEstimate(area, error, area, area)
    half = float(norm.ppf((1 + confidence) / 2)) * error / (area * (1 - area))
    centre = math.log(area / (1 - area))
    return AurocEstimate(area, error, 1 / (1 + math.exp(half - centre)), 1 / (1 + math.exp(-half - centre)))


def delong_difference(
    a: ArrayLike, b: ArrayLike, labels: ArrayLike, groups: ArrayLike | None = None
) -> tuple[float, float, float] | None:
    """(AUROC of a - AUROC of b, standard error, two-sided p) for two scores of the same items. None as `delong`."""
    s, y = checked(a, labels)
    t, _ = checked(b, labels)
    units = _ready(y, groups)
    if units is None:
        return None
    (fa, ra), (fb, rb) = delong_parts(s, y), delong_parts(t, y)
    gap = float(fa.mean() - fb.mean())
    error = math.sqrt(max(_variance(fa - fb, ra - rb, y, *units), 0.0))
    return gap, error, 2 * float(norm.sf(abs(gap) / error)) if error else float(gap == 0)


def holm(p_values: ArrayLike) -> np.ndarray:
    """Adjusted p-values, same order: reject those at most alpha and the chance of any false rejection is at most alpha
    (Holm 1979), whatever the dependence. Raises ValueError outside [0, 1]."""
    p = np.asarray(p_values, np.float64).ravel()
    if p.size and not (p.min() >= 0 and p.max() <= 1):
        raise ValueError("p-values must lie in [0, 1]")
    order = np.argsort(p, kind="stable")
    steps = np.minimum(np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1)), 1.0)
    adjusted = np.empty(p.size)
    adjusted[order] = steps
    return adjusted


def compare_aurocs(
    scores: Mapping[str, ArrayLike], labels: ArrayLike, groups: ArrayLike | None = None, confidence: float = 0.95
) -> list[AurocDifference]:
    """Every pair of detectors on the same items, p-values adjusted by Holm over all pairs.

    scores: name -> (N,) higher = more fake, in the order of `labels`. Empty where DeLong is undefined (fewer than two
    groups of a class)."""
    y = np.asarray(labels)
    units = _ready(y, groups)
    pairs = list(combinations(scores, 2))
    if units is None or not pairs:
        return []
    found = [d for a, b in pairs if (d := delong_difference(scores[a], scores[b], y, groups)) is not None]
    adjusted = holm([p for _, _, p in found])
    z = float(norm.ppf((1 + confidence) / 2))
    return [
        AurocDifference(a, b, gap, error, gap - z * error, gap + z * error, p, float(q), y.size, units[1])
        for (a, b), (gap, error, p), q in zip(pairs, found, adjusted, strict=True)
    ]
