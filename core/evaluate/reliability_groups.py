"""A reliability diagram whose bars count groups: frames of one video are not so many witnesses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from core.evaluate.bootstrap import group_codes
from core.evaluate.metrics import probabilities
from core.evaluate.reliability import Binning, Convention, Reliability, bin_of, convention, reliability
from core.evaluate.shares import wilson


def grouped_reliability(
    p_fake: ArrayLike,
    labels: ArrayLike,
    groups: ArrayLike | None,
    n_bins: int = 15,
    which: Convention = "binary",
    binning: Binning = "width",
) -> Reliability:
    """`reliability` with Wilson intervals over the groups that a bin is worth: (sum m)^2 / sum m^2 over the numbers m
    of its items by group (Kish 1965), as if the items of one group agreed wholly. groups None: items count."""
    r = reliability(p_fake, labels, n_bins, which, binning)
    x, _ = convention(*probabilities(p_fake, labels), which)
    codes, _ = group_codes(groups, x.size)
    size = r.edges.size - 1
    pairs, m = np.unique(codes * size + bin_of(x, r.edges), return_counts=True)
    worth = np.full(size, np.nan)
    held = r.count > 0
    squares = np.bincount(pairs % size, m.astype(np.float64) ** 2, size)
    worth[held] = r.count[held].astype(np.float64) ** 2 / squares[held]
    low, high = wilson(r.observed, worth)
    return replace(r, low=low, high=high)
