"""Job kind `calibrate`: log-odds of a run become probabilities that mean what they say."""

from __future__ import annotations

from core.artifacts.run import find_run
from core.calibrate.spec import CalibrateSpec
from jobs.kind import JobContext, JobKind, JobResult, kinds
from jobs.runs import produced_run


def run(spec: CalibrateSpec, context: JobContext) -> JobResult:
    from core.calibrate.fit import fit_calibration

    report = fit_calibration(spec, context.workspace, context.report)
    item = produced_run(find_run(spec.run, context.workspace).folder)
    return JobResult(f"Run {item.name} is calibrated ({spec.method}).", {"run": item.name, "report": report}, [item])


kinds.add(
    "calibrate",
    JobKind(
        "calibrate", "Calibrate", "Fit a calibrator on a run's predictions of one held-out split.", CalibrateSpec, run
    ),
)
