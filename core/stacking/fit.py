"""Fitting stage 3 and its rivals: group folds, projections inside them, early stopping and a bounded search.

Everything that is chosen is chosen inside a fold's training part: the projection, the boosting setting out of a fixed
table, and the number of rounds, the last two on groups held out of that part. The fold's own rows see none of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from core.calibrate import calibrators
from core.progress import Reporter
from core.stacking.data import StackData
from core.stacking.feature_sets import STAGE3, FeatureSet
from core.stacking.meta_model import Projection, feature_names, feature_table, fit_projection
from core.stacking.report import importance
from core.stacking.spec import StackSpec

EARLY_STOPPING = 30
HELD_OUT = 0.2
"""Share of a fold's training groups on which its setting and its number of rounds are chosen."""

SETTINGS: tuple[dict[str, Any], ...] = (
    {},
    {"num_leaves": 4, "learning_rate": 0.05, "min_data_in_leaf": 20, "lambda_l2": 5.0},
    {"num_leaves": 7, "learning_rate": 0.03, "min_data_in_leaf": 20, "lambda_l2": 10.0, "feature_fraction": 0.2},
    {"num_leaves": 2, "learning_rate": 0.1, "min_data_in_leaf": 10, "lambda_l2": 1.0},
    {"num_leaves": 31, "learning_rate": 0.03, "min_data_in_leaf": 5, "lambda_l2": 1.0, "feature_fraction": 0.3},
    {"num_leaves": 4, "learning_rate": 0.02, "min_data_in_leaf": 40, "lambda_l2": 20.0, "feature_fraction": 0.1},
    {"num_leaves": 15, "learning_rate": 0.1, "min_data_in_leaf": 20, "lambda_l2": 50.0},
    {"num_leaves": 8, "learning_rate": 0.05, "min_data_in_leaf": 20, "lambda_l1": 1.0, "bagging_fraction": 0.7,
     "bagging_freq": 1},
)  # fmt: skip
"""Tried in this order, as many as the spec's `search`; the first is the spec's own leaves and learning rate."""

Score = Callable[[np.ndarray], np.ndarray]


@dataclass
class Fitted:
    """Stage 3 and its rivals. p: (N,) p_fake by way, out-of-fold on the fitted rows, else by the final fit.

    raw: the same before calibration. search: by way, the setting kept and the loss of every setting tried.
    """

    sets: list[FeatureSet]
    projections: dict[str, Projection]
    text: str
    calibrator: Any
    best_rounds: list[int]
    rounds: int
    p: dict[str, np.ndarray]
    raw: dict[str, np.ndarray]
    importance: dict[str, float]
    folds: int
    rows: np.ndarray
    search: dict[str, dict[str, Any]]
    booster: Any


@dataclass
class Trial:
    """What a fold's training part says: a scorer by the best setting; watched loss and best round by setting."""

    score: Score
    losses: list[float]
    rounds: list[int]


@dataclass
class Projector:
    """PCA of a block fitted on some rows, remembered: every feature set of a fold shares it."""

    data: StackData
    size: int
    seed: int
    kept: dict[tuple[str, bytes], Projection] = field(default_factory=dict)

    def __call__(self, block: str, rows: np.ndarray) -> Projection:
        key = (block, rows.tobytes())
        if key not in self.kept:
            self.kept[key] = fit_projection(self.data.block(block)[rows], self.size, self.seed)
        return self.kept[key]


