"""Stage 3: LightGBM over projected embeddings and calibrated log-odds, fitted out-of-fold by group.

The experts are frozen, so the only thing that a fold must hide from is stage 3 itself: its projection, its trees and
its number of rounds are all fitted inside the fold's training part.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import core
from core.artifacts.bundle_export import STACK_RUN
from core.artifacts.files import atomic_path, read_json, write_json, write_text
from core.artifacts.workspace import Workspace
from core.calibrate import calibrators
from core.cascade.meta import Projection, feature_names, feature_table, fit_projection, save_meta
from core.cascade.policy import calibration_rows, table_fingerprint
from core.cascade.spec import StackSpec
from core.cascade.stack_data import StackData, check_splits, gather, stack_members, weights_hash
from core.cascade.stack_report import comparison, importance
from core.progress import Reporter, Silent

EARLY_STOPPING = 30
HELD_OUT = 0.2
"""Share of a fold's training groups on which its number of rounds is chosen."""

NOTES = [
    "The experts are frozen and were trained on `train` only; val_select and val_calib never moved their weights.",
    "val_select picked each expert's epoch and val_calib fitted each expert's temperature: their scores there are "
    "slightly better than on unseen data, and stage 3 learns from them. `test` was used for nothing.",
    "p_stack of a row that stage 3 was fitted on is out-of-fold (by group); stage 3's temperature was fitted on these "
    "same out-of-fold scores, one number over all folds. Rows of `test` are scored by the final model.",
]


