"""Selective prediction: the risk among accepted items as fewer are accepted, those of highest confidence first.

Confidence of an item is max(p, 1 - p); its error is 1 when the likelier class (fake at 1/2) is the wrong one. Items of
equal confidence are accepted together: one step, whose risk all of them carry (AURC), along which accepted errors grow
evenly (AUGRC).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from core.metrics.metrics import probabilities
from core.metrics.reliability import convention
from core.metrics.sweep import checked


@dataclass(frozen=True)
class RiskCoverage:
    """A risk-coverage curve: one entry for each distinct confidence, the highest first.

    Attributes:
        confidence: (K,) confidence of the step.
        coverage: (K,) accepted / N.
        risk: (K,) errors / accepted.
        generalised: (K,) errors accepted / N.
    """

    confidence: np.ndarray
    coverage: np.ndarray
    risk: np.ndarray
    generalised: np.ndarray


def confidence_and_truth(
    p_fake: ArrayLike, labels: ArrayLike, log_odds: ArrayLike | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Compute the confidence of each item and whether its likelier class is the true one.

    Args:
        p_fake: (N,) probabilities of fake in [0, 1].
        labels: (N,) 0 = real, 1 = fake.
        log_odds: (N,) log-odds of p_fake where known. Confidence is then |log_odds|: the same order, which does not end
            where p_fake rounds to 1.

    Returns:
        (N,) confidence and (N,) 1 for right, 0 for wrong.

    Raises:
        ValueError: Lengths differ or a value is out of its range.
    """
    p, y = probabilities(p_fake, labels)
    sure, right = convention(p, y, "top_label")
    return (sure if log_odds is None else np.abs(checked(log_odds, y)[0])), right


def risk_coverage(p_fake: ArrayLike, labels: ArrayLike, log_odds: ArrayLike | None = None) -> RiskCoverage:
    """Compute the whole risk-coverage curve from one sort.

    Args:
        p_fake: (N,) probabilities of fake in [0, 1].
        labels: (N,) 0 = real, 1 = fake.
        log_odds: (N,) as in `confidence_and_truth`.

    Returns:
        The curve.
    """
    confidence, right = confidence_and_truth(p_fake, labels, log_odds)
    order = np.argsort(-confidence, kind="stable")
    confidence, errors = confidence[order], np.cumsum(1.0 - right[order])
    last = np.append(np.flatnonzero(np.diff(confidence)), confidence.size - 1)
    accepted, n = last + 1.0, confidence.size
    return RiskCoverage(confidence[last], accepted / n, errors[last] / accepted, errors[last] / n)


def aurc(p_fake: ArrayLike, labels: ArrayLike, log_odds: ArrayLike | None = None) -> float:
    """Compute the area under risk over coverage (Geifman 2018): each item adds the risk of its step / N.

    Args:
        p_fake: (N,) probabilities of fake in [0, 1].
        labels: (N,) 0 = real, 1 = fake.
        log_odds: (N,) as in `confidence_and_truth`.

    Returns:
        A float in [0, 1].
    """
    c = risk_coverage(p_fake, labels, log_odds)
    return float(np.diff(c.coverage, prepend=0.0) @ c.risk)


def augrc(p_fake: ArrayLike, labels: ArrayLike, log_odds: ArrayLike | None = None) -> float:
    """Compute the area under (accepted errors / N) over coverage (Traub et al. 2024), by the trapezoid rule.

    It equals acc (1 - acc) (1 - AUROC_f) + (1 - acc)^2 / 2, their closed form, where AUROC_f ranks errors by lack of
    confidence and counts ties one half.

    Args:
        p_fake: (N,) probabilities of fake in [0, 1].
        labels: (N,) 0 = real, 1 = fake.
        log_odds: (N,) as in `confidence_and_truth`.

    Returns:
        A float in [0, 1/2].
    """
    c = risk_coverage(p_fake, labels, log_odds)
    return float(np.trapezoid(np.append(0.0, c.generalised), np.append(0.0, c.coverage)))
