"""What is gained by not answering: risk among accepted items as fewer are accepted, the surest first.

Confidence of an item is max(p, 1 - p); its error is 1 when the likelier class (fake at 1/2) is the wrong one. Items of
equal confidence are accepted together: one step.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from core.evaluate.metrics import probabilities
from core.evaluate.reliability import convention


@dataclass(frozen=True)
class RiskCoverage:
    """One entry a distinct confidence, the surest first. coverage: accepted / N. risk: errors / accepted.
    generalised: errors accepted / N. All (K,)."""

    confidence: np.ndarray
    coverage: np.ndarray
    risk: np.ndarray
    generalised: np.ndarray


def risk_coverage(p_fake: ArrayLike, labels: ArrayLike) -> RiskCoverage:
    """The whole curve from one sort."""
    confidence, right = convention(*probabilities(p_fake, labels), "top_label")
    order = np.argsort(-confidence, kind="stable")
    confidence, errors = confidence[order], np.cumsum(1.0 - right[order])
    last = np.append(np.flatnonzero(np.diff(confidence)), confidence.size - 1)
    accepted, n = last + 1.0, confidence.size
    return RiskCoverage(confidence[last], accepted / n, errors[last] / accepted, errors[last] / n)


def aurc(p_fake: ArrayLike, labels: ArrayLike) -> float:
    """Area under risk over coverage (Geifman 2018), as a sum of steps: each item adds the risk of its step / N."""
    c = risk_coverage(p_fake, labels)
    return float(np.diff(c.coverage, prepend=0.0) @ c.risk)


def augrc(p_fake: ArrayLike, labels: ArrayLike) -> float:
    """Area under (accepted errors / N) over coverage (Traub et al. 2024), as a sum of steps; at most 1."""
    c = risk_coverage(p_fake, labels)
    return float(np.diff(c.coverage, prepend=0.0) @ c.generalised)
