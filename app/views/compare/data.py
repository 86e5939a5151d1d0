"""Two to six detectors on the items that all of them scored: figures, differences, curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import pandas as pd

from app.scores.detector import DetectorScores, stamp_of
from core.metrics.all_metrics import all_metrics, drawn_metrics
from core.metrics.bootstrap_draws import drawn_counts, rank_cells
from core.metrics.catalogue import FIGURES
from core.metrics.delong import AurocDifference, compare_aurocs
from core.metrics.effective_groups import interval_from_draws, smallest_class
from core.metrics.grouped_reliability import grouped_reliability
from core.metrics.levels import CALIBRATED, at_level, available_levels, ranks_of
from core.metrics.sweep import roc_points, sweep

MOST = 6
LETTERS = "ABCDEF"
DRAWS = 400
GRID = np.linspace(0, 1, 101)
UNITS = ("video", "track", "method", "compression")


class NotComparable(ValueError):
    """These detectors share no items, or disagree about the truth of one; the message says which."""


@dataclass(frozen=True)
class Comparison:
    """names: a detector's letter and label. frame: one row a shared unit (sample_id, group, dataset, label). p_fake:
    (M, U), a row a detector. log_odds: of p_fake (U,), None where a detector's are not known. left_out: per detector,
    items that another one lacks.
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
        return self.frame["label"].to_numpy(np.int64)

    @cached_property
    def groups(self) -> np.ndarray:
        """(U,) integer codes, ascending with the groups' names."""
        return pd.factorize(self.frame["group"].astype(str), sort=True)[0]

    @property
    def ranks(self) -> list[np.ndarray]:
        """What each detector ranks by."""
        return [p if z is None else z for p, z in zip(self.p_fake, self.log_odds, strict=True)]

    @property
    def both_classes(self) -> bool:
        return len(np.unique(self.labels)) == 2


@dataclass(frozen=True)
class Question:
    """What is compared; equal questions have equal answers."""

    chosen: tuple[DetectorScores, ...]
    split: str
    level: str
    pooling: str
    stamps: tuple[float, ...]

    @classmethod
    def of(cls, chosen: Sequence[DetectorScores], split: str, level: str, pooling: str) -> Question:
        """With the moments when the scores were written, so that new ones are compared anew."""
        return cls(tuple(chosen), split, level, pooling, tuple(stamp_of(scores) for scores in chosen))


def titles(chosen: Sequence[DetectorScores]) -> tuple[str, ...]:
    """`A: title`, a letter each: what legends and tables call them."""
    return tuple(f"{letter}: {scores.label}" for letter, scores in zip(LETTERS, chosen, strict=False))


def _log_odds(table: pd.DataFrame) -> pd.Series:
    return table[CALIBRATED] if CALIBRATED in table else pd.Series(np.nan, index=table.index)


@lru_cache(maxsize=16)
def shared_items(chosen: tuple[DetectorScores, ...], split: str, stamps: tuple[float, ...]) -> pd.DataFrame:
    """The items of `split` that every detector scored: the first one's columns, p_0, p_1, ... and their log-odds z_0,
    z_1, ..., NaN where not known. Not to be changed.

    Raises NotComparable when there are none, or when two tables give one item two labels.
    """
    tables = [scores.frame(split) for scores in chosen]
    tables = [t[t["p_fake"].notna()] for t in tables]
    first = tables[0]
    kept = [c for c in ("sample_id", "group", "dataset", "label", *UNITS) if c in first]
    joined = first[kept].assign(p_0=first["p_fake"], z_0=_log_odds(first))
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
                f"{wrong.iloc[0]!r}: they cannot be judged together"
            )
        joined = joined.drop(columns="other")
        if joined.empty:
            raise NotComparable(
                f"{LETTERS[i]} has no item of {split} in common with those before it: items are matched by their id"
            )
    return joined.assign(**{name: joined[name].fillna("").astype(str) for name in UNITS if name in joined})


def levels_of(chosen: tuple[DetectorScores, ...], split: str, stamps: tuple[float, ...]) -> list[str]:
    """Levels at which the shared items can be compared."""
    return list(available_levels(shared_items(chosen, split, stamps)))


@lru_cache(maxsize=16)
def compared(question: Question) -> Comparison:
    """The detectors on the same units. Raises NotComparable."""
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
    return Comparison(titles(question.chosen), frame, p, log_odds, left_out, question.level, question.pooling)