@dataclass(frozen=True)
class StackRun:
    """Folder: run.json (kind `stack`), spec.json, stack/, calibrators/, predictions.parquet, stack_report.json."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def document(self) -> dict[str, Any]:
        return read_json(self.folder / STACK_RUN)

    @property
    def report(self) -> dict[str, Any]:
        return read_json(self.folder / "stack_report.json")

    @property
    def predictions(self) -> pd.DataFrame:
        return pd.read_parquet(self.folder / "predictions.parquet")


def fit_stack(spec: StackSpec, workspace: Workspace, folder: Path, report: Reporter | None = None) -> StackRun:
    """Score the members, fit stage 3, compare it with simpler ways, write `folder`.

    Raises FileNotFoundError for a run or calibrator that is not there, ValueError for data that cannot be fitted on
    (a split that is refused, training groups that leak, one class, too few groups)."""
    report = report or Silent()
    check_splits(spec.fit_splits)
    members = stack_members(spec, workspace)
    data = gather(spec, workspace, members, report)
    report.progress(0.86, "fitting stage 3 out-of-fold")
    fitted = fit_meta(data, spec, report)
    _write(spec, folder, members, data, fitted, report)
    report.progress(1.0, f"stage 3 over {len(members)} members")
    return StackRun(folder)


@dataclass
class Fitted:
    """Stage 3 and its rivals. p: (N,) p_fake by method, out-of-fold on the fitted rows, else by the final fit."""

    projections: dict[str, Projection]
    text: str
    calibrator: Any
    best_rounds: list[int]
    rounds: int
    p: dict[str, np.ndarray]
    importance: dict[str, float]
    folds: int
    rows: np.ndarray


def fit_meta(data: StackData, spec: StackSpec, report: Reporter) -> Fitted:
    """Out-of-fold scores of every way to combine the members, then the final stage 3 on all fitted rows."""
    rows = data.rows_of(spec.fit_splits)
    y, groups = data.labels, data.groups
    folds = group_folds(y[rows], groups[rows], spec.folds, spec.seed)
    others = np.setdiff1d(np.arange(len(y)), rows)
    full = _Way(data, spec, with_embeddings=True)
    plain = _Way(data, spec, with_embeddings=False)
    raw: dict[str, np.ndarray] = {name: np.full(len(y), np.nan) for name in ("lightgbm", "lightgbm_log_odds")}
    raw["logistic"] = np.full(len(y), np.nan)
    best: dict[str, list[int]] = {"lightgbm": [], "lightgbm_log_odds": []}
    for number, (train, held) in enumerate(folds):
        report.progress(0.86 + 0.1 * number / len(folds), f"fold {number + 1} of {len(folds)}")
        for name, way in (("lightgbm", full), ("lightgbm_log_odds", plain)):
            score, rounds = way.fit_early(rows[train], groups, y)
            raw[name][rows[held]] = score(rows[held])
            best[name].append(rounds)
        raw["logistic"][rows[held]] = _logistic(plain, rows[train], y)(rows[held])
    final_rounds = {name: max(1, int(np.median(found))) for name, found in best.items()}
    projections, booster = full.fit_rounds(rows, y, final_rounds["lightgbm"])
    _, booster_plain = plain.fit_rounds(rows, y, final_rounds["lightgbm_log_odds"])
    if len(others):
        raw["lightgbm"][others] = _raw(booster, full.features(others, projections))
        raw["lightgbm_log_odds"][others] = _raw(booster_plain, plain.features(others, {}))
        raw["logistic"][others] = _logistic(plain, rows, y)(others)
    fits = {name: calibrators.get("temperature")().fit(raw[name][rows], y[rows]) for name in raw}
    p = {name: fits[name].transform(values) for name, values in raw.items()}
    names = feature_names(list(data.log_odds), projections)
    return Fitted(
        projections=projections,
        text=booster.model_to_string(),
        calibrator=fits["lightgbm"],
        best_rounds=best["lightgbm"],
        rounds=final_rounds["lightgbm"],
        p=p,
        importance=importance(dict(zip(names, booster.feature_importance("gain"), strict=True)), list(data.log_odds)),
        folds=len(folds),
        rows=rows,
    )


def group_folds(y: np.ndarray, groups: np.ndarray, folds: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """[(training, held-out positions)], no group on both sides, labels spread evenly. Raises ValueError when there are
    too few groups or a training part would hold one class."""
    from sklearn.model_selection import StratifiedGroupKFold

    count = len(np.unique(groups))
    if count < 4:
        raise ValueError(f"stage 3 needs at least four groups to learn from, and there are {count}: add data")
    per_class = [len(np.unique(groups[y == label])) for label in (0, 1)]
    if min(per_class) < 3:
        raise ValueError(f"stage 3 needs three groups of either class, and there are {per_class[0]} and {per_class[1]}")
    splitter = StratifiedGroupKFold(min(folds, *per_class), shuffle=True, random_state=seed)
    found = list(splitter.split(np.zeros(len(y)), y, groups))
    for train, _ in found:
        if len(np.unique(y[train])) < 2:
            raise ValueError("a fold's training part holds one class only: use fewer folds or more data")
    return found


class _Way:
    """One feature set under LightGBM."""

    def __init__(self, data: StackData, spec: StackSpec, *, with_embeddings: bool) -> None:
        self.data, self.spec, self.with_embeddings = data, spec, with_embeddings

    def project(self, rows: np.ndarray) -> dict[str, Projection]:
        """Projections fitted on these rows alone."""
        if not self.with_embeddings:
            return {}
        return {
            name: fit_projection(embedding[rows], self.spec.projection, self.spec.seed)
            for name, embedding in self.data.embeddings.items()
        }

    def features(self, rows: np.ndarray, projections: dict[str, Projection]) -> np.ndarray:
        """(len(rows), F)."""
        log_odds = {name: values[rows] for name, values in self.data.log_odds.items()}
        embeddings = {name: self.data.embeddings[name][rows] for name in projections}
        return feature_table(list(self.data.log_odds), projections, log_odds, embeddings)

    def fit_early(
        self, rows: np.ndarray, groups: np.ndarray, y: np.ndarray
    ) -> tuple[Callable[[np.ndarray], np.ndarray], int]:
        """Fit inside a fold, rounds chosen on held-out groups of its training part. Returns (scorer, best round)."""
        import lightgbm

        projections = self.project(rows)
        inner, _ = hold_out(rows, groups, y, self.spec.seed)
        table = self.features(rows, projections)
        here = np.isin(rows, inner)
        train = lightgbm.Dataset(table[here], y[rows[here]])
        valid = lightgbm.Dataset(table[~here], y[rows[~here]], reference=train)
        stop: list[Callable[..., Any]] = [lightgbm.early_stopping(EARLY_STOPPING, verbose=False)]
        booster = lightgbm.train(self.parameters, train, self.spec.rounds, valid_sets=[valid], callbacks=stop)
        rounds = booster.best_iteration or booster.current_iteration()
        return lambda asked: _raw(booster, self.features(asked, projections), rounds), rounds

    def fit_rounds(self, rows: np.ndarray, y: np.ndarray, rounds: int) -> tuple[dict[str, Projection], Any]:
        """Fit on all rows for a given number of rounds."""
        import lightgbm

        projections = self.project(rows)
        table = self.features(rows, projections)
        names = feature_names(list(self.data.log_odds), projections)
        train = lightgbm.Dataset(table, y[rows], feature_name=names)
        return projections, lightgbm.train(self.parameters, train, rounds)

    @property
    def parameters(self) -> dict[str, Any]:
        return {
            "objective": "binary",
            "num_leaves": self.spec.leaves,
            "learning_rate": self.spec.learning_rate,
            "feature_fraction": 0.5 if self.with_embeddings else 1.0,
            "min_data_in_leaf": 10,
            "lambda_l2": 1.0,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": 1,
            "seed": self.spec.seed,
            "verbose": -1,
        }


def _raw(booster: Any, table: np.ndarray, rounds: int | None = None) -> np.ndarray:
    return np.asarray(booster.predict(table, raw_score=True, num_iteration=rounds, num_threads=1), np.float64)


def hold_out(rows: np.ndarray, groups: np.ndarray, y: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(fit, watch) rows, cut by group with HELD_OUT of the groups watched and both classes on both sides."""
    from sklearn.model_selection import StratifiedGroupKFold

    splitter = StratifiedGroupKFold(round(1 / HELD_OUT), shuffle=True, random_state=seed)
    per_class = min(len(np.unique(groups[rows][y[rows] == label])) for label in (0, 1))
    if per_class < splitter.n_splits:
        splitter = StratifiedGroupKFold(max(2, per_class), shuffle=True, random_state=seed)
    fit, watch = next(splitter.split(rows, y[rows], groups[rows]))
    return rows[fit], rows[watch]


