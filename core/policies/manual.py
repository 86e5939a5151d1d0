"""Keep exits that a person sets by hand, with what they did on the data at hand and no guarantee."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from core.documents.policy import CascadePolicy, Exits, Guarantee
from core.metrics.intervals import upper_bound
from core.policies.choose import PolicyStatement, new_policy
from core.policies.guarantees import Side, group_extremes
from core.policies.table import STACK, calibration_rows, require

NOTE_CONFIDENCE = 0.95
"""Of the bound that the note names for a threshold fixed in advance."""


def manual_policy(
    table: pd.DataFrame,
    members: Sequence[str],
    exits: Mapping[str, Exits],
    name: str,
    author: str = "",
    reason: str = "",
    scores: str = "",
    seen: Sequence[str] = ("val_calib",),
) -> CascadePolicy:
    """Build a policy of exits chosen by hand, with its observed errors counted in groups.

    No guarantee is given: a threshold picked after looking at these items may do worse on others. The note says what
    the exact bound would be for one fixed in advance.

    Args:
        table: Predictions.
        members: Stage 1, then experts as asked.
        exits: By member name, and by "stack" for the last stage's band.
        name: Name of the policy.
        author: Who set it.
        reason: Why.
        scores: Fingerprint of the table (`core.policies.origin`).
        seen: Splits that were looked at while choosing. All of their items are kept as those that chose it, so that
            none of them is taken for a fresh one.

    Returns:
        A sealed policy.

    Raises:
        ValueError: A column is missing, or a member has no exits.
    """
    missing = [m for m in members if m not in exits]
    if missing:
        raise ValueError(f"no exits are given for {', '.join(missing)}")
    rows = calibration_rows(table, seen)
    note = f"chosen by hand on {' and '.join(seen)}: no guarantee"
    stages = [*members, *([STACK] if STACK in exits else [])]
    require(rows, [f"p_{m}" for m in stages])
    guarantees = []
    for position, member in enumerate(stages):
        stage = "stage1" if position == 0 else "stage3" if member == STACK else member
        for side, at in (("real", exits[member].real_below), ("fake", exits[member].fake_above)):
            if at is not None:
                guarantees.append(_observed(rows, member, stage, side, at, note))  # type: ignore[arg-type]
    return new_policy(rows, members, exits, guarantees, PolicyStatement(name, author, reason), scores)


def _observed(rows: pd.DataFrame, member: str, stage: str, side: Side, at: float, note: str) -> Guarantee:
    scores = group_extremes(rows[f"p_{member}"], rows["label"], rows["group"].astype(str), side)
    errors = int(scores.errors(at if side == "real" else 1.0 - at))
    if scores.groups:
        bound = float(upper_bound(errors, scores.groups, NOTE_CONFIDENCE))
        fixed = f"fixed in advance, at most {bound:.3f} at {NOTE_CONFIDENCE:.0%}"
        note += f"; {errors} of {scores.groups} groups erred ({fixed})"
    return Guarantee(
        stage=stage,
        side=side,
        method="manual",
        observed=errors / scores.groups if scores.groups else None,
        groups=scores.groups,
        note=note,
    )
