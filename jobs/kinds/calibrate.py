"""Job kind `calibrate`: turns the log-odds of a run into calibrated probabilities."""

from __future__ import annotations

from typing import Any

from core.artifacts.workspace import Workspace
from core.calibrate.spec import CalibrateSpec
from core.models.inference.run import find_run
from core.progress import Reporter
from jobs.kind import JobContext, JobKind, JobResult, kinds
from jobs.workspace.runs import produced_run


def fit_calibration(spec: CalibrateSpec, workspace: Workspace, report: Reporter) -> dict[str, Any]:
    """Score a run on one split and fit a calibrator on it (`core.calibrate.fit.calibrate_run`).

    Args:
        spec: The run, the split and the method.
        workspace: Where runs and data sets are found.
        report: Receives the progress.

    Returns:
        calibration_metrics.json.

    Raises:
        FileNotFoundError: There is no such run or data set.
        LookupError: No calibrator has this name.
        ValueError: The split has one class or too few groups.
    """
    from core.calibrate import calibrators
    from core.calibrate.fit import calibrate_run
    from core.models.inference.run_predictions import run_predictions

    calibrators.get(spec.method)  # a wrong name is refused before the network runs
    run = find_run(spec.run, workspace)
    predictions = run_predictions(
        run, spec.dataset, spec.split, workspace, batch_size=spec.batch_size, device=spec.device, report=report
    )
    return calibrate_run(spec, run.folder, predictions, report)


def run(spec: CalibrateSpec, context: JobContext) -> JobResult:
    from core.calibrate.restate import restate_scores
    from core.scores.imported_run import is_scores

    report = fit_calibration(spec, context.workspace, context.report)
    folder = find_run(spec.run, context.workspace).folder
    if is_scores(folder):
        restate_scores(folder)
    item = produced_run(folder)
    return JobResult(f"Run {item.name} is calibrated ({spec.method}).", {"run": item.name, "report": report}, [item])


kinds.add(
    "calibrate",
    JobKind(
        "calibrate", "Calibrate", "Fit a calibrator on a run's predictions of one held-out split.", CalibrateSpec, run
    ),
)
