"""A reliability diagram whose intervals count groups, because frames of one video are not independent."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from core.metrics.bootstrap import group_codes
from core.metrics.bootstrap_draws import drawn_counts
from core.metrics.effective_groups import MIN_GROUPS, interval_limits
from core.metrics.metrics import probabilities
from core.metrics.reliability import Binning, Convention, Reliability, bin_of, convention, reliability


def grouped_reliability(
    p_fake: ArrayLike,
    labels: ArrayLike,
    groups: ArrayLike | None,
    n_bins: int = 15,
    which: Convention = "binary",
    binning: Binning = "width",
    *,
    draws: int = 500,
    seed: int = 0,
) -> Reliability:
    """Compute `reliability` with 95 % intervals from draws of whole groups.

    The rules are those of `core.metrics.effective_groups.interval_limits`: exact where the share of a bin is 0 or 1,
    none in a bin of fewer than MIN_GROUPS groups. The draws are those of `all_metrics` and `rate_bands` with the same
    seed.

    Args:
        p_fake: (N,) probabilities of fake in [0, 1].
        labels: (N,) 0 = real, 1 = fake.
        groups: (N,) names of groups; None when every item is its own group.
        n_bins: Number of bins, at least 1.
        which: Convention, `binary` or `top_label`.
        binning: `width` or `mass`.
        draws: Bootstrap draws of groups.
        seed: Seed of the draws.

    Returns:
        The diagram; limits are NaN where there is no interval.
    """
    r = reliability(p_fake, labels, n_bins, which, binning)
    x, hit = convention(*probabilities(p_fake, labels), which)
    codes, _ = group_codes(groups, x.size)
    size, at = r.edges.size - 1, bin_of(x, r.edges)
    misses, hits = drawn_counts(at, size, hit.astype(np.int64), codes, draws, np.random.default_rng(seed))
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = hits / (hits + misses)
    held = np.bincount(np.unique(codes * size + at) % size, minlength=size)
    low, high = interval_limits(r.observed, shares, held >= MIN_GROUPS, held)
    return replace(r, low=low, high=high)
