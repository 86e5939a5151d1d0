"""Counts at every threshold of a score: one integer sort with the label in the lowest bit, then cumulative sums."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from threading import Thread

import numpy as np
from numpy.typing import ArrayLike


def checked(scores: ArrayLike, labels: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Check scores and labels.

    Args:
        scores: (N,) scores.
        labels: (N,) 0 = real, 1 = fake.

    Returns:
        (N,) float64 and (N,) int64.

    Raises:
        ValueError: They are empty, differ in length, are not finite, or a label is neither 0 nor 1.
    """
    s = np.ascontiguousarray(scores, np.float64).ravel()
    y = np.ascontiguousarray(labels).ravel()
    if s.size == 0:
        raise ValueError("no items: a metric needs at least one")
    if s.size != y.size:
        raise ValueError(f"{s.size} scores but {y.size} labels")
    if not np.isfinite(s).all():
        raise ValueError("scores hold a value that is not finite")
    y = y.astype(np.int64, copy=False) if y.dtype.kind in "iub" else _whole(y)
    if int(y.min()) < 0 or int(y.max()) > 1:
        raise ValueError("labels must be 0 (real) or 1 (fake)")
    return s, y


def _whole(labels: np.ndarray) -> np.ndarray:
    whole = labels.astype(np.int64)
    if not np.array_equal(whole, labels):
        raise ValueError("labels must be 0 (real) or 1 (fake)")
    return whole


PARTED = 1 << 21
"""From so many items on two threads sort sooner than one."""
BLOCK = 1 << 16
"""Items handled at a time before and after the sort: their temporaries stay in the cache."""

MAGNITUDE = np.int64(0x7FFFFFFFFFFFFFFF)
ROOM = 1 << 62


def _fold(bits: np.ndarray) -> None:
    """In place: the bits of doubles into integers of the same order, and back. Negative numbers are turned over."""
    bits ^= (bits >> 63) & MAGNITUDE


def _ordered(scores: np.ndarray, factor: float) -> np.ndarray | None:
    """(B,) int64 in the order of score x factor, or None when one does not lie within (-2, 2): its bits fill 63."""
    bits = scores.view(np.int64)
    seen = int(np.bitwise_or.reduce(bits))  # the sign of any, and the highest bit of any
    if seen < 0 or factor != 1.0:
        bits = (scores * factor + 0.0).view(np.int64)  # a zero loses its sign
        _fold(bits)
        seen = ROOM if int(bits.min()) < -ROOM or int(bits.max()) >= ROOM else 0
    return None if seen & ROOM else bits


def _keys(scores: np.ndarray, labels: np.ndarray, factor: float) -> np.ndarray | None:
    """(N,) sortable int64: the ordered bits of score x factor, shifted by one, the label in the low bit.

    None when a scaled score does not lie within (-2, 2), where its bits fit 63 with the sign, or a label is neither 0
    nor 1. A factor that is a power of two rounds nothing (values under 2**-1022 excepted).
    """
    keys = np.empty(scores.size, np.int64)
    for start in range(0, scores.size, BLOCK):
        block, of = keys[start : start + BLOCK], labels[start : start + BLOCK]
        bits = _ordered(scores[start : start + BLOCK], factor)
        if bits is None or int(np.bitwise_or.reduce(of)) & ~1:
            return None
        np.add(bits, bits, out=block)  # faster than a shift
        np.add(block, of, out=block)
    return keys


def _sortable(scores: ArrayLike, labels: ArrayLike) -> tuple[np.ndarray, float]:
    """(keys, factor). Raises what `checked` raises."""
    s, y = np.asarray(scores), np.asarray(labels)
    if s.dtype == np.float64 and y.dtype == np.int64 and s.ndim == y.ndim == 1 and s.size == y.size > 0:
        keys = _keys(s, y, 1.0)
        if keys is not None:
            return keys, 1.0
    s, y = checked(scores, labels)
    top = max(float(s.max()), -float(s.min()))
    factor = 0.5 ** int(np.frexp(top)[1]) if top >= 2.0 else 1.0
    keys = _keys(s, y, factor)
    assert keys is not None  # finite scores and good labels always fit after scaling
    return keys, factor


