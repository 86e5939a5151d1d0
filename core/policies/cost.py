"""Compute what an item costs on average, and what a cascade saves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike


def expected_cost(costs: Sequence[float], reach: Sequence[float]) -> float:
    """Compute the mean cost of an item: sum_i costs_i x reach_i.

    Args:
        costs: GFLOP or seconds of one item at each member.
        reach: Share of items that each member scores, in [0, 1].

    Returns:
        The cost, in the unit of `costs`.

    Raises:
        ValueError: Lengths differ, a cost is negative, or a share lies outside [0, 1].
    """
    c, r = np.asarray(costs, np.float64), np.asarray(reach, np.float64)
    if c.shape != r.shape:
        raise ValueError(f"{c.size} costs but {r.size} shares")
    if (c < 0).any() or (r < 0).any() or (r > 1).any():
        raise ValueError("costs must not be negative and shares must lie in [0, 1]")
    return float(c @ r)


def speed_up(ratio: ArrayLike, decided_early: ArrayLike) -> np.ndarray:
    """Compute the speed-up against running the rest alone on everything: 1 / (r + 1 - f).

    Args:
        ratio: r, cost of stage 1 / cost of the rest, above 0.
        decided_early: f, share of items that exits at stage 1, in [0, 1].

    Returns:
        An array of the broadcast shape; under 1 the cascade loses time.

    Raises:
        ValueError: A value lies outside its range.
    """
    r, f = np.asarray(ratio, np.float64), np.asarray(decided_early, np.float64)
    if (r <= 0).any() or (f < 0).any() or (f > 1).any():
        raise ValueError("the cost ratio must be positive and the share decided early lie in [0, 1]")
    return 1.0 / (r + 1.0 - f)


def reach_of(asked: ArrayLike, n_members: int) -> list[float]:
    """Compute the share of items that each of stage 1 and the experts scores.

    Args:
        asked: (N,) `simulate(...)["asked"]`.
        n_members: Stage 1 and the experts.

    Returns:
        A share for each member, in order.
    """
    counts = np.asarray(asked)
    return [float(np.mean(counts > i)) for i in range(n_members)]


def cascade_cost(costs: Mapping[str, float], order: Sequence[str], asked: ArrayLike) -> dict[str, Any]:
    """Compute the cost of one item through a cascade against its experts on every item.

    Args:
        costs: By member, all in one unit.
        order: Stage 1, then the experts as asked.
        asked: (N,) of `simulate`.

    Returns:
        cost, cost_of_experts (all of them, without stage 1), speed_up (cost_of_experts / cost, the 1 / (r + 1 - f) of
        `speed_up`) and reach, the share of items that each member scores.

    Raises:
        ValueError: The cost of a member is not known.
    """
    missing = [name for name in order if name not in costs]
    if missing:
        raise ValueError(f"no cost is known for {', '.join(missing)}")
    each = [float(costs[name]) for name in order]
    reach = reach_of(asked, len(order))
    cost = expected_cost(each, reach)
    return {
        "cost": cost,
        "cost_of_experts": sum(each[1:]),
        "speed_up": sum(each[1:]) / cost,
        "reach": dict(zip(order, reach, strict=True)),
    }
