"""Job kind `train`: one detector by a recipe; a retry goes on from its last checkpoint."""

from __future__ import annotations

from core.train.spec import TrainSpec
from jobs.kind import JobContext, JobKind, JobResult, kinds
from jobs.runs import produced_run


def run(spec: TrainSpec, context: JobContext) -> JobResult:
    from core.train.fit import fit

    trained = fit(spec, context.workspace, context.folder, context.report)
    item = produced_run(trained.path)
    return JobResult(f"Run {item.name} is trained.", {"run": item.name, **item.summary}, [item])


kinds.add(
    "train",
    JobKind(
        "train",
        "Train",
        "Train one detector by a recipe, with a curve to watch and a checkpoint to resume from.",
        TrainSpec,
        run,
    ),
)
