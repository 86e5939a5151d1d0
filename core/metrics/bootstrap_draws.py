"""Every metric under the bootstrap of groups: values of draws from tables by group, never from the items again."""

from __future__ import annotations

from itertools import product
from typing import get_args

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_matrix

from core.metrics.bootstrap import group_codes, in_chunks
from core.metrics.brier_parts import parts_of
from core.metrics.debiased import debiased_ece_of, debiased_rmsce_of
from core.metrics.metrics import crossing, log_losses, probabilities
from core.metrics.ranking import mcclish
from core.metrics.reliability import Binning, Convention, bin_edges, bin_of, convention, ece_of, mce_of
from core.metrics.selective import confidence_and_truth
from core.metrics.sweep import checked

# Metrics of an order are drawn from a histogram of ranks: exact while distinct scores are at most RANK_CELLS, else cut
# into EQUAL_MASS_CELLS (error of an area about 1e-6; pairs inside one cell count as ties), and more finely where false
# alarms are rare, so that hits at a fixed false-alarm rate are resolved.
RANK_CELLS = 1024
EQUAL_MASS_CELLS = 640
SAMPLED_SCORES = 200_000
"""Items from which the cuts are taken, half of them of each kind."""
RARE_ALARM_RATES = np.geomspace(1e-4, 0.1, 64)
"""False-alarm rates at which ranks are cut besides."""

REPORTED_FPR = (0.01, 0.1)
"""False-alarm rates at which reports list hits (tpr_at_fpr_<percent>)."""

PARTIAL_MAX_FPR = 0.1
"""Highest false-alarm rate of the reported partial area."""


