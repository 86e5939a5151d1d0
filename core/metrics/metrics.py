"""Metrics as pure functions in float64. Label 1 = fake; a metric that is undefined is None, never 0.

Ranking metrics take any score that grows with the probability of fake; the others take p_fake in [0, 1]. All raise
ValueError for empty input, unequal lengths, values that are not finite and labels other than 0 and 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from core.metrics.sweep import Sweep, checked, sweep


def auroc_of(s: Sweep) -> float | None:
    """Compute the area under the ROC curve from a sweep; tied pairs count one half.

    Args:
        s: Counts at every threshold.

    Returns:
        The area in [0, 1]; None with one class.
    """
    if not s.n_fake or not s.n_real:
        return None
    fakes = np.diff(s.fakes, prepend=0).astype(np.float64)
    reals_to = (s.items - s.fakes).astype(np.float64)
    below = np.concatenate(([0.0], reals_to[:-1]))
    return float(np.dot(fakes, below + reals_to) / (2.0 * s.n_fake * s.n_real))


def auroc(scores: ArrayLike, labels: ArrayLike) -> float | None:
    """Compute P(score of a fake > score of a real) + P(equal) / 2.

    Args:
        scores: (N,) finite scores, higher = more fake.
        labels: (N,) 0 = real, 1 = fake.

    Returns:
        The area in [0, 1]; None with one class.
    """
    return auroc_of(sweep(scores, labels))


def average_precision(scores: ArrayLike, labels: ArrayLike) -> float | None:
    """Compute the sum of precision x step of recall over distinct thresholds, without interpolation.

    Args:
        scores: (N,) finite scores, higher = more fake.
        labels: (N,) 0 = real, 1 = fake.

    Returns:
        A float in [0, 1]; None without fakes.
    """
    s = sweep(scores, labels)
    if not s.n_fake:
        return None
    alarms, hits, _ = s.curve()
    return float(np.dot(np.diff(hits), hits[1:] / (hits[1:] + alarms[1:])) / s.n_fake)


def eer(scores: ArrayLike, labels: ArrayLike) -> float | None:
    """Compute the equal error rate: the rate at which false alarms equal misses, the ROC curve interpolated linearly.

    Args:
        scores: (N,) finite scores, higher = more fake.
        labels: (N,) 0 = real, 1 = fake.

    Returns:
        A float in [0, 1]; None with one class.
    """
    s = sweep(scores, labels)
    if not s.n_fake or not s.n_real:
        return None
    alarms, hits, _ = s.curve()
    return crossing(alarms / s.n_real, 1.0 - hits / s.n_fake)


def crossing(fpr: np.ndarray, fnr: np.ndarray) -> float:
    """Find the height at which a rising false-positive rate meets a falling false-negative rate, linear between points.

    Args:
        fpr: (K,) ascending from 0 to 1.
        fnr: (K,) descending from 1 to 0.

    Returns:
        The common rate.
    """
    gap = fpr - fnr  # rises from -1 to 1
    i = int(np.searchsorted(gap, 0.0))
    if gap[i] == 0.0 or i == 0:
        return float(fpr[i])
    share = gap[i - 1] / (gap[i - 1] - gap[i])
    return float(fpr[i - 1] + share * (fpr[i] - fpr[i - 1]))


@dataclass(frozen=True)
class Confusion:
    """Counts of items called fake (p_fake >= threshold) or real.

    Attributes:
        tp: Fakes called fake.
        fp: Reals called fake.
        fn: Fakes called real.
        tn: Reals called real.
    """

    tp: int
    fp: int
    fn: int
    tn: int

    @property
    def n(self) -> int:
        return self.tp + self.fp + self.fn + self.tn


def probabilities(p_fake: ArrayLike, labels: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Check probabilities and labels, as `checked` does scores.

    Args:
        p_fake: (N,) probabilities of fake in [0, 1].
        labels: (N,) 0 = real, 1 = fake.

    Returns:
        (N,) float64 and (N,) int64.

    Raises:
        ValueError: The input is empty, lengths differ, or a value is out of its range.
    """
    p, y = checked(p_fake, labels)
    if p.min() < 0.0 or p.max() > 1.0:
        raise ValueError("p_fake must lie in [0, 1]; pass log_odds through a calibrator first")
    return p, y


def confusion(p_fake: ArrayLike, labels: ArrayLike, threshold: float = 0.5) -> Confusion:
    """Count items by their class and by what they are called.

    Args:
        p_fake: (N,) probabilities of fake in [0, 1].
        labels: (N,) 0 = real, 1 = fake.
        threshold: Items with p_fake >= threshold are called fake.

    Returns:
        The four counts.
    """
    p, y = probabilities(p_fake, labels)
    called = p >= threshold
    tp, flagged, fakes = int(np.count_nonzero(called & (y == 1))), int(np.count_nonzero(called)), int(y.sum())
    return Confusion(tp, flagged - tp, fakes - tp, y.size - flagged - fakes + tp)


def ratio(numerator: float, denominator: float) -> float | None:
    """Divide, where the denominator is not 0.

    Args:
        numerator: Any number.
        denominator: Any number.

    Returns:
        The quotient; None when the denominator is 0.
    """
    return numerator / denominator if denominator else None


def threshold_metrics(c: Confusion) -> dict[str, float | None]:
    """Compute the metrics of a decision from its counts.

    accuracy: called correctly / all. recall: fakes called fake / fakes; specificity: reals called real / reals;
    balanced_accuracy: their mean. precision: fakes called fake / all called fake. f1: harmonic mean of precision and
    recall, 2 tp / (2 tp + fp + fn). mcc: Matthews correlation in [-1, 1].

    Args:
        c: The counts.

    Returns:
        By name; None where undefined: balanced_accuracy and mcc with one class, mcc also when all items are called
        alike.
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
    """Compute the Brier score, the mean of (p_fake - label)^2.

    Args:
        p_fake: (N,) probabilities of fake in [0, 1].
        labels: (N,) 0 = real, 1 = fake.

    Returns:
        A float in [0, 1].
    """
    p, y = probabilities(p_fake, labels)
    return float(np.mean((p - y) ** 2))


MIN_PROBABILITY = 2.0**-52
"""Probabilities are held this far from 0 and 1 before their logarithm is taken."""


def log_losses(p: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Compute the log loss of each item, -ln of the probability of its true class.

    Args:
        p: (N,) probabilities of fake, clipped to [2**-52, 1 - 2**-52].
        y: (N,) 0 = real, 1 = fake.

    Returns:
        (N,) losses in nats.
    """
    p = np.clip(p, MIN_PROBABILITY, 1.0 - MIN_PROBABILITY)
    return -np.where(y == 1, np.log(p), np.log1p(-p))


def nll(p_fake: ArrayLike, labels: ArrayLike) -> float:
    """Compute the mean log loss, -ln(probability of the true class).

    Args:
        p_fake: (N,) probabilities of fake in [0, 1], clipped to [2**-52, 1 - 2**-52].
        labels: (N,) 0 = real, 1 = fake.

    Returns:
        The mean in nats.
    """
    return float(np.mean(log_losses(*probabilities(p_fake, labels))))
