"""Show what putting a policy in force changes: exits, bounds, rates on items that chose neither; and the way back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd

from app.charts.scores import interval_text
from app.policies.exits import bound_words, percent, policy_rows
from app.scores.sources import PREDICTIONS, ScoreSource, member_facts, predictions_of, stages_of, stamp_of
from core.documents.policy import CascadePolicy
from core.documents.read import read_policy
from core.policies.cost import cascade_cost
from core.policies.origin import OtherScores, check_origin, read_origin
from core.policies.replay.audit import ChoseIt, audit
from core.policies.replay.simulate import simulate
from jobs.client import Workbench

AUDIT_DRAWS = 200
"""Bootstrap draws of whole groups: enough for an interval that a dialog shows."""
RATES = {
    "leakage": "leakage: fakes called real / all fakes",
    "false_alarms": "false alarms: reals called fake / all reals",
    "exit_rate": "filtration: released as real by stage 1 / all",
    "early": "decided by stage 1, as real or as fake / all",
    "uncertain": "uncertain: no verdict / all",
    "accuracy_when_decided": "right / decided",
}


def exit_changes(
    now: CascadePolicy | None, then: CascadePolicy, titles: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Compare the exits and guarantees of two policies.

    Args:
        now: The policy in force; None without one.
        then: The policy to put in force.
        titles: Of `stage_titles`.

    Returns:
        One row an exit or guarantee: where it lies and its bound, now and then, and the groups behind the new one. The
        column `change` marks rows that stay the same.
    """
    sides = [{} if p is None else {r["exit"]: r for r in policy_rows(p, titles, every=True).to_dict("records")}
             for p in (now, then)]  # fmt: skip
    rows = []
    for name in dict.fromkeys([*sides[0], *sides[1]]):
        old, new = (side.get(name, {}) for side in sides)
        at = [str(row.get("at", "–")) for row in (old, new)]
        bounds = [bound_words(row.get("bound"), row.get("confidence")) for row in (old, new)]
        rows.append({"exit": name, "now": at[0], "then": at[1], "bound now": bounds[0], "bound then": bounds[1],
                     "asked then": _share(new.get("target")), "groups then": _count(new.get("groups")),
                     "change": "same" if at[0] == at[1] and bounds[0] == bounds[1] else "changes"})  # fmt: skip
    return pd.DataFrame(rows)


def headline(now: CascadePolicy | None, then: CascadePolicy) -> str:
    """Name the policy in force and the one that will be.

    Args:
        now: The policy in force; None without one.
        then: The policy to put in force.

    Returns:
        Two sentences.
    """
    return f"Now: {title(now) if now else 'no policy'}. Then: {title(then)}."


def exits_note(exits: pd.DataFrame) -> str:
    """Explain the rows of `exit_changes`, and what a promotion does not touch."""
    changed = int((exits["change"] == "changes").sum())
    return (
        f"{changed} of {len(exits)} exits and guarantees change. bound: the largest share of groups in error, with the "
        "confidence named, or on average. New analyses, the demo and the command line use the new policy from then "
        "on; finished analyses keep the policy that judged them."
    )


def rate_changes(now: CascadePolicy | None, then: CascadePolicy, bundle: Path) -> tuple[pd.DataFrame, str]:
    """Compare two policies on the predictions of the bundle in force (`effect_changes`).

    Args:
        now: The policy in force; None without one.
        then: The policy to put in force.
        bundle: Folder of the bundle.

    Returns:
        (table, sentence); an empty table with the reason where the bundle has no predictions.
    """
    if not (bundle / PREDICTIONS).is_file():
        return pd.DataFrame(), "The bundle in force brought no predictions, so rates cannot be compared."
    return effect_changes(now, then, ScoreSource("bundle in force", bundle))


def _share(value: float | None) -> str:
    return "–" if value is None or pd.isna(value) else percent(value)


def _count(value: float | None) -> str:
    return "–" if value is None or pd.isna(value) else f"{int(value):,}"


def refusal(policy: CascadePolicy, bundle: Path) -> str:
    """Say why a policy must not decide for a bundle.

    Args:
        policy: The policy.
        bundle: Folder of the bundle.

    Returns:
        A sentence; empty when the policy may decide.
    """
    try:
        check_origin(policy, read_origin(bundle))
    except OtherScores as error:
        return f"{str(error)[:1].upper()}{str(error)[1:]}."
    return ""


