"""Every threshold at once: one integer sort, the label in the lowest bit, then cumulative sums."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


def checked(scores: ArrayLike, labels: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Scores as (N,) float64 and labels as (N,) int64.

    Raises ValueError when they are empty, differ in length, are not finite, or a label is neither 0 nor 1."""
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


def _keys(scores: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, int]:
    """Sortable int64: the score's bits (order kept, sign folded) shifted by one, the label in the low bit.

    Scores are first divided by a power of two so that |score| <= 1: its bits then fit 62 and nothing is rounded
    (values under 2**-1022 of the largest excepted)."""
    top = max(float(scores.max()), -float(scores.min()))
    exponent = 0 if 0.5 < top <= 1.0 else int(np.frexp(top)[1])
    scaled = np.ldexp(scores, -exponent) if exponent else scores
    bits = (scaled + 0.0).view(np.int64)  # + 0.0 turns -0.0 into 0.0
    if bits.min() < 0:
        bits = np.where(bits < 0, -(bits & np.int64(0x7FFFFFFFFFFFFFFF)), bits)
    bits <<= 1
    bits |= labels
    return bits, exponent


@dataclass(frozen=True)
class Sweep:
    """Exact counts at every threshold of one score. Built by `sweep`.

    score: (K,) distinct scores, ascending. fakes, items: (K,) int64, how many lie at or below each."""

    score: np.ndarray
    fakes: np.ndarray
    items: np.ndarray

    @property
    def n(self) -> int:
        return int(self.items[-1])

    @property
    def n_fake(self) -> int:
        return int(self.fakes[-1])

    @property
    def n_real(self) -> int:
        return self.n - self.n_fake

    def at_or_below(self, threshold: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """(fakes, items) with score <= threshold; same shape as `threshold`."""
        index = np.searchsorted(self.score, np.asarray(threshold, np.float64), side="right")
        return np.concatenate(([0], self.fakes))[index], np.concatenate(([0], self.items))[index]

    def curve(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(false alarms, hits, threshold), each (K + 1,): counts of reals and fakes with score >= threshold, from
        none (threshold infinite) to all."""
        hits = self.n_fake - np.concatenate(([0], self.fakes))
        alarms = self.n_real - np.concatenate(([0], self.items - self.fakes))
        return alarms[::-1], hits[::-1], np.concatenate((self.score, [np.inf]))[::-1]


def sweep(scores: ArrayLike, labels: ArrayLike) -> Sweep:
    """One sort for all thresholds. scores: (N,) finite, higher = more fake. labels: (N,), 1 = fake."""
    s, y = checked(scores, labels)
    keys, exponent = _keys(s, y)
    keys.sort()
    fakes, items = np.cumsum(keys & 1), np.arange(1, keys.size + 1)
    keys >>= 1
    ends = np.append(keys[1:] != keys[:-1], True)
    if not ends.all():
        keys, fakes, items = keys[ends], fakes[ends], items[ends]
    if keys[0] >= 0:
        value = keys.view(np.float64)
    else:
        value = np.copysign(np.abs(keys).view(np.float64), keys)
    return Sweep(np.ldexp(value, exponent) if exponent else value, fakes, items)


def thin(x: np.ndarray, y: np.ndarray, most: int = 500) -> np.ndarray:
    """Indices of at most `most` points of a curve, ends and sharpest corners kept, for drawing.

    Collinear points go first (exactly); of what is left, points evenly spaced along the curve's length stay."""
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
    """(false positive rate, true positive rate, threshold) for a chart, at most `most` points.

    Raises ValueError when only one class is present."""
    if not s.n_fake or not s.n_real:
        raise ValueError("a ROC curve needs both classes")
    alarms, hits, threshold = s.curve()
    x, y = alarms / s.n_real, hits / s.n_fake
    keep = thin(x, y, most)
    return x[keep], y[keep], threshold[keep]


def pr_points(s: Sweep, most: int = 500) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(recall, precision, threshold) for a chart, from the strictest threshold that flags anything.

    Raises ValueError when there is no fake."""
    if not s.n_fake:
        raise ValueError("a precision-recall curve needs fakes")
    alarms, hits, threshold = s.curve()
    x, y = hits[1:] / s.n_fake, hits[1:] / (hits[1:] + alarms[1:])
    keep = thin(x, y, most)
    return x[keep], y[keep], threshold[1:][keep]
