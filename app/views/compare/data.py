"""Compute figures, differences and curves of two to six detectors on the items that all of them scored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import pandas as pd

from app.scores.detector import DRAWS, DetectorScores, scores_written_at
from app.views.compare.names import LETTERS, lettered
from core.metrics.all_metrics import all_metrics, drawn_metrics
from core.metrics.bootstrap_draws import drawn_counts, rank_cells
from core.metrics.catalogue import FIGURES
from core.metrics.delong import AurocDifference, compare_aurocs
from core.metrics.effective_groups import interval_from_draws, smallest_class
from core.metrics.grouped_reliability import grouped_reliability
from core.metrics.levels import CALIBRATED, at_level, ranks_of, usable_levels
from core.metrics.sweep import roc_points, sweep

FALSE_ALARM_GRID = np.linspace(0, 1, 101)
"""False-alarm rates at which the ROC curves and their bands are drawn."""
RELIABILITY_BINS = 10
"""Fewer than on Evaluate: several detectors share one chart."""
CLIP_COLUMNS = ("video", "track", "method", "compression")
"""Columns of text that a table may have; an empty cell counts as no value."""


class NotComparable(ValueError):
    """These detectors share no items, or disagree about the truth of one; the message says which."""


@dataclass(frozen=True)
class Comparison:
    """Two or more detectors on the same units.

    Attributes:
        names: Each detector's letter and name.
        frame: One row for each of the U shared units: sample_id, group, dataset, label.
        p_fake: (M, U) calibrated probabilities of fake, one row for each detector.
        log_odds: (U,) log-odds of p_fake for each detector; None where they are not known.
        left_out: For each detector, how many of its items another one lacks.
        level: What one unit is: "frame", "track" or "video".
        pooling: How the frames of a clip become one score.
    """

    names: tuple[str, ...]
    frame: pd.DataFrame
    p_fake: np.ndarray
    log_odds: tuple[np.ndarray | None, ...]
    left_out: tuple[int, ...]
    level: str
    pooling: str

    @property
    def labels(self) -> np.ndarray:
        """(U,) 0 = real, 1 = fake."""
        return self.frame["label"].to_numpy(np.int64)

    @cached_property
    def groups(self) -> np.ndarray:
        """(U,) integer codes, ascending with the names of the groups."""
        return pd.factorize(self.frame["group"].astype(str), sort=True)[0]

    @property
    def ranks(self) -> list[np.ndarray]:
        """What each detector ranks by, (U,) each: the log-odds where they are known, else p_fake."""
        return [p if z is None else z for p, z in zip(self.p_fake, self.log_odds, strict=True)]

    @property
    def both_classes(self) -> bool:
        """Whether there are reals and fakes among the shared units."""
        return len(np.unique(self.labels)) == 2


@dataclass(frozen=True)
class Question:
    """What is compared. Equal questions have equal answers, so they are the key of every cache.

    Attributes:
        chosen: The detectors, in the order of their letters.
        split: Name of the split.
        level: What one unit is: "frame", "track" or "video".
        pooling: How the frames of a clip become one score.
        stamps: When the scores of each detector were written.
    """

    chosen: tuple[DetectorScores, ...]
    split: str
    level: str
    pooling: str
    stamps: tuple[float, ...]

    @classmethod
    def of(cls, chosen: Sequence[DetectorScores], split: str, level: str, pooling: str) -> Question:
        """Make a question with the times at which the scores were written.

        Args:
            chosen: Two to six detectors.
            split: A split that all of them have.
            level: One of `levels_of`.
            pooling: Registered name of a pooling rule.

        Returns:
            The question.
        """
        return cls(tuple(chosen), split, level, pooling, tuple(scores_written_at(scores) for scores in chosen))


def _log_odds(table: pd.DataFrame) -> pd.Series:
    return table[CALIBRATED] if CALIBRATED in table else pd.Series(np.nan, index=table.index)


@lru_cache(maxsize=16)
def shared_items(chosen: tuple[DetectorScores, ...], split: str, stamps: tuple[float, ...]) -> pd.DataFrame:
    """Join the items of a split that every detector scored.

    Args:
        chosen: Two to six detectors.
        split: A split that all of them have.
        stamps: When their scores were written; part of the key of the cache.

    Returns:
        The first detector's columns, p_0, p_1, ... and their log-odds z_0, z_1, ..., NaN where they are not known. Not
        to be changed in place.

    Raises:
        NotComparable: There is no such item, or two tables give one item two labels.
    """
    tables = [scores.frame(split) for scores in chosen]
    tables = [t[t["p_fake"].notna()] for t in tables]
    first = tables[0]
    columns = [c for c in ("sample_id", "group", "dataset", "label", *CLIP_COLUMNS) if c in first]
    joined = first[columns].assign(p_0=first["p_fake"], z_0=_log_odds(first))
    joined["sample_id"] = joined["sample_id"].astype(str)
    for i, table in enumerate(tables[1:], 1):
        other = pd.DataFrame(
            {"sample_id": table["sample_id"].astype(str), "other": table["label"], f"p_{i}": table["p_fake"],
             f"z_{i}": _log_odds(table)}
        )  # fmt: skip
        joined = joined.merge(other, on="sample_id", how="inner")
        wrong = joined.loc[joined["label"] != joined["other"], "sample_id"]
        if len(wrong):
            raise NotComparable(
                f"{LETTERS[0]} and {LETTERS[i]} disagree about the label of {len(wrong):,} items, first "
                f"{wrong.iloc[0]!r}: they cannot be compared. Correct the labels of one of the two tables"
            )
        joined = joined.drop(columns="other")
        if joined.empty:
            raise NotComparable(
                f"{LETTERS[i]} has no item of {split} in common with the detectors before it: items are matched by "
                "their id. Choose detectors that scored the same data set"
            )
    return joined.assign(**{name: joined[name].fillna("").astype(str) for name in CLIP_COLUMNS if name in joined})


def levels_of(chosen: tuple[DetectorScores, ...], split: str, stamps: tuple[float, ...]) -> list[str]:
    """List the levels at which the shared items can be compared.

    Args:
        chosen: Two to six detectors.
        split: A split that all of them have.
        stamps: When their scores were written.

    Returns:
        Names of levels, "frame" first.
    """
    return list(usable_levels(shared_items(chosen, split, stamps))[0])


@lru_cache(maxsize=16)
def compared(question: Question) -> Comparison:
    """Bring the detectors to the same units.

    Raises:
        NotComparable: As `shared_items`.
    """
    items = shared_items(question.chosen, question.split, question.stamps)
    numbers = range(len(question.chosen))
    base = items.drop(columns=[f"{letter}_{i}" for i in numbers for letter in "pz"])
    units = []
    for i in numbers:
        own = base.assign(p_fake=items[f"p_{i}"])
        if items[f"z_{i}"].notna().all():
            own[CALIBRATED] = items[f"z_{i}"]
        units.append(at_level(own, question.level, question.pooling))  # type: ignore[arg-type]
    left_out = tuple(int(s.frame(question.split)["p_fake"].notna().sum()) - len(items) for s in question.chosen)
    p = np.stack([u["p_fake"].to_numpy(np.float64) for u in units])
    frame = units[0].drop(columns=["p_fake", CALIBRATED], errors="ignore").reset_index(drop=True)
    log_odds = tuple(ranks_of(u) for u in units)
    return Comparison(lettered(question.chosen), frame, p, log_odds, left_out, question.level, question.pooling)


@lru_cache(maxsize=16)
def measured(question: Question) -> tuple[dict[str, dict[str, Any]], ...]:
    """Compute all figures of each detector with 95 % intervals over groups."""
    shared = compared(question)
    return tuple(
        all_metrics(p, shared.labels, shared.groups, draws=DRAWS, log_odds=z)
        for p, z in zip(shared.p_fake, shared.log_odds, strict=True)
    )


@lru_cache(maxsize=16)
def auroc_differences(question: Question) -> tuple[AurocDifference, ...]:
    """Test the AUROC of every pair by DeLong's method for whole groups; p is adjusted by Holm. Empty with one class."""
    shared = compared(question)
    scores = dict(zip(LETTERS, shared.ranks, strict=False))
    return tuple(compare_aurocs(scores, shared.labels, shared.groups)) if shared.both_classes else ()


