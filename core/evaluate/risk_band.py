"""How far the risk-coverage curve may be off: the same curve under the bootstrap of groups."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from core.evaluate.draws import drawn_counts, rank_cells
from core.evaluate.metrics import probabilities
from core.evaluate.reliability import convention


@dataclass(frozen=True)
class RiskBand:
    """One entry a step of confidence, the surest first, all (K,). confidence: items at least this sure are accepted.
    coverage: accepted / N. risk: errors / accepted. low, high: 95 % interval of that risk, NaN without draws."""

    confidence: np.ndarray
    coverage: np.ndarray
    risk: np.ndarray
    low: np.ndarray
    high: np.ndarray


def risk_band(
    p_fake: ArrayLike, labels: ArrayLike, groups: ArrayLike | None = None, *, draws: int = 300, seed: int = 0
) -> RiskBand:
    """`core.evaluate.selective.risk_coverage` with an interval at each step (percentiles over draws of groups).

    p_fake: (N,) in [0, 1]; labels: (N,), 1 = fake; groups: (N,) names, None: every item its own. At most some hundred
    steps: past that, items of nearly equal confidence are accepted together. The interval at a step is that of the
    error among items at least so sure. draws 0: no intervals. Raises ValueError on bad input."""
    sure, right = convention(*probabilities(p_fake, labels), "top_label")
    cell, size = rank_cells(sure)
    wrong = 1 - right.astype(np.int64)
    counts = np.bincount(2 * cell + wrong, minlength=2 * size).reshape(size, 2)[::-1]
    accepted, errors = np.cumsum(counts.sum(1)), np.cumsum(counts[:, 1])
    lowest = np.full(size, np.inf)
    np.minimum.at(lowest, cell, sure)
    low = high = np.full(size, np.nan)
    if draws:
        good, bad = drawn_counts(cell, size, wrong, groups, draws, np.random.default_rng(seed))
        taken, failed = (np.cumsum(part[:, ::-1], 1) for part in (good + bad, bad))
        risk = np.where(taken > 0, failed / np.maximum(taken, 1.0), np.nan)
        known = np.isfinite(risk).sum(0) >= draws / 2
        low, high = np.full(size, np.nan), np.full(size, np.nan)
        low[known], high[known] = np.nanquantile(risk[:, known], [0.025, 0.975], axis=0)
    held = counts.sum(1) > 0
    part = (lowest[::-1], accepted / cell.size, errors / np.maximum(accepted, 1), low, high)
    return RiskBand(*(values[held] for values in part))
