"""Fit stage 3 and its rivals: group folds, projections inside them, early stopping and a bounded search.

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
"""Rounds without a lower loss on the held-out groups after which boosting stops."""
HELD_OUT_SHARE = 0.2
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
    """Stage 3 and its rivals after fitting.

    Attributes:
        sets: Feature sets that were fitted.
        projections: Of stage 3, by block.
        text: LightGBM's model text of stage 3.
        calibrator: Temperature of stage 3.
        best_rounds: Rounds of stage 3 by fold.
        rounds: Rounds of its final fit.
        p: By way, (N,) p_fake: out-of-fold on the fitted rows, else by the final fit.
        raw: The same before calibration, log-odds.
        importance: Share of the gain by member and kind of feature.
        folds: Number of folds.
        rows: Positions of the rows that were fitted.
        search: By way, the setting taken and the loss of every setting tried.
        booster: LightGBM's booster of stage 3.
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
    """Result of the settings tried on a fold's training part.

    Attributes:
        score: Scores rows by the best setting.
        losses: Loss on the held-out groups, by setting.
        rounds: Best round, by setting.
    """

    score: Score
    losses: list[float]
    rounds: list[int]


@dataclass
class Projector:
    """Fit the PCA of a block on some rows and remember it: every feature set of a fold shares it.

    Attributes:
        data: Where the blocks are.
        size: Most dimensions.
        seed: Seed of the PCA.
        kept: Projections by block and rows.
    """

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
        """Fit the projections of the set's blocks on these rows alone.

        Args:
            rows: Positions.

        Returns:
            A projection by block.
        """
        return {block: self.projector(block, rows) for block in self.set.blocks}

    def table(self, rows: np.ndarray, projections: dict[str, Projection]) -> np.ndarray:
        """Build the feature table of some rows.

        Args:
            rows: Positions.
            projections: By block, of `project`.

        Returns:
            (len(rows), F) float64.
        """
        log_odds = {name: self.data.column(name)[rows] for name in self.set.log_odds}
        blocks = {name: self.data.block(name)[rows] for name in projections}
        return feature_table(list(self.set.log_odds), projections, log_odds, blocks)

    def fit_early(self, rows: np.ndarray, groups: np.ndarray, y: np.ndarray) -> Trial:
        """Fit every setting of the search on the training part of a fold, with early stopping on groups held out of it.

        Args:
            rows: Positions of the training part.
            groups: (N,) groups of all rows.
            y: (N,) labels of all rows.

        Returns:
            The scorer of the best setting, and loss and rounds of each.
        """
        import lightgbm

        projections = self.project(rows)
        inner, _ = hold_out(rows, groups, y, self.spec.seed)
        table, is_inner = self.table(rows, projections), np.isin(rows, inner)
        boosters, losses, rounds = [], [], []
        for setting in SETTINGS[: self.spec.search]:
            parameters = self.parameters(setting)
            train = lightgbm.Dataset(table[is_inner], y[rows[is_inner]], params=parameters)
            valid = lightgbm.Dataset(table[~is_inner], y[rows[~is_inner]], reference=train)
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
        """Fit one setting on all rows for a given number of rounds.

        Args:
            rows: Positions.
            y: (N,) labels of all rows.
            rounds: Boosting rounds.
            setting: A row of SETTINGS.

        Returns:
            (projections by block, LightGBM's booster).
        """
        import lightgbm

        projections, parameters = self.project(rows), self.parameters(setting)
        names = feature_names(list(self.set.log_odds), projections)
        names = [name.replace(":", ".") for name in names]  # LightGBM refuses JSON's own characters in names
        train = lightgbm.Dataset(self.table(rows, projections), y[rows], feature_name=names, params=parameters)
        return projections, lightgbm.train(parameters, train, rounds)

    def parameters(self, setting: dict[str, Any]) -> dict[str, Any]:
        """Return LightGBM's parameters: the spec's, overridden by the setting's.

        Args:
            setting: A row of SETTINGS.

        Returns:
            Parameters by name.
        """
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
    """Score a feature table with a booster.

    Args:
        booster: LightGBM's booster.
        table: (N, F) features.
        rounds: Rounds to use; None: all.

    Returns:
        (N,) uncalibrated log-odds.
    """
    return np.asarray(booster.predict(table, raw_score=True, num_iteration=rounds, num_threads=1), np.float64)


@dataclass
class Crossed:
    """One way, out-of-fold on the fitted rows and by its final fit elsewhere.

    Attributes:
        raw: (N,) uncalibrated log-odds.
        projections: Of the final fit, by block.
        booster: Of the final fit.
        best_rounds: Rounds by fold.
        rounds: Rounds of the final fit.
        search: The setting taken and the losses.
    """

    raw: np.ndarray
    projections: dict[str, Projection]
    booster: Any
    best_rounds: list[int]
    rounds: int
    search: dict[str, Any]


Folds = list[tuple[np.ndarray, np.ndarray]]


def cross_fit(way: Way, rows: np.ndarray, folds: Folds) -> Crossed:
    """Score the fitted rows out-of-fold, then fit the final model, which scores every other row.

    The final model has the setting with the least mean loss over all folds, for the median of its rounds.

    Args:
        way: Feature set and data.
        rows: Positions of the rows to fit on.
        folds: (training, held-out) positions within `rows`.

    Returns:
        Scores of all rows and the final fit.
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
    """Fit every feature set and a logistic regression, out-of-fold.

    Args:
        data: Log-odds and embeddings of the members.
        spec: Folds, projection, boosting.
        report: Receives the progress.
        sets: Feature sets, stage 3's own among them.
        rows: Positions of the rows to fit on.
        calibrate: Positions of the rows on which the temperatures are fitted.

    Returns:
        Stage 3 and its rivals.
    """
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
    """Cut rows into folds by group, with labels spread evenly.

    Args:
        y: (N,) labels.
        groups: (N,) groups; none stands on both sides of a fold.
        folds: Most folds; fewer where a class has fewer groups.
        seed: Seed of the cut.

    Returns:
        (training, held-out) positions of each fold.

    Raises:
        ValueError: There are too few groups, or a training part would hold one class.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    count = len(np.unique(groups))
    if count < 4:
        raise ValueError(f"stage 3 needs at least four groups to learn from, and there are {count}: add data")
    per_class = [len(np.unique(groups[y == label])) for label in (0, 1)]
    if min(per_class) < 3:
        raise ValueError(f"stage 3 needs three groups of either class, and there are {per_class[0]} and {per_class[1]}")
    splitter = StratifiedGroupKFold(min(folds, *per_class), shuffle=True, random_state=seed)
    cuts = list(splitter.split(np.zeros(len(y)), y, groups))
    for train, _ in cuts:
        if len(np.unique(y[train])) < 2:
            raise ValueError("a fold's training part holds one class only: use fewer folds or more data")
    return cuts


def hold_out(rows: np.ndarray, groups: np.ndarray, y: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Cut the groups of some rows into a part to fit on and a part to watch, both classes in both.

    Args:
        rows: Positions.
        groups: (N,) groups of all rows.
        y: (N,) labels of all rows.
        seed: Seed of the cut.

    Returns:
        (positions to fit on, positions to watch: HELD_OUT_SHARE of the groups).
    """
    from sklearn.model_selection import StratifiedGroupKFold

    splitter = StratifiedGroupKFold(round(1 / HELD_OUT_SHARE), shuffle=True, random_state=seed)
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
