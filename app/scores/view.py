"""What the page Evaluate judges: one detector's units at a level, what failed, figures and slices kept by their key."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from app.scores.detector import DRAWS, DetectorScores, stamp_of
from core.artifacts.files import read_json
from core.evaluate.thresholds import threshold_rows
from core.metrics.all_metrics import all_metrics
from core.metrics.grouped_reliability import grouped_reliability
from core.metrics.levels import CALIBRATED, at_level, available_levels, ranks_of
from core.metrics.reliability import Binning, Convention, Reliability
from core.metrics.risk_band import RiskBand, risk_band
from core.metrics.slices import MOST_VALUES, slices
from core.metrics.unscored import coverage_report
from core.policies.replay.transport import Cell, auroc_matrix

SLICE_DRAWS = 200
FIRST_STAGE = (0.90, 0.95, 0.98, 0.99)
ITEMS_A_SECOND = 150_000
"""Judged with all intervals, on one slow core; measured at a million items of 10,000 groups."""
NO_SLICES = ("sample_id", "group", "label", "p_fake", "items", "path", "called", "split", "reason")


@dataclass(frozen=True)
class View:
    """One detector on one split at one level. pooling: how frames of a clip become one score."""

    scores: DetectorScores
    split: str
    level: str = "frame"
    pooling: str = "mean_log_odds"
    stamp: float = 0.0

    @classmethod
    def of(cls, scores: DetectorScores, split: str, level: str = "frame", pooling: str = "mean_log_odds") -> View:
        """With the moment when the scores were written, so that new ones are judged anew."""
        return cls(scores, split, level, pooling, stamp_of(scores))

    @property
    def frame(self) -> pd.DataFrame:
        """One row a unit: sample_id, group, dataset, label, p_fake, items. Not to be changed in place."""
        return _units(self)

    @property
    def p_fake(self) -> np.ndarray:
        return self.frame["p_fake"].to_numpy(np.float64)

    @property
    def labels(self) -> np.ndarray:
        return self.frame["label"].to_numpy(np.int64)

    @property
    def groups(self) -> np.ndarray:
        """(N,) integer codes, ascending with the groups' names: to sort a million names costs a second each time."""
        return _group_codes(self)


def reference(scores: DetectorScores) -> str:
    """A detector's name in a link: room and folder of its scores, then the member."""
    folder = scores.source.folder if scores.source else scores.run
    assert folder is not None
    return "/".join([folder.parent.name, folder.name, *([scores.member] if scores.source else [])])


@lru_cache(maxsize=4)
def _table(view: View) -> pd.DataFrame:
    table = view.scores.frame(view.split)
    words = [name for name in ("video", "method", "compression") if name in table]
    return table.assign(**{name: table[name].fillna("").astype(str) for name in words})


def levels_of(scores: DetectorScores, split: str) -> list[str]:
    """Levels that this table can be judged at."""
    return list(available_levels(_table(View.of(scores, split))))


@lru_cache(maxsize=8)
def _units(view: View) -> pd.DataFrame:
    table = _table(view)
    return at_level(table[table["p_fake"].notna()].reset_index(drop=True), view.level, view.pooling)  # type: ignore[arg-type]


@lru_cache(maxsize=8)
def _group_codes(view: View) -> np.ndarray:
    return pd.factorize(view.frame["group"].astype(str), sort=True)[0]


def rounded(view: View) -> int:
    """Items whose p_fake is 0 or 1 in a double though their log-odds are known and differ."""
    z = ranks_of(view.frame)
    if z is None:
        return 0
    ends = (view.p_fake == 0) | (view.p_fake == 1)
    return int(ends.sum()) if np.unique(z[ends]).size > 1 else 0


@lru_cache(maxsize=64)
def measured(view: View, threshold: float) -> dict[str, dict[str, Any]]:
    """All figures with 95 % intervals over groups, called fake from `threshold`."""
    return all_metrics(
        view.p_fake, view.labels, view.groups, draws=DRAWS, threshold=threshold, log_odds=ranks_of(view.frame)
    )