@lru_cache(maxsize=16)
def _drawn(question: Question) -> tuple[dict[str, np.ndarray], ...]:
    """Draw the figures of each detector; the same seed gives all detectors the same draws of groups."""
    shared = compared(question)
    if np.unique(shared.groups).size < 2:
        return tuple({} for _ in shared.p_fake)
    return tuple(
        drawn_metrics(p, shared.labels, shared.groups, DRAWS, log_odds=z)
        for p, z in zip(shared.p_fake, shared.log_odds, strict=True)
    )


def differences_of(question: Question, figure: str) -> pd.DataFrame:
    """Compute the differences of one figure for every pair, on the same draws of groups for both.

    Args:
        question: What is compared.
        figure: Name of a figure in `core.metrics.catalogue`.

    Returns:
        Columns source ("A - B"), value, low, high, and better: the letter of the better one, "no clear difference", or
        empty for a figure of which neither way is better.
    """
    points, drawn, rows = measured(question), _drawn(question), []
    group_count = smallest_class(compared(question).labels, compared(question).groups)
    for i in range(len(points)):
        for j in range(i + 1, len(points)):
            a, b = points[i][figure]["value"], points[j][figure]["value"]
            if a is None or b is None or figure not in drawn[i]:
                continue
            between = interval_from_draws(drawn[i][figure] - drawn[j][figure], group_count).interval
            low, high = between or (np.nan, np.nan)
            rows.append({"source": f"{LETTERS[i]} - {LETTERS[j]}", "value": a - b, "low": low, "high": high,
                         "better": _better(figure, low, high, LETTERS[i], LETTERS[j])})  # fmt: skip
    return pd.DataFrame(rows, columns=["source", "value", "low", "high", "better"])


