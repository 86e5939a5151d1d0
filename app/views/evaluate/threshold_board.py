"""Draw one detector's threshold board: every number and curve follows the sliders in the browser."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from app.scores import view as judging
from app.scores.detector import DRAWS
from app.scores.view import RELIABILITY_BINS, View
from app.ui.components import component, pairs
from core.metrics.rate_bands import RateBands, rate_bands
from core.metrics.reliability import bin_of
from core.policies.boards.threshold_table import ThresholdTable

CURVES = ("roc", "det")
FEW_BARS, MANY_BARS, MANY_ITEMS = 20, 40, 2000
"""Bars of the histogram: MANY_BARS from MANY_ITEMS items on."""
FIXED = {"auroc": "auroc", "eer": "eer", "ece": "ece_binary_width"}
"""Figures that do not depend on the threshold: name on the board -> name in the catalogue."""


@dataclass(frozen=True)
class ThresholdAnswer:
    """Where the sliders rest.

    Attributes:
        threshold: Items with p_fake at or above it are called fake; None before the first move.
        prevalence: Base rate that the reader asks about; None for the share of fakes among the items.
        curve: One of CURVES.
    """

    threshold: float | None
    prevalence: float | None
    curve: str = "roc"


@dataclass(frozen=True)
class ThresholdEvidence:
    """What the board draws.

    Attributes:
        table: Counts of reals and fakes by p_fake.
        bands: Intervals of the rates at each threshold.
        bins: (RELIABILITY_BINS, 4) reals, fakes, sum of p_fake of the reals, sum of p_fake of the fakes.
        fixed: {value, low, high, note} by the names of FIXED.
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
        """Count the items by p_fake and compute the intervals.

        Args:
            p_fake: (N,) probabilities of fake in [0, 1].
            labels: (N,) 0 = real, 1 = fake.
            groups: (N,) names or codes of groups; None where every item is its own group.
            exact: A threshold at which the counts are exact, besides 0.5 and the edges of the bins.
            figures: As `core.metrics.all_metrics.all_metrics` returns them, with the same number of draws.
            draws: Bootstrap draws of whole groups.

        Returns:
            The evidence.
        """
        even = np.linspace(0.0, 1.0, RELIABILITY_BINS + 1)
        # Bins are open on the left: a cut just above an edge keeps items on the edge in the lower bin.
        edges = np.nextafter(even[1:-1], 2.0)
        table = ThresholdTable.build(p_fake, labels, thresholds=(0.5, exact, *edges.tolist()))
        at, size = bin_of(p_fake, even), RELIABILITY_BINS
        classes = [labels == 0, labels == 1]
        sums = [np.bincount(at[own], minlength=size) for own in classes]
        sums += [np.bincount(at[own], p_fake[own], size) for own in classes]
        bands = rate_bands(table.edges, p_fake, labels, groups, draws=draws)
        return cls(table, bands, np.stack(sums, 1), {name: figures[key] for name, key in FIXED.items()})

    def to_document(self) -> dict[str, Any]:
        """Return JSON of about 150 kB, whatever the number of items."""
        edges = self.table.edges
        middle, n = (edges[:-1] + edges[1:]) / 2, int(self.table.counts.sum())
        bars = FEW_BARS if n < MANY_ITEMS else MANY_BARS
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
    """Compute the evidence of a view once, with the figures and intervals of the headline.

    Args:
        view: What is evaluated.
        exact: A threshold at which the counts are exact.

    Returns:
        The evidence.
    """
    figures = judging.measured(view, exact)
    return ThresholdEvidence.build(view.p_fake, view.labels, view.groups, exact, figures)


def threshold_data(
    evidence: ThresholdEvidence, threshold: float, prevalence: float | None, curve: str = "roc", identity: str = "",
    about: str = "",
) -> dict[str, Any]:  # fmt: skip
    """Return the JSON that the board draws from.

    Args:
        evidence: What is drawn.
        threshold: As in `threshold_board`.
        prevalence: As in `threshold_board`.
        curve: As in `threshold_board`.
        identity: As in `threshold_board`.
        about: As in `threshold_board`.

    Returns:
        JSON.
    """
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
    """Draw the board. The server receives a move of a slider once it rests.

    Args:
        evidence: What is drawn.
        threshold: Where its slider starts: the threshold at which the counts are exact.
        prevalence: Where the slider of the base rate starts; None for the share of fakes among the items.
        curve: One of CURVES, drawn at first.
        identity: When it changes, the board starts anew.
        about: What is evaluated, one sentence for saved pictures.
        key: Of the component, unique on the page.

    Returns:
        Where the sliders rest.
    """
    data = threshold_data(evidence, threshold, prevalence, curve, identity, about)
    result = component("threshold_board")(data=data, key=key, on_at_change=lambda: None)
    at = getattr(result, "at", None)
    if not at:
        return ThresholdAnswer(None, prevalence, curve)
    return ThresholdAnswer(evidence.table.threshold(int(at["index"])), at["prevalence"], at["curve"])
