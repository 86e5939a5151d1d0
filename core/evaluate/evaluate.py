"""`evaluate`: one run on one held-out split, every figure with its interval, by source, and the pictures to it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit

from core.artifacts.files import atomic_path, write_json
from core.artifacts.workspace import Workspace
from core.calibrate import Calibrator, calibrators, check_unseen, load_calibrator
from core.evaluate.figures import figures
from core.evaluate.metrics import confusion
from core.evaluate.scored import run_predictions
from core.evaluate.spec import EvaluateSpec
from core.evaluate.sweep import sweep
from core.evaluate.thresholds import threshold_rows
from core.predictions import Predictions
from core.progress import Reporter
from core.task import FACES

if TYPE_CHECKING:
    from core.artifacts.run import Run

MACRO = (
    *("auroc", "average_precision", "eer", "accuracy", "balanced_accuracy", "f1"),
    *("recall", "specificity", "brier", "nll"),
)


def find_calibrator(spec: EvaluateSpec, folder: Path) -> tuple[Calibrator, str]:
    """(calibrator, one sentence on where it comes from): the file that the spec names, the run's own, or none."""
    if spec.calibrator:
        path = Path(spec.calibrator).expanduser()
        if not path.is_file():
            raise FileNotFoundError(f"no calibrator file at {path}; leave it empty for the run's own")
        return load_calibrator(path), f"calibrated by {path.name}"
    for name in ("calibration_temp.json", "calibrator.json"):
        if (folder / name).is_file():
            return load_calibrator(folder / name), f"calibrated by the run's {name}"
    return calibrators.get("none")().fit([0.0], [0]), "not calibrated: the run has no calibrator; run `calibrate` first"


def describe(labels: np.ndarray, groups: np.ndarray) -> dict[str, Any]:
    """How much there is of what."""
    fakes = int(labels.sum())
    return {
        "n": int(labels.size),
        "n_fake": fakes,
        "n_real": int(labels.size - fakes),
        "groups": int(np.unique(groups).size),
        "fake_groups": int(np.unique(groups[labels == 1]).size),
        "real_groups": int(np.unique(groups[labels == 0]).size),
        "base_rate": fakes / labels.size,
    }


def prevalence_note(labels: np.ndarray) -> str:
    """What the share of fakes does to figures that mix the classes. Empty for an even set."""
    rate = float(labels.mean())
    if rate in (0.0, 1.0):
        return "one class only: ranking and balanced figures are undefined"
    if 0.4 <= rate <= 0.6:
        return ""
    always = 2 * rate / (1 + rate)
    return (
        f"{rate:.0%} of the items are fake: calling everything fake has F1 {always:.2f} and accuracy {rate:.2f}, "
        f"and no more than {1 - rate:.0%} can be filtered without leakage; read balanced and per-class figures first"
    )


def slices(
    p: np.ndarray, labels: np.ndarray, groups: np.ndarray, of: np.ndarray, spec: EvaluateSpec
) -> tuple[dict[str, Any], dict[str, Any]]:
    """(figures of each value of `of`, macro average: the plain mean over the values where a figure is defined)."""
    found = {}
    for name in np.unique(of):
        rows = of == name
        measured = figures(
            p[rows], labels[rows], groups[rows], draws=spec.n_bootstrap, n_bins=spec.n_bins, seed=spec.seed
        )
        found[str(name)] = {**describe(labels[rows], groups[rows]), "metrics": measured}
    macro = {}
    for metric in MACRO:
        values = [s["metrics"][metric]["value"] for s in found.values() if s["metrics"][metric]["value"] is not None]
        macro[metric] = {"value": float(np.mean(values)) if values else None, "over": len(values)}
    return found, macro


def evaluation_report(spec: EvaluateSpec, predictions: Predictions, p: np.ndarray, source: str) -> dict[str, Any]:
    """evaluation_report.json, from calibrated p (N,)."""
    y, groups = predictions.labels, predictions.groups
    by_dataset, macro = slices(p, y, groups, predictions.frame["dataset"].astype(str).to_numpy(), spec)
    c = confusion(p, y)
    return {
        "run": spec.run,
        "split": spec.split,
        "calibration": source,
        "threshold": 0.5,
        "unit": "item; intervals resample groups (videos or identities)",
        "intervals": f"95 %, percentile, {spec.n_bootstrap} cluster-bootstrap draws",
        **describe(y, groups),
        "prevalence_note": prevalence_note(y),
        "data_fingerprint": predictions.fingerprint(),
        "metrics": figures(p, y, groups, draws=spec.n_bootstrap, n_bins=spec.n_bins, seed=spec.seed),
        "confusion": {"tp": c.tp, "fp": c.fp, "fn": c.fn, "tn": c.tn},
        "by_dataset": by_dataset,
        "macro_average": macro,
    }


