"""Read policies for the pages: which one is in force, its exits as table rows, exits to slider positions and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from app.scores.sources import ScoreSource
from core.documents.policy import CascadePolicy, Exits, Guarantee
from core.documents.read import read_policy
from core.policies.boards.joint_table import JointTable
from core.policies.choose import STACK
from core.policies.origin import members_of
from jobs.client import Workbench


def active_policy(workbench: Workbench, source: ScoreSource | None = None) -> CascadePolicy | None:
    """Return the policy in force: the promoted one, else the bundle's own.

    Args:
        workbench: The workbench.
        source: Scores; another source than the bundle in force has its own policy.json, if any.

    Returns:
        The policy; None without one.
    """
    active = workbench.active()
    if source is not None and source.folder != active.bundle:
        own = source.folder / "policy.json"
        return read_policy(own) if own.is_file() else None
    path = active.policy or active.bundle / "policy.json"
    return read_policy(path) if path.is_file() else None


def exits_by_member(policy: CascadePolicy, stage1: str) -> dict[str, Exits]:
    """Return the exits by member name; stage 3's band under "stack".

    Args:
        policy: The policy.
        stage1: Name of the stage-1 member.

    Returns:
        Exits by member.
    """
    return {stage1: policy.stage1, **{e.name: e.exits for e in policy.experts}, STACK: policy.final}


def cuts_of(policy: CascadePolicy, table: JointTable) -> list[tuple[int, int]]:
    """Return the slider positions of a policy.

    Args:
        policy: The policy.
        table: Whose edges the sliders stand on.

    Returns:
        A pair of edge indices a member; the exits of a member that the policy does not name are closed.
    """
    exits = exits_by_member(policy, table.members[0])
    return [table.indices(m, exits.get(name, Exits())) for m, name in enumerate(table.members)]


def exits_of(table: JointTable, members: Sequence[str], cuts: Sequence[tuple[int, int]]) -> dict[str, Exits]:
    """Return the exits at slider positions.

    Args:
        table: Whose edges the sliders stand on.
        members: Names in the table's order.
        cuts: A pair of edge indices a member.

    Returns:
        Exits by member.
    """
    return {name: table.exits(m, real, fake) for m, (name, (real, fake)) in enumerate(zip(members, cuts, strict=True))}


def stage_titles(folder: Path) -> dict[str, str]:
    """Return how the board calls a policy's stages: "stage1", an expert's name, "stage3" -> title.

    Titles have no names of members where the folder's bundle or stack run does not state them.
    """
    titles = {"stage1": "Stage 1", "stage3": "Stage 3: meta-model"}
    for member in members_of(folder):
        first = member.role == "stage1"
        titles["stage1" if first else member.name] = f"{'Stage 1' if first else 'Expert'}: {member.title}"
    return titles


def policy_rows(policy: CascadePolicy, titles: Mapping[str, str] | None = None, every: bool = False) -> pd.DataFrame:
    """List the exits of a policy.

    Args:
        policy: The policy.
        titles: Of `stage_titles`; a stage without a title goes by its own name.
        every: Also list closed exits of which the policy states nothing.

    Returns:
        One row an exit: exit, at, method, target, confidence, bound, observed, groups, note.
    """
    titles = {"stage1": "Stage 1", "stage3": "Stage 3", **(titles or {})}
    exits = exits_by_member(policy, "stage1") | {"stage3": policy.final}
    guarantees = {(g.stage, g.side): g for g in policy.guarantees}
    whole = {"real": "Whole cascade: leakage", "fake": "Whole cascade: false alarms"}
    rows = [_row(whole[g.side], "all exits", g) for g in policy.guarantees if g.stage == "cascade"]
    for stage in ["stage1", *(e.name for e in policy.experts), "stage3"]:
        for side, at, words in (
            ("real", exits[stage].real_below, "real up to"),
            ("fake", exits[stage].fake_above, "fake from"),
        ):
            guarantee = guarantees.get((stage, side))  # type: ignore[arg-type]
            if guarantee is None and at is None and not every:
                continue
            rows.append(_row(f"{titles.get(stage, stage)}, {words}", "never" if at is None else f"{at:.4g}", guarantee))
    return pd.DataFrame(rows)


def bound_words(bound: float | None, confidence: float | None) -> str:
    """Write a bound: `at most 2.58 % at 90 % confidence`, or `at most 2.4 % on average (expectation)`.

    Args:
        bound: A share; None: a dash is written.
        confidence: None: the bound holds on average.

    Returns:
        Words.
    """
    if bound is None or pd.isna(bound):
        return "–"
    sure = confidence is not None and not pd.isna(confidence)
    words = f"at {percent(confidence)} confidence" if sure else "on average (expectation)"  # type: ignore[arg-type]
    return f"at most {percent(round(bound, 4))} {words}"


def percent(share: float) -> str:
    """Write a share as `2.58 %`."""
    return f"{100 * share:.4g} %"


def _row(exit_: str, at: str, guarantee: Guarantee | None) -> dict[str, Any]:
    return {
        "exit": exit_,
        "at": at,
        "method": guarantee.method if guarantee else "–",
        "target": guarantee.target if guarantee else None,
        "confidence": guarantee.confidence if guarantee else None,
        "bound": guarantee.bound if guarantee else None,
        "observed": guarantee.observed if guarantee else None,
        "groups": guarantee.groups if guarantee else None,
        "note": guarantee.note if guarantee else "",
    }