class Way:
    """One feature set under LightGBM."""

    def __init__(self, data: StackData, spec: StackSpec, features: FeatureSet, projector: Projector) -> None:
        self.data, self.spec, self.set, self.projector = data, spec, features, projector

    def project(self, rows: np.ndarray) -> dict[str, Projection]:
        """Projections fitted on these rows alone."""
        return {block: self.projector(block, rows) for block in self.set.blocks}

    def table(self, rows: np.ndarray, projections: dict[str, Projection]) -> np.ndarray:
        """(len(rows), F)."""
        log_odds = {name: self.data.column(name)[rows] for name in self.set.log_odds}
        blocks = {name: self.data.block(name)[rows] for name in projections}
        return feature_table(list(self.set.log_odds), projections, log_odds, blocks)

    def fit_early(self, rows: np.ndarray, groups: np.ndarray, y: np.ndarray) -> Trial:
        """Every setting of the search on the training part of a fold, judged on its held-out groups."""
        import lightgbm

        projections = self.project(rows)
        inner, _ = hold_out(rows, groups, y, self.spec.seed)
        table, here = self.table(rows, projections), np.isin(rows, inner)
        boosters, losses, rounds = [], [], []
        for setting in SETTINGS[: self.spec.search]:
            parameters = self.parameters(setting)
            train = lightgbm.Dataset(table[here], y[rows[here]], params=parameters)
            valid = lightgbm.Dataset(table[~here], y[rows[~here]], reference=train)
            stop: list[Callable[..., Any]] = [lightgbm.early_stopping(EARLY_STOPPING, verbose=False)]
            booster = lightgbm.train(parameters, train, self.spec.rounds, valid_sets=[valid], callbacks=stop)
            boosters.append(booster)
            rounds.append(int(booster.best_iteration or booster.current_iteration()))
            losses.append(float(booster.best_score["valid_0"]["binary_logloss"]))
        best = int(np.argmin(losses))
        return Trial(
            lambda asked: raw_scores(boosters[best], self.table(asked, projections), rounds[best]), losses, rounds
        )

    def fit_rounds(
        self, rows: np.ndarray, y: np.ndarray, rounds: int, setting: dict[str, Any]
    ) -> tuple[dict[str, Projection], Any]:
        """Fit on all rows for a given number of rounds."""
        import lightgbm

        projections, parameters = self.project(rows), self.parameters(setting)
        names = feature_names(list(self.set.log_odds), projections)
        names = [name.replace(":", ".") for name in names]  # LightGBM refuses JSON's own characters in names
        train = lightgbm.Dataset(self.table(rows, projections), y[rows], feature_name=names, params=parameters)
        return projections, lightgbm.train(parameters, train, rounds)

    def parameters(self, setting: dict[str, Any]) -> dict[str, Any]:
        """LightGBM's parameters: the spec's, then the setting's."""
        return {
            "objective": "binary",
            "metric": "binary_logloss",
            "num_leaves": self.spec.leaves,
            "learning_rate": self.spec.learning_rate,
            "min_data_in_leaf": 10,
            "lambda_l2": 1.0,
            **setting,
            "feature_fraction": setting.get("feature_fraction", 0.5) if self.set.blocks else 1.0,
            "feature_pre_filter": False,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": 1,
            "seed": self.spec.seed,
            "verbose": -1,
        }


def raw_scores(booster: Any, table: np.ndarray, rounds: int | None = None) -> np.ndarray:
    """(N,) uncalibrated log-odds of a booster."""
    return np.asarray(booster.predict(table, raw_score=True, num_iteration=rounds, num_threads=1), np.float64)


@dataclass
class Crossed:
    """One way, out-of-fold on the fitted rows and by its final fit elsewhere. raw: (N,) uncalibrated log-odds."""

    raw: np.ndarray
    projections: dict[str, Projection]
    booster: Any
    best_rounds: list[int]
    rounds: int
    search: dict[str, Any]


Folds = list[tuple[np.ndarray, np.ndarray]]


