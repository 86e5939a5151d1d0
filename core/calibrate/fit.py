"""Fit the calibrator of a run, and measure the gain on groups that were not fitted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit

from core.artifacts.files import write_json
from core.calibrate import Calibrator, calibrators
from core.calibrate.compare import compare_calibrators
from core.calibrate.folds import crossed
from core.calibrate.held_out import HeldOut, held_out_auroc
from core.calibrate.of_run import FILES, file_name
from core.calibrate.spec import CalibrateSpec
from core.metrics.all_metrics import CALIBRATION, all_metrics
from core.progress import Reporter
from core.scores.csv_files import write_guarded_csv
from core.tables.predictions import Predictions

REPORT_DRAWS = 1000
NO_CALLS = "temperature cannot change accuracy or F1 at 0.5 either"
REPORTED = ("auroc", "accuracy", "f1", "brier", "nll")


def make_calibrator(spec: CalibrateSpec) -> Calibrator:
    """Make an unfitted calibrator.

    Args:
        spec: Method and options.

    Returns:
        The calibrator.

    Raises:
        LookupError: No calibrator has this name; the message lists them.
    """
    kind = calibrators.get(spec.method)
    if spec.method == "temperature":
        return kind(spec.optimize_metric, spec.optimize_method, spec.n_bins)  # type: ignore[call-arg]
    if spec.method == "temperature_ece":
        return kind(spec.n_bins)  # type: ignore[call-arg]
    return kind()


def held_out(groups: np.ndarray, labels: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Divide whole groups into two folds, or into a held-out share and the rest.

    Groups with fakes and groups without are dealt apart, so that both classes are on both sides.

    Args:
        groups: (N,) names of groups.
        labels: (N,) 0 = real, 1 = fake.
        share: Held-out share in [0, 1); 0 for two folds.
        seed: Seed of the deal.

    Returns:
        (N,) int: 1 or 2 for the folds; with a share, 1 for held out and 0 for the rest.
    """
    rng = np.random.default_rng(seed)
    names = np.unique(groups)
    with_fakes = np.isin(names, np.unique(groups[labels == 1]))
    side: dict[str, int] = {}
    for kind in (names[with_fakes], names[~with_fakes]):
        order = rng.permutation(kind)
        cut = round(order.size * (share or 0.5))
        side |= dict.fromkeys(order[:cut], 1) | dict.fromkeys(order[cut:], 0 if share else 2)
    return np.array([side[group] for group in groups])


def cross_fitted(spec: CalibrateSpec, predictions: Predictions) -> tuple[HeldOut, str]:
    """Calibrate items by a calibrator that never saw their group.

    Args:
        spec: Method, held-out share and seed.
        predictions: Uncalibrated predictions.

    Returns:
        The calibrated items, and one sentence on how.

    Raises:
        ValueError: The groups do not suffice to have both classes on both sides.
    """
    side = held_out(predictions.groups, predictions.labels, spec.val_split, spec.seed)
    judged = (1,) if spec.val_split else (1, 2)
    if any(not (side == part).any() or (side == part).all() for part in judged):
        raise ValueError(
            f"split {spec.split!r} has {np.unique(predictions.groups).size} group(s): too few to hold some out"
        )
    held = crossed(lambda: make_calibrator(spec), predictions, side, judged)
    how = f"held-out {spec.val_split:.0%} of the groups" if spec.val_split else "two folds of groups, each in turn"
    return held, f"before and after are measured on {how}, by a calibrator that did not see them"


