"""What exits did to the items at hand, counted both ways: groups in error, which promises count, and items in error.

The two may differ much, in either direction: a group is in error when any of its items is, so a share of groups is
often the larger one; but a group counts once however many items it has, so two groups of many items can be 1 % of the
groups and 4 % of the items. Promises count groups because groups, not the items of one video or person, are
independent; what a user of many items meets is the share of items.

The reference of the rules is `core.cascade.cascade.Cascade`; tests/core/policies/test_one_reference.py holds this copy
to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.documents.policy import CascadePolicy, Exits
from core.metrics.intervals import upper_bound
from core.policies.choose import STACK, require
from core.policies.replay.batch import Items
from core.policies.replay.simulate import exit_masks

RATES = ("leakage1", "leakage", "false_alarms")
"""leakage1: fakes that stage 1 releases as real; leakage: fakes called real at any stage; false_alarms: reals called
fake at any stage."""


@dataclass(frozen=True)
class Count:
    """groups_missed of `groups` with such items hold at least one of the items_missed of `items`."""

    groups_missed: int
    groups: int
    items_missed: int
    items: int

    @property
    def group_share(self) -> float | None:
        return self.groups_missed / self.groups if self.groups else None

    @property
    def item_share(self) -> float | None:
        return self.items_missed / self.items if self.items else None

    def bound(self, confidence: float) -> float:
        """Exact one-sided upper bound on the share of groups in error, of exits fixed before these items were seen;
        1 without groups.
        """
        return float(upper_bound(self.groups_missed, self.groups, confidence))


def counts(items: Items, exits: Sequence[Exits]) -> dict[str, Count]:
    """By the names of RATES. exits: a member, in the order of the columns of `items.p`."""
    here = np.ones(items.y.size, bool)
    real, fake = np.zeros_like(here), np.zeros_like(here)
    first = real
    for position, (p, one) in enumerate(zip(items.p.T, exits, strict=True)):
        down, up = exit_masks(p, one)
        real, fake = real | (down & here), fake | (up & here)
        if position == 0:
            first = real
        here &= ~(down | up)
    fakes = items.y == 1
    pairs = zip(RATES, (first, real, fake), (fakes, fakes, ~fakes), strict=True)
    return {name: _count(items, hit & among, among) for name, hit, among in pairs}


def _count(items: Items, hit: np.ndarray, among: np.ndarray) -> Count:
    return Count(int(items.groups_with(hit)), int(items.groups_with(among)), int(hit.sum()), int(among.sum()))


def policy_counts(policy: CascadePolicy, table: pd.DataFrame, stage1: str) -> dict[str, Count]:
    """`counts` of a policy on the rows of a predictions table; stage1: name of that member. Raises ValueError naming a
    missing column.
    """
    members, exits = [stage1, *(e.name for e in policy.experts)], [policy.stage1, *(e.exits for e in policy.experts)]
    if f"p_{STACK}" in table:
        members, exits = [*members, STACK], [*exits, policy.final]
    require(table, [*(f"p_{name}" for name in members), "label", "group"])
    return counts(Items.of_frame(table, members), exits)
