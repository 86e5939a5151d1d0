"""What risk costs: the policies of a grid that no other beats in both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from core.policies.boards.grid import Grid

Risk = Literal["leakage", "auroc_loss"]
PricedCuts = tuple[float, list[tuple[int, int]]]
"""Expected cost of an item, and the exits as fine-edge indices a member."""

SLACK = 1e-9
"""Counts are whole numbers: what a limit allows is not lost to rounding."""


@dataclass(frozen=True)
class Limits:
    """What a policy may do to the items at hand. Shares: fakes called real / fakes; reals called fake / reals;
    undecided / all. auroc_loss: AUROC of asking everyone - AUROC of the cascade.
    """

    leakage: float = 1.0
    false_alarms: float = 1.0
    auroc_loss: float = 1.0
    uncertain: float = 1.0


@dataclass(frozen=True)
class Point:
    """One policy of a front: its cost, its risk, its exits."""

    cost: float
    risk: float
    cuts: tuple[tuple[int, int], ...]


def pareto(cost: ArrayLike, risk: ArrayLike) -> np.ndarray:
    """Indices of the points that no other beats: none is at most as dear and at most as risky, and better in one.

    cost, risk: (N,), infinite or NaN where a point is not to be had. Ascending in cost, descending in risk; of equal
    points the first stays.
    """
    c, r = np.asarray(cost, np.float64), np.asarray(risk, np.float64)
    usable = np.flatnonzero(np.isfinite(c) & np.isfinite(r))
    order = usable[np.lexsort((r[usable], c[usable]))]
    lowest = np.minimum.accumulate(r[order])
    return order[np.concatenate(([True], r[order][1:] < lowest[:-1]))] if order.size else order


def allowed(grid: Grid, limits: Limits) -> np.ndarray:
    """(P_1, ..., P_M) bool: combinations within the limits on the grid's own items."""
    within = grid.leaked <= limits.leakage * grid.n_fake + SLACK
    within &= grid.accused <= limits.false_alarms * grid.n_real + SLACK
    within &= grid.left <= limits.uncertain * grid.n + SLACK
    if limits.auroc_loss < 1 and np.isfinite(grid.auroc).any():
        within &= (grid.auroc_loss <= limits.auroc_loss + 1e-12)[..., None]
    return within


def front(grid: Grid, costs: Sequence[float], risk: Risk, limits: Limits) -> list[Point]:
    """The Pareto front of expected cost against `risk` among the combinations within `limits`, cheapest first.

    The limit on `risk` itself is not heeded. The last stage's exits cost nothing: of those that leave the least risk
    the ones with the fewest undecided items are shown.
    """
    limits = Limits(**{**vars(limits), risk: 1.0})
    within, cost = allowed(grid, limits), grid.cost(costs)
    if risk == "leakage":
        each = np.where(within, grid.leaked / max(grid.n_fake, 1), np.inf)
        least = each.min(axis=-1)
    else:
        each = np.where(within, 0.0, np.inf)
        least = np.where(within.any(axis=-1), np.maximum(grid.auroc_loss, 0.0), np.inf)
    points = []
    for flat in pareto(cost.ravel(), least.ravel()):
        index = np.unravel_index(flat, cost.shape)
        best = each[index] <= each[index].min()
        last = int(np.argmin(np.where(best, grid.left[index], np.inf)))
        points.append(Point(float(cost[index]), float(least[index]), tuple(grid.cuts((*index, last)))))
    return points


def cheapest_at(grid: Grid, costs: Sequence[float], limits: Limits, shares: ArrayLike) -> list[PricedCuts | None]:
    """`cheapest` with the limits on leakage and false alarms cut to each of `shares`, ascending; one walk over the grid
    for all of them.
    """
    part = np.asarray(shares, np.float64)
    widest = replace(limits, leakage=part[-1] * limits.leakage, false_alarms=part[-1] * limits.false_alarms)
    at = np.flatnonzero(allowed(grid, widest))
    if not at.size:
        return [None] * part.size
    leaked, accused = grid.leaked.ravel()[at], grid.accused.ravel()[at]
    first = np.maximum(  # the lowest share at which each combination is allowed
        np.searchsorted(part * limits.leakage * grid.n_fake + SLACK, leaked),
        np.searchsorted(part * limits.false_alarms * grid.n_real + SLACK, accused),
    )
    cost = grid.cost(costs).ravel()[at // grid.leaked.shape[-1]]
    lowest = np.full(part.size, np.inf)
    np.minimum.at(lowest, first, cost)
    lowest = np.minimum.accumulate(lowest)
    most = lowest * (1 + 1e-12)
    tied = np.flatnonzero(cost <= most[first])  # no other can be the cheapest at any share
    tied = tied[np.lexsort((at[tied], (leaked + accused)[tied], grid.left.ravel()[at[tied]]))]
    found: list[PricedCuts | None] = []
    for k, best in enumerate(lowest):
        here = tied[(first[tied] <= k) & (cost[tied] <= most[k])]
        found.append((float(best), grid.cuts(np.unravel_index(at[here[0]], grid.leaked.shape))) if here.size else None)
    return found
