"""What putting a policy in force changes: exits, bounds, what both do on items that chose neither; and the way back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd

from app.charts.scores import interval_text
from app.policies.exits import bound_words, percent, policy_rows, read_policy
from app.scores.sources import PREDICTIONS, ScoreSource, member_facts, predictions_of, stages_of, stamp_of
from core.documents.policy import CascadePolicy
from core.policies.cost import cascade_cost
from core.policies.origin import OtherScores, check_origin, read_origin
from core.policies.replay.audit import ChoseIt, audit
from core.policies.replay.simulate import simulate
from jobs.client import Workbench

DRAWS = 200
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
    """One row an exit or promise of either: where it lies and its bound, now and then, and the groups behind the new.

    titles: of `stage_titles`. Rows that stay the same say so in `change`.
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
    """What was in force and what will be."""
    return f"Now: {title(now) if now else 'no policy'}. Then: {title(then)}."


def exits_note(exits: pd.DataFrame) -> str:
    """What the rows of `exit_changes` mean, and what a promotion does not touch."""
    changed = int((exits["change"] == "changes").sum())
    return (
        f"{changed} of {len(exits)} exits and promises change. bound: the most groups in error, with the confidence "
        "named, or on average. Every new analysis, the demo and the command use it from then on; finished "
        "analyses keep what they were judged by."
    )


def rate_changes(now: CascadePolicy | None, then: CascadePolicy, bundle: Path) -> tuple[pd.DataFrame, str]:
    """`effect_changes` on the predictions that the bundle in force brings; empty with a reason where it has none."""
    if not (bundle / PREDICTIONS).is_file():
        return pd.DataFrame(), "The bundle in force brought no predictions, so rates cannot be compared."
    return effect_changes(now, then, ScoreSource("bundle in force", bundle))


def _share(value: float | None) -> str:
    return "–" if value is None or pd.isna(value) else percent(value)


def _count(value: float | None) -> str:
    return "–" if value is None or pd.isna(value) else f"{int(value):,}"


def refusal(policy: CascadePolicy, bundle: Path) -> str:
    """Why the policy may not decide for this bundle, as a sentence; empty when it may."""
    try:
        check_origin(policy, read_origin(bundle))
    except OtherScores as error:
        return f"{str(error)[:1].upper()}{str(error)[1:]}."
    return ""


def effect_changes(now: CascadePolicy | None, then: CascadePolicy, source: ScoreSource) -> tuple[pd.DataFrame, str]:
    """(one row a rate: now, then, each with its 95 % interval; one sentence on the items behind it).

    Both are replayed on the items that reports are for (`test`), else on the first split that chose neither. Empty
    with a reason where there are none.
    """
    table = predictions_of(source)
    splits = sorted(set(table["split"]), key=lambda name: name != "test")
    for split in splits:
        try:
            found = [None if p is None else _audit(p.to_json(), source, split, stamp_of(source)) for p in (now, then)]
        except ChoseIt:
            continue
        rows = [{"rate": words, "now": _rate(found[0], name), "then": _rate(found[1], name)}
                for name, words in RATES.items()]  # fmt: skip
        said = found[1] or {}
        return pd.DataFrame([*rows, *_costs(now, then, source, table[table["split"] == split])]), (
            f"Both replayed on {said['n']:,} items of {said['groups']:,} groups ({split}); 95 % intervals over groups, "
            "exact ones where a rate is 0 or 1; none under five groups."
        )
    return pd.DataFrame(), "Every split of these scores chose one of the two: there is no item to compare them on."


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
    found = []
    for unit in facts.units():
        each = dict(zip(names, unit["costs"], strict=True))
        sides = ["–" if p is None else f"{_cost(p, rows, names[0], each):.3g}" for p in (now, then)]
        found.append({"rate": f"expected cost, {unit['name']} {unit['words']}", "now": sides[0], "then": sides[1]})
    return found


def _cost(policy: CascadePolicy, rows: pd.DataFrame, stage1: str, costs: Mapping[str, float]) -> float:
    order = [stage1, *(expert.name for expert in policy.experts)]
    return float(cascade_cost(costs, order, simulate(rows, policy, stage1)["asked"])["cost"])


@lru_cache(maxsize=32)
def _audit(policy: str, source: ScoreSource, split: str, stamp: float) -> dict[str, Any]:
    chosen = CascadePolicy.model_validate_json(policy)
    table = predictions_of(source)
    return audit(chosen, table, split=split, stage1=stages_of(table)[0], draws=DRAWS)


def title(policy: CascadePolicy) -> str:
    """Name and version, as lists and reports write them."""
    return f"{policy.name} v{policy.version}" if policy.version else policy.name


def previous_policy(workbench: Workbench) -> tuple[Path | None, str] | None:
    """(file, or None for the bundle's own; its name) of what was in force before the present policy, under the same
    bundle; None when nothing was, or its file is gone.
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
