"""What an interval rests on: how many independent groups there are of each class, and what so few of them allow.

Measured (groups of 16 items, correlation .6 inside a group, 300 to 1,000 sets each; a slow test repeats a part): a
"95 %" percentile bootstrap of an AUROC covers .60 with 2 groups a class, .81 with 3 or 4, .84 with 5, .90 with 7, .91
with 10 and .93 with 15 or 20; that of a share of 20 % (beta-binomial, Beta(.5, 2)) .47 with 2 groups, .67 with 3, .82
with 5, .89 with 10, .94 from 20 on, and of a share of 5 % .78 with 5, .82 with 10, .87 with 20, .92 with 60. DeLong
with Student's quantile covers .98 with 5 groups a class and .97 with 10.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from core.metrics.binomial import clopper_pearson
from core.metrics.bootstrap import alike, group_codes, percentile

LEAST_GROUPS = 5
"""Groups of a class under which no interval and no p-value is given: below it one in five or more of the "95 %"
intervals misses, and one or two groups decide."""

FEW_GROUPS = 30
"""Groups of a class (counted by Kish where their sizes differ) under which an interval is given with a warning."""


@dataclass(frozen=True)
class GroupCount:
    """groups: how many. effective: (sum m)^2 / sum m^2 over their numbers of items m (Kish 1965), at most `groups`.
    of: the class in words, "" for all items.
    """

    groups: int
    effective: float
    of: str = ""

    @property
    def enough(self) -> bool:
        """Whether an interval may be given at all."""
        return self.groups >= LEAST_GROUPS

    @property
    def note(self) -> str:
        """Empty where there are many, else why there is no interval, or why it is too narrow."""
        of = f" of {self.of}" if self.of else ""
        if not self.enough:
            return f"no interval: {self.groups} group{'' if self.groups == 1 else 's'}{of}, {LEAST_GROUPS} are needed"
        if self.effective >= FEW_GROUPS - 1e-9:
            return ""
        sizes = "" if self.effective > self.groups - 1 else f", so unequal that they count as {self.effective:.0f}"
        return f"few groups: {self.groups:,}{of}{sizes}; the interval is narrower than it should be"


@dataclass(frozen=True)
class GroupInterval:
    """A 95 % interval, or None twice. note: "" or one clause on why there is none, or how far to trust it."""

    low: float | None
    high: float | None
    note: str = ""

    @property
    def interval(self) -> tuple[float, float] | None:
        return None if self.low is None or self.high is None else (self.low, self.high)


def count_groups(codes: np.ndarray, of: str = "") -> GroupCount:
    """codes: (N,) non-negative group codes of the items that count."""
    sizes = np.bincount(codes) if codes.size else np.zeros(0, np.int64)
    sizes = sizes[sizes > 0].astype(np.float64)
    return GroupCount(sizes.size, float(sizes.sum() ** 2 / np.square(sizes).sum()) if sizes.size else 0.0, of)


def smallest_class(labels: ArrayLike, groups: ArrayLike | None) -> GroupCount:
    """The class, of those that are there, with the fewest effective groups. labels, groups: (N,)."""
    y = np.asarray(labels)
    codes, _ = group_codes(groups, y.size)
    found = [
        count_groups(codes[y == label], word) for label, word in ((1, "fakes"), (0, "reals")) if (y == label).any()
    ]
    return min(found, key=lambda worth: (worth.enough, worth.effective)) if found else GroupCount(0, 0.0)


def interval_from_draws(drawn: np.ndarray | None, worth: GroupCount, confidence: float = 0.95) -> GroupInterval:
    """Percentile interval of a figure's draws. No interval with too few groups, or where all draws agree: then the
    draws do not say how far off the figure may be.
    """
    if drawn is None or not drawn.size:
        return GroupInterval(None, None, "" if worth.enough else worth.note)
    if not worth.enough:
        return GroupInterval(None, None, worth.note)
    known = drawn[np.isfinite(drawn)]
    if known.size and alike(known):
        return GroupInterval(None, None, f"no interval: all draws agree, {worth.groups:,} groups are too few")
    found = percentile(drawn, confidence)
    if found is None:
        return GroupInterval(None, None, "no interval: it is undefined in most draws")
    return GroupInterval(*found, worth.note)


def exact_interval(value: float, groups: int, confidence: float = 0.95) -> GroupInterval:
    """Of a share that is 0 or 1, where no draw of groups can differ: Clopper-Pearson with each group one trial.

    It holds for groups drawn at random, whatever happens inside them, if their sizes have nothing to do with it: that
    none of `groups` has a hit is at most as likely as that `groups` single items have none. None with fewer than two
    groups.
    """
    if groups < 2:
        return GroupInterval(None, None, f"no interval: {groups} group{'' if groups == 1 else 's'}")
    low, high = clopper_pearson(groups if value else 0, groups, confidence) or (None, None)
    return GroupInterval(low, high, f"exact: all {groups:,} groups agree")


def perfect_auroc_interval(
    area: float, labels: ArrayLike, groups: ArrayLike | None, confidence: float = 0.95
) -> GroupInterval:
    """Of an AUROC of 0 or 1, where no draw of groups can differ and DeLong's error is 0: as `exact_interval`, each
    trial a pair of a group with fakes and another with reals, no group in two pairs. labels, groups: (N,).
    """
    y = np.asarray(labels)
    codes, _ = group_codes(groups, y.size)
    there = [np.unique(codes[y == label]) for label in (0, 1)]
    pairs = min(there[0].size, there[1].size, np.union1d(*there).size // 2)
    found = exact_interval(area, pairs, confidence)
    words = (
        f"exact: all {pairs:,} pairs of groups agree" if found.interval else "no interval: under two pairs of groups"
    )
    return GroupInterval(found.low, found.high, words)


def share_interval(
    value: float | None, drawn: np.ndarray | None, codes: np.ndarray, confidence: float = 0.95, of: str = ""
) -> GroupInterval:
    """Interval of hits / items: `exact_interval` at 0 and 1, else `interval_from_draws` of its draws.

    codes: group codes of the items in the denominator. value None: nothing is known.
    """
    if value is None:
        return GroupInterval(None, None)
    worth = count_groups(codes, of)
    if value in (0.0, 1.0):
        return exact_interval(value, worth.groups, confidence)
    return interval_from_draws(drawn, worth, confidence)


def interval_limits(
    value: np.ndarray,
    drawn: np.ndarray,
    enough: ArrayLike,
    exact_groups: np.ndarray | None = None,
    confidence: float = 0.95,
) -> tuple[np.ndarray, np.ndarray]:
    """(low, high), (T,) each, of T figures at once by the rules of `interval_from_draws`; NaN where there is no
    interval.

    value: (T,), NaN where unknown; drawn: (draws, T), NaN where undefined; enough: (T,) or one, whether groups suffice.
    exact_groups: (T,) groups in the denominator of shares, which at 0 and 1 are limited as by `exact_interval`.
    """
    low, high = np.full(value.size, np.nan), np.full(value.size, np.nan)
    tail = (1 - confidence) / 2
    open_ = np.isfinite(value)
    if exact_groups is not None:
        end = ((value == 0) | (value == 1)) & (exact_groups >= 2)
        reach = tail ** (1 / exact_groups[end])  # Clopper-Pearson of all of n; of none: 1 - reach
        low[end], high[end] = np.where(value[end] == 1, reach, 0.0), np.where(value[end] == 1, 1.0, 1 - reach)
        open_ &= (value > 0) & (value < 1)
    defined = np.isfinite(drawn)
    open_ &= np.broadcast_to(enough, value.shape) & (defined.sum(0) >= max(1, len(drawn) // 2))
    whole = open_ & defined.all(0)
    low[whole], high[whole] = np.quantile(drawn[:, whole], [tail, 1 - tail], axis=0)
    for t in np.flatnonzero(open_ & ~whole):
        low[t], high[t] = np.quantile(drawn[defined[:, t], t], [tail, 1 - tail])
    same = high - low <= 1e-9
    low[same], high[same] = np.nan, np.nan
    return low, high