def threshold_analysis(spec: EvaluateSpec, predictions: Predictions, p: np.ndarray) -> dict[str, Any]:
    """threshold_analysis.json."""
    y, groups = predictions.labels, predictions.groups
    rows = threshold_rows(p, y, groups, spec.cascade_thresholds, draws=spec.n_bootstrap, seed=spec.seed)
    return {
        "rule": "an item leaves stage 1 as real when p_fake <= 1 - threshold",
        "caution": "observed on this split: a threshold picked from these rows promises nothing; `policy` bounds it",
        **describe(y, groups),
        "thresholds": rows,
    }


def draw_all(
    folder: Path, predictions: Predictions, p: np.ndarray, report: dict, analysis: dict, spec: EvaluateSpec
) -> list[str]:
    """Write the PNGs; returns one sentence for each that cannot be drawn (one class)."""
    from core.evaluate import plots  # matplotlib: 30 MB that a page, which reads this module's notes, does not need

    y, s = predictions.labels, sweep(p, predictions.labels)
    left_out = []
    if s.n_fake and s.n_real:
        area = report["metrics"]["auroc"]
        interval = (area["low"], area["high"]) if area["low"] is not None else None
        plots.draw_roc(folder / "roc_curve.png", s, 0.5, interval)
    else:
        (folder / "roc_curve.png").unlink(missing_ok=True)
        left_out.append("roc_curve.png is not drawn: only one class is present")
    plots.draw_confusion(folder / "confusion_matrix.png", confusion(p, y), FACES.classes)
    raw = expit(predictions.log_odds)
    panels = {"Network alone": (raw, y)}
    if not np.array_equal(raw, p):
        panels["Calibrated"] = (p, y)
    note = f"On the dashed line stated p_fake is right ({spec.split}, {y.size} items)"
    plots.draw_reliability(folder / "reliability_diagram.png", panels, spec.n_bins, note)
    plots.draw_cascade(folder / "cascade_analysis.png", s, analysis["thresholds"])
    return left_out


def evaluate(spec: EvaluateSpec, workspace: Workspace, report: Reporter) -> dict[str, Any]:
    """Score, calibrate, judge. Writes evaluation_report.json, threshold_analysis.json, predictions.csv (when asked),
    roc_curve.png, confusion_matrix.png, reliability_diagram.png and cascade_analysis.png into the run's folder; the
    latest evaluation replaces the one before, and the report names its split.

    Returns evaluation_report.json. Raises FileNotFoundError (run, data set, calibrator), ValueError (no such split, a
    bad calibrator file), SeenBefore when the calibrator was fitted on these items."""
    from core.artifacts.run import find_run

    run = find_run(spec.run, workspace)
    bad = [t for t in spec.cascade_thresholds if not 0 < t < 1]
    if bad:
        raise ValueError(f"cascade_thresholds must lie between 0 and 1; {bad[0]} does not")
    calibrator, source = find_calibrator(spec, run.folder)
    predictions = run_predictions(
        run, spec.dataset, spec.split, workspace, batch_size=spec.batch_size, device=spec.device, report=report
    )
    return evaluate_run(spec, run, predictions, calibrator, source, report)


def evaluate_run(
    spec: EvaluateSpec, run: Run, predictions: Predictions, calibrator: Calibrator, source: str, report: Reporter
) -> dict[str, Any]:
    """`evaluate` from predictions on."""
    check_unseen(calibrator, predictions)
    p = calibrator.transform(predictions.log_odds)
    report.progress(0.92, "figures and their intervals")
    document = evaluation_report(spec, predictions, p, source)
    analysis = threshold_analysis(spec, predictions, p)
    report.progress(0.97, "drawing")
    document["warnings"] = calibrator.warnings + draw_all(run.folder, predictions, p, document, analysis, spec)
    if spec.save_predictions:
        table = predictions.frame.assign(p_fake=p, called=np.where(p >= 0.5, FACES.positive, FACES.negative))
        with atomic_path(run.folder / "predictions.csv") as temporary:
            table.to_csv(temporary, index=False)
    write_json(run.folder / "threshold_analysis.json", analysis)
    write_json(run.folder / "evaluation_report.json", document)
    area = document["metrics"]["auroc"]["value"]
    report.progress(1.0, "done" if area is None else f"AUROC {area:.3f} on {spec.split}")
    return document
