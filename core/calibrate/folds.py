"""Fold whole groups, so that no measured item was fitted."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from core.calibrate.base import Calibrator
from core.calibrate.held_out import HeldOut
from core.tables.predictions import Predictions


def dealt(groups: np.ndarray, labels: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """Divide whole groups into folds, those with fakes and those without apart.

    Args:
        groups: (N,) names of groups.
        labels: (N,) 0 = real, 1 = fake.
        folds: Number of folds.
        seed: Seed of the deal.

    Returns:
        (N,) fold of each item, 0 ... folds - 1.

    Raises:
        ValueError: There are fewer groups than folds.
    """
    rng = np.random.default_rng(seed)
    names = np.unique(groups)
    if names.size < folds:
        raise ValueError(f"{names.size} group(s) cannot be dealt into {folds} folds: too few to hold some out")
    with_fakes = np.isin(names, np.unique(groups[labels == 1]))
    order = np.concatenate([rng.permutation(np.flatnonzero(kind)) for kind in (with_fakes, ~with_fakes)])
    fold_of = np.empty(names.size, np.int64)
    fold_of[order] = np.arange(names.size) % folds
    return fold_of[np.searchsorted(names, groups)]


def out_of_fold(kind: type[Calibrator], predictions: Predictions, folds: np.ndarray) -> HeldOut:
    """Calibrate every item by a calibrator that saw no item of its group.

    Args:
        kind: Class of the calibrator.
        predictions: N uncalibrated predictions.
        folds: (N,) of `dealt`.

    Returns:
        The calibrated items.

    Raises:
        ValueError: A fit is refused, for example because the other folds hold one class.
    """
    return crossed(kind, predictions, folds, np.unique(folds))


def crossed(
    make: Callable[[], Calibrator], predictions: Predictions, side: np.ndarray, judged: Iterable[int]
) -> HeldOut:
    """Fit on the items outside each part and calibrate those inside.

    Args:
        make: Makes an unfitted calibrator.
        predictions: N uncalibrated predictions.
        side: (N,) part of each item.
        judged: Parts to calibrate.

    Returns:
        The calibrated items of these parts.
    """
    z, y = predictions.log_odds, predictions.labels
    p, keeps, warnings = np.full(y.size, np.nan), True, []
    for part in judged:
        out = side == part
        made = make().fit(z[~out], y[~out])
        p[out] = made.transform(z[out])
        keeps &= made.keeps_order
        warnings += [w for w in made.warnings if w not in warnings]
    rows = np.flatnonzero(~np.isnan(p))
    return HeldOut(rows, p[rows], side[rows], keeps, warnings)
