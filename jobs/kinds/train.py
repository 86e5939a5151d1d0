"""Job kind `train`: trains one detector by a recipe; a retry goes on from its last checkpoint."""

from __future__ import annotations

from core.train.spec import TrainSpec
from jobs.kind import JobContext, JobKind, JobResult, kinds
from jobs.workspace.runs import produced_run, run_name


def run(spec: TrainSpec, context: JobContext) -> JobResult:
    from core.train.fit import fit

    folder = context.workspace.runs / run_name(spec.name, spec.recipe, context)
    trained = fit(spec, context.workspace, folder, context.report)
    item = produced_run(trained.folder)
    return JobResult(f"Run {item.name} is trained.", {"run": item.name, **item.summary}, [item])


kinds.add(
    "train",
    JobKind(
        "train",
        "Train",
        "Train one detector by a recipe; the job shows curves and resumes from a checkpoint.",
        TrainSpec,
        run,
    ),
)
