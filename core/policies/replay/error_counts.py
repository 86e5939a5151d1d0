"""What exits did to the items at hand, counted both ways: groups in error, which guarantees count, and items in error.

The two may differ much, in either direction: a group is in error when any of its items is, so a share of groups is
often the larger one; but a group counts once however many items it has, so two groups of many items can be 1 % of the
groups and 4 % of the items. Guarantees count groups because groups, not the items of one video or person, are
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
    """Errors counted in groups and in items.

    Attributes:
        groups_in_error: Groups that hold at least one item in error.
        groups: Groups with items of the class.
        items_in_error: Items in error.
        items: Items of the class.
    """

    groups_in_error: int
    groups: int
    items_in_error: int
    items: int

    @property
    def group_share(self) -> float | None:
        return self.groups_in_error / self.groups if self.groups else None

    @property
    def item_share(self) -> float | None:
        return self.items_in_error / self.items if self.items else None

    def bound(self, confidence: float) -> float:
        """Compute the exact one-sided upper bound on the share of groups in error.

        It holds for exits that were fixed before these items were seen.

        Args:
            confidence: 1 - delta.

        Returns:
            A share; 1 without groups.
        """
        return float(upper_bound(self.groups_in_error, self.groups, confidence))


def counts(items: Items, exits: Sequence[Exits]) -> dict[str, Count]:
    """Count the errors of exits on items.

    Args:
        items: Scores of the items.
        exits: For each member, in the order of the columns of `items.p`.

    Returns:
        Counts by the names of RATES.
    """
    is_open = np.ones(items.y.size, bool)
    real, fake = np.zeros_like(is_open), np.zeros_like(is_open)
    first = real
    for position, (p, one) in enumerate(zip(items.p.T, exits, strict=True)):
        down, up = exit_masks(p, one)
        real, fake = real | (down & is_open), fake | (up & is_open)
        if position == 0:
            first = real
        is_open &= ~(down | up)
    fakes = items.y == 1
    pairs = zip(RATES, (first, real, fake), (fakes, fakes, ~fakes), strict=True)
    return {name: _count(items, hit & among, among) for name, hit, among in pairs}


def _count(items: Items, hit: np.ndarray, among: np.ndarray) -> Count:
    return Count(int(items.groups_with(hit)), int(items.groups_with(among)), int(hit.sum()), int(among.sum()))


def policy_counts(policy: CascadePolicy, table: pd.DataFrame, stage1: str) -> dict[str, Count]:
    """Count the errors of a policy on the rows of a predictions table.

    Args:
        policy: The policy.
        table: Columns p_<member>, label and group.
        stage1: Name of the stage-1 member.

    Returns:
        Counts by the names of RATES.

    Raises:
        ValueError: A column is missing; the message names it.
    """
    members, exits = [stage1, *(e.name for e in policy.experts)], [policy.stage1, *(e.exits for e in policy.experts)]
    if f"p_{STACK}" in table:
        members, exits = [*members, STACK], [*exits, policy.final]
    require(table, [*(f"p_{name}" for name in members), "label", "group"])
    return counts(Items.of_frame(table, members), exits)
