"""The product's replay and search for one policy at a time: the other side of a comparison."""

from __future__ import annotations

from collections.abc import Sequence

from core.documents.policy import Exits
from core.policies.boards.grid import Grid
from core.policies.replay.batch import Items, Outcomes, outcomes
from core.policies.replay.simulate import exit_masks
from core.policies.search.pareto import Limits, PricedCuts, cheapest_at


def replay_exits(items: Items, exits: Sequence[Exits], costs: Sequence[float]) -> Outcomes:
    """One policy (L = 1), an exit pair a member."""
    masks = [exit_masks(p, one) for p, one in zip(items.p.T, exits, strict=True)]
    return outcomes(items, [(real[None], fake[None]) for real, fake in masks], costs)


def cheapest(grid: Grid, costs: Sequence[float], limits: Limits) -> PricedCuts | None:
    """(cost, exits) of the cheapest combination within `limits`; None when there is none."""
    return cheapest_at(grid, costs, limits, [1.0])[0]
