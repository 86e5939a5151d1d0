"""Fit stage 3 as a run: LightGBM over projected embeddings and calibrated log-odds, out-of-fold by group.

Two ways, named in the spec. `frozen`: the experts stay as they are, so a fold hides its rows from stage 3 alone, and
stage 3 learns from rows that no expert trained on. `refit`: the experts are trained again in every fold, and stage 3
learns from their out-of-fold answers to all training rows. In both the report measures how much better stage 3 looks
on the rows that it learned from than on test.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from core.artifacts.files import read_json
from core.artifacts.finding import RUN
from core.artifacts.workspace import Workspace
from core.progress import Reporter, Silent, Within
from core.stacking.data import (
    StackData,
    StackMember,
    check_splits,
    collect_stack_data,
    specialist_members,
    stack_members,
)
from core.stacking.feature_sets import STAGE3, FeatureSet, feature_sets
from core.stacking.fit import Fitted, fit_meta
from core.stacking.optimism import Learned, leak_report
from core.stacking.spec import StackSpec
from core.stacking.write import write_stack


@dataclass(frozen=True)
class StackRun:
    """A stack run's folder.

    It holds run.json (kind `stack`), spec.json, stack/, calibrators/, predictions.parquet and stack_report.json; also
    folds/ with the out-of-fold answers where the experts were refitted.
    """

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def document(self) -> dict[str, Any]:
        return read_json(self.folder / RUN)

    @property
    def report(self) -> dict[str, Any]:
        return read_json(self.folder / "stack_report.json")

    @property
    def predictions(self) -> pd.DataFrame:
        return pd.read_parquet(self.folder / "predictions.parquet")


def fit_stack(spec: StackSpec, workspace: Workspace, folder: Path, report: Reporter | None = None) -> StackRun:
    """Score the members (and train them again in folds, where asked), fit stage 3, compare it, and write the run.

    Called again after a kill it goes on: embeddings and folds that are done are not done again.

    Args:
        spec: Members, data set, folds.
        workspace: Where runs, data sets and embeddings lie.
        folder: Folder of the new run.
        report: Receives the progress.

    Returns:
        The run.

    Raises:
        FileNotFoundError: A run or a calibrator is not there.
        ValueError: The data cannot be fitted on: a split that is refused, training groups that leak, one class, too few
            groups, no rows of val_calib to calibrate on.
        Cancelled: The reader stopped the job.
    """
    report = report or Silent()
    check_splits(spec.fit_splits)
    members = stack_members(spec, workspace)
    specialists = specialist_members(spec, members, workspace)
    refitted = spec.experts_are == "refit"
    scoring = Within(report, 0.0, 0.15 if refitted else 0.6)
    frozen = collect_stack_data(spec, workspace, members, scoring, specialists)
    data, rows = frozen, frozen.learnable(spec.fit_splits, spec.exclude_datasets)
    calibrate = rows
    if refitted:
        from core.stacking.refit import refit

        training = Within(report, 0.15, 0.7)
        data = refit(spec, workspace, folder, [*members, *specialists], frozen, training)
        rows = data.learnable(["train"], spec.exclude_datasets)
        calibrate = data.learnable(["val_calib"], spec.exclude_datasets)
        if len(calibrate) == 0:
            raise ValueError("stage 3 over refitted experts is calibrated on val_calib, and it has no rows: prepare it")
    sets = sets_of(data, members, specialists)
    step = Within(report, 0.7, 0.9) if refitted else Within(report, 0.6, 0.85)
    fitted = fit_meta(data, spec, step, sets, rows, calibrate)
    report.progress(0.9, "Measuring the optimism of training rows")
    leak = measure_leak(spec, frozen, data, fitted)
    report.progress(0.95, "Comparing with simpler ways to combine")
    write_stack(spec, folder, members, data, fitted, leak)
    report.progress(1.0, f"Stage 3 over {len(members)} members is fitted")
    return StackRun(folder)


def sets_of(
    data: StackData, members: Sequence[StackMember], specialists: Sequence[StackMember] = ()
) -> list[FeatureSet]:
    """List the feature sets of these members, and of the parts and specialists that the data hold.

    Args:
        data: Log-odds and embeddings.
        members: Stage 1 and the experts.
        specialists: Runs for the comparison only.

    Returns:
        The feature sets, stage 3's own first.
    """
    parts = [name for name in data.aside_blocks if name not in {item.name for item in specialists}]
    names = [member.name for member in members]
    return feature_sets(names[0], names[1:], parts, [item.name for item in specialists])


def measure_leak(spec: StackSpec, frozen: StackData, data: StackData, fitted: Fitted) -> dict[str, Any] | None:
    """Fit stage 3 by every way that the data allow, and compare out-of-fold scores with test.

    Args:
        spec: Folds and boosting.
        frozen: Data of the members as they are.
        data: Data that stage 3 was fitted on.
        fitted: Stage 3 as fitted.

    Returns:
        `leak_report`; None without a test split of both classes.
    """
    test = data.rows_of(["test"])
    if len(np.unique(data.labels[test])) < 2:
        return None
    refitted = data is not frozen
    used = "refit" if refitted else "frozen_held_out"
    fits = [_learned(used, data, fitted.raw[STAGE3], fitted.rows)]
    ways = [("frozen_on_train", frozen.learnable(["train"], spec.exclude_datasets))]
    if refitted:
        ways.insert(0, ("frozen_held_out", frozen.learnable(spec.fit_splits, spec.exclude_datasets)))
    stage3 = [features for features in fitted.sets if features.name == STAGE3]
    for way, rows in ways:
        if len(rows):
            again = fit_meta(frozen, spec, Silent(), stage3, rows, rows)
            fits.append(_learned(way, frozen, again.raw[STAGE3], rows))
    return leak_report(fits, used, spec.seed)


def _learned(way: str, data: StackData, raw: np.ndarray, rows: np.ndarray) -> Learned:
    y, groups, test = data.labels, data.groups, data.rows_of(["test"])
    return Learned(way, raw[rows], y[rows], groups[rows], raw[test], y[test], groups[test])
