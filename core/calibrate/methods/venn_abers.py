"""Inductive Venn-Abers predictors: two probabilities, of which one is right (Vovk, Petej & Fedorova 2015).

A new item is added to the calibration items once as real and once as fake; isotonic regression on either set gives p0
and p1 for it. Whatever the scores' distribution, the one that belongs to its true label is perfectly calibrated, as
long as items are exchangeable (independent groups). The width p1 - p0 says how little is known about such scores.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from pydantic import model_validator

from core.calibrate.base import Calibrator, Fitted, calibrators


class VennAbersFitted(Fitted):
    """Knots: log_odds ascending; p0 holds from its knot up (0 below all), p1 up to its knot (1 above all)."""

    method: Literal["venn_abers"] = "venn_abers"
    log_odds: list[float]
    p0: list[float]
    p1: list[float]

    @model_validator(mode="after")
    def _ordered(self) -> VennAbersFitted:
        z, p0, p1 = np.array(self.log_odds), np.array(self.p0), np.array(self.p1)
        if not z.size or z.size != p0.size or z.size != p1.size or not np.isfinite([z, p0, p1]).all():
            raise ValueError("log_odds, p0 and p1 must be equally many finite knots, at least one")
        if (np.diff(z) <= 0).any() or any((np.diff(p) < 0).any() or p[0] < 0 or p[-1] > 1 for p in (p0, p1)):
            raise ValueError("knots must ascend in log_odds and not descend in p0 and p1, which lie in [0, 1]")
        return self


def added_as_fake(count: np.ndarray, fakes: np.ndarray) -> np.ndarray:
    """Compute the isotonic value of an item of label 1 added at each of K distinct ascending scores.

    The value is the slope of the greatest convex minorant of the cumulative-sum diagram across the added item, whose
    step (1, 1) moves from left to right; one stack of corners is kept, so all K slopes cost one pass (algorithms 1 and
    2 of the paper).

    Args:
        count: (K,) items at each score.
        fakes: (K,) fakes at each score.

    Returns:
        (K,) values in [0, 1].
    """
    x = np.concatenate(([-1.0, 0.0], np.cumsum(count))).tolist()  # point i of the diagram is at index i + 1
    y = np.concatenate(([-1.0, 0.0], np.cumsum(fakes))).tolist()
    corners: list[tuple[float, float]] = []  # from right to left: the last one is the leftmost
    for i in range(len(x) - 1, -1, -1):
        _push(corners, (x[i], y[i]))
    slopes = np.empty(len(count))
    at = (x[0], y[0])
    for i in range(1, len(count) + 1):
        (x1, y1), (x0, y0) = corners[-2], corners[-1]
        slopes[i - 1] = (y1 - y0) / (x1 - x0)
        at = (at[0] + x[i + 1] - x[i], at[1] + y[i + 1] - y[i])  # the corner left of the added step, one score on
        if (at[1] - y0) * (x1 - x0) >= (y1 - y0) * (at[0] - x0):
            continue  # on or above the bridge: it stays
        corners.pop()
        _push(corners, at)
    return np.clip(slopes, 0.0, 1.0)


def _push(corners: list[tuple[float, float]], point: tuple[float, float]) -> None:
    """Put a point left of the convex corners, dropping those that it makes concave."""
    while len(corners) > 1:
        (x1, y1), (x2, y2) = corners[-1], corners[-2]
        if (y1 - point[1]) * (x2 - x1) < (y2 - y1) * (x1 - point[0]):
            break
        corners.pop()
    corners.append(point)


def venn_abers(z: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Compute both probabilities at each distinct score; an item added as real mirrors one added as fake.

    Args:
        z: (N,) log-odds of fake of the calibration items.
        y: (N,) 0 = real, 1 = fake.

    Returns:
        Distinct scores, p0 and p1, (K,) each.
    """
    score, index, count = np.unique(z, return_inverse=True, return_counts=True)
    fakes = np.bincount(index, y, score.size)
    p1 = added_as_fake(count, fakes)
    p0 = 1.0 - added_as_fake(count[::-1], (count - fakes)[::-1])[::-1]
    return score, p0, p1


class VennAbers(Calibrator):
    """p_fake = p1 / (1 - p0 + p1), which loses least in the worst case by log loss; `interval` gives both."""

    name = "venn_abers"
    document = VennAbersFitted

    def _fit(self, z: np.ndarray, y: np.ndarray) -> tuple[dict[str, Any], list[str]]:
        score, p0, p1 = venn_abers(z, y)
        needed = np.ones(score.size, bool)  # a knot at which neither step function moves says nothing
        needed[1:-1] = (p1[2:] != p1[1:-1]) | (p0[:-2] != p0[1:-1])
        widest = float(np.max(p1 - p0))
        warnings = []
        if widest > 0.2:
            warnings.append(f"p0 and p1 lie up to {widest:.2f} apart: too few items to say more about some scores")
        return {name: v[needed].tolist() for name, v in (("log_odds", score), ("p0", p0), ("p1", p1))}, warnings

    def interval(self, log_odds: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """Compute both probabilities of items.

        Args:
            log_odds: Uncalibrated log-odds of fake, any shape.

        Returns:
            p0 and p1, same shape: p_fake if the item is real, and if it is fake; p0 < p1.
        """
        z = np.asarray(log_odds, np.float64)
        knots = np.array(self.fitted.log_odds)
        p0 = np.concatenate(([0.0], self.fitted.p0))[np.searchsorted(knots, z, side="right")]
        p1 = np.concatenate((self.fitted.p1, [1.0]))[np.searchsorted(knots, z, side="left")]
        return p0, p1

    def _transform(self, z: np.ndarray) -> np.ndarray:
        p0, p1 = self.interval(z)
        return p1 / (1.0 - p0 + p1)


calibrators.add(VennAbers.name, VennAbers)