def cross_fit(way: Way, rows: np.ndarray, folds: Folds) -> Crossed:
    """Out-of-fold scores of the fitted rows, then the final fit: the setting with the least watched loss over all
    folds, for the median of its rounds; it scores every other row.
    """
    y, groups = way.data.labels, way.data.groups
    raw = np.full(len(y), np.nan)
    trials = []
    for train, held in folds:
        trial = way.fit_early(rows[train], groups, y)
        raw[rows[held]] = trial.score(rows[held])
        trials.append(trial)
    losses = np.mean([trial.losses for trial in trials], axis=0)
    chosen = int(np.argmin(losses))
    best_rounds = [trial.rounds[chosen] for trial in trials]
    rounds = max(1, int(np.median(best_rounds)))
    projections, booster = way.fit_rounds(rows, y, rounds, SETTINGS[chosen])
    others = np.setdiff1d(np.arange(len(y)), rows)
    if len(others):
        raw[others] = raw_scores(booster, way.table(others, projections))
    search = {
        "kept": chosen,
        "setting": {name: way.parameters(SETTINGS[chosen])[name] for name in ("num_leaves", "learning_rate")},
        "losses": [float(loss) for loss in losses],
    }
    return Crossed(raw, projections, booster, best_rounds, rounds, search)


def fit_meta(
    data: StackData, spec: StackSpec, report: Reporter, sets: list[FeatureSet], rows: np.ndarray, calibrate: np.ndarray
) -> Fitted:
    """Every feature set and logistic regression, out-of-fold on `rows`; temperatures fitted on the rows `calibrate`."""
    y = data.labels
    folds = group_folds(y[rows], data.groups[rows], spec.folds, spec.seed)
    projector = Projector(data, spec.projection, spec.seed)
    crossed: dict[str, Crossed] = {}
    for number, features in enumerate(sets):
        report.progress(number / (len(sets) + 1), f"{features.title}: {len(folds)} folds")
        crossed[features.name] = cross_fit(Way(data, spec, features, projector), rows, folds)
    raw = {name: found.raw for name, found in crossed.items()}
    raw["logistic"] = _logistic(data, rows, folds)
    fits = {name: calibrators.get("temperature")().fit(raw[name][calibrate], y[calibrate]) for name in raw}
    final = crossed[STAGE3]
    names = feature_names(list(data.log_odds), final.projections)
    gains = dict(zip(names, final.booster.feature_importance("gain"), strict=True))
    return Fitted(
        sets=sets,
        projections=final.projections,
        text=final.booster.model_to_string(),
        calibrator=fits[STAGE3],
        best_rounds=final.best_rounds,
        rounds=final.rounds,
        p={name: fits[name].transform(values) for name, values in raw.items()},
        raw=raw,
        importance=importance(gains, list(data.log_odds)),
        folds=len(folds),
        rows=rows,
        search={name: found.search for name, found in crossed.items()},
        booster=final.booster,
    )


def group_folds(y: np.ndarray, groups: np.ndarray, folds: int, seed: int) -> Folds:
    """[(training, held-out positions)], no group on both sides, labels spread evenly. Raises ValueError when there are
    too few groups or a training part would hold one class.
    """
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


def hold_out(rows: np.ndarray, groups: np.ndarray, y: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(fit, watch) rows, cut by group with HELD_OUT of the groups watched and both classes on both sides."""
    from sklearn.model_selection import StratifiedGroupKFold

    splitter = StratifiedGroupKFold(round(1 / HELD_OUT), shuffle=True, random_state=seed)
    per_class = min(len(np.unique(groups[rows][y[rows] == label])) for label in (0, 1))
    if per_class < splitter.n_splits:
        splitter = StratifiedGroupKFold(max(2, per_class), shuffle=True, random_state=seed)
    fit, watch = next(splitter.split(rows, y[rows], groups[rows]))
    return rows[fit], rows[watch]


def _logistic(data: StackData, rows: np.ndarray, folds: Folds) -> np.ndarray:
    """(N,) log-odds of a logistic regression on the members' calibrated log-odds: the rival that costs nothing."""
    from sklearn.linear_model import LogisticRegression

    y, table = data.labels, np.stack(list(data.log_odds.values()), axis=1)
    raw = np.full(len(y), np.nan)
    others = np.setdiff1d(np.arange(len(y)), rows)
    for fit, asked in [*((rows[train], rows[held]) for train, held in folds), (rows, others)]:
        if len(asked):
            model = LogisticRegression(C=1.0, max_iter=1000).fit(table[fit], y[fit])
            raw[asked] = model.decision_function(table[asked])
    return raw
