"""How sure: exact and score intervals of a share, DeLong for AUROC, and the bootstrap that draws whole groups.

Items of one video or identity are not independent. The bootstrap resamples groups; a draw is a vector of group
weights, and every figure is computed from per-group sums times that vector, so no draw touches the items again.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import get_args

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_matrix
from scipy.stats import beta, norm, rankdata

from core.evaluate.metrics import crossing, log_losses, probabilities
from core.evaluate.reliability import Binning, Convention, bin_edges, bin_of, convention, ece_of, mce_of
from core.evaluate.sweep import checked

Interval = tuple[float, float]


def wilson(k: int, n: int, confidence: float = 0.95) -> Interval | None:
    """Wilson's score interval of k / n; None when n = 0."""
    if n == 0:
        return None
    z = float(norm.ppf((1 + confidence) / 2))
    centre, spread = (k + z * z / 2) / (n + z * z), z / (n + z * z) * math.sqrt(k * (n - k) / n + z * z / 4)
    return max(0.0, centre - spread), min(1.0, centre + spread)


def clopper_pearson(k: int, n: int, confidence: float = 0.95) -> Interval | None:
    """Exact two-sided binomial interval of k / n; None when n = 0."""
    if n == 0:
        return None
    tail = (1 - confidence) / 2
    low = 0.0 if k == 0 else float(beta.ppf(tail, k, n - k + 1))
    return low, 1.0 if k == n else float(beta.ppf(1 - tail, k + 1, n - k))


def upper_bound(k: ArrayLike, n: ArrayLike, confidence: float = 0.95) -> np.ndarray:
    """Exact one-sided upper bound of a binomial share; 1 when n = 0 or k = n."""
    k, n = np.broadcast_arrays(np.asarray(k, np.float64), np.asarray(n, np.float64))
    known = k < n
    return np.where(known, beta.ppf(confidence, k + 1, np.where(known, n - k, 1.0)), 1.0)


@dataclass(frozen=True)
class AurocEstimate:
    """AUROC with its DeLong standard error and normal interval on the logit scale."""

    auroc: float
    standard_error: float
    low: float
    high: float


