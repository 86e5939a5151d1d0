"""Policies as pages see them: which is in force, its exits as table rows, exits to slider positions and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from app.scores.sources import ScoreSource
from core.artifacts.files import read_json
from core.documents.policy import CascadePolicy, Exits, Guarantee
from core.policies.boards.joint_table import JointTable
from core.policies.choose import STACK
from core.policies.origin import members_of
from jobs.client import Workbench


def read_policy(path: Path) -> CascadePolicy:
    """A policy file."""
    return CascadePolicy.model_validate(read_json(path))


def active_policy(workbench: Workbench, source: ScoreSource | None = None) -> CascadePolicy | None:
    """The policy in force: the promoted one, else the bundle's own. With `source` another than the bundle in force:
    that source's own policy.json, if it has one.
    """
    active = workbench.active()
    if source is not None and source.folder != active.bundle:
        own = source.folder / "policy.json"
        return read_policy(own) if own.is_file() else None
    path = active.policy or active.bundle / "policy.json"
    return read_policy(path) if path.is_file() else None


def exits_by_member(policy: CascadePolicy, stage1: str) -> dict[str, Exits]:
    """Exits by member name; stage 3's band under "stack"."""
    return {stage1: policy.stage1, **{e.name: e.exits for e in policy.experts}, STACK: policy.final}


def cuts_of(policy: CascadePolicy, table: JointTable) -> list[tuple[int, int]]:
    """Slider positions of a policy; a member that it does not know never lets go."""
    exits = exits_by_member(policy, table.members[0])
    return [table.indices(m, exits.get(name, Exits())) for m, name in enumerate(table.members)]


def exits_of(table: JointTable, members: Sequence[str], cuts: Sequence[tuple[int, int]]) -> dict[str, Exits]:
    """Exits of slider positions, by member."""
    return {name: table.exits(m, real, fake) for m, (name, (real, fake)) in enumerate(zip(members, cuts, strict=True))}


def stage_titles(folder: Path) -> dict[str, str]:
    """What a policy's stages are called on the board: "stage1", an expert's name, "stage3" -> title; no names of
    members where the folder's bundle or stack run says none.
    """
    titles = {"stage1": "Stage 1", "stage3": "Stage 3: meta-model"}
    for member in members_of(folder):
        first = member.role == "stage1"
        titles["stage1" if first else member.name] = f"{'Stage 1' if first else 'Expert'}: {member.title}"
    return titles


def policy_rows(policy: CascadePolicy, titles: Mapping[str, str] | None = None, every: bool = False) -> pd.DataFrame:
    """One row an exit: exit, at, method, target, confidence, bound, observed, groups, note.

    titles: of `stage_titles`; a stage that they do not name goes by its own name. every: also exits that the policy
    says nothing of, closed ones.
    """
    titles = {"stage1": "Stage 1", "stage3": "Stage 3", **(titles or {})}
    exits = exits_by_member(policy, "stage1") | {"stage3": policy.final}
    said = {(g.stage, g.side): g for g in policy.guarantees}
    whole = {"real": "Whole cascade: leakage", "fake": "Whole cascade: false alarms"}
    rows = [_row(whole[g.side], "all exits", g) for g in policy.guarantees if g.stage == "cascade"]
    for stage in ["stage1", *(e.name for e in policy.experts), "stage3"]:
        for side, at, words in (
            ("real", exits[stage].real_below, "real up to"),
            ("fake", exits[stage].fake_above, "fake from"),
        ):
            promise = said.get((stage, side))  # type: ignore[arg-type]
            if promise is None and at is None and not every:
                continue
            rows.append(_row(f"{titles.get(stage, stage)}, {words}", "never" if at is None else f"{at:.4g}", promise))
    return pd.DataFrame(rows)


def bound_words(bound: float | None, confidence: float | None) -> str:
    """`at most 2.58 % at 90 % confidence`; `at most 2.4 % on average (expectation)`; a dash for no bound."""
    if bound is None or pd.isna(bound):
        return "–"
    sure = confidence is not None and not pd.isna(confidence)
    words = f"at {percent(confidence)} confidence" if sure else "on average (expectation)"  # type: ignore[arg-type]
    return f"at most {percent(round(bound, 4))} {words}"


def percent(share: float) -> str:
    """`2.58 %`."""
    return f"{100 * share:.4g} %"


def _row(exit_: str, at: str, promise: Guarantee | None) -> dict[str, Any]:
    return {
        "exit": exit_,
        "at": at,
        "method": promise.method if promise else "–",
        "target": promise.target if promise else None,
        "confidence": promise.confidence if promise else None,
        "bound": promise.bound if promise else None,
        "observed": promise.observed if promise else None,
        "groups": promise.groups if promise else None,
        "note": promise.note if promise else "",
    }
