"""Compute a share of items with an interval that counts groups, by the rules of `core.metrics.effective_groups`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.metrics.group_share import group_share


@dataclass(frozen=True)
class Rate:
    """A share of items.

    Attributes:
        value: None over nothing (unknown, not 0).
        low: Lower end of the 95 % interval; None without one.
        high: Upper end.
        numerator: Items that hit.
        denominator: Items among which they are counted.
        groups: Groups with such items.
        note: Why there is no interval, or how far to trust it; else "".
    """

    value: float | None
    low: float | None
    high: float | None
    numerator: int
    denominator: int
    groups: int
    note: str = ""


def group_rate(
    hit: np.ndarray, among: np.ndarray, codes: np.ndarray, groups: int, draws: int, rng: np.random.Generator
) -> Rate:
    """Compute hit & among / among over items.

    The interval is the percentile bootstrap of whole groups; the exact binomial one where all groups agree (0 or 1);
    none with too few groups, or with no draws.

    Args:
        hit: (N,) bool.
        among: (N,) bool.
        codes: (N,) group from 0 to `groups` - 1.
        groups: Number of groups.
        draws: Bootstrap draws.
        rng: Source of the draws.

    Returns:
        The share with its interval.
    """
    return Rate(**group_share(hit, among, codes, groups, draws, rng))
