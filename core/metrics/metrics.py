"""Figures of merit as pure functions in float64. Label 1 = fake; a figure that is undefined is None, never 0.

Ranking metrics take any score that grows with fakeness; the others take p_fake in [0, 1]. All raise ValueError for
empty input, unequal lengths, values that are not finite and labels other than 0 and 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from core.metrics.sweep import Sweep, checked, sweep


def auroc_of(s: Sweep) -> float | None:
    """Area under the ROC curve from a sweep; tied pairs count one half. None with one class."""
    if not s.n_fake or not s.n_real:
        return None
    fakes = np.diff(s.fakes, prepend=0).astype(np.float64)
    reals_to = (s.items - s.fakes).astype(np.float64)
    below = np.concatenate(([0.0], reals_to[:-1]))
    return float(np.dot(fakes, below + reals_to) / (2.0 * s.n_fake * s.n_real))


def auroc(scores: ArrayLike, labels: ArrayLike) -> float | None:
    """P(score of a fake > score of a real) + P(equal) / 2. None with one class."""
    return auroc_of(sweep(scores, labels))


def average_precision(scores: ArrayLike, labels: ArrayLike) -> float | None:
    """Sum of precision x step of recall over distinct thresholds, no interpolation. None without fakes."""
    s = sweep(scores, labels)
    if not s.n_fake:
        return None
    alarms, hits, _ = s.curve()
    return float(np.dot(np.diff(hits), hits[1:] / (hits[1:] + alarms[1:])) / s.n_fake)


def eer(scores: ArrayLike, labels: ArrayLike) -> float | None:
    """Rate where false alarms equal misses, the ROC curve interpolated linearly. None with one class."""
    s = sweep(scores, labels)
    if not s.n_fake or not s.n_real:
        return None
    alarms, hits, _ = s.curve()
    return crossing(alarms / s.n_real, 1.0 - hits / s.n_fake)


def crossing(fpr: np.ndarray, fnr: np.ndarray) -> float:
    """Height where a rising fpr meets a falling fnr, linear between points."""
    gap = fpr - fnr  # rises from -1 to 1
    i = int(np.searchsorted(gap, 0.0))
    if gap[i] == 0.0 or i == 0:
        return float(fpr[i])
    share = gap[i - 1] / (gap[i - 1] - gap[i])
    return float(fpr[i - 1] + share * (fpr[i] - fpr[i - 1]))


@dataclass(frozen=True)
class Confusion:
    """Counts of items called fake (p_fake >= threshold) or real. tp: fakes called fake."""

    tp: int
    fp: int
    fn: int
    tn: int

    @property
    def n(self) -> int:
        return self.tp + self.fp + self.fn + self.tn


def probabilities(p_fake: ArrayLike, labels: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Like `checked`, and p_fake must lie in [0, 1]."""
    p, y = checked(p_fake, labels)
    if p.min() < 0.0 or p.max() > 1.0:
        raise ValueError("p_fake must lie in [0, 1]; pass log_odds through a calibrator first")
    return p, y


def confusion(p_fake: ArrayLike, labels: ArrayLike, threshold: float = 0.5) -> Confusion:
    """Counts at `p_fake >= threshold` -> fake."""
    p, y = probabilities(p_fake, labels)
    called = p >= threshold
    tp, flagged, fakes = int(np.count_nonzero(called & (y == 1))), int(np.count_nonzero(called)), int(y.sum())
    return Confusion(tp, flagged - tp, fakes - tp, y.size - flagged - fakes + tp)


def ratio(numerator: float, denominator: float) -> float | None:
    """Numerator / denominator, or None when the denominator is 0."""
    return numerator / denominator if denominator else None


def threshold_metrics(c: Confusion) -> dict[str, float | None]:
    """The figures of a decision by name; None where undefined.

    accuracy: called rightly / all. recall: fakes called fake / fakes; specificity: reals called real / reals;
    balanced_accuracy: their mean. precision: fakes called fake / all called fake. f1: harmonic mean of precision and
    recall, 2 tp / (2 tp + fp + fn). mcc: Matthews correlation in [-1, 1]. balanced_accuracy and mcc are None with one
    class; mcc also when everything is called alike.
    """
    recall, specificity = ratio(c.tp, c.tp + c.fn), ratio(c.tn, c.tn + c.fp)
    both = recall is not None and specificity is not None
    product = (c.tp + c.fp) * (c.tp + c.fn) * (c.tn + c.fp) * (c.tn + c.fn)
    return {
        "accuracy": ratio(c.tp + c.tn, c.n),
        "balanced_accuracy": (recall + specificity) / 2 if both else None,  # type: ignore[operator]
        "precision": ratio(c.tp, c.tp + c.fp),
        "recall": recall,
        "specificity": specificity,
        "f1": ratio(2 * c.tp, 2 * c.tp + c.fp + c.fn),
        "mcc": ratio(c.tp * c.tn - c.fp * c.fn, math.sqrt(product)),
    }


def brier(p_fake: ArrayLike, labels: ArrayLike) -> float:
    """Mean (p_fake - label)^2."""
    p, y = probabilities(p_fake, labels)
    return float(np.mean((p - y) ** 2))


CLIP = 2.0**-52


def log_losses(p: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(N,) -ln of the probability given to the true class, p kept within [2**-52, 1 - 2**-52]."""
    p = np.clip(p, CLIP, 1.0 - CLIP)
    return -np.where(y == 1, np.log(p), np.log1p(-p))


def nll(p_fake: ArrayLike, labels: ArrayLike) -> float:
    """Mean -ln(probability of the true class), nats. p_fake is kept within [2**-52, 1 - 2**-52]."""
    return float(np.mean(log_losses(*probabilities(p_fake, labels))))