def calibration_metrics(spec: CalibrateSpec, predictions: Predictions, calibrator: Calibrator) -> dict[str, Any]:
    """Measure a calibration before and after, with 95 % intervals over groups.

    The calibrator in use is fitted on all items of the split (without the held-out share when val_split is set).

    Args:
        spec: Method and options.
        predictions: Uncalibrated predictions.
        calibrator: The calibrator in use.

    Returns:
        calibration_metrics.json.
    """
    held, how = cross_fitted(spec, predictions)
    rows = held.rows
    z, y, groups = predictions.log_odds[rows], predictions.labels[rows], predictions.groups[rows]
    measured = {}
    for when, p in (("before", expit(z)), ("after", held.p_fake)):
        figures = all_metrics(p, y, groups, draws=REPORT_DRAWS, n_bins=spec.n_bins, seed=spec.seed, log_odds=z)
        if when == "after" and not held.keeps_order:
            figures["auroc"] = held_out_auroc(held, predictions, REPORT_DRAWS, spec.seed)
        measured[when] = {name: figures[name] for name in (*REPORTED, *CALIBRATION)}
    return {
        "method": spec.method,
        "split": spec.split,
        "n": len(predictions),
        "n_measured": int(rows.size),
        "groups": int(np.unique(predictions.groups).size),
        "n_fake": int(predictions.labels.sum()),
        "n_bins": spec.n_bins,
        "how": how,
        "conventions": "ece_binary: p_fake against the share of fakes; ece_top_label: confidence of the likelier class "
        "against accuracy (Guo 2017); _width and _mass: equal-width and equal-mass bins",
        "note": held.ranking_note + (f"; {NO_CALLS}" if spec.method.startswith("temperature") else ""),
        **measured,
        "comparison": compared(spec, predictions),
        "calibrator": {k: v for k, v in calibrator.to_json().items() if k != "item_sketch"},
        "n_failed": len(predictions.failed),
        "warnings": calibrator.warnings,
    }


def compared(spec: CalibrateSpec, predictions: Predictions) -> dict[str, Any] | None:
    """Compare every method on the same held-out groups (`compare_calibrators`).

    Args:
        spec: Folds, bins and seed.
        predictions: Uncalibrated predictions.

    Returns:
        The comparison; None when the spec does not ask for it.
    """
    if not spec.compare:
        return None
    groups = np.unique(predictions.groups).size
    return compare_calibrators(
        predictions, folds=min(spec.folds, groups), draws=REPORT_DRAWS, n_bins=spec.n_bins, seed=spec.seed
    )


def calibrate_run(spec: CalibrateSpec, folder: Path, predictions: Predictions, report: Reporter) -> dict[str, Any]:
    """Fit a calibrator on the predictions of a run, measure its gain, and write both into the run's folder.

    Writes calibration_temp.json (or calibrator.json, and removes the other one), calibration_metrics.json,
    calibrated_predictions.csv and reliability_diagram.png.

    Args:
        spec: Method and options.
        folder: Folder of the run, or of imported scores.
        predictions: Uncalibrated predictions of the run on `spec.split`.
        report: Receives the progress from 0.92 on.

    Returns:
        calibration_metrics.json.

    Raises:
        LookupError: No calibrator has this name.
        ValueError: The split has one class or too few groups.
    """
    from core.metrics.plots import draw_reliability

    fitted_on = predictions
    if spec.val_split:
        keep = held_out(predictions.groups, predictions.labels, spec.val_split, spec.seed) == 0
        fitted_on = Predictions(predictions.frame[keep].reset_index(drop=True))
    calibrator = make_calibrator(spec).fit_on(fitted_on)
    report.progress(0.92, "Measuring before and after on held-out groups")
    document = calibration_metrics(spec, predictions, calibrator)
    held, _ = cross_fitted(spec, predictions)
    rows, after = held.rows, held.p_fake
    before = expit(predictions.log_odds)
    table = predictions.frame.assign(p_fake_uncalibrated=before, p_fake=calibrator.transform(predictions.log_odds))
    table["p_fake_cross_fitted"] = np.nan
    table.loc[rows, "p_fake_cross_fitted"] = after
    write_guarded_csv(table, folder / "calibrated_predictions.csv")
    labels = predictions.labels[rows]
    panels = {"Before": (before[rows], labels), f"After {spec.method}": (after, labels)}
    note = f"Points on the dashed line: stated p_fake is right ({spec.split}, {rows.size} items, groups not fitted)"
    draw_reliability(folder / "reliability_diagram.png", panels, spec.n_bins, note)
    write_json(folder / "calibration_metrics.json", document)
    for other in set(FILES) - {file_name(spec.method)}:
        (folder / other).unlink(missing_ok=True)  # a run has one calibrator: the latest
    calibrator.save(folder / file_name(spec.method))
    change = [document[when]["ece_binary_width"]["value"] for when in ("before", "after")]
    report.progress(1.0, f"ECE {change[0]:.3f} before, {change[1]:.3f} after")
    return document
