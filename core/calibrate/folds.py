"""Whole groups dealt out, so that what is measured was never fitted."""

from __future__ import annotations

import numpy as np

from core.calibrate.base import Calibrator
from core.predictions import Predictions


def dealt(groups: np.ndarray, labels: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """(N,) fold of each item, 0 ... folds - 1: whole groups, those with fakes and those without dealt apart.

    Raises ValueError when there are fewer groups than folds."""
    rng = np.random.default_rng(seed)
    names = np.unique(groups)
    if names.size < folds:
        raise ValueError(f"{names.size} group(s) cannot be dealt into {folds} folds: too few to hold some out")
    with_fakes = np.isin(names, np.unique(groups[labels == 1]))
    order = np.concatenate([rng.permutation(np.flatnonzero(kind)) for kind in (with_fakes, ~with_fakes)])
    fold_of = np.empty(names.size, np.int64)
    fold_of[order] = np.arange(names.size) % folds
    return fold_of[np.searchsorted(names, groups)]


def out_of_fold(kind: type[Calibrator], predictions: Predictions, folds: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """(p_fake (N,) of each item by a calibrator that saw no item of its group, warnings of the fits).

    Raises ValueError where a fit is refused, one class in a fold's complement included."""
    z, y = predictions.log_odds, predictions.labels
    p, warnings = np.full(y.size, np.nan), []
    for fold in range(int(folds.max()) + 1):
        out = folds == fold
        made = kind().fit(z[~out], y[~out])
        p[out] = made.transform(z[out])
        warnings += [w for w in made.warnings if w not in warnings]
    return p, warnings
