"""The share of items that meet a condition, with its interval over whole groups."""

from __future__ import annotations

from typing import Any

import numpy as np

from core.metrics.effective_groups import GroupInterval, share_interval
from core.metrics.intervals import bootstrap_sums


def group_share(
    hit: np.ndarray,
    among: np.ndarray,
    codes: np.ndarray,
    n_groups: int,
    draws: int,
    seed: int | np.random.Generator = 0,
) -> dict[str, Any]:
    """Compute a share of items, (hit and among) / among, with its interval over whole groups.

    The interval is exact at 0 and 1 (`core.metrics.effective_groups.share_interval`).

    Args:
        hit: (N,) bool, items of the numerator.
        among: (N,) bool, items of the denominator.
        codes: (N,) group codes below n_groups.
        n_groups: Number of groups.
        draws: Bootstrap draws of groups; 0 for no interval.
        seed: Seed of the draws, or a generator.

    Returns:
        value (None over nothing: unknown, not 0), numerator, denominator, groups (with an item in the denominator),
        low, high and note.
    """
    k, n = int((hit & among).sum()), int(among.sum())
    own = codes[among]
    between = GroupInterval(None, None)
    if n and draws:
        drawn = None
        if 0 < k < n and n_groups > 1:
            columns = np.stack((hit & among, among), 1).astype(np.float64)
            sums = bootstrap_sums(columns, codes, n_groups, draws, np.random.default_rng(seed))
            with np.errstate(invalid="ignore", divide="ignore"):
                drawn = sums[:, 0] / sums[:, 1]
        between = share_interval(k / n, drawn, own)
    value = {"value": k / n if n else None, "numerator": k, "denominator": n, "groups": int(np.unique(own).size)}
    return value | {"low": between.low, "high": between.high, "note": between.note}
