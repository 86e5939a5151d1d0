"""What risk costs: the policies of a grid that no other beats in both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from core.cascade.grid import Grid

Risk = Literal["leakage", "auroc_loss"]


@dataclass(frozen=True)
class Limits:
    """What a policy may do to the items at hand. Shares: fakes called real / fakes; reals called fake / reals;
    undecided / all. auroc_loss: AUROC of asking everyone - AUROC of the cascade."""

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
    points the first stays."""
    c, r = np.asarray(cost, np.float64), np.asarray(risk, np.float64)
    usable = np.flatnonzero(np.isfinite(c) & np.isfinite(r))
    order = usable[np.lexsort((r[usable], c[usable]))]
    lowest = np.minimum.accumulate(r[order])
    return order[np.concatenate(([True], r[order][1:] < lowest[:-1]))] if order.size else order


def allowed(grid: Grid, limits: Limits) -> np.ndarray:
    """(P_1, ..., P_M) bool: combinations within the limits on the grid's own items."""
    within = grid.leaked <= limits.leakage * grid.n_fake + 1e-9
    within &= grid.accused <= limits.false_alarms * grid.n_real + 1e-9
    within &= grid.left <= limits.uncertain * grid.n + 1e-9
    if limits.auroc_loss < 1 and np.isfinite(grid.auroc).any():
        within &= (grid.auroc_loss <= limits.auroc_loss + 1e-12)[..., None]
    return within


def front(grid: Grid, costs: Sequence[float], risk: Risk, limits: Limits) -> list[Point]:
    """The Pareto front of expected cost against `risk` among the combinations within `limits`, cheapest first.

    The limit on `risk` itself is not heeded. The last stage's exits cost nothing: of those that leave the least risk
    the ones with the fewest undecided items are shown."""
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


def cheapest(grid: Grid, costs: Sequence[float], limits: Limits) -> tuple[float, list[tuple[int, int]]] | None:
    """(cost, exits) of the cheapest combination within `limits`, of equals the one with the fewest undecided items and
    then the fewest errors; None when there is none."""
    within, cost = allowed(grid, limits), grid.cost(costs)
    usable = np.where(within.any(axis=-1), cost, np.inf)
    if not np.isfinite(usable).any():
        return None
    rows = np.argwhere(usable <= usable.min() * (1 + 1e-12))
    found = []
    for row in rows:
        at = tuple(int(i) for i in row)
        for last in np.flatnonzero(within[at]):
            index = (*at, int(last))
            found.append((grid.left[index], grid.leaked[index] + grid.accused[index], index))
    return float(usable.min()), grid.cuts(min(found)[2])
