"""Job kind `stack`: fits stage 3 on scores of the frozen experts for data that they were not trained on."""

from __future__ import annotations

from core.stacking.spec import StackSpec
from jobs.kind import JobContext, JobKind, JobResult, kinds
from jobs.workspace.runs import produced_run, run_name


def run(spec: StackSpec, context: JobContext) -> JobResult:
    from core.stacking.fit_run import fit_stack

    folder = context.workspace.runs / run_name(spec.name, "stack", context)
    fit_stack(spec, context.workspace, folder, context.report)
    item = produced_run(folder)
    return JobResult(f"Stack {item.name} is fitted.", {"run": item.name, **item.summary}, [item])


kinds.add(
    "stack",
    JobKind(
        "stack",
        "Stack",
        "Fit stage 3: a LightGBM meta-model on out-of-fold scores and embeddings of the experts.",
        StackSpec,
        run,
    ),
)
