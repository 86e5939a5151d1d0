"""What an item costs on average, and what a cascade saves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike


def expected_cost(costs: Sequence[float], reach: Sequence[float]) -> float:
    """sum_i costs_i x reach_i. costs: GFLOP or seconds of one item a member; reach: share of items that it sees.

    Raises ValueError when lengths differ, a cost is negative, or a share leaves [0, 1].
    """
    c, r = np.asarray(costs, np.float64), np.asarray(reach, np.float64)
    if c.shape != r.shape:
        raise ValueError(f"{c.size} costs but {r.size} shares")
    if (c < 0).any() or (r < 0).any() or (r > 1).any():
        raise ValueError("costs must not be negative and shares must lie in [0, 1]")
    return float(c @ r)


def speed_up(ratio: ArrayLike, decided_early: ArrayLike) -> np.ndarray:
    """1 / (r + 1 - f). ratio r: cost of stage 1 / cost of the rest; decided_early f: share that leaves at
    stage 1 / all. Compared with running the rest alone on everything; under 1 the cascade loses time.
    """
    r, f = np.asarray(ratio, np.float64), np.asarray(decided_early, np.float64)
    if (r <= 0).any() or (f < 0).any() or (f > 1).any():
        raise ValueError("the cost ratio must be positive and the share decided early lie in [0, 1]")
    return 1.0 / (r + 1.0 - f)


def reach_of(asked: ArrayLike, n_members: int) -> list[float]:
    """Share of items that each of stage 1 and the experts sees, from `simulate(...)["asked"]`."""
    counts = np.asarray(asked)
    return [float(np.mean(counts > i)) for i in range(n_members)]


def cascade_cost(costs: Mapping[str, float], order: Sequence[str], asked: ArrayLike) -> dict[str, Any]:
    """Cost of one item through a cascade against its experts on every item.

    costs: by member, one unit of measure throughout. order: stage 1, then experts as asked. asked: (N,) from
    `simulate`. Returns cost, cost_of_experts (all of them, without stage 1), speed_up (cost_of_experts / cost, the
    1 / (r + 1 - f) of `speed_up`) and reach, the share that each member sees.
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
