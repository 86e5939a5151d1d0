"""Compute what the same rates mean where fakes are less or more frequent: Bayes' rule, per 1,000 items.

Rates by class do not depend on how many fakes there are; precision does. A filter with 5 % false alarms and 90 % of
fakes found is right in 95 of 100 alarms where half of the items are fake, and in 15 of 100 where one in a hundred is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class AtBaseRate:
    """Figures at K shares of fakes.

    Attributes:
        prevalence: (K,) share of fakes.
        precision_fake: (K,) fakes / called fake; NaN where nothing is called so.
        precision_real: (K,) reals / called real; NaN where nothing is called so.
        alarms: (K,) called fake per 1,000 items.
        false_alarms: (K,) reals called fake per 1,000 items.
        missed: (K,) fakes called real per 1,000 items.
        undecided: (K,) without a verdict per 1,000 items.
    """

    prevalence: np.ndarray
    precision_fake: np.ndarray
    precision_real: np.ndarray
    alarms: np.ndarray
    false_alarms: np.ndarray
    missed: np.ndarray
    undecided: np.ndarray


def at_base_rate(
    prevalence: ArrayLike, found: float, alarmed: float, leaked: float | None = None, spared: float | None = None
) -> AtBaseRate:
    """Compute precision and counts per 1,000 items at other shares of fakes.

    Args:
        prevalence: Share of fakes in [0, 1], a number or (K,).
        found: Fakes called fake / fakes.
        alarmed: Reals called fake / reals.
        leaked: Fakes called real / fakes; None: 1 - found.
        spared: Reals called real / reals; None: 1 - alarmed.

    Returns:
        Figures at each share.

    Raises:
        ValueError: A share lies outside [0, 1], or the verdicts of a class exceed 1.
    """
    leaked, spared = 1 - found if leaked is None else leaked, 1 - alarmed if spared is None else spared
    pi = np.atleast_1d(np.asarray(prevalence, np.float64))
    shares = np.array([found, alarmed, leaked, spared])
    if not (((pi >= 0) & (pi <= 1)).all() and ((shares >= 0) & (shares <= 1)).all()):
        raise ValueError("prevalence and rates are shares in [0, 1]")
    if found + leaked > 1 + 1e-9 or alarmed + spared > 1 + 1e-9:
        raise ValueError("an item has one verdict: the rates of a class must not exceed 1 together")
    hits, false = pi * found, (1 - pi) * alarmed
    gone, kept = pi * leaked, (1 - pi) * spared
    with np.errstate(invalid="ignore", divide="ignore"):
        return AtBaseRate(
            prevalence=pi,
            precision_fake=hits / (hits + false),
            precision_real=kept / (kept + gone),
            alarms=1000 * (hits + false),
            false_alarms=1000 * false,
            missed=1000 * gone,
            undecided=1000 * np.maximum(0.0, 1 - hits - false - gone - kept),
        )