@lru_cache(maxsize=16)
def band(view: View) -> RiskBand:
    """Risk against coverage with its interval."""
    return risk_band(view.p_fake, view.labels, view.groups, log_odds=ranks_of(view.frame))


@lru_cache(maxsize=16)
def sources(view: View) -> list[Cell]:
    """AUROC of every data set's fakes against every data set's reals, with intervals; empty with one class."""
    ranks = ranks_of(view.frame)
    return auroc_matrix(view.frame.assign(ranked_by=view.p_fake if ranks is None else ranks), "ranked_by")


@lru_cache(maxsize=16)
def reliability_of(view: View, which: Convention, binning: Binning) -> Reliability:
    """Stated against observed shares, with the intervals of the board."""
    return grouped_reliability(view.p_fake, view.labels, view.groups, 15, which, binning, draws=DRAWS)


@lru_cache(maxsize=16)
def first_stage(view: View) -> list[dict[str, Any]]:
    """Filtration and leakage at the customary confidences."""
    return threshold_rows(view.p_fake, view.labels, view.groups, FIRST_STAGE, draws=DRAWS)


def seconds(view: View) -> int:
    """About how long its figures take the first time; then they are kept."""
    return round(len(view.frame) / ITEMS_A_SECOND)


def columns_of(view: View) -> list[str]:
    """Columns whose values make slices, `dataset` first."""
    frame = view.frame
    found = [c for c in frame.columns if c not in NO_SLICES and not c.startswith(("p_", "log_odds", CALIBRATED))]
    found = [c for c in found if 1 < frame[c].astype(str).nunique() <= MOST_VALUES]
    return sorted(found, key=lambda name: (name != "dataset", name))


@lru_cache(maxsize=32)
def sliced(view: View, column: str) -> dict[str, Any]:
    """`core.metrics.slices.slices` by one column."""
    of = view.frame[column].fillna("").astype(str).replace("", "(none)").to_numpy()
    options = {"draws": SLICE_DRAWS, "n_bins": 15, "seed": 0}
    return slices(view.p_fake, view.labels, view.groups, of, log_odds=ranks_of(view.frame), **options)  # type: ignore[arg-type]


def slice_rows(found: dict[str, Any], figure: str) -> pd.DataFrame:
    """One row a value of the column: source, value, low, high, n, fake, groups, against; slices where the figure is
    undefined have value NaN. A slice of one class is ranked against all items of the other, and `against` says so.
    """
    rows = []
    for name, part in found.items():
        of = part["metrics"][figure]
        against = ""
        if of["value"] is None and figure in part.get("against", {}):
            of, against = part["against"][figure], part["against_what"]
        rows.append({"source": name, **of, "n": part["n"], "fake": part["n_fake"], "groups": part["groups"],
                     "against": against})  # fmt: skip
    return pd.DataFrame(rows).astype({"value": float, "low": float, "high": float})


@lru_cache(maxsize=16)
def coverage(view: View) -> dict[str, Any]:
    """`core.metrics.unscored.coverage_report`: of the run's own report where it has one for this split, else counted
    from the rows without a score. Always by item.
    """
    run = view.scores.run
    if run is not None and (run / "evaluation_report.json").is_file():
        report = read_json(run / "evaluation_report.json")
        if report.get("split") == view.split and "coverage" in report:
            return dict(report["coverage"])
    table = _table(view)
    lost = table["p_fake"].isna()
    reasons = table["reason"] if "reason" in table else pd.Series("no score is given", index=table.index)
    failed = table[lost].assign(reason=reasons[lost])
    known = table[~lost]
    p, y = known["p_fake"].to_numpy(np.float64), known["label"].to_numpy(np.int64)
    return coverage_report(p, y, failed, log_odds=ranks_of(known))
