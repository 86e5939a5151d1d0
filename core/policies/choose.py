"""Choose a whole policy from a predictions table: an exit for each stage and side, each with its guarantee."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pandas as pd

from core.artifacts.finding import find_source
from core.artifacts.workspace import Workspace
from core.documents.policy import CascadePolicy, Exits, ExpertExits, Guarantee
from core.policies.guarantees import (
    Choice,
    ExitPolicy,
    FixedClopperPearson,
    GroupScores,
    Side,
    group_extremes,
    groups_needed,
)
from core.policies.origin import scores_fingerprint
from core.policies.risk_control import exit_policies  # with every method registered
from core.policies.spec import PolicySpec
from core.policies.table import OUT_OF_FOLD, STACK, calibration_rows, require, table_fingerprint, table_members
from core.progress import Reporter
from core.spec import fingerprint
from core.tables.item_membership import sketch

__all__ = [
    "STACK",
    "calibration_rows",
    "choose_policy",
    "exit_policies",
    "fit_policy",
    "groups_needed",
    "require",
    "table_fingerprint",
    "table_members",
]


def exit_policy(spec: PolicySpec) -> ExitPolicy:
    """Return the method of a spec; a threshold that was fixed in advance is tested alone.

    Args:
        spec: Names the method.

    Returns:
        The method.

    Raises:
        ValueError: The method is unknown, or a threshold is fixed and the method searches for one.
    """
    if spec.method not in exit_policies:
        raise ValueError(f"unknown exit policy {spec.method!r}; known: {', '.join(exit_policies.names())}")
    if spec.fixed is None:
        return exit_policies.get(spec.method)
    if spec.method != FixedClopperPearson.name:
        raise ValueError(
            f"a threshold fixed in advance ({spec.fixed:.4g}) is certified by method clopper_pearson; {spec.method!r} "
            "searches for one: leave `fixed` empty, or take clopper_pearson"
        )
    return FixedClopperPearson(np.array([1.0 - spec.fixed]))


def guarantee(
    method: ExitPolicy, stage: str, side: Side, scores: GroupScores, choice: Choice, target: float, confidence: float
) -> Guarantee:
    """Describe a choice as a guarantee of the policy.

    Args:
        method: How the exit was chosen.
        stage: stage1, an expert's name, or stage3.
        side: real or fake.
        scores: Groups of the class that must not take this exit.
        choice: What the method chose.
        target: Highest share of groups in error asked for.
        confidence: 1 - delta.

    Returns:
        The guarantee, with the observed share of groups in error.
    """
    known = choice.at is not None and scores.groups > 0
    return Guarantee(
        stage=stage,
        side=side,
        method=method.name,
        target=target,
        confidence=confidence if method.has_guarantee else None,
        bound=choice.bound,
        observed=float(scores.errors(choice.at)) / scores.groups if known else None,  # type: ignore[arg-type]
        groups=scores.groups,
        feasible=choice.at is not None,
        note=choice.note,
    )


def choose_exits(
    table: pd.DataFrame,
    column: str,
    stage: str,
    sides: Sequence[Side],
    method: ExitPolicy,
    target: float,
    confidence: float,
) -> tuple[Exits, list[Guarantee]]:
    """Choose the exits of one stage on its p_fake column.

    Args:
        table: Columns `column`, label and group.
        column: p_<member>.
        stage: stage1, an expert's name, or stage3.
        sides: Sides to open.
        method: How an exit is chosen.
        target: Highest share of groups in error.
        confidence: 1 - delta.

    Returns:
        (exits, one guarantee a side). A side that cannot be guaranteed stays closed (None).
    """
    require(table, [column, "label", "group"])
    p, y, groups = table[column].to_numpy(np.float64), table["label"].to_numpy(), table["group"].astype(str).to_numpy()
    chosen: dict[Side, float | None] = {"real": None, "fake": None}
    guarantees = []
    for side in sides:
        scores = group_extremes(p, y, groups, side)
        choice = method.choose(scores, target, confidence)
        if choice.at is not None:
            chosen[side] = choice.at if side == "real" else 1.0 - choice.at
        guarantees.append(guarantee(method, stage, side, scores, choice, target, confidence))
    return Exits(real_below=chosen["real"], fake_above=chosen["fake"]), guarantees


def choose_policy(spec: PolicySpec, table: pd.DataFrame, members: Sequence[str], scores: str = "") -> CascadePolicy:
    """Choose the exits of the whole cascade from the val_calib rows of `predictions.parquet`.

    Stage 1 gets a real exit (two with `stage1_both_sides`), every expert two with an uncertain band between, stage 3
    (`p_stack`, where the table has it) a band.

    Args:
        spec: Method, targets, confidence.
        table: Predictions.
        members: Stage 1 first, then the experts in the order asked.
        scores: Fingerprint of the table (`core.policies.origin`).

    Returns:
        A sealed policy.

    Raises:
        ValueError: A column is missing, or the method is unknown.
    """
    method = exit_policy(spec)
    rows = calibration_rows(table)
    require(rows, [f"p_{name}" for name in members])
    both: tuple[Side, Side] = ("real", "fake")
    first = both if spec.stage1_both_sides else both[:1]
    stage1, guarantees = choose_exits(
        rows, f"p_{members[0]}", "stage1", first, method, spec.max_leakage, spec.confidence
    )
    experts = []
    for name in members[1:]:
        exits, more = choose_exits(rows, f"p_{name}", name, both, method, spec.max_expert_error, spec.confidence)
        experts.append(ExpertExits(name=name, exits=exits))
        guarantees += more
    final = Exits()
    if f"p_{STACK}" in rows:
        final, more = choose_exits(rows, f"p_{STACK}", "stage3", both, method, spec.max_final_error, spec.confidence)
        guarantees += [g.model_copy(update={"note": f"{g.note}; {OUT_OF_FOLD}"}) for g in more]
    chosen = {members[0]: stage1, **{expert.name: expert.exits for expert in experts}, STACK: final}
    statement = PolicyStatement(spec.name, spec.author, spec.reason)
    return new_policy(rows, members, chosen, guarantees, statement, scores)


@dataclass(frozen=True)
class PolicyStatement:
    """What a person states about a policy.

    Attributes:
        name: Name of the policy.
        author: Who chose it.
        reason: Why.
    """

    name: str
    author: str = ""
    reason: str = ""


def new_policy(
    rows: pd.DataFrame,
    members: Sequence[str],
    exits: Mapping[str, Exits],
    guarantees: Sequence[Guarantee],
    statement: PolicyStatement,
    scores: str = "",
) -> CascadePolicy:
    """Build a sealed policy, made now.

    Args:
        rows: Rows that chose it.
        members: Stage 1, then experts as asked; "stack" is passed over.
        exits: By member, stage 3's band under "stack".
        guarantees: What each exit guarantees.
        statement: Name, author, reason.
        scores: Fingerprint of the table that the rows come from.

    Returns:
        The policy with its identifier.
    """
    return sealed(
        CascadePolicy(
            policy_id="",
            name=statement.name,
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
            author=statement.author,
            reason=statement.reason,
            stage1=exits[members[0]],
            experts=[ExpertExits(name=name, exits=exits[name]) for name in members[1:] if name != STACK],
            final=exits.get(STACK, Exits()),
            guarantees=list(guarantees),
            data_fingerprint=table_fingerprint(rows),
            item_sketch=sketch(rows["sample_id"], rows["label"]),
            scores_fingerprint=scores,
        )
    )


def sealed(policy: CascadePolicy) -> CascadePolicy:
    """Return the policy with its identifier.

    Args:
        policy: Any policy.

    Returns:
        A copy whose `policy_id` is 16 hex digits of its content; version and moment are left out.
    """
    content = policy.model_dump(mode="json", exclude={"policy_id", "created_at", "version"})
    return policy.model_copy(update={"policy_id": fingerprint(content)[:16]})


def fit_policy(spec: PolicySpec, workspace: Workspace, report: Reporter) -> CascadePolicy:
    """Choose a policy for the stack run or bundle that `spec.source` names.

    Args:
        spec: Source, method, targets.
        workspace: Where the source lies.
        report: Receives the progress.

    Returns:
        The policy of `choose_policy`.
    """
    folder = find_source(spec.source, workspace)
    report.progress(0.1, f"Reading the predictions of {folder.name}")
    table = pd.read_parquet(folder / "predictions.parquet")
    policy = choose_policy(spec, table, table_members(table), scores_fingerprint(folder))
    report.progress(1.0, f"Policy {policy.name} ({policy.policy_id}) is chosen")
    return policy