def delong_parts(scores: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Structural components (fakes, reals): for each fake the share of reals under it, for each real the share of
    fakes above it, ties half. Midrank form (Sun & Xu 2014)."""
    fakes, reals = scores[labels == 1], scores[labels == 0]
    together = rankdata(np.concatenate((fakes, reals)))
    of_fakes = (together[: fakes.size] - rankdata(fakes)) / reals.size
    of_reals = 1.0 - (together[fakes.size :] - rankdata(reals)) / fakes.size
    return of_fakes, of_reals


def delong(scores: ArrayLike, labels: ArrayLike, confidence: float = 0.95) -> AurocEstimate | None:
    """AUROC and its variance by DeLong et al. 1988, items independent. None with fewer than two of a class."""
    s, y = checked(scores, labels)
    if min(int(y.sum()), int((1 - y).sum())) < 2:
        return None
    of_fakes, of_reals = delong_parts(s, y)
    area = float(of_fakes.mean())
    error = math.sqrt(of_fakes.var(ddof=1) / of_fakes.size + of_reals.var(ddof=1) / of_reals.size)
    if not 0.0 < area < 1.0:
        return AurocEstimate(area, error, area, area)
    half = float(norm.ppf((1 + confidence) / 2)) * error / (area * (1 - area))
    centre = math.log(area / (1 - area))
    return AurocEstimate(area, error, 1 / (1 + math.exp(half - centre)), 1 / (1 + math.exp(-half - centre)))


def delong_difference(a: ArrayLike, b: ArrayLike, labels: ArrayLike) -> tuple[float, float, float] | None:
    """(AUROC of a - AUROC of b, standard error, two-sided p) for two scores of the same items. None as `delong`."""
    s, y = checked(a, labels)
    t, _ = checked(b, labels)
    if min(int(y.sum()), int((1 - y).sum())) < 2:
        return None
    (fa, ra), (fb, rb) = delong_parts(s, y), delong_parts(t, y)
    gap = float(fa.mean() - fb.mean())
    error = math.sqrt((fa - fb).var(ddof=1) / fa.size + (ra - rb).var(ddof=1) / ra.size)
    p_value = 2 * float(norm.sf(abs(gap) / error)) if error else float(gap == 0)
    return gap, error, p_value


def group_codes(groups: ArrayLike | None, n: int) -> tuple[np.ndarray, int]:
    """(codes (N,) int64 from 0, number of groups). None: every item is its own group."""
    if groups is None:
        return np.arange(n), n
    unique, codes = np.unique(np.asarray(groups), return_inverse=True)
    if codes.size != n:
        raise ValueError(f"{codes.size} groups but {n} items")
    return codes.astype(np.int64), unique.size


def draw_weights(n_groups: int, draws: int, rng: np.random.Generator) -> np.ndarray:
    """(draws, n_groups) float64: how often each group is drawn when n_groups are drawn with replacement."""
    flat = rng.integers(0, n_groups, (draws, n_groups)) + np.arange(draws)[:, None] * n_groups
    return np.bincount(flat.ravel(), minlength=draws * n_groups).reshape(draws, n_groups).astype(np.float64)


def bootstrap_sums(
    columns: np.ndarray, codes: np.ndarray, n_groups: int, draws: int, rng: np.random.Generator
) -> np.ndarray:
    """(draws, M) sums over the items of each draw of groups. columns: (N, M)."""
    sums = np.stack([np.bincount(codes, column, n_groups) for column in columns.T], axis=1)
    return _in_chunks(lambda weights: weights @ sums, n_groups, draws, rng)


def _in_chunks(
    of_weights: Callable[[np.ndarray], np.ndarray], n_groups: int, draws: int, rng: np.random.Generator
) -> np.ndarray:
    """Stack of_weights over chunks of draws of at most about 4 million weights (32 MB)."""
    step = max(1, min(draws, 4_000_000 // n_groups))
    return np.concatenate(
        [of_weights(draw_weights(n_groups, min(step, draws - i), rng)) for i in range(0, draws, step)]
    )


def percentile(values: np.ndarray, confidence: float = 0.95) -> Interval | None:
    """Percentile interval of finite draws; None when under half of the draws are defined."""
    known = values[np.isfinite(values)]
    if known.size < max(1, values.size // 2):
        return None
    low, high = np.quantile(known, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


# Ranking figures are drawn from a histogram of ranks: exact while distinct scores are fewer than this, else cut at
# equal mass (error of an area under 1e-6 at 1e6 items; pairs inside one cell count as ties).
RANK_CELLS = 1024


def rank_cells(scores: np.ndarray, most: int = RANK_CELLS) -> tuple[np.ndarray, int]:
    """(cell of each item, ascending with its score; number of cells)."""
    sample = scores if scores.size <= 200_000 else scores[:: scores.size // 100_000]
    inner = np.unique(sample)
    if inner.size > most or sample is not scores:
        inner = np.unique(np.quantile(sample, np.linspace(0, 1, most + 1)[1:-1], method="inverted_cdf"))
    else:
        inner = inner[:-1]
    return np.searchsorted(inner, scores, side="left"), inner.size + 1


def ranking_draws(
    scores: ArrayLike, labels: ArrayLike, groups: ArrayLike | None, draws: int, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """(draws,) auroc, average_precision and eer of each draw; NaN where a draw lacks a class."""
    s, y = checked(scores, labels)
    cell, size = rank_cells(s)
    column = cell * 2 + y
    if groups is None:
        counts = np.bincount(column, minlength=2 * size)
        tables = rng.multinomial(s.size, counts / s.size, draws).astype(np.float64)
    else:
        codes, n_groups = group_codes(groups, s.size)
        matrix = csr_matrix((np.ones(s.size), (codes, column)), shape=(n_groups, 2 * size))
        if n_groups * size <= 8_000_000:
            dense = matrix.toarray()
            tables = _in_chunks(lambda weights: weights @ dense, n_groups, draws, rng)
        else:
            transposed = matrix.T.tocsr()
            tables = _in_chunks(lambda weights: (transposed @ weights.T).T, n_groups, draws, rng)
    return _ranking_of(tables[:, 0::2], tables[:, 1::2])


def _ranking_of(reals: np.ndarray, fakes: np.ndarray) -> dict[str, np.ndarray]:
    """Ranking figures of (draws, cells) counts of each class, cells ascending."""
    n_real, n_fake = reals.sum(1), fakes.sum(1)
    both = (n_real > 0) & (n_fake > 0)
    below = np.cumsum(reals, 1) - reals / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        area = (fakes * below).sum(1) / (n_real * n_fake)
        hits, alarms = np.cumsum(fakes[:, ::-1], 1), np.cumsum(reals[:, ::-1], 1)
        precision = np.where(hits + alarms > 0, hits / np.maximum(hits + alarms, 1.0), 0.0)
        average = (fakes[:, ::-1] * precision).sum(1) / n_fake
    equal = np.full(len(reals), np.nan)
    for i in np.flatnonzero(both):
        fpr, fnr = alarms[i] / n_real[i], 1.0 - hits[i] / n_fake[i]
        equal[i] = crossing(np.concatenate(([0.0], fpr)), np.concatenate(([1.0], fnr)))
    area[~both], average[n_fake == 0] = np.nan, np.nan
    return {"auroc": area, "average_precision": average, "eer": equal}


def probability_draws(
    p_fake: ArrayLike,
    labels: ArrayLike,
    groups: ArrayLike | None,
    draws: int,
    rng: np.random.Generator,
    n_bins: int = 15,
    threshold: float = 0.5,
) -> dict[str, np.ndarray]:
    """(draws,) of every thresholded and calibration figure. Bins of equal mass stay those of the whole sample."""
    p, y = probabilities(p_fake, labels)
    codes, n_groups = group_codes(groups, p.size)
    called, fake = p >= threshold, y == 1
    columns = [called & fake, called & ~fake, ~called & fake, ~called & ~fake, (p - y) ** 2, log_losses(p, y)]
    blocks = [np.stack([np.bincount(codes, column, n_groups) for column in columns], axis=1)]
    names: list[tuple[Convention, Binning]] = list(product(get_args(Convention), get_args(Binning)))
    for which, binning in names:
        x, hit = convention(p, y, which)
        edges = bin_edges(x, n_bins, binning)
        size = edges.size - 1
        cell = codes * size + bin_of(x, edges)
        blocks += [np.bincount(cell, w, n_groups * size).reshape(n_groups, size) for w in (np.ones(p.size), x, hit)]
    sums = np.concatenate(blocks, axis=1)
    drawn = _in_chunks(lambda weights: weights @ sums, n_groups, draws, rng)
    base, *bins = np.split(drawn, np.cumsum([block.shape[1] for block in blocks])[:-1], axis=1)
    n = base[:, :4].sum(1)
    result = _threshold_draws(*base[:, :4].T) | {"brier": base[:, 4] / n, "nll": base[:, 5] / n}
    for i, (which, binning) in enumerate(names):
        count, stated, hits = bins[3 * i : 3 * i + 3]
        result[f"ece_{which}_{binning}"] = ece_of(count, stated, hits)
        result[f"mce_{which}_{binning}"] = mce_of(count, stated, hits)
    return result


def _threshold_draws(tp: np.ndarray, fp: np.ndarray, fn: np.ndarray, tn: np.ndarray) -> dict[str, np.ndarray]:
    with np.errstate(invalid="ignore", divide="ignore"):
        recall, specificity = tp / (tp + fn), tn / (tn + fp)
        return {
            "accuracy": (tp + tn) / (tp + fp + fn + tn),
            "balanced_accuracy": (recall + specificity) / 2,
            "precision": tp / (tp + fp),
            "recall": recall,
            "specificity": specificity,
            "f1": 2 * tp / (2 * tp + fp + fn),
            "mcc": (tp * tn - fp * fn) / np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)),
        }
