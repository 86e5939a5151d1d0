"""Joint tables and Pareto fronts of saved predictions, built once a version of the file."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from app.policies.exits import exits_by_member
from app.scores.sources import ScoreSource, predictions_of, stages_of, stamp_of
from core.documents.policy import CascadePolicy, Exits
from core.policies.boards.effective_sizes import effective_sizes
from core.policies.boards.grid import Grid, cascade_grid
from core.policies.boards.joint_counts import joint_auroc, joint_tally_and_auroc
from core.policies.boards.joint_table import JointTable, joint_table_of_frame
from core.policies.search.pareto import Limits, front

TABLES_KEPT = 8
_grids: OrderedDict[tuple[Any, ...], Grid] = OrderedDict()


Typed = tuple[tuple[str, Exits], ...]
"""Exits that a person typed, each with its member: the table is exact at them too."""


def joint_of(
    source: ScoreSource, split: str, policy: CascadePolicy | None, typed: Typed = ()
) -> tuple[JointTable, dict[str, Any]]:
    """Return the joint table of one split, kept from an earlier run of the page.

    Args:
        source: Scores.
        split: Which rows.
        policy: Its exits are exact in the table; None without one.
        typed: Further exits that are exact.

    Returns:
        (table, `core.policies.boards.effective_sizes` of it).
    """
    return _joint(source, split, policy.to_json() if policy else "", stamp_of(source), typed)


@lru_cache(maxsize=TABLES_KEPT)
def _joint(
    source: ScoreSource, split: str, policy: str, stamp: float, typed: Typed
) -> tuple[JointTable, dict[str, Any]]:
    frame = predictions_of(source)
    rows, members = frame[frame["split"] == split], stages_of(frame)
    own = exits_by_member(CascadePolicy.model_validate_json(policy), members[0]) if policy else {}
    exits = {name: [own.get(name, Exits()), *(one for member, one in typed if member == name)] for name in members}
    table = joint_table_of_frame(rows, members, exits=exits)
    columns = [rows[f"p_{name}"].to_numpy(np.float64) for name in members]
    return table, effective_sizes(table.edges, columns, rows["label"].to_numpy(), rows["group"].astype(str).to_numpy())


def _key(source: ScoreSource, split: str, policy: CascadePolicy | None, typed: Typed) -> tuple[Any, ...]:
    return source.folder, split, policy.to_json() if policy else "", stamp_of(source), typed


def grid_if_ready(source: ScoreSource, split: str, policy: CascadePolicy | None, typed: Typed = ()) -> Grid | None:
    """Return the grid of all exits if it was made before: a page draws first and makes it then.

    Args:
        source: Scores.
        split: Which rows.
        policy: The policy in force; None without one.
        typed: Further exits of the table.

    Returns:
        The grid; None when it was not made yet.
    """
    return _grids.get(_key(source, split, policy, typed))


def make_grid(source: ScoreSource, split: str, policy: CascadePolicy | None, typed: Typed = ()) -> Grid:
    """Make and keep the grid; about a second.

    Args:
        source: Scores.
        split: Which rows.
        policy: The policy in force; None without one.
        typed: Further exits of the table.

    Returns:
        The grid.
    """
    grid = _grids[_key(source, split, policy, typed)] = cascade_grid(joint_of(source, split, policy, typed)[0])
    while len(_grids) > TABLES_KEPT:
        _grids.popitem(last=False)
    return grid


def limits_at(table: JointTable, cuts: Sequence[tuple[int, int]], auroc_loss: float) -> Limits:
    """Return limits that keep a front to policies that do no worse otherwise than these exits.

    Such policies leave no more undecided, call no more reals fake and, where it is not the risk drawn, leak no more.

    Args:
        table: Counts of the items.
        cuts: These exits.
        auroc_loss: The most AUROC that may be lost; what these exits lose where that is more.

    Returns:
        The limits.
    """
    tally, area = joint_tally_and_auroc(table, cuts)
    reals, fakes = (max(float(n), 1.0) for n in tally[0, 2])
    whole = joint_auroc(table, table.closed())
    lost = 0.0 if whole is None or area is None else whole - area
    return Limits(
        leakage=_share(tally[:, 0, 1].sum(), fakes),
        false_alarms=_share(tally[:, 1, 0].sum(), reals),
        auroc_loss=max(auroc_loss, lost),
        uncertain=_share(tally[-1, 2].sum(), tally[0, 2].sum()),
    )


def _share(count: float, whole: float) -> float:
    """Of a count that a coarse table may give in fractions: rounded up to whole items."""
    return float(np.ceil(count - 1e-6) / whole)


def fronts(grid: Grid, units: Sequence[Mapping[str, Any]], limits: Limits) -> dict[str, dict[str, list[list[Any]]]]:
    """Find the fronts for the board.

    Args:
        grid: All combinations of exits.
        units: Units of cost, each with its name and costs.
        limits: Of `limits_at`.

    Returns:
        By unit and by risk, points [cost, risk, exits], cheapest first.
    """
    return {
        unit["name"]: {
            risk: [[p.cost, p.risk, [list(c) for c in p.cuts]] for p in front(grid, unit["costs"], risk, limits)]
            for risk in ("leakage", "auroc_loss")
        }
        for unit in units
    }
