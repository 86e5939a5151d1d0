"""Which fakes can be told from which reals: AUROC of every fake source against every real source."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from core.evaluate.metrics import auroc


@dataclass(frozen=True)
class CrossAuroc:
    """auroc: (F, R), fake source by real source. n_fake: (F,), n_real: (R,) items. macro: the plain mean of `auroc`.

    A value of .5 is a coin; a column or row that stands out is a source that is recognised, or missed, as such."""

    fakes: tuple[str, ...]
    reals: tuple[str, ...]
    auroc: np.ndarray
    n_fake: np.ndarray
    n_real: np.ndarray

    @property
    def macro(self) -> float:
        return float(self.auroc.mean())


def cross_auroc(scores: ArrayLike, labels: ArrayLike, sources: ArrayLike) -> CrossAuroc | None:
    """scores: (N,) higher = more fake; labels: (N,), 1 = fake; sources: (N,) names. None with one class only."""
    s, y, of = np.asarray(scores, np.float64), np.asarray(labels), np.asarray(sources).astype(str)
    fakes, reals = np.unique(of[y == 1]), np.unique(of[y == 0])
    if not fakes.size or not reals.size:
        return None
    table = np.empty((fakes.size, reals.size))
    for i, fake in enumerate(fakes):
        for j, real in enumerate(reals):
            rows = ((of == fake) & (y == 1)) | ((of == real) & (y == 0))
            table[i, j] = auroc(s[rows], y[rows])
    count = [
        np.array([int(((of == name) & (y == label)).sum()) for name in names])
        for names, label in ((fakes, 1), (reals, 0))
    ]
    return CrossAuroc(tuple(map(str, fakes)), tuple(map(str, reals)), table, *count)
