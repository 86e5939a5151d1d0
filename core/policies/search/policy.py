"""Keep the result of a search as a policy with its guarantees, an immutable document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from core.artifacts.finding import find_source
from core.artifacts.workspace import Workspace
from core.documents.bundle import Member
from core.documents.policy import CascadePolicy, Guarantee
from core.policies.binomial_test import BinomialTest
from core.policies.choose import PolicyStatement, new_policy
from core.policies.guarantees import Side
from core.policies.origin import members_of, scores_fingerprint
from core.policies.search.search import PolicyCandidate, SearchResult, search
from core.policies.search_spec import SearchSpec
from core.policies.table import STACK, calibration_rows, table_members
from core.progress import Reporter

METHODS = {"split": "pareto_testing", "sequences": "fixed_sequences"}


class NoPolicy(ValueError):
    """No policy can be guaranteed; the message says why and what it would take."""


def member_costs(members: Sequence[Member], names: Sequence[str], unit: str) -> list[float]:
    """Return the cost of one item at each member; the stack costs nothing.

    Args:
        members: What is known of the members.
        names: Members in the order asked.
        unit: gflop, or seconds as measured.

    Returns:
        A cost for each of `names`.

    Raises:
        ValueError: The cost of a member is not known; the message names it.
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
    """Build the policy of a search. Its two guarantees are of the cascade as a whole (stage "cascade").

    Args:
        found: Result of the search.
        best: Its best candidate.
        rows: Rows that chose and proved it.
        members: Members in the order asked.
        spec: What was asked.
        scores: Fingerprint of the table.

    Returns:
        A sealed policy.
    """
    note = " ".join(found.sentences)
    guarantees = [_guarantee(best.leakage, "real", spec, note), _guarantee(best.false_alarms, "fake", spec, note)]
    return new_policy(
        rows, members, found.exits, guarantees, PolicyStatement(spec.name, spec.author, spec.reason), scores
    )


def _guarantee(test: BinomialTest, side: Side, spec: SearchSpec, note: str) -> Guarantee:
    return Guarantee(
        stage="cascade",
        side=side,
        method=METHODS[spec.method],
        target=test.target,
        confidence=test.confidence,
        bound=test.bound,
        observed=test.errors / test.groups,
        groups=test.groups,
        note=note,
    )


def stages_of(table: pd.DataFrame) -> list[str]:
    """List the members of a predictions table in the order asked, "stack" last where there is one.

    Args:
        table: Predictions.

    Returns:
        Names.
    """
    return table_members(table) + ([STACK] if f"p_{STACK}" in table else [])


def search_policy(spec: SearchSpec, workspace: Workspace, report: Reporter) -> CascadePolicy:
    """Search the stack run or bundle that `spec.source` names.

    Args:
        spec: Source, limits, confidence.
        workspace: Where the source lies.
        report: Receives the progress.

    Returns:
        The policy.

    Raises:
        NoPolicy: Nothing can be guaranteed; the message is the explanation.
    """
    folder = find_source(spec.source, workspace)
    report.progress(0.1, f"Reading the predictions of {folder.name}")
    table = pd.read_parquet(folder / "predictions.parquet")
    rows, members = calibration_rows(table), stages_of(table)
    costs = member_costs(members_of(folder), members, spec.unit)
    report.progress(0.2, f"Searching the exits of {', '.join(members)}")
    found = search(rows, members, costs, spec)
    if found.best is None:
        raise NoPolicy(" ".join(found.sentences))
    report.progress(1.0, found.sentences[0])
    return policy_of(found, found.best, rows, members, spec, scores_fingerprint(folder))