def effect_changes(now: CascadePolicy | None, then: CascadePolicy, source: ScoreSource) -> tuple[pd.DataFrame, str]:
    """Replay two policies on items that chose neither.

    These are the items that reports are for (`test`), else the first split that chose neither.

    Args:
        now: The policy in force; None without one.
        then: The policy to put in force.
        source: Scores.

    Returns:
        (one row a rate: now, then, each with its 95 % interval; one sentence on the items behind it). An empty table
        with the reason where there are no such items.
    """
    table = predictions_of(source)
    splits = sorted(set(table["split"]), key=lambda name: name != "test")
    for split in splits:
        try:
            audits = [None if p is None else _audit(p.to_json(), source, split, stamp_of(source)) for p in (now, then)]
        except ChoseIt:
            continue
        rows = [{"rate": words, "now": _rate(audits[0], name), "then": _rate(audits[1], name)}
                for name, words in RATES.items()]  # fmt: skip
        judged = audits[1] or {}
        return pd.DataFrame([*rows, *_costs(now, then, source, table[table["split"] == split])]), (
            f"Both replayed on {judged['n']:,} items of {judged['groups']:,} groups ({split}); 95 % intervals over "
            "groups, exact ones where a rate is 0 or 1; none under five groups."
        )
    return (
        pd.DataFrame(),
        "One of the two policies was chosen on each split of these scores, so there are no items to compare them on.",
    )


def _rate(found: Mapping[str, Any] | None, name: str) -> str:
    if found is None:
        return "–"
    return interval_text(found["decided_by"]["stage1"] if name == "early" else found[name])


def _costs(
    now: CascadePolicy | None, then: CascadePolicy, source: ScoreSource, rows: pd.DataFrame
) -> list[dict[str, str]]:
    """A row a unit of cost, now and then; none where the members' cost is not known."""
    names = stages_of(rows)
    try:
        facts = member_facts(source, names)
    except ValueError:
        return [{"rate": "expected cost of an item", "now": "not known", "then": "not known"}]
    costs = []
    for unit in facts.units():
        each = dict(zip(names, unit["costs"], strict=True))
        sides = ["–" if p is None else f"{_cost(p, rows, names[0], each):.3g}" for p in (now, then)]
        costs.append({"rate": f"expected cost, {unit['name']} {unit['words']}", "now": sides[0], "then": sides[1]})
    return costs


def _cost(policy: CascadePolicy, rows: pd.DataFrame, stage1: str, costs: Mapping[str, float]) -> float:
    order = [stage1, *(expert.name for expert in policy.experts)]
    return float(cascade_cost(costs, order, simulate(rows, policy, stage1)["asked"])["cost"])


@lru_cache(maxsize=32)
def _audit(policy: str, source: ScoreSource, split: str, stamp: float) -> dict[str, Any]:
    chosen = CascadePolicy.model_validate_json(policy)
    table = predictions_of(source)
    return audit(chosen, table, split=split, stage1=stages_of(table)[0], draws=AUDIT_DRAWS)


def title(policy: CascadePolicy) -> str:
    """Write a policy's name and version as lists and reports do."""
    return f"{policy.name} v{policy.version}" if policy.version else policy.name


def previous_policy(workbench: Workbench) -> tuple[Path | None, str] | None:
    """Find what was in force before the present policy, under the same bundle.

    Returns (file, name), with None as file for the bundle's own; None when nothing was, or its file is gone.
    """
    mine: list[str] = []
    for change in workbench.active_history():
        if change.what == "policy":
            mine.append(change.value)
        if change.what == "bundle":
            break
    now = workbench.active().policy
    before: Sequence[str] = [*mine[1:], ""] if mine else []
    value = next((v for v in before if v != (str(now) if now else "")), None)
    if value is None:
        return None
    if not value:
        return None, "the bundle's own policy"
    path = Path(value)
    if not path.is_file() or refusal(read_policy(path), workbench.active().bundle):
        return None
    return path, title(read_policy(path))
