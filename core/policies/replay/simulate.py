"""A policy replayed over a table of predictions: which item exits where, as what.

The reference of these rules is `core.cascade.cascade.Cascade`; tests/core/policies/test_one_reference.py holds this
copy to it. It exists because a table has no crops: an audit of a million items must not run the networks again.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from core.documents.policy import CascadePolicy, Exits
from core.policies.choose import STACK, require

REAL, FAKE, UNCERTAIN = "real", "fake", "uncertain"


def stage1_member(table: pd.DataFrame, policy: CascadePolicy) -> str:
    """Find the stage-1 member: the first in the table that is neither an expert of the policy nor the stack.

    Args:
        table: Columns p_<member>.
        policy: Names the experts.

    Returns:
        Its name.

    Raises:
        ValueError: There is none.
    """
    others = {STACK, *(expert.name for expert in policy.experts)}
    for column in table.columns:
        if column.startswith("p_") and column[2:] not in others:
            return column[2:]
    raise ValueError("the predictions table has no p_ column of a stage-1 member beside those of the policy's experts")


def exit_masks(p: np.ndarray, exits: Exits) -> tuple[np.ndarray, np.ndarray]:
    """Apply the exits of one stage to an array: `Exits.decide` for each value.

    Args:
        p: (N,) calibrated p_fake.
        exits: Exits of the stage.

    Returns:
        (exits as real, exits as fake), (N,) bool each.
    """
    never = np.zeros(p.size, bool)
    real = p <= exits.real_below if exits.real_below is not None else never
    fake = (p >= exits.fake_above) & ~real if exits.fake_above is not None else never
    return real, fake


def simulate(table: pd.DataFrame, policy: CascadePolicy, stage1: str | None = None) -> pd.DataFrame:
    """Replay a policy over columns `p_<member>` and, where there, `p_stack`. Every expert is taken to answer.

    Args:
        table: Predictions.
        policy: The policy.
        stage1: Name of the stage-1 member; None: found in the table.

    Returns:
        One row an item, same index: verdict (real, fake, uncertain), decided_by (stage1, stage2, stage3, or '' when no
        stage decides), member (the one that decides, or the last one asked), p_fake (its probability), asked (how many
        of stage 1 and the experts score the item).

    Raises:
        ValueError: The column of an expert is missing: nothing stands in for it.
    """
    first = stage1 or stage1_member(table, policy)
    steps = [("stage1", first, policy.stage1)]
    steps += [("stage2", expert.name, expert.exits) for expert in policy.experts]
    require(table, [f"p_{name}" for _, name, _ in steps])
    n = len(table)
    verdict, decided = np.full(n, UNCERTAIN, object), np.full(n, "", object)
    member, p_fake, asked = np.full(n, first, object), np.full(n, np.nan), np.zeros(n, np.int64)
    still_open = np.ones(n, bool)
    for stage, name, exits in steps:
        p = table[f"p_{name}"].to_numpy(np.float64)
        member[still_open], p_fake[still_open] = name, p[still_open]
        asked += still_open
        real, fake = exit_masks(p, exits)
        for outcome, leaves in ((REAL, real & still_open), (FAKE, fake & still_open)):
            verdict[leaves], decided[leaves] = outcome, stage
        still_open &= ~(real | fake)
    if f"p_{STACK}" in table:
        p = table[f"p_{STACK}"].to_numpy(np.float64)
        real, fake = exit_masks(p, policy.final)
        verdict[still_open & real], verdict[still_open & fake] = REAL, FAKE
        member[still_open], decided[still_open], p_fake[still_open] = STACK, "stage3", p[still_open]
    return pd.DataFrame(
        {"verdict": verdict, "decided_by": decided, "member": member, "p_fake": p_fake, "asked": asked},
        index=table.index,
    )
