"""One detector's threshold analysis in the browser: every number and curve moves with the sliders, at any n."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from app.scores import view as judging
from app.scores.detector import DRAWS
from app.scores.view import View
from app.ui.components import component, pairs
from core.metrics.rate_bands import RateBands, rate_bands
from core.metrics.reliability import bin_of
from core.policies.boards.threshold_table import ThresholdTable

CURVES = ("roc", "det")
RELIABILITY_BINS = 15
"""As many as every other ECE of the page is taken in."""
FIXED = {"auroc": "auroc", "eer": "eer", "ece": "ece_binary_width"}
"""Figures that no threshold moves, by their name on the board and in the catalogue."""


@dataclass(frozen=True)
class ThresholdAnswer:
    """Where the sliders rest. threshold: called fake at p_fake >= this; None before the first move. prevalence: share
    of fakes asked about; None: that of the items. curve: of CURVES.
    """

    threshold: float | None
    prevalence: float | None
    curve: str = "roc"


@dataclass(frozen=True)
class ThresholdEvidence:
    """What the board draws: counts, their intervals, what no threshold moves.

    bins: (RELIABILITY_BINS, 4) reals, fakes, and sum of p_fake of the reals and of the fakes. fixed: by the names of
    FIXED, {value, low, high, note}.
    """

    table: ThresholdTable
    bands: RateBands
    bins: np.ndarray
    fixed: Mapping[str, Mapping[str, Any]]

    @classmethod
    def build(
        cls, p_fake: np.ndarray, labels: np.ndarray, groups: np.ndarray | None, exact: float,
        figures: Mapping[str, Mapping[str, Any]], draws: int = DRAWS,
    ) -> ThresholdEvidence:  # fmt: skip
        """p_fake, labels, groups: (N,). exact: a threshold at which counts are exact, as at 0.5. figures: of
        `core.metrics.all_metrics`, with as many draws.
        """
        even = np.linspace(0.0, 1.0, RELIABILITY_BINS + 1)
        edges = np.nextafter(even[1:-1], 2.0)  # "from just above the edge" puts the edge itself into the table
        table = ThresholdTable.build(p_fake, labels, thresholds=(0.5, exact, *edges.tolist()))
        at, size = bin_of(p_fake, even), RELIABILITY_BINS
        of = [labels == 0, labels == 1]
        sums = [np.bincount(at[own], minlength=size) for own in of]
        sums += [np.bincount(at[own], p_fake[own], size) for own in of]
        bands = rate_bands(table.edges, p_fake, labels, groups, draws=draws)
        return cls(table, bands, np.stack(sums, 1), {name: figures[key] for name, key in FIXED.items()})

    def to_document(self) -> dict[str, Any]:
        """JSON: some 150 kB whatever the number of items."""
        edges = self.table.edges
        middle, n = (edges[:-1] + edges[1:]) / 2, int(self.table.counts.sum())
        bars = 20 if n < 2000 else 40
        even = np.linspace(0.0, 1.0, RELIABILITY_BINS + 1)
        return {
            "table": self.table.to_document(),
            "rates": self.bands.to_document(),
            "bars": [pairs(of) for of in self.bands.bars(np.minimum(bars - 1, (middle * bars).astype(int)))],
            "bins": self.bins.tolist(),
            "reliability": pairs(self.bands.reliability(np.searchsorted(even, edges[1:], side="left") - 1)),
            "fixed": {name: dict(of) for name, of in self.fixed.items()},
        }


@lru_cache(maxsize=8)
def evidence_of(view: View, exact: float) -> ThresholdEvidence:
    """Of a detector's units, with the headline's own figures and intervals."""
    figures = judging.measured(view, exact)
    return ThresholdEvidence.build(view.p_fake, view.labels, view.groups, exact, figures)


def threshold_data(
    evidence: ThresholdEvidence, threshold: float, prevalence: float | None, curve: str = "roc", identity: str = "",
    about: str = "",
) -> dict[str, Any]:  # fmt: skip
    """JSON that the board draws from."""
    return evidence.to_document() | {
        "start": evidence.table.index(threshold),
        "prevalence": prevalence,
        "curve": curve,
        "identity": identity,
        "about": about,
    }


def threshold_board(
    evidence: ThresholdEvidence,
    threshold: float = 0.5,
    prevalence: float | None = None,
    curve: str = "roc",
    identity: str = "",
    about: str = "",
    key: str = "thresholds",
) -> ThresholdAnswer:
    """Draw the board.

    threshold: where the slider starts; the one that `evidence` is exact at. prevalence: where the base-rate slider
    starts. curve: drawn at first. identity: when it changes the board starts anew. about: what was judged, in words,
    for saved pictures. The server hears of a move when the hand has rested.
    """
    data = threshold_data(evidence, threshold, prevalence, curve, identity, about)
    result = component("threshold_board")(data=data, key=key, on_at_change=lambda: None)
    at = getattr(result, "at", None)
    if not at:
        return ThresholdAnswer(None, prevalence, curve)
    return ThresholdAnswer(evidence.table.threshold(int(at["index"])), at["prevalence"], at["curve"])
