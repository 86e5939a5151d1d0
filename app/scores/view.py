"""Prepare what the page Evaluate shows: one detector's units at one level, its figures, slices and failed items."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from app.scores.detector import DRAWS, RUN_REPORT, DetectorScores, scores_written_at
from core.artifacts.files import read_json
from core.evaluate.thresholds import threshold_rows
from core.metrics.all_metrics import all_metrics
from core.metrics.grouped_reliability import grouped_reliability
from core.metrics.levels import CALIBRATED, at_level, ranks_of, usable_levels
from core.metrics.reliability import Binning, Convention, Reliability
from core.metrics.risk_band import RiskBand, risk_band
from core.metrics.slices import MOST_VALUES, slices
from core.metrics.unscored import coverage_report
from core.policies.replay.transport import Cell, auroc_matrix

LEVEL_UNITS = {"frame": "items", "track": "tracks", "video": "videos"}
"""What one row is called at each level."""
RELIABILITY_BINS = 15
"""Bins of every ECE and of every reliability chart of the pages, where a reader does not choose another number."""
SLICE_DRAWS = 200
FIRST_STAGE_CONFIDENCES = (0.90, 0.95, 0.98, 0.99)
ITEMS_A_SECOND = 150_000
"""Items whose figures and intervals are computed in one second on one slow core; measured on a million items of 10,000
groups."""
NO_SLICE_COLUMNS = ("sample_id", "group", "label", "p_fake", "items", "path", "called", "split", "reason")


@dataclass(frozen=True)
class View:
    """One detector on one split at one level. Equal views have equal figures, so they are the key of every cache.

    Attributes:
        scores: The detector.
        split: Name of the split.
        level: "frame", "track" or "video": what one row is.
        pooling: How the frames of a clip become one score.
        stamp: When the scores were written, so that new scores are evaluated anew.
    """

    scores: DetectorScores
    split: str
    level: str = "frame"
    pooling: str = "mean_log_odds"
    stamp: float = 0.0

    @classmethod
    def of(cls, scores: DetectorScores, split: str, level: str = "frame", pooling: str = "mean_log_odds") -> View:
        """Make a view with the time at which the scores were written.

        Args:
            scores: The detector.
            split: One of `scores.splits()`.
            level: One of `levels_of`.
            pooling: Registered name of a pooling rule.

        Returns:
            The view.
        """
        return cls(scores, split, level, pooling, scores_written_at(scores))

    @property
    def frame(self) -> pd.DataFrame:
        """One row for each unit: sample_id, group, dataset, label, p_fake, items. Not to be changed in place."""
        return _units(self)

    @property
    def p_fake(self) -> np.ndarray:
        """(N,) calibrated probabilities of fake."""
        return self.frame["p_fake"].to_numpy(np.float64)

    @property
    def labels(self) -> np.ndarray:
        """(N,) 0 = real, 1 = fake."""
        return self.frame["label"].to_numpy(np.int64)

    @property
    def groups(self) -> np.ndarray:
        """(N,) integer codes, ascending with the names of the groups. They are kept: sorting names is slow."""
        return _group_codes(self)


def reference(scores: DetectorScores) -> str:
    """Name a detector in a link: the parent folder, the folder of its scores, then the member."""
    folder = scores.folder
    return "/".join([folder.parent.name, folder.name, *([scores.member] if scores.source else [])])


@lru_cache(maxsize=4)
def _table(view: View) -> pd.DataFrame:
    table = view.scores.frame(view.split)
    text_columns = [name for name in ("video", "method", "compression") if name in table]
    return table.assign(**{name: table[name].fillna("").astype(str) for name in text_columns})


@lru_cache(maxsize=16)
def _levels(view: View) -> tuple[tuple[str, ...], list[str]]:
    return usable_levels(_table(view))


def levels_of(scores: DetectorScores, split: str) -> list[str]:
    """List the levels at which a table can be evaluated.

    Args:
        scores: The detector.
        split: One of `scores.splits()`.

    Returns:
        Keys of LEVEL_UNITS, "frame" first.
    """
    return list(_levels(View.of(scores, split))[0])


def levels_left_out(scores: DetectorScores, split: str) -> list[str]:
    """Say which levels cannot be judged, because two clips share a name.

    Args:
        scores: Those of one detector.
        split: Name of the split.

    Returns:
        One sentence for each such level.
    """
    return _levels(View.of(scores, split))[1]


@lru_cache(maxsize=8)
def _units(view: View) -> pd.DataFrame:
    table = _table(view)
    return at_level(table[table["p_fake"].notna()].reset_index(drop=True), view.level, view.pooling)  # type: ignore[arg-type]


@lru_cache(maxsize=8)
def _group_codes(view: View) -> np.ndarray:
    return pd.factorize(view.frame["group"].astype(str), sort=True)[0]


def rounded(view: View) -> int:
    """Count the units whose p_fake is exactly 0 or 1 in a double although their known log-odds differ."""
    z = ranks_of(view.frame)
    if z is None:
        return 0
    ends = (view.p_fake == 0) | (view.p_fake == 1)
    return int(ends.sum()) if np.unique(z[ends]).size > 1 else 0


@lru_cache(maxsize=64)
def measured(view: View, threshold: float) -> dict[str, dict[str, Any]]:
    """Compute all figures with 95 % intervals over groups.

    Args:
        view: What is evaluated.
        threshold: Units with p_fake at or above it are called fake.

    Returns:
        {value, low, high, note} by the name of the figure in `core.metrics.catalogue`.
    """
    return all_metrics(
        view.p_fake, view.labels, view.groups, draws=DRAWS, threshold=threshold, log_odds=ranks_of(view.frame)
    )


@lru_cache(maxsize=16)
def band(view: View) -> RiskBand:
    """Compute the error rate over coverage with its interval."""
    return risk_band(view.p_fake, view.labels, view.groups, log_odds=ranks_of(view.frame))


@lru_cache(maxsize=16)
def sources(view: View) -> list[Cell]:
    """Compute the AUROC of every data set's fakes against every data set's reals; empty with one class only."""
    ranks = ranks_of(view.frame)
    return auroc_matrix(view.frame.assign(ranked_by=view.p_fake if ranks is None else ranks), "ranked_by")


@lru_cache(maxsize=16)
def reliability_of(view: View, which: Convention, binning: Binning) -> Reliability:
    """Compute stated and observed shares by bin, with the same intervals as the board.

    Args:
        view: What is evaluated.
        which: "binary" (p_fake against the share of fakes) or "top_label" (confidence against the share right).
        binning: "width" or "mass".

    Returns:
        RELIABILITY_BINS bins.
    """
    return grouped_reliability(view.p_fake, view.labels, view.groups, RELIABILITY_BINS, which, binning, draws=DRAWS)


@lru_cache(maxsize=16)
def first_stage(view: View) -> list[dict[str, Any]]:
    """Compute filtration and leakage at the confidences FIRST_STAGE_CONFIDENCES."""
    return threshold_rows(view.p_fake, view.labels, view.groups, FIRST_STAGE_CONFIDENCES, draws=DRAWS)


def seconds(view: View) -> int:
    """Estimate how long the figures of a view take when they are computed for the first time."""
    return round(len(view.frame) / ITEMS_A_SECOND)


def columns_of(view: View) -> list[str]:
    """List the columns whose values make slices, `dataset` first."""
    frame = view.frame
    names = [c for c in frame.columns if c not in NO_SLICE_COLUMNS and not c.startswith(("p_", "log_odds", CALIBRATED))]
    names = [c for c in names if 1 < frame[c].astype(str).nunique() <= MOST_VALUES]
    return sorted(names, key=lambda name: (name != "dataset", name))


@lru_cache(maxsize=32)
def sliced(view: View, column: str) -> dict[str, Any]:
    """Compute `core.metrics.slices.slices` by one column.

    Args:
        view: What is evaluated.
        column: One of `columns_of`.

    Returns:
        Figures with intervals by value of the column; an empty value is called "(none)".
    """
    values = view.frame[column].fillna("").astype(str).replace("", "(none)").to_numpy()
    options = {"draws": SLICE_DRAWS, "n_bins": RELIABILITY_BINS, "seed": 0}
    return slices(view.p_fake, view.labels, view.groups, values, log_odds=ranks_of(view.frame), **options)  # type: ignore[arg-type]


def slice_rows(by_value: dict[str, Any], figure: str) -> pd.DataFrame:
    """Lay out one figure of every slice as a table.

    A slice that holds one class only is ranked against all items of the other class, and `against` says so.

    Args:
        by_value: As `sliced` returns it.
        figure: Name of a figure in `core.metrics.catalogue`.

    Returns:
        One row for each value: source, value, low, high, n, fake, groups, against. A slice where the figure is
        undefined has the value NaN.
    """
    rows = []
    for name, part in by_value.items():
        of = part["metrics"][figure]
        against = ""
        if of["value"] is None and figure in part.get("against", {}):
            of, against = part["against"][figure], part["against_what"]
        rows.append({"source": name, **of, "n": part["n"], "fake": part["n_fake"], "groups": part["groups"],
                     "against": against})  # fmt: skip
    return pd.DataFrame(rows).astype({"value": float, "low": float, "high": float})


@lru_cache(maxsize=16)
def coverage(view: View) -> dict[str, Any]:
    """Count the items without a score and bound what they could change. Items are counted, whatever the level.

    The run's own report is used where it has one for this split, because it knows more reasons.

    Args:
        view: What is evaluated.

    Returns:
        As `core.metrics.unscored.coverage_report`.
    """
    run = view.scores.run
    if run is not None and (run / RUN_REPORT).is_file():
        report = read_json(run / RUN_REPORT)
        if report.get("split") == view.split and "coverage" in report:
            return dict(report["coverage"])
    table = _table(view)
    lost = table["p_fake"].isna()
    reasons = table["reason"] if "reason" in table else pd.Series("no score is given", index=table.index)
    failed = table[lost].assign(reason=reasons[lost])
    scored = table[~lost]
    p, y = scored["p_fake"].to_numpy(np.float64), scored["label"].to_numpy(np.int64)
    return coverage_report(p, y, failed, log_odds=ranks_of(scored))
