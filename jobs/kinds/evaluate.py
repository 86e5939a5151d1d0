"""Job kind `evaluate`: how well a run ranks, how honest its probabilities are, what a cascade would gain."""

from __future__ import annotations

from core.evaluate.spec import EvaluateSpec
from core.models.inference.run import find_run
from jobs.kind import JobContext, JobKind, JobResult, kinds
from jobs.workspace.runs import produced_run


def run(spec: EvaluateSpec, context: JobContext) -> JobResult:
    from core.evaluate.report import evaluate

    report = evaluate(spec, context.workspace, context.report)
    item = produced_run(find_run(spec.run, context.workspace).folder)
    return JobResult(f"Run {item.name} is evaluated on {spec.split}.", {"run": item.name, "report": report}, [item])


kinds.add(
    "evaluate",
    JobKind(
        "evaluate",
        "Evaluate",
        "Score a run on a held-out split: ranking, calibration, thresholds, by source.",
        EvaluateSpec,
        run,
    ),
)