def _better(figure: str, low: float, high: float, first: str, second: str) -> str:
    way = FIGURES[figure].better
    if not way or not (low > 0 or high < 0):
        return "no clear difference" if way else ""
    return first if (low > 0) == (way == "higher") else second


@lru_cache(maxsize=16)
def roc_bands(question: Question) -> pd.DataFrame:
    """Compute the ROC curve of each detector on a grid of false-alarm rates.

    Args:
        question: What is compared; both classes must be there.

    Returns:
        Columns detector, fpr, tpr, low, high (95 %, over groups).
    """
    shared, parts = compared(question), []
    for name, ranks in zip(shared.names, shared.ranks, strict=True):
        fpr, tpr, _ = roc_points(sweep(ranks, shared.labels))
        # Each draw gives counts by cell of equal rank; cumulated from the highest rank down they are its ROC curve.
        cell, size = rank_cells(ranks, shared.labels)
        reals, fakes = drawn_counts(cell, size, shared.labels, shared.groups, DRAWS, np.random.default_rng(0))
        alarms, hits = np.cumsum(reals[:, ::-1], 1), np.cumsum(fakes[:, ::-1], 1)
        usable = (alarms[:, -1] > 0) & (hits[:, -1] > 0)
        curves = np.stack([
            np.interp(FALSE_ALARM_GRID, np.append(0, a / a[-1]), np.append(0, h / h[-1]))
            for a, h in zip(alarms[usable], hits[usable], strict=True)
        ])  # fmt: skip
        low, high = np.quantile(curves, [0.025, 0.975], axis=0)
        parts.append(
            pd.DataFrame(
                {
                    "detector": name,
                    "fpr": FALSE_ALARM_GRID,
                    "tpr": np.interp(FALSE_ALARM_GRID, fpr, tpr),
                    "low": low,
                    "high": high,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


@lru_cache(maxsize=16)
def reliabilities(question: Question, n_bins: int = RELIABILITY_BINS) -> pd.DataFrame:
    """Compute the reliability of each detector: p_fake against the share of fakes in bins of equal mass.

    Args:
        question: What is compared.
        n_bins: Number of bins, at least 1.

    Returns:
        Columns detector, stated, observed, low, high (95 %, over groups), items; empty bins are left out.
    """
    shared, parts = compared(question), []
    for name, p in zip(shared.names, shared.p_fake, strict=True):
        r = grouped_reliability(p, shared.labels, shared.groups, n_bins, "binary", "mass")
        table = pd.DataFrame(
            {"stated": r.stated, "observed": r.observed, "low": r.low, "high": r.high, "items": r.count}
        )
        parts.append(table[table["items"] > 0].assign(detector=name))
    return pd.concat(parts, ignore_index=True)