@dataclass(frozen=True)
class Sweep:
    """Exact counts at every threshold of one score; built by `sweep`.

    Attributes:
        score: (K,) distinct scores, ascending.
        fakes: (K,) integers, how many fakes lie at or below each.
        ties: (K,) the same for all items; None when all scores differ (then it counts 1, 2, ..., K).
    """

    score: np.ndarray
    fakes: np.ndarray
    ties: np.ndarray | None = None

    @cached_property
    def items(self) -> np.ndarray:
        """(K,) int64, items at or below each score."""
        return np.arange(1, self.score.size + 1) if self.ties is None else self.ties

    @property
    def n(self) -> int:
        return self.score.size if self.ties is None else int(self.ties[-1])

    @property
    def n_fake(self) -> int:
        return int(self.fakes[-1])

    @property
    def n_real(self) -> int:
        return self.n - self.n_fake

    def at_or_below(self, threshold: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """Count the items at or below thresholds.

        Args:
            threshold: Any shape.

        Returns:
            Fakes and items with score <= threshold, in that shape.
        """
        index = np.searchsorted(self.score, np.asarray(threshold, np.float64), side="right")
        none = index == 0
        return np.where(none, 0, self.fakes[index - 1]), np.where(none, 0, self.items[index - 1])

    def curve(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Count the items at or above every threshold, from none (threshold infinite) to all.

        Returns:
            False alarms, hits and thresholds, (K + 1,) each.
        """
        hits = self.n_fake - np.concatenate(([0], self.fakes))
        alarms = self.n_real - np.concatenate(([0], self.items - self.fakes))
        return alarms[::-1], hits[::-1], np.concatenate((self.score, [np.inf]))[::-1]


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _sort(keys: np.ndarray) -> None:
    """In place. Unsigned numbers sort a little faster; negative ones come last among them and are put first.

    Many are parted at their median and sorted by two threads, where there are two cores: numpy lets go of the lock.
    """
    unsigned = keys.view(np.uint64)
    if keys.size < PARTED or _cores() < 2:
        unsigned.sort()
    else:
        middle = keys.size // 2
        unsigned.partition(middle)
        other = Thread(target=unsigned[:middle].sort)
        other.start()
        unsigned[middle:].sort()
        other.join()
    if int(keys[-1]) < 0:
        keys[:] = np.roll(keys, keys.size - int(np.searchsorted(unsigned, np.uint64(1) << np.uint64(63))))


def _counted(keys: np.ndarray) -> tuple[np.ndarray, bool]:
    """Count the fakes of sorted keys, which lose their low bit in place, so that the bits of the scores stay.

    Returns cumulative fakes, (N,) int32 (int64 from 2**31 items on), and whether two items share a score.
    """
    fakes = np.empty(keys.size, np.int32 if keys.size < 2**31 else np.int64)
    same = np.empty(min(BLOCK, keys.size), bool)
    so_far, before, tied = 0, 0, False
    for start in range(0, keys.size, BLOCK):
        block, count = keys[start : start + BLOCK], fakes[start : start + BLOCK]
        np.copyto(count, block, casting="unsafe")  # the low bit stays; faster than to mask while narrowing
        np.bitwise_and(count, 1, out=count)
        count[0] += so_far
        np.cumsum(count, out=count)
        np.right_shift(block, 1, out=block)
        if not tied:
            equal = np.equal(block[1:], block[:-1], out=same[: block.size - 1])
            tied = bool(equal.any()) or (start > 0 and before == int(block[0]))
        so_far, before = int(count[-1]), int(block[-1])
    return fakes, tied


def sweep(scores: ArrayLike, labels: ArrayLike) -> Sweep:
    """Count the items at every threshold by one sort.

    Args:
        scores: (N,) finite scores, higher = more fake.
        labels: (N,) 0 = real, 1 = fake.

    Returns:
        The counts.
    """
    keys, factor = _sortable(scores, labels)
    _sort(keys)
    fakes, tied = _counted(keys)
    items = None
    if tied:
        last = np.append(keys[1:] != keys[:-1], True)
        items = np.flatnonzero(last) + 1
        keys, fakes = keys[last], fakes[last]
    if int(keys[0]) < 0:  # sorted: the first is the lowest
        _fold(keys[: np.searchsorted(keys, 0)])
    value = keys.view(np.float64)
    return Sweep(value if factor == 1.0 else value / factor, fakes, items)


def thin(x: np.ndarray, y: np.ndarray, most: int = 500) -> np.ndarray:
    """Choose at most `most` points of a curve for drawing; its ends and sharpest corners stay.

    Collinear points go first (exactly); of what is left, points evenly spaced along the curve's length stay.

    Args:
        x: (K,) abscissae.
        y: (K,) ordinates.
        most: Most points.

    Returns:
        Ascending indices of the points.
    """
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if x.size <= 2:
        return np.arange(x.size)
    dx, dy = np.diff(x), np.diff(y)
    corner = np.flatnonzero(dx[1:] * dy[:-1] != dx[:-1] * dy[1:]) + 1
    keep = np.concatenate(([0], corner, [x.size - 1]))
    if keep.size <= most:
        return keep
    length = np.concatenate(([0.0], np.cumsum(np.abs(np.diff(x[keep])) + np.abs(np.diff(y[keep])))))
    at = np.searchsorted(length, np.linspace(0.0, length[-1], most - 2))
    return np.unique(np.concatenate(([0], keep[at], [x.size - 1])))


def roc_points(s: Sweep, most: int = 500) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Compute the points of a ROC curve for a chart.

    Args:
        s: Counts at every threshold.
        most: Most points.

    Returns:
        False-positive rate, true-positive rate and threshold, at most `most` each.

    Raises:
        ValueError: Only one class is present.
    """
    if not s.n_fake or not s.n_real:
        raise ValueError("a ROC curve needs both classes")
    alarms, hits, threshold = s.curve()
    x, y = alarms / s.n_real, hits / s.n_fake
    keep = thin(x, y, most)
    return x[keep], y[keep], threshold[keep]
