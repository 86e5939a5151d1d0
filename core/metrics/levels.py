"""Frames, tracks, videos: one score a unit, by a pooling rule that is named.

A clip is many frames, and its verdict is one. A `track` is one person through one clip (columns `video` and `track`), a
`video` is the whole clip; a picture that belongs to no clip is its own unit. A unit is fake when any of its items is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import expit, logit

from core.metrics.metrics import CLIP
from core.registry import Registry

Level = Literal["frame", "track", "video"]
LEVELS: tuple[Level, ...] = ("frame", "track", "video")

CALIBRATED = "calibrated_log_odds"
"""Column of the log-odds of p_fake (`Calibrator.calibrated_log_odds`): what ranks, where a table has it."""

TOP = 3
"""Items that `top_mean` averages, or all where a unit has fewer."""

Pool = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(p_fake ascending within each unit (N,), first row of each unit (U,)) -> (U,) p_fake."""

OF_LOG_ODDS = ("mean_log_odds", "max")
"""Rules that say what the log-odds of the pooled p_fake are, where those of the items are known."""

pooling: Registry[Pool] = Registry("pooling rule")


def _sizes(p: np.ndarray, first: np.ndarray) -> np.ndarray:
    return np.diff(np.append(first, p.size))


def mean_log_odds(p: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Sigmoid of the mean log-odds: frames as equally good witnesses. p is kept within [2**-52, 1 - 2**-52] where its
    log-odds are not known.
    """
    z = logit(np.clip(p, CLIP, 1 - CLIP))
    return expit(np.add.reduceat(z, first) / _sizes(p, first))


def mean_p(p: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Mean p_fake."""
    return np.add.reduceat(p, first) / _sizes(p, first)


def maximum(p: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Highest p_fake: one frame suffices to accuse, so false alarms grow with the length of a clip."""
    return np.maximum.reduceat(p, first)


def median(p: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Median p_fake: half of the frames may be wrong."""
    size = _sizes(p, first)
    return (p[first + (size - 1) // 2] + p[first + size // 2]) / 2


def top_mean(p: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Mean of the TOP highest p_fake: a short forgery counts, one stray frame less."""
    size = _sizes(p, first)
    last, total = first + size - 1, np.zeros(first.size)
    for k in range(TOP):
        total += np.where(size > k, p[np.maximum(last - k, first)], 0.0)
    return total / np.minimum(size, TOP)


for _name, _rule in (
    ("mean_log_odds", mean_log_odds),
    ("mean_p", mean_p),
    ("max", maximum),
    ("median", median),
    ("top_mean", top_mean),
):
    pooling.add(_name, _rule)


def pool(p_fake: ArrayLike, units: ArrayLike, rule: str) -> tuple[np.ndarray, np.ndarray]:
    """(pooled p_fake (U,), index of each unit's first item (U,)), units in the order of their names.

    p_fake: (N,) in [0, 1]. units: (N,) names. Raises LookupError for an unknown rule, ValueError on unequal lengths.
    """
    of = pooling.get(rule)
    p = np.asarray(p_fake, np.float64)
    _, item, codes = np.unique(np.asarray(units), return_index=True, return_inverse=True)
    if codes.size != p.size:
        raise ValueError(f"{p.size} scores but {codes.size} units")
    order = np.lexsort((p, codes))
    first = np.searchsorted(codes[order], np.arange(item.size))
    return of(p[order], first), item


def ranks_of(frame: pd.DataFrame) -> np.ndarray | None:
    """(N,) log-odds of p_fake, by which items rank, where the table has them for every row; else None."""
    if CALIBRATED not in frame or frame[CALIBRATED].isna().any():
        return None
    return frame[CALIBRATED].to_numpy(np.float64)


def available_levels(frame: pd.DataFrame) -> tuple[Level, ...]:
    """Levels that differ from the ones before: a table of pictures has `frame` alone."""
    found: list[Level] = ["frame"]
    if "video" in frame and (frame["video"].astype(str) != "").any():
        if "track" in frame and frame.groupby("video")["track"].nunique().max() > 1:
            found.append("track")
        found.append("video")
    return tuple(found)


def unit_names(frame: pd.DataFrame, level: Level) -> np.ndarray:
    """(N,) name of the unit of each item. Raises ValueError where the table lacks the columns, or for no such level."""
    if level not in LEVELS:
        raise ValueError(f"unknown level {level!r}; known: {', '.join(LEVELS)}")
    items = frame["sample_id"].astype(str).to_numpy()
    if level == "frame":
        return items
    needed = ("video", "track") if level == "track" else ("video",)
    missing = [name for name in needed if name not in frame]
    if missing:
        raise ValueError(f"level {level!r} needs the column(s) {', '.join(missing)}; prepare the data set from clips")
    video = frame["video"].astype(str).to_numpy()
    name = "video " + video.astype(object)
    if level == "track":
        name = name + " track " + frame["track"].astype(str).to_numpy(object)
    return np.where(video == "", "item " + items.astype(object), name).astype(str)


def at_level(frame: pd.DataFrame, level: Level, rule: str) -> pd.DataFrame:
    """One row a unit: sample_id (its name), group, dataset, label, p_fake, items; further columns by its first item.

    frame: sample_id, group, dataset, label, p_fake and, above frames, `video` and `track`. With CALIBRATED, the
    log-odds of p_fake, the rules OF_LOG_ODDS pool those (p_fake is then their sigmoid, never cut) and keep the column;
    the others drop it. A unit is fake when any of its items is. Raises ValueError when a unit lies in two groups: it
    would then count as two independent ones.
    """
    if level == "frame":
        return frame.assign(items=1)
    units = unit_names(frame, level)
    table = frame.assign(unit=units, group=frame["group"].astype(str))
    split = table.groupby("unit")["group"].nunique()
    if (split > 1).any():
        raise ValueError(f"{split.idxmax()!r} lies in {split.max()} groups; give all items of a clip one group")
    p, item = pool(frame["p_fake"].to_numpy(np.float64), units, rule)
    pooled = frame.iloc[item].reset_index(drop=True)
    if CALIBRATED in frame:
        pooled = pooled.drop(columns=CALIBRATED)
        if rule in OF_LOG_ODDS:
            by_unit = table.groupby("unit")[CALIBRATED]
            z = (by_unit.mean() if rule == "mean_log_odds" else by_unit.max()).to_numpy(np.float64)
            p, pooled[CALIBRATED] = expit(z), z
    labels = table.groupby("unit")["label"].max().to_numpy()
    sizes = table.groupby("unit").size().to_numpy()
    return pooled.assign(sample_id=units[item], label=labels, p_fake=p, items=sizes)
