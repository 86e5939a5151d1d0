"""A search as a policy: what was found, with its promises, as an immutable document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from core.artifacts.finding import find_source
from core.artifacts.workspace import Workspace
from core.documents.bundle import Member
from core.documents.policy import CascadePolicy, Guarantee
from core.policies.binomial_test import BinomialTest
from core.policies.choose import Said, new_policy
from core.policies.guarantees import Side
from core.policies.origin import members_of, scores_fingerprint
from core.policies.search.search import PolicyCandidate, SearchResult, search
from core.policies.search_spec import SearchSpec
from core.policies.table import STACK, calibration_rows, table_members
from core.progress import Reporter

METHODS = {"split": "pareto_testing", "sequences": "fixed_sequences"}


class NoPolicy(ValueError):
    """Nothing can be promised; the message says why and what it would take."""


def member_costs(members: Sequence[Member], names: Sequence[str], unit: str) -> list[float]:
    """Cost of one item, a member of `names`, in GFLOP or (unit "seconds") as measured; the stack costs nothing.

    Raises ValueError naming the members whose cost is not known.
    """
    known: Mapping[str, float | None] = {m.name: m.gflops if unit == "gflop" else m.seconds for m in members}
    missing = [name for name in names if name != STACK and known.get(name) is None]
    if missing:
        raise ValueError(f"the cost of {', '.join(missing)} in {unit} is not known; stack or export again")
    return [float(known.get(name) or 0.0) for name in names]


def policy_of(
    found: SearchResult,
    best: PolicyCandidate,
    rows: pd.DataFrame,
    members: Sequence[str],
    spec: SearchSpec,
    scores: str = "",
) -> CascadePolicy:
    """The policy of a search. Its two promises are of the cascade as a whole (stage "cascade")."""
    note = " ".join(found.sentences)
    promises = [_guarantee(best.leakage, "real", spec, note), _guarantee(best.false_alarms, "fake", spec, note)]
    return new_policy(rows, members, found.exits, promises, Said(spec.name, spec.author, spec.reason), scores)


def _guarantee(promise: BinomialTest, side: Side, spec: SearchSpec, note: str) -> Guarantee:
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
    return policy_of(found, found.best, rows, members, spec, scores_fingerprint(folder))
