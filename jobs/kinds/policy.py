"""Job kind `policy`: chooses the thresholds of every exit on held-out predictions, and stores them for good."""

from __future__ import annotations

from core.policies.spec import PolicySpec
from jobs.kind import JobContext, JobKind, JobResult, kinds
from jobs.workspace.policies import write_policy


def run(spec: PolicySpec, context: JobContext) -> JobResult:
    from core.policies.choose import fit_policy

    policy = fit_policy(spec, context.workspace, context.report)
    item = write_policy(policy, context.workspace)
    missed = [f"{g.stage} {g.side}" for g in policy.guarantees if not g.feasible]
    tail = f" No threshold meets the target for: {', '.join(missed)}." if missed else ""
    return JobResult(
        f"Policy {policy.name} is chosen.{tail}",
        {"policy": policy.model_dump(mode="json")},
        [item],
    )


kinds.add(
    "policy",
    JobKind(
        "policy",
        "Choose a policy",
        "Choose the cascade's exits so that error rates stay below a limit, with a stated confidence.",
        PolicySpec,
        run,
    ),
)
