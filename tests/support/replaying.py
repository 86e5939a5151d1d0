"""One policy by its thresholds, sent through the product's replay: the other side of a comparison."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.documents.policy import Exits
from core.policies.replay.batch import Items, Outcomes, outcomes


def replay_exits(items: Items, exits: Sequence[Exits], costs: Sequence[float]) -> Outcomes:
    """One policy (L = 1), an exit pair a member."""
    leaves = []
    for m, one in enumerate(exits):
        p, never = items.p[:, m], np.zeros(items.y.size, bool)
        down = p <= one.real_below if one.real_below is not None else never
        up = p >= one.fake_above if one.fake_above is not None else never
        leaves.append((down[None], up[None]))
    return outcomes(items, leaves, costs)
