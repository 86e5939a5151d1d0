"""Find the policies of a grid that no other beats in both cost and risk (the Pareto front)."""

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

COUNT_SLACK = 1e-9
"""Counts are whole numbers: what a limit allows is not lost to rounding."""


@dataclass(frozen=True)
class Limits:
    """What a policy may do to the items at hand.

    Attributes:
        leakage: Fakes called real / fakes, at most.
        false_alarms: Reals called fake / reals, at most.
        auroc_loss: AUROC of asking every member on every item less that of the cascade, at most.
        uncertain: Undecided / all, at most.
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
    """Find the points that no other point beats: none has at most their cost and risk and is better in one.

    Args:
        cost: (N,), infinite or NaN where a point is not to be had.
        risk: (N,), the same.

    Returns:
        Indices, ascending in cost, descending in risk; of equal points the first stays.
    """
    c, r = np.asarray(cost, np.float64), np.asarray(risk, np.float64)
    usable = np.flatnonzero(np.isfinite(c) & np.isfinite(r))
    order = usable[np.lexsort((r[usable], c[usable]))]
    lowest = np.minimum.accumulate(r[order])
    return order[np.concatenate(([True], r[order][1:] < lowest[:-1]))] if order.size else order


def allowed(grid: Grid, limits: Limits) -> np.ndarray:
    """Mark the combinations within the limits on the grid's own items.

    Args:
        grid: All combinations.
        limits: What they may do.

    Returns:
        (P_1, ..., P_M) bool.
    """
    within = grid.leaked <= limits.leakage * grid.n_fake + COUNT_SLACK
    within &= grid.false_alarms <= limits.false_alarms * grid.n_real + COUNT_SLACK
    within &= grid.undecided <= limits.uncertain * grid.n + COUNT_SLACK
    if limits.auroc_loss < 1 and np.isfinite(grid.auroc).any():
        within &= (grid.auroc_loss <= limits.auroc_loss + 1e-12)[..., None]
    return within


def front(grid: Grid, costs: Sequence[float], risk: Risk, limits: Limits) -> list[Point]:
    """Find the Pareto front of expected cost against a risk among the combinations within limits.

    The limit on `risk` itself is not applied. The last stage's exits cost nothing: of those that leave the least risk
    the ones with the fewest undecided items are taken.

    Args:
        grid: All combinations.
        costs: Cost of an item at each member.
        risk: leakage or auroc_loss.
        limits: On everything else.

    Returns:
        Points, cheapest first.
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
        last = int(np.argmin(np.where(best, grid.undecided[index], np.inf)))
        points.append(Point(float(cost[index]), float(least[index]), tuple(grid.cuts((*index, last)))))
    return points


def cheapest_at(grid: Grid, costs: Sequence[float], limits: Limits, shares: ArrayLike) -> list[PricedCuts | None]:
    """Find the cheapest combination within limits, with the limits on errors cut to each of several shares.

    Of equally cheap ones it is that with the fewest undecided items and then the fewest errors. One walk over the grid
    serves all shares.

    Args:
        grid: All combinations.
        costs: Cost of an item at each member.
        limits: What a combination may do.
        shares: (K,), ascending: factors of the limits on leakage and false alarms.

    Returns:
        For each share (cost, exits), or None where no combination is within the limits.
    """
    part = np.asarray(shares, np.float64)
    widest = replace(limits, leakage=part[-1] * limits.leakage, false_alarms=part[-1] * limits.false_alarms)
    at = np.flatnonzero(allowed(grid, widest))
    if not at.size:
        return [None] * part.size
    leaked, false_alarms = grid.leaked.ravel()[at], grid.false_alarms.ravel()[at]
    first = np.maximum(  # the lowest share at which each combination is allowed
        np.searchsorted(part * limits.leakage * grid.n_fake + COUNT_SLACK, leaked),
        np.searchsorted(part * limits.false_alarms * grid.n_real + COUNT_SLACK, false_alarms),
    )
    cost = grid.cost(costs).ravel()[at // grid.leaked.shape[-1]]
    lowest = np.full(part.size, np.inf)
    np.minimum.at(lowest, first, cost)
    lowest = np.minimum.accumulate(lowest)
    most = lowest * (1 + 1e-12)
    tied = np.flatnonzero(cost <= most[first])  # no other can be the cheapest at any share
    tied = tied[np.lexsort((at[tied], (leaked + false_alarms)[tied], grid.undecided.ravel()[at[tied]]))]
    cheapest: list[PricedCuts | None] = []
    for k, best in enumerate(lowest):
        best_at_k = tied[(first[tied] <= k) & (cost[tied] <= most[k])]
        if not best_at_k.size:
            cheapest.append(None)
            continue
        index = np.unravel_index(at[best_at_k[0]], grid.leaked.shape)
        cheapest.append((float(best), grid.cuts(index)))
    return cheapest
