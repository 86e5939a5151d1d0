"""Job kind `evaluate`: measures a run's ranking and calibration, and what a cascade would gain from it."""

from __future__ import annotations

from typing import Any

from core.artifacts.workspace import Workspace
from core.evaluate.spec import EvaluateSpec
from core.models.inference.run import find_run
from core.progress import Reporter
from jobs.kind import JobContext, JobKind, JobResult, kinds
from jobs.workspace.runs import produced_run


def evaluate(spec: EvaluateSpec, workspace: Workspace, report: Reporter) -> dict[str, Any]:
    """Score a run on one split and report on it (`core.evaluate.report.evaluate_run`).

    Args:
        spec: The run, the split and what to report.
        workspace: Where runs and data sets are found.
        report: Receives the progress.

    Returns:
        evaluation_report.json.

    Raises:
        FileNotFoundError: There is no such run, data set or calibrator.
        SeenBefore: The calibrator was fitted on any of the items.
        ValueError: There is no such split, a bad calibrator file, or a threshold outside (0, 1).
    """
    from core.evaluate.report import check_thresholds, evaluate_run, find_calibrator
    from core.models.inference.run_predictions import run_predictions

    run = find_run(spec.run, workspace)
    check_thresholds(spec)  # bad input is refused before the network runs
    calibrator, source = find_calibrator(spec, run.folder)
    predictions = run_predictions(
        run, spec.dataset, spec.split, workspace, batch_size=spec.batch_size, device=spec.device, report=report
    )
    return evaluate_run(spec, run.folder, predictions, calibrator, source, report)


def run(spec: EvaluateSpec, context: JobContext) -> JobResult:
    report = evaluate(spec, context.workspace, context.report)
    item = produced_run(find_run(spec.run, context.workspace).folder)
    return JobResult(f"Run {item.name} is evaluated on {spec.split}.", {"run": item.name, "report": report}, [item])


kinds.add(
    "evaluate",
    JobKind(
        "evaluate",
        "Evaluate",
        "Score a run on a held-out split; report ranking, calibration and thresholds, also by source.",
        EvaluateSpec,
        run,
    ),
)