def rank_cells(scores: np.ndarray, flag: np.ndarray, most: int = RANK_CELLS) -> tuple[np.ndarray, int]:
    """Place items in cells of neighbouring scores.

    The scores are cut at quantiles of each kind of item, so that a rare kind is resolved as finely, and besides at the
    RARE_ALARM_RATES upper quantiles of flag 0. Up to `most` distinct scores have a cell each.

    Args:
        scores: (N,) finite scores.
        flag: (N,) 1 where an item counts as a hit (a fake, an error), else 0.
        most: Most distinct scores that have a cell each.

    Returns:
        (N,) cell of each item, ascending with its score, and the number of cells.
    """
    kinds = [_sample(scores[flag == kind]) for kind in (0, 1)]
    inner = np.unique(np.concatenate(kinds))
    if inner.size > most or scores.size > SAMPLED_SCORES:
        at = np.linspace(0, 1, min(most, EQUAL_MASS_CELLS) // 2 + 1)[1:-1]
        levels = (np.append(at, 1 - RARE_ALARM_RATES), at)
        cuts = [np.quantile(k, level, method="inverted_cdf") for k, level in zip(kinds, levels, strict=True) if k.size]
        inner = np.unique(np.concatenate(cuts))
    else:
        inner = inner[:-1]
    return np.searchsorted(inner, scores, side="left"), inner.size + 1


def _sample(scores: np.ndarray) -> np.ndarray:
    """Draw at most SAMPLED_SCORES / 2 scores by a fixed seed: every k-th would follow the order of the file."""
    most = SAMPLED_SCORES // 2
    return scores if scores.size <= most else scores[np.random.default_rng(0).integers(0, scores.size, most)]


def drawn_counts(
    cell: np.ndarray, size: int, flag: np.ndarray, groups: ArrayLike | None, draws: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Count the items of each cell in each draw of groups.

    Args:
        cell: (N,) cell of each item.
        size: Number of cells.
        flag: (N,) 0 or 1.
        groups: (N,) names of groups; None when every item is its own group (then the counts of a draw are multinomial).
        draws: Number of draws.
        rng: Source of randomness.

    Returns:
        (draws, size) counts of the items with flag 0, and of those with flag 1.
    """
    column = cell * 2 + flag
    if groups is None:
        counts = np.bincount(column, minlength=2 * size)
        tables = rng.multinomial(cell.size, counts / cell.size, draws).astype(np.float64)
        return tables[:, 0::2], tables[:, 1::2]
    codes, n_groups = group_codes(groups, cell.size)
    matrix = csr_matrix((np.ones(cell.size), (codes, column)), shape=(n_groups, 2 * size))
    if n_groups * size <= 8_000_000:
        dense = matrix.toarray()
        tables = in_chunks(lambda weights: weights @ dense, n_groups, draws, rng)
    else:
        transposed = matrix.T.tocsr()
        tables = in_chunks(lambda weights: (transposed @ weights.T).T, n_groups, draws, rng)
    return tables[:, 0::2], tables[:, 1::2]


def ranking_draws(
    scores: ArrayLike, labels: ArrayLike, groups: ArrayLike | None, draws: int, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Compute every ranking metric under draws of groups.

    Args:
        scores: (N,) finite scores, higher = more fake.
        labels: (N,) 0 = real, 1 = fake.
        groups: (N,) names of groups, or None.
        draws: Number of draws.
        rng: Source of randomness.

    Returns:
        By name, (draws,) values; NaN where a draw lacks a class.
    """
    s, y = checked(scores, labels)
    cell, size = rank_cells(s, y)
    return _ranking_of(*drawn_counts(cell, size, y, groups, draws, rng))


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
    equal, partial = np.full(len(reals), np.nan), np.full(len(reals), np.nan)
    caught = {at: np.full(len(reals), np.nan) for at in REPORTED_FPR}
    for i in np.flatnonzero(both):
        fpr = np.concatenate(([0.0], alarms[i] / n_real[i]))
        tpr = np.concatenate(([0.0], hits[i] / n_fake[i]))
        equal[i] = crossing(fpr, 1.0 - tpr)
        partial[i] = mcclish(fpr, tpr, PARTIAL_MAX_FPR)
        for at, values in caught.items():
            values[i] = tpr[np.searchsorted(fpr, at * (1 + 1e-12), side="right") - 1]
    area[~both], average[n_fake == 0] = np.nan, np.nan
    named = {f"tpr_at_fpr_{100 * at:.3g}": values for at, values in caught.items()}
    return {"auroc": area, "average_precision": average, "eer": equal, **named, "partial_auroc": partial}


def selective_draws(
    p_fake: ArrayLike,
    labels: ArrayLike,
    groups: ArrayLike | None,
    draws: int,
    rng: np.random.Generator,
    log_odds: ArrayLike | None = None,
) -> dict[str, np.ndarray]:
    """Compute AURC and AUGRC under draws of groups; items of one cell of confidence are accepted together.

    Args:
        p_fake: (N,) probabilities of fake in [0, 1].
        labels: (N,) 0 = real, 1 = fake.
        groups: (N,) names of groups, or None.
        draws: Number of draws.
        rng: Source of randomness.
        log_odds: (N,) as in `core.metrics.selective.confidence_and_truth`.

    Returns:
        `aurc` and `augrc`, (draws,) each.
    """
    sure, right = confidence_and_truth(p_fake, labels, log_odds)
    wrong = 1 - right.astype(np.int64)
    cell, size = rank_cells(sure, wrong)
    right_counts, wrong_counts = (counts[:, ::-1] for counts in drawn_counts(cell, size, wrong, groups, draws, rng))
    step = right_counts + wrong_counts
    accepted, errors = np.cumsum(step, 1), np.cumsum(wrong_counts, 1)
    n = accepted[:, -1:]
    risk = errors / np.maximum(accepted, 1.0)
    between = errors - wrong_counts / 2  # trapezoid
    return {"aurc": (step * risk).sum(1) / n[:, 0], "augrc": (step * between / n).sum(1) / n[:, 0]}


def threshold_draws(tp: np.ndarray, fp: np.ndarray, fn: np.ndarray, tn: np.ndarray) -> dict[str, np.ndarray]:
    """Compute the metrics of a decision from counts, as `core.metrics.metrics.threshold_metrics`.

    Args:
        tp: Fakes called fake; any shape, the same for all four.
        fp: Reals called fake.
        fn: Fakes called real.
        tn: Reals called real.

    Returns:
        By name, values of that shape; NaN where undefined.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        recall, specificity = tp / (tp + fn), tn / (tn + fp)
        return {
            "accuracy": (tp + tn) / (tp + fp + fn + tn),
            "balanced_accuracy": (recall + specificity) / 2,
            "precision": tp / (tp + fp),
            "recall": recall,
            "specificity": specificity,
            # a draw without a fake has no F1: counted as 0 it would pull the interval of a one-group source to 0
            "f1": np.where(tp + fn > 0, 2 * tp / (2 * tp + fp + fn), np.nan),
            "mcc": (tp * tn - fp * fn) / np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)),
        }


def probability_draws(
    p_fake: ArrayLike,
    labels: ArrayLike,
    groups: ArrayLike | None,
    draws: int,
    rng: np.random.Generator,
    n_bins: int = 15,
    threshold: float = 0.5,
) -> dict[str, np.ndarray]:
    """Compute every thresholded and calibration metric under draws of groups.

    Bins of equal mass stay those of the whole sample.

    Args:
        p_fake: (N,) probabilities of fake in [0, 1].
        labels: (N,) 0 = real, 1 = fake.
        groups: (N,) names of groups, or None.
        draws: Number of draws.
        rng: Source of randomness.
        n_bins: Bins of the calibration errors.
        threshold: Items with p_fake >= threshold are called fake.

    Returns:
        By name, (draws,) values; NaN where undefined.
    """
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
    drawn = in_chunks(lambda weights: weights @ sums, n_groups, draws, rng)
    base, *bins = np.split(drawn, np.cumsum([block.shape[1] for block in blocks])[:-1], axis=1)
    n = base[:, :4].sum(1)
    result = threshold_draws(*base[:, :4].T) | {"brier": base[:, 4] / n, "nll": base[:, 5] / n}
    for i, (which, binning) in enumerate(names):
        count, stated, hits = bins[3 * i : 3 * i + 3]
        result[f"ece_{which}_{binning}"] = ece_of(count, stated, hits)
        result[f"mce_{which}_{binning}"] = mce_of(count, stated, hits)
        if binning == "mass":
            result[f"ece_debiased_{which}_mass"] = debiased_ece_of(count, stated, hits)
            result[f"rmsce_debiased_{which}_mass"] = debiased_rmsce_of(count, stated, hits)
        if (which, binning) == ("binary", "mass"):
            result |= {f"brier_{part}": v for part, v in parts_of(count, stated, hits, result["brier"]).items()}
    return result
