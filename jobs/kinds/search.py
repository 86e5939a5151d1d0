"""Job kind `search`: finds the cheapest exits of the whole cascade that keep their guarantees."""

from __future__ import annotations

from core.policies.search_spec import SearchSpec
from jobs.kind import JobContext, JobKind, JobResult, kinds
from jobs.workspace.policies import write_policy


def run(spec: SearchSpec, context: JobContext) -> JobResult:
    from core.policies.search.policy import search_policy

    policy = search_policy(spec, context.workspace, context.report)
    note = policy.guarantees[0].note
    return JobResult(
        f"Policy {policy.name} {policy.policy_id} is found. {note}",
        {"policy": policy.model_dump(mode="json")},
        [write_policy(policy, context.workspace)],
    )


kinds.add(
    "search",
    JobKind(
        "search",
        "Search for the cheapest policy",
        "Find the cheapest exits that keep leakage and false alarms within limits, with confidence.",
        SearchSpec,
        run,
    ),
)
