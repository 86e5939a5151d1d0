"""Count the independent groups of each class that an interval rests on, and decide whether they allow one.

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

MIN_GROUPS = 5
"""Fewest groups of a class for an interval or a p-value: with fewer, one in five or more of the "95 %" intervals
misses, and one or two groups decide."""

MANY_GROUPS = 30
"""Effective groups of a class from which an interval is given without a warning."""

NO_INTERVAL, TOO_NARROW = "No interval", "The interval may be too narrow"
"""How the notes begin that say why there is no interval, and how far to trust one."""


@dataclass(frozen=True)
class GroupCount:
    """The number of groups that an interval rests on.

    Attributes:
        groups: Number of groups.
        effective: Equally large groups that carry as much information: (sum m)^2 / sum m^2 over their numbers of items
            m (Kish 1965), at most `groups`.
        of: The class in words (`reals`, `fakes`); empty for all items.
    """

    groups: int
    effective: float
    of: str = ""

    @property
    def enough(self) -> bool:
        """Whether an interval may be given at all."""
        return self.groups >= MIN_GROUPS

    @property
    def note(self) -> str:
        """Say why there is no interval or why it may be too narrow; empty where there are enough groups."""
        of = f" of {self.of}" if self.of else ""
        number = f"{self.groups:,} group{'' if self.groups == 1 else 's'}{of}"
        if not self.enough:
            verb = "is" if self.groups == 1 else "are"
            return f"{NO_INTERVAL}: there {verb} {number}, and {MIN_GROUPS} are needed."
        if self.effective >= MANY_GROUPS - 1e-9:
            return ""
        if self.effective > self.groups - 1:
            return f"{TOO_NARROW}: there are only {number}."
        equal = f"{self.effective:.0f} equal ones" if self.effective >= 1.5 else "a single one"
        return f"{TOO_NARROW}: {number} of very unequal size carry as much information as {equal}."


@dataclass(frozen=True)
class GroupInterval:
    """A 95 % interval over groups, or none.

    Attributes:
        low: Lower limit; None where there is no interval.
        high: Upper limit; None where there is no interval.
        note: Why there is none, or how far to trust it; may be empty.
    """

    low: float | None
    high: float | None
    note: str = ""

    @property
    def interval(self) -> tuple[float, float] | None:
        return None if self.low is None or self.high is None else (self.low, self.high)


def count_groups(codes: np.ndarray, of: str = "") -> GroupCount:
    """Count the groups of items and the equally large groups that carry as much information.

    Args:
        codes: (N,) non-negative group codes of the items that count.
        of: Their class in words; empty for all items.

    Returns:
        The counts; 0 without items.
    """
    sizes = np.bincount(codes) if codes.size else np.zeros(0, np.int64)
    sizes = sizes[sizes > 0].astype(np.float64)
    return GroupCount(sizes.size, float(sizes.sum() ** 2 / np.square(sizes).sum()) if sizes.size else 0.0, of)


def smallest_class(labels: ArrayLike, groups: ArrayLike | None) -> GroupCount:
    """Find the class with the fewest effective groups, of those that are present.

    Args:
        labels: (N,) 0 = real, 1 = fake.
        groups: (N,) names of groups; None when every item is its own group.

    Returns:
        Its groups; none without items.
    """
    y = np.asarray(labels)
    codes, _ = group_codes(groups, y.size)
    classes = [
        count_groups(codes[y == label], word) for label, word in ((1, "fakes"), (0, "reals")) if (y == label).any()
    ]
    return min(classes, key=lambda count: (count.enough, count.effective)) if classes else GroupCount(0, 0.0)


def interval_from_draws(drawn: np.ndarray | None, count: GroupCount, confidence: float = 0.95) -> GroupInterval:
    """Compute the percentile interval of a metric's draws where the groups allow one.

    There is none with too few groups, or where all draws agree: then they do not say how far off the metric may be.

    Args:
        drawn: (draws,) values; None or empty without draws.
        count: Groups that the metric rests on.
        confidence: Coverage of the interval, in (0, 1).

    Returns:
        The interval, with a note on why there is none or how far to trust it.
    """
    if drawn is None or not drawn.size:
        return GroupInterval(None, None, "" if count.enough else count.note)
    if not count.enough:
        return GroupInterval(None, None, count.note)
    known = drawn[np.isfinite(drawn)]
    if known.size and alike(known):
        return GroupInterval(
            None, None, f"{NO_INTERVAL}: all draws agree, because {count.groups:,} groups are too few."
        )
    interval = percentile(drawn, confidence)
    if interval is None:
        return GroupInterval(None, None, f"{NO_INTERVAL}: the value is undefined in most draws of groups.")
    return GroupInterval(*interval, count.note)


def exact_interval(value: float, groups: int, confidence: float = 0.95) -> GroupInterval:
    """Compute the interval of a share of 0 or 1, where no draw of groups can differ: Clopper-Pearson over groups.

    It holds for groups drawn at random, whatever happens inside them, if their sizes do not depend on the outcome: that
    none of `groups` groups has a hit is at most as likely as that the same number of single items has none.

    Args:
        value: The share, 0 or 1.
        groups: Groups in the denominator.
        confidence: Coverage of the interval, in (0, 1).

    Returns:
        The interval; none with fewer than two groups.
    """
    if groups < 2:
        return GroupInterval(
            None,
            None,
            f"{NO_INTERVAL}: there {'is' if groups == 1 else 'are'} {groups} group{'' if groups == 1 else 's'}.",
        )
    low, high = clopper_pearson(groups if value else 0, groups, confidence) or (None, None)
    return GroupInterval(low, high, f"The interval is exact: all {groups:,} groups agree.")


def perfect_auroc_interval(
    area: float, labels: ArrayLike, groups: ArrayLike | None, confidence: float = 0.95
) -> GroupInterval:
    """Compute the interval of an AUROC of 0 or 1, where no draw of groups can differ and DeLong's error is 0.

    It is `exact_interval`, where each trial is a pair of a group with fakes and another with reals, no group in two
    pairs.

    Args:
        area: The AUROC, 0 or 1.
        labels: (N,) 0 = real, 1 = fake.
        groups: (N,) names of groups; None when every item is its own group.
        confidence: Coverage of the interval, in (0, 1).

    Returns:
        The interval; none with fewer than two such pairs.
    """
    y = np.asarray(labels)
    codes, _ = group_codes(groups, y.size)
    by_class = [np.unique(codes[y == label]) for label in (0, 1)]
    # A group that holds both classes can stand on one side of one pair only.
    pairs = min(by_class[0].size, by_class[1].size, np.union1d(*by_class).size // 2)
    exact = exact_interval(area, pairs, confidence)
    if not exact.interval:
        return GroupInterval(None, None, f"{NO_INTERVAL}: there are fewer than two pairs of groups.")
    return GroupInterval(exact.low, exact.high, f"The interval is exact: all {pairs:,} pairs of groups agree.")


def share_interval(
    value: float | None, drawn: np.ndarray | None, codes: np.ndarray, confidence: float = 0.95, of: str = ""
) -> GroupInterval:
    """Compute the interval of hits / items: `exact_interval` at 0 and 1, else `interval_from_draws`.

    Args:
        value: The share; None where nothing is known.
        drawn: (draws,) values; None without draws.
        codes: Group codes of the items in the denominator.
        confidence: Coverage of the interval, in (0, 1).
        of: Class of the items in words; empty for all items.

    Returns:
        The interval, or none with a note.
    """
    if value is None:
        return GroupInterval(None, None)
    count = count_groups(codes, of)
    if value in (0.0, 1.0):
        return exact_interval(value, count.groups, confidence)
    return interval_from_draws(drawn, count, confidence)


def interval_limits(
    value: np.ndarray,
    drawn: np.ndarray,
    enough: ArrayLike,
    exact_groups: np.ndarray | None = None,
    confidence: float = 0.95,
) -> tuple[np.ndarray, np.ndarray]:
    """Compute the intervals of T metrics at once by the rules of `interval_from_draws`.

    Args:
        value: (T,) values; NaN where unknown.
        drawn: (draws, T) values of draws; NaN where undefined.
        enough: (T,) or one bool, whether the groups suffice.
        exact_groups: (T,) groups in the denominator of shares, which at 0 and 1 are limited as in `exact_interval`;
            None for metrics that are no shares.
        confidence: Coverage of the intervals, in (0, 1).

    Returns:
        (low, high), (T,) each; NaN where there is no interval.
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
