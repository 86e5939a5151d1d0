"""Job kind `calibrate`: log-odds of a run become probabilities that mean what they say."""

from __future__ import annotations

from core.calibrate.spec import CalibrateSpec
from core.models.inference.run import find_run
from jobs.kind import JobContext, JobKind, JobResult, kinds
from jobs.workspace.runs import produced_run


def run(spec: CalibrateSpec, context: JobContext) -> JobResult:
    from core.calibrate.fit import fit_calibration
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
