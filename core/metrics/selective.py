"""What is gained by not answering: risk among accepted items as fewer are accepted, the surest first.

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
    """Risk among accepted items as fewer are accepted: one entry for each distinct confidence, the surest first.

    Attributes:
        confidence: (K,) confidence down to which items are accepted.
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
    """Compute how sure each answer is, and whether it is right.

    Args:
        p_fake: (N,) in [0, 1].
        labels: (N,) 1 = fake.
        log_odds: (N,) log-odds of p_fake where known; the confidence is then |log_odds|, the same order, which does not
        end where p_fake
            rounds to 1.

    Returns:
        Confidence (N,), and right (N,) 1 or 0.

    Raises:
        ValueError: Bad input.
    """
    p, y = probabilities(p_fake, labels)
    sure, right = convention(p, y, "top_label")
    return (sure if log_odds is None else np.abs(checked(log_odds, y)[0])), right


def risk_coverage(p_fake: ArrayLike, labels: ArrayLike, log_odds: ArrayLike | None = None) -> RiskCoverage:
    """Compute the whole risk-coverage curve from one sort.

    Args:
        p_fake: (N,) in [0, 1].
        labels: (N,) 1 = fake.
        log_odds: (N,) log-odds of p_fake where known, see `confidence_and_truth`.

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
    """Compute the area under risk over coverage as a sum of steps: each item adds the risk of its step / N.

    Geifman 2018.

    Args:
        p_fake: (N,) in [0, 1].
        labels: (N,) 1 = fake.
        log_odds: (N,) log-odds of p_fake where known.

    Returns:
        The area, in [0, 1].
    """
    c = risk_coverage(p_fake, labels, log_odds)
    return float(np.diff(c.coverage, prepend=0.0) @ c.risk)


def augrc(p_fake: ArrayLike, labels: ArrayLike, log_odds: ArrayLike | None = None) -> float:
    """Compute the area under (accepted errors / N) over coverage (Traub et al. 2024), by the trapezoid rule.

    Equal to acc (1 - acc) (1 - AUROC_f) + (1 - acc)^2 / 2, their closed form, where AUROC_f ranks errors by lack of
    confidence and counts ties one half.

    Args:
        p_fake: (N,) in [0, 1].
        labels: (N,) 1 = fake.
        log_odds: (N,) log-odds of p_fake where known.

    Returns:
        The area, at most 1/2.
    """
    c = risk_coverage(p_fake, labels, log_odds)
    return float(np.trapezoid(np.append(0.0, c.generalised), np.append(0.0, c.coverage)))
