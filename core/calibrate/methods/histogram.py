"""Histogram binning: every bin of scores gets its own share of fakes (Zadrozny & Elkan 2001)."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from pydantic import model_validator
from scipy.optimize import isotonic_regression

from core.calibrate.base import Calibrator, Fitted, calibrators

HISTOGRAM_BINS = 15


class HistogramFitted(Fitted):
    """edges: (B - 1,) inner edges in log-odds, ascending; an item on an edge lies under it. p_fake: (B,)."""

    method: Literal["histogram"] = "histogram"
    edges: list[float]
    p_fake: list[float]

    @model_validator(mode="after")
    def _ordered(self) -> HistogramFitted:
        edges, p = np.array(self.edges), np.array(self.p_fake)
        if p.size != edges.size + 1 or not (np.isfinite(edges).all() and np.isfinite(p).all()):
            raise ValueError("p_fake must hold one finite value more than edges")
        if (np.diff(edges) <= 0).any() or (np.diff(p) < 0).any() or p[0] < 0 or p[-1] > 1:
            raise ValueError("edges must ascend and p_fake must not descend within [0, 1]")
        return self


class Histogram(Calibrator):
    """HISTOGRAM_BINS bins of equal mass, ties together; p_fake of a bin is its share of fakes.

    Bins that fall where they should rise are pooled with their neighbours, for a calibrator must not turn the order of
    items round; without such bins this is plain histogram binning.
    """

    name = "histogram"
    document = HistogramFitted

    def _fit(self, z: np.ndarray, y: np.ndarray) -> tuple[dict[str, Any], list[str]]:
        ordered = np.sort(z)
        cuts = np.ceil(np.arange(1, HISTOGRAM_BINS) * z.size / HISTOGRAM_BINS).astype(np.int64) - 1
        edges = np.unique(ordered[cuts])
        edges = edges[edges < ordered[-1]]
        index = np.searchsorted(edges, z, side="left")
        count = np.bincount(index, minlength=edges.size + 1)
        rate = np.bincount(index, y, edges.size + 1) / count
        pooled = np.clip(isotonic_regression(rate, weights=count).x, 0.0, 1.0)
        warnings = []
        if not np.array_equal(pooled, rate):
            warnings.append("some bins were pooled: their shares of fakes fell as the score rose")
        if pooled[0] == 0.0 or pooled[-1] == 1.0:
            warnings.append("p_fake is exactly 0 or 1 at the ends; so few items do not support such certainty")
        if count.min() < 20:
            warnings.append(f"a bin holds only {int(count.min())} item(s): its share of fakes is unreliable")
        return {"edges": edges.tolist(), "p_fake": pooled.tolist()}, warnings

    def _transform(self, z: np.ndarray) -> np.ndarray:
        return np.array(self.fitted.p_fake)[np.searchsorted(self.fitted.edges, z, side="left")]


calibrators.add(Histogram.name, Histogram)
