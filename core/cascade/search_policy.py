"""A search as a policy: what was found, with its promises, as an immutable document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from core.artifacts.bundle_schema import BundleManifest, Member
from core.artifacts.files import read_json
from core.artifacts.workspace import Workspace
from core.cascade.exits import Side
from core.cascade.policy import STACK, calibration_rows, find_source, sealed, table_fingerprint, table_members
from core.cascade.search import Candidate, Found, Promise, search
from core.cascade.search_spec import SearchSpec
from core.cascade.types import CascadePolicy, Exits, ExpertExits, Guarantee
from core.progress import Reporter

METHODS = {"split": "pareto_testing", "sequences": "fixed_sequences"}


class NoPolicy(ValueError):
    """Nothing can be promised; the message says why and what it would take."""


def members_of(folder: Path) -> list[Member]:
    """Members of a bundle (bundle.json) or a stack run (run.json), stage 1 first; empty for another folder."""
    if (folder / "bundle.json").is_file():
        return list(BundleManifest.model_validate(read_json(folder / "bundle.json")).members)
    about = read_json(folder / "run.json") if (folder / "run.json").is_file() else {}
    return [Member.model_validate(row["member"]) for row in about.get("members", [])]


def member_costs(members: Sequence[Member], names: Sequence[str], unit: str) -> list[float]:
    """Cost of one item, a member of `names`, in GFLOP or (unit "seconds") as measured; the stack costs nothing.

    Raises ValueError naming the members whose cost is not known."""
    known: Mapping[str, float | None] = {m.name: m.gflops if unit == "gflop" else m.seconds for m in members}
    missing = [name for name in names if name != STACK and known.get(name) is None]
    if missing:
        raise ValueError(f"the cost of {', '.join(missing)} in {unit} is not known; stack or export again")
    return [float(known.get(name) or 0.0) for name in names]


def policy_of(
    found: Found, best: Candidate, rows: pd.DataFrame, members: Sequence[str], spec: SearchSpec
) -> CascadePolicy:
    """The policy of a search. Its two promises are of the cascade as a whole (stage "cascade")."""
    note = " ".join(found.sentences)
    promises = [_guarantee(best.leakage, "real", spec, note), _guarantee(best.false_alarms, "fake", spec, note)]
    return sealed(
        CascadePolicy(
            policy_id="",
            name=spec.name,
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
            author=spec.author,
            reason=spec.reason,
            stage1=found.exits[members[0]],
            experts=[ExpertExits(name=m, exits=found.exits[m]) for m in members[1:] if m != STACK],
            final=found.exits.get(STACK, Exits()),
            guarantees=promises,
            data_fingerprint=table_fingerprint(rows),
        )
    )


def _guarantee(promise: Promise, side: Side, spec: SearchSpec, note: str) -> Guarantee:
    return Guarantee(
        stage="cascade",
        side=side,
        method=METHODS[spec.method],
        target=promise.target,
        confidence=promise.confidence,
        bound=promise.bound,
        observed=promise.errors / promise.groups,
        groups=promise.groups,
        note=note,
    )


def stages_of(table: pd.DataFrame) -> list[str]:
    """Members of a predictions table in the order asked, "stack" last where there is one."""
    return table_members(table) + ([STACK] if f"p_{STACK}" in table else [])


def search_policy(spec: SearchSpec, workspace: Workspace, report: Reporter) -> CascadePolicy:
    """`search` for the stack run or bundle that `spec.source` names. Raises NoPolicy with the explanation."""
    folder = find_source(spec.source, workspace)
    report.progress(0.1, f"reading the predictions of {folder.name}")
    table = pd.read_parquet(folder / "predictions.parquet")
    rows, members = calibration_rows(table), stages_of(table)
    costs = member_costs(members_of(folder), members, spec.unit)
    report.progress(0.2, f"searching the exits of {', '.join(members)}")
    found = search(rows, members, costs, spec)
    if found.best is None:
        raise NoPolicy(" ".join(found.sentences))
    report.progress(1.0, found.sentences[0])
    return policy_of(found, found.best, rows, members, spec)
