"""The evaluation report of a run on one held-out split: every metric with its interval, by source, and its charts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from core.artifacts.files import write_json
from core.calibrate import Calibrator, check_unseen, load_calibrator
from core.calibrate.of_run import calibrator_of
from core.evaluate.spec import EvaluateSpec
from core.evaluate.thresholds import threshold_rows
from core.metrics.all_metrics import all_metrics
from core.metrics.delong import delong
from core.metrics.levels import CALIBRATED, at_level, ranks_of, usable_levels
from core.metrics.metrics import confusion
from core.metrics.slices import describe, macro_average, sliced_by, slices
from core.metrics.sweep import sweep
from core.metrics.unscored import coverage_report
from core.progress import Reporter
from core.scores.csv_files import write_guarded_csv
from core.tables.predictions import Predictions
from core.task import FACES


def find_calibrator(spec: EvaluateSpec, folder: Path) -> tuple[Calibrator, str]:
    """Find the calibrator that an evaluation uses: the file that the spec names, the run's own, or none.

    Args:
        spec: Names a calibrator file, or none.
        folder: Folder of the run.

    Returns:
        The calibrator, and one clause on where it comes from.

    Raises:
        FileNotFoundError: The named file does not exist.
        ValueError: The file is not a calibrator that this version reads.
    """
    if spec.calibrator:
        path = Path(spec.calibrator).expanduser()
        if not path.is_file():
            raise FileNotFoundError(f"no calibrator file at {path}; leave it empty for the run's own")
        return load_calibrator(path), f"calibrated by {path.name}"
    return calibrator_of(folder)


def check_thresholds(spec: EvaluateSpec) -> None:
    """Refuse cascade thresholds that are no confidences.

    Args:
        spec: Its `cascade_thresholds` are checked.

    Raises:
        ValueError: One lies outside (0, 1).
    """
    bad = [t for t in spec.cascade_thresholds if not 0 < t < 1]
    if bad:
        raise ValueError(f"cascade_thresholds must lie between 0 and 1; {bad[0]} does not")


def prevalence_note(labels: np.ndarray) -> str:
    """Say what the share of fakes does to metrics that mix the classes.

    Args:
        labels: (N,) 0 = real, 1 = fake; N at least 1.

    Returns:
        One clause; empty for a balanced set.
    """
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


def by_level(frame: pd.DataFrame, spec: EvaluateSpec) -> tuple[dict[str, Any], list[str]]:
    """Compute the metrics of the levels above frames that a table has.

    Args:
        frame: N items with sample_id, group, label, p_fake, perhaps CALIBRATED; `video` and `track` where they come
            from clips.
        spec: Pooling rule, bootstrap draws, bins and seed.

    Returns:
        By level, {pooling, items_a_unit, sizes, metrics}; and one sentence for each level that is left out because its
        units are not well defined.
    """
    levels, left_out = usable_levels(frame)
    by: dict[str, Any] = {}
    for level in levels[1:]:
        units = at_level(frame, level, spec.pooling)
        y, groups = units["label"].to_numpy(np.int64), units["group"].astype(str).to_numpy()
        measured = all_metrics(
            units["p_fake"].to_numpy(),
            y,
            groups,
            draws=spec.n_bootstrap,
            n_bins=spec.n_bins,
            seed=spec.seed,
            log_odds=ranks_of(units),
        )
        sizes = {"items_a_unit": float(units["items"].mean())}
        by[level] = {"pooling": spec.pooling, **describe(y, groups), **sizes, "metrics": measured}
    return by, left_out


def evaluation_report(
    spec: EvaluateSpec, predictions: Predictions, p: np.ndarray, source: str, log_odds: np.ndarray | None = None
) -> dict[str, Any]:
    """Build evaluation_report.json from calibrated scores.

    Args:
        spec: What to report.
        predictions: N scored items, and those that failed.
        p: (N,) calibrated p_fake.
        source: One clause on where the calibrator comes from.
        log_odds: (N,) log-odds of p where the calibrator knows them; items then rank by them.

    Returns:
        The report.
    """
    y, groups = predictions.labels, predictions.groups
    options: dict[str, Any] = {
        "draws": spec.n_bootstrap,
        "n_bins": spec.n_bins,
        "seed": spec.seed,
        "log_odds": log_odds,
    }
    judged = predictions.frame.assign(p_fake=p, **({} if log_odds is None else {CALIBRATED: log_odds}))
    by_dataset = slices(p, y, groups, predictions.frame["dataset"].astype(str).to_numpy(), **options)
    columns, left_out = sliced_by(predictions.frame, p, spec.slice_by, **options)
    levels, levels_left_out = by_level(judged, spec)
    c = confusion(p, y)
    return {
        "run": spec.run,
        "split": spec.split,
        "calibration": source,
        "threshold": 0.5,
        "unit": "item; intervals resample groups (videos or identities)",
        "intervals": f"95 %, percentile, {spec.n_bootstrap} cluster-bootstrap draws; of calibration errors moved by "
        "what the resampling itself adds; exact over groups for a share of 0 or 1; `note` says where there is none",
        **describe(y, groups),
        "prevalence_note": prevalence_note(y),
        "data_fingerprint": predictions.fingerprint(),
        "coverage": coverage_report(p, y, predictions.failed, spec.n_bins, log_odds=log_odds),
        "metrics": all_metrics(p, y, groups, **options),
        "auroc_delong": delong_document(p if log_odds is None else log_odds, y, groups),
        "levels": levels,
        "levels_left_out": levels_left_out,
        "slices": columns,
        "slices_left_out": left_out,
        "confusion": {"tp": c.tp, "fp": c.fp, "fn": c.fn, "tn": c.tn},
        "by_dataset": by_dataset,
        "macro_average": macro_average(by_dataset),
    }


def delong_document(scores: np.ndarray, labels: np.ndarray, groups: np.ndarray) -> dict[str, Any] | None:
    """Compute AUROC with DeLong's interval for whole groups, as a check on the bootstrap's.

    Args:
        scores: (N,) finite scores, higher = more fake.
        labels: (N,) 0 = real, 1 = fake.
        groups: (N,) names of groups.

    Returns:
        value, standard_error, low, high and note; None where DeLong is undefined.
    """
    estimate = delong(scores, labels, groups=groups)
    if estimate is None:
        return None
    between = {"low": estimate.low, "high": estimate.high, "note": estimate.note}
    return {"value": estimate.auroc, "standard_error": estimate.standard_error, **between}


def threshold_analysis(spec: EvaluateSpec, predictions: Predictions, p: np.ndarray) -> dict[str, Any]:
    """Build threshold_analysis.json: what stage 1 would save and lose at each confidence of real.

    Args:
        spec: Thresholds, bootstrap draws and seed.
        predictions: N scored items.
        p: (N,) calibrated p_fake.

    Returns:
        The analysis.
    """
    y, groups = predictions.labels, predictions.groups
    rows = threshold_rows(p, y, groups, spec.cascade_thresholds, draws=spec.n_bootstrap, seed=spec.seed)
    return {
        "rule": "an item exits stage 1 as real when p_fake <= 1 - threshold",
        "caution": "observed on this split: a threshold chosen from these rows has no guarantee; `policy` gives one",
        **describe(y, groups),
        "thresholds": rows,
    }


def draw_all(
    folder: Path,
    predictions: Predictions,
    p: np.ndarray,
    report: dict,
    analysis: dict,
    spec: EvaluateSpec,
    log_odds: np.ndarray | None = None,
) -> list[str]:
    """Write the PNG charts of an evaluation.

    Args:
        folder: Folder of the run.
        predictions: N scored items.
        p: (N,) calibrated p_fake.
        report: The report of `evaluation_report`.
        analysis: The analysis of `threshold_analysis`.
        spec: Bins and split.
        log_odds: (N,) log-odds of p where known.

    Returns:
        One sentence for each chart that cannot be drawn because only one class is present.
    """
    from core.metrics import plots  # matplotlib: 30 MB that a page, which reads this module's notes, does not need

    y, s = predictions.labels, sweep(p, predictions.labels)
    left_out = []
    if s.n_fake and s.n_real:
        area = report["metrics"]["auroc"]
        interval = (area["low"], area["high"]) if area["low"] is not None else None
        ranked = s if log_odds is None else sweep(log_odds, y)
        plots.draw_roc(folder / "roc_curve.png", ranked, confusion(p, y), 0.5, interval)
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


def evaluate_run(
    spec: EvaluateSpec, folder: Path, predictions: Predictions, calibrator: Calibrator, source: str, report: Reporter
) -> dict[str, Any]:
    """Calibrate the predictions of a run and write its evaluation.

    Writes evaluation_report.json, threshold_analysis.json, predictions.csv (when the spec asks for it),
    roc_curve.png, confusion_matrix.png, reliability_diagram.png and cascade_analysis.png. The latest evaluation
    replaces the one before; the report names its split.

    Args:
        spec: What to report.
        folder: Folder of the run, or of imported scores.
        predictions: Uncalibrated predictions of the run on `spec.split`.
        calibrator: Turns their log-odds into p_fake.
        source: One clause on where the calibrator comes from.
        report: Receives the progress from 0.92 on.

    Returns:
        evaluation_report.json.

    Raises:
        ValueError: A cascade threshold lies outside (0, 1).
        SeenBefore: The calibrator was fitted on any of these items.
    """
    check_thresholds(spec)
    unchecked = check_unseen(calibrator, predictions)
    p = calibrator.transform(predictions.log_odds)
    report.progress(0.92, "Computing figures and intervals")
    z = calibrator.calibrated_log_odds(predictions.log_odds)
    document = evaluation_report(spec, predictions, p, source, z)
    analysis = threshold_analysis(spec, predictions, p)
    report.progress(0.97, "Drawing the charts")
    lost = len(predictions.failed)
    missing = [f"{lost} item(s) could not be scored; they are listed under coverage, with a bound"] if lost else []
    document["warnings"] = (
        missing
        + [unchecked] * bool(unchecked)
        + calibrator.warnings
        + document["levels_left_out"]
        + draw_all(folder, predictions, p, document, analysis, spec, z)
    )
    if spec.save_predictions:
        table = predictions.frame.assign(p_fake=p, called=np.where(p >= 0.5, FACES.positive, FACES.negative))
        if z is not None:
            table[CALIBRATED] = z
        write_guarded_csv(table, folder / "predictions.csv")
    write_json(folder / "threshold_analysis.json", analysis)
    write_json(folder / "evaluation_report.json", document)
    area = document["metrics"]["auroc"]["value"]
    report.progress(1.0, "Evaluated" if area is None else f"AUROC {area:.3f} on {spec.split}")
    return document