@lru_cache(maxsize=16)
def measured(question: Question) -> tuple[dict[str, dict[str, Any]], ...]:
    """All figures of each detector with 95 % intervals over groups."""
    found = compared(question)
    return tuple(
        all_metrics(p, found.labels, found.groups, draws=DRAWS, log_odds=z)
        for p, z in zip(found.p_fake, found.log_odds, strict=True)
    )


@lru_cache(maxsize=16)
def auroc_differences(question: Question) -> tuple[AurocDifference, ...]:
    """DeLong for whole groups, every pair, p adjusted by Holm; empty where undefined."""
    found = compared(question)
    scores = dict(zip(LETTERS, found.ranks, strict=False))
    return tuple(compare_aurocs(scores, found.labels, found.groups)) if found.both_classes else ()


@lru_cache(maxsize=16)
def _drawn(question: Question) -> tuple[dict[str, np.ndarray], ...]:
    found = compared(question)
    if np.unique(found.groups).size < 2:
        return tuple({} for _ in found.p_fake)
    return tuple(
        drawn_metrics(p, found.labels, found.groups, DRAWS, log_odds=z)
        for p, z in zip(found.p_fake, found.log_odds, strict=True)
    )


def differences_of(question: Question, figure: str) -> pd.DataFrame:
    """Of one figure, every pair: source ("A less B"), value, low, high (the same draws of groups in both), better."""
    points, drawn, rows = measured(question), _drawn(question), []
    worth = smallest_class(compared(question).labels, compared(question).groups)
    for i in range(len(points)):
        for j in range(i + 1, len(points)):
            a, b = points[i][figure]["value"], points[j][figure]["value"]
            if a is None or b is None or figure not in drawn[i]:
                continue
            between = interval_from_draws(drawn[i][figure] - drawn[j][figure], worth).interval
            low, high = between or (np.nan, np.nan)
            rows.append({"source": f"{LETTERS[i]} less {LETTERS[j]}", "value": a - b, "low": low, "high": high,
                         "better": _better(figure, low, high, LETTERS[i], LETTERS[j])})  # fmt: skip
    return pd.DataFrame(rows, columns=["source", "value", "low", "high", "better"])


def _better(figure: str, low: float, high: float, first: str, second: str) -> str:
    way = FIGURES[figure].better
    if not way or not (low > 0 or high < 0):
        return "cannot tell" if way else ""
    return first if (low > 0) == (way == "higher") else second


@lru_cache(maxsize=16)
def roc_bands(question: Question) -> pd.DataFrame:
    """ROC of each detector on a grid of false-alarm rates: detector, fpr, tpr, low, high (95 %, over groups)."""
    found, parts = compared(question), []
    for name, ranks in zip(found.names, found.ranks, strict=True):
        fpr, tpr, _ = roc_points(sweep(ranks, found.labels))
        cell, size = rank_cells(ranks, found.labels)
        reals, fakes = drawn_counts(cell, size, found.labels, found.groups, DRAWS, np.random.default_rng(0))
        alarms, hits = np.cumsum(reals[:, ::-1], 1), np.cumsum(fakes[:, ::-1], 1)
        usable = (alarms[:, -1] > 0) & (hits[:, -1] > 0)
        curves = np.stack([
            np.interp(GRID, np.append(0, a / a[-1]), np.append(0, h / h[-1]))
            for a, h in zip(alarms[usable], hits[usable], strict=True)
        ])  # fmt: skip
        low, high = np.quantile(curves, [0.025, 0.975], axis=0)
        parts.append(
            pd.DataFrame({"detector": name, "fpr": GRID, "tpr": np.interp(GRID, fpr, tpr), "low": low, "high": high})
        )
    return pd.concat(parts, ignore_index=True)


@lru_cache(maxsize=16)
def reliabilities(question: Question, n_bins: int = 10) -> pd.DataFrame:
    """Reliability of each detector, p_fake against the share of fakes, equal-mass bins: detector, stated, observed,
    low, high (95 %, counting groups), items.
    """
    found, parts = compared(question), []
    for name, p in zip(found.names, found.p_fake, strict=True):
        r = grouped_reliability(p, found.labels, found.groups, n_bins, "binary", "mass")
        table = pd.DataFrame(
            {"stated": r.stated, "observed": r.observed, "low": r.low, "high": r.high, "items": r.count}
        )
        parts.append(table[table["items"] > 0].assign(detector=name))
    return pd.concat(parts, ignore_index=True)