def _logistic(way: _Way, rows: np.ndarray, y: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Logistic regression on the members' calibrated log-odds: the rival that costs nothing."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=1.0, max_iter=1000).fit(way.features(rows, {}), y[rows])
    return lambda asked: np.asarray(model.decision_function(way.features(asked, {})), np.float64)


def _write(spec: StackSpec, folder: Path, members, data: StackData, fitted: Fitted, report: Reporter) -> None:
    """Everything of the stack run; run.json last, so that a folder with it is whole."""
    report.progress(0.97, "comparing with simpler ways")
    (folder / STACK_RUN).unlink(missing_ok=True)
    for part in ("stack", "calibrators"):
        shutil.rmtree(folder / part, ignore_errors=True)
        (folder / part).mkdir(parents=True)
    weights = {member.name: weights_hash(member) for member in members}
    fit_rows = data.frame.iloc[fitted.rows]
    about = {
        "fit_splits": spec.fit_splits,
        "data_fingerprint": table_fingerprint(fit_rows),
        "weights_sha256": weights,
        "best_rounds": fitted.best_rounds,
        "rounds": fitted.rounds,
        "folds": fitted.folds,
        "projection_asked": spec.projection,
    }
    names = list(data.log_odds)
    save_meta(folder / "stack", names, fitted.projections, fitted.text, fitted.calibrator.to_json(), about)
    for member in members:
        shutil.copyfile(member.calibrator_file, folder / "calibrators" / f"{member.name}.json")
    table = data.frame.assign(p_stack=fitted.p["lightgbm"])
    kept = table[table["split"].isin(["val_calib", "test"])].reset_index(drop=True)
    with atomic_path(folder / "predictions.parquet") as temporary:
        kept.to_parquet(temporary, index=False)
    ways = {
        **{name: data.frame[f"p_{name}"].to_numpy() for name in names},
        "mean": 1 / (1 + np.exp(-np.mean([data.log_odds[name] for name in names], axis=0))),
        **fitted.p,
    }
    limited = [
        f"{name}: {projection.size} of {spec.projection} dimensions, all that its embedding and the rows allow."
        for name, projection in fitted.projections.items()
        if projection.size < spec.projection
    ]
    document = {
        "notes": [*NOTES, *data.notes, *limited],
        "members": [member.model_dump(mode="json") for member in data.members],
        **comparison(data.frame, ways, fitted.rows, spec.seed),
        "importance": fitted.importance,
        "best_rounds": fitted.best_rounds,
        "rounds": fitted.rounds,
        "folds": fitted.folds,
    }
    write_json(folder / "stack_report.json", document)
    write_text(folder / "spec.json", spec.to_json())
    rows = [
        {
            "member": described.model_dump(mode="json"),
            "run": member.run.name,
            "weights": str(member.weights.resolve()),
            "weights_sha256": weights[member.name],
        }
        for member, described in zip(members, data.members, strict=True)
    ]
    write_json(
        folder / STACK_RUN,
        {
            "format": 1,
            "kind": "stack",
            "dataset": spec.dataset or members[0].run.document["dataset"],
            "test_auroc": next((row["auroc"] for row in document["comparison"] if row["method"] == "lightgbm"), None),
            "members": rows,
            "predictions_fingerprint": table_fingerprint(calibration_rows(kept)),
            "code_version": core.__version__,
            "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        },
    )
