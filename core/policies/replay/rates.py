"""A share of items with an interval that counts groups, by the rules of `core.metrics.effective_groups`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.metrics.group_share import group_share


@dataclass(frozen=True)
class Rate:
    """value: None over nothing (unknown, not 0). low, high: 95 %, None without an interval; note: then why, else how
    far to trust it, or "". groups: with such items.
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
    """Hit & among / among over items. codes: (N,) from 0 to `groups` - 1. The interval is the percentile bootstrap of
    whole groups; where all groups agree (0 or 1) the exact binomial one; none with too few groups, or with no draws.
    """
    return Rate(**group_share(hit, among, codes, groups, draws, rng))
