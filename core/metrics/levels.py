"""Scores of frames pooled into one score for each track or video, by a named pooling rule.

A clip is many frames, and its verdict is one. A `track` is one person through one clip (columns `video` and `track`), a
`video` is the whole clip; a picture that belongs to no clip is its own unit. A clip is fake when any of its tracks is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import expit, logit

from core.metrics.metrics import MIN_PROBABILITY
from core.registry import Registry

Level = Literal["frame", "track", "video"]
LEVELS: tuple[Level, ...] = ("frame", "track", "video")

DESCRIBING = ("dataset", "compression", "method")
"""Columns that tell clips of one name apart, where a table has them."""

CALIBRATED = "calibrated_log_odds"
"""Column of the log-odds of p_fake (`Calibrator.calibrated_log_odds`): what ranks, where a table has it."""

TOP_SCORES = 3
"""Items that `top_mean` averages, or all where a unit has fewer."""

Pool = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(p_fake ascending within each unit (N,), first row of each unit (U,)) -> (U,) p_fake."""

OF_LOG_ODDS = ("mean_log_odds", "max")
"""Rules that say what the log-odds of the pooled p_fake are, where those of the items are known."""

pooling: Registry[Pool] = Registry("pooling rule")


def _sizes(p: np.ndarray, first: np.ndarray) -> np.ndarray:
    return np.diff(np.append(first, p.size))


def mean_log_odds(p: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Pool by the sigmoid of the mean log-odds: frames count as equally good evidence.

    Args:
        p: (N,) p_fake, ascending within each unit; clipped to [2**-52, 1 - 2**-52].
        first: (U,) first row of each unit.

    Returns:
        (U,) p_fake.
    """
    z = logit(np.clip(p, MIN_PROBABILITY, 1 - MIN_PROBABILITY))
    return expit(np.add.reduceat(z, first) / _sizes(p, first))


def mean_p(p: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Pool by the mean p_fake.

    Args:
        p: (N,) p_fake, ascending within each unit.
        first: (U,) first row of each unit.

    Returns:
        (U,) p_fake.
    """
    return np.add.reduceat(p, first) / _sizes(p, first)


def maximum(p: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Pool by the highest p_fake: one frame suffices to call a clip fake, so false alarms grow with its length.

    Args:
        p: (N,) p_fake, ascending within each unit.
        first: (U,) first row of each unit.

    Returns:
        (U,) p_fake.
    """
    return np.maximum.reduceat(p, first)


def median(p: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Pool by the median p_fake: half of the frames may be wrong.

    Args:
        p: (N,) p_fake, ascending within each unit.
        first: (U,) first row of each unit.

    Returns:
        (U,) p_fake.
    """
    size = _sizes(p, first)
    return (p[first + (size - 1) // 2] + p[first + size // 2]) / 2


def top_mean(p: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Pool by the mean of the TOP_SCORES highest p_fake: a short forgery counts, one stray frame counts less.

    Args:
        p: (N,) p_fake, ascending within each unit.
        first: (U,) first row of each unit.

    Returns:
        (U,) p_fake.
    """
    size = _sizes(p, first)
    last, total = first + size - 1, np.zeros(first.size)
    for k in range(TOP_SCORES):
        total += np.where(size > k, p[np.maximum(last - k, first)], 0.0)
    return total / np.minimum(size, TOP_SCORES)


for _name, _rule in (
    ("mean_log_odds", mean_log_odds),
    ("mean_p", mean_p),
    ("max", maximum),
    ("median", median),
    ("top_mean", top_mean),
):
    pooling.add(_name, _rule)


def pool(p_fake: ArrayLike, units: ArrayLike, rule: str) -> tuple[np.ndarray, np.ndarray]:
    """Pool the scores of each unit.

    Args:
        p_fake: (N,) in [0, 1].
        units: (N,) names of units.
        rule: Name of a pooling rule.

    Returns:
        (U,) pooled p_fake and (U,) index of each unit's first item, units in the order of their names.

    Raises:
        LookupError: There is no such rule.
        ValueError: Lengths differ.
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
    """Return the log-odds of p_fake, by which items rank, where a table has them for every row.

    Args:
        frame: A table, perhaps with the column CALIBRATED.

    Returns:
        (N,) log-odds, or None.
    """
    if CALIBRATED not in frame or frame[CALIBRATED].isna().any():
        return None
    return frame[CALIBRATED].to_numpy(np.float64)


def _text(frame: pd.DataFrame, column: str) -> pd.Series:
    return frame[column].fillna("").astype(str)


def _clips(frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each item: `video`, the columns DESCRIBING that the frame has, and `clip`, a code.

    A name of a clip is unique only within what describes the clip: the original 001 and its forgery by two methods are
    three clips. The method parts clips where a name has several, or where a method and none meet on one track, which
    cannot be real and forged at once. A real person beside a forged one, on another track, stays in the forged clip.
    """
    clips = pd.DataFrame({name: _text(frame, name) for name in ("video", *DESCRIBING) if name in frame})
    if "method" in clips:
        base = clips.groupby([name for name in clips if name != "method"], sort=False).ngroup()
        method = clips["method"]
        several = method.where(method != "").groupby(base).transform("nunique") > 1
        if "label" in frame:
            person = [base, _text(frame, "track")] if "track" in frame else [base]
            clash = frame["label"].groupby(person).transform("nunique") > 1
            several |= clash.groupby(base).transform("any")
        clips["method"] = method.where(several, "")
    return clips.assign(clip=clips.groupby(list(clips), sort=False).ngroup())


def available_levels(frame: pd.DataFrame) -> tuple[Level, ...]:
    """List the levels at which a table has other units than at the ones before.

    Args:
        frame: A table of items, perhaps with `video` and `track`.

    Returns:
        `frame` alone for a table of pictures; `track` only where a clip has several tracks.
    """
    levels: list[Level] = ["frame"]
    in_clips = _text(frame, "video") != "" if "video" in frame else pd.Series(False, index=frame.index)
    if in_clips.any():
        if "track" in frame and frame["track"].groupby(_clips(frame)["clip"].where(in_clips)).nunique().max() > 1:
            levels.append("track")
        levels.append("video")
    return tuple(levels)


def usable_levels(frame: pd.DataFrame) -> tuple[tuple[Level, ...], list[str]]:
    """List the available levels whose units are well defined, and say why others are left out.

    Args:
        frame: A table as for `at_level`.

    Returns:
        The levels, and one sentence for each level that is left out.
    """
    levels, notes = [], []
    for level in available_levels(frame):
        try:
            if level != "frame":
                _check_units(frame, level, unit_names(frame, level))
            levels.append(level)
        except ValueError as error:
            notes.append(f"The level {level} is left out: {error}.")
    return tuple(levels), notes


def unit_names(frame: pd.DataFrame, level: Level) -> np.ndarray:
    """Name the unit of each item.

    A name that several clips share is followed by what tells them apart (`DESCRIBING`).

    Args:
        frame: N items with sample_id and, above frames, `video` and `track`.
        level: One of LEVELS.

    Returns:
        (N,) names.

    Raises:
        ValueError: There is no such level, or the table lacks its columns.
    """
    if level not in LEVELS:
        raise ValueError(f"unknown level {level!r}; known: {', '.join(LEVELS)}")
    items = frame["sample_id"].astype(str).to_numpy()
    if level == "frame":
        return items
    needed = ("video", "track") if level == "track" else ("video",)
    missing = [name for name in needed if name not in frame]
    if missing:
        raise ValueError(f"level {level!r} needs the column(s) {', '.join(missing)}; prepare the data set from clips")
    clips = _clips(frame)
    video = clips["video"].to_numpy(object)
    name = "video " + video
    shared = (clips.groupby("video", sort=False)["clip"].transform("nunique") > 1).to_numpy()
    if shared.any():
        parts = clips[[part for part in DESCRIBING if part in clips]].replace("", "-")
        described = name + " (" + parts.agg(", ".join, axis=1).to_numpy(object) + ")"
        name = np.where(shared, described, name)
    if level == "track":
        name = name + " track " + frame["track"].astype(str).to_numpy(object)
    return np.where(video == "", "item " + items.astype(object), name).astype(str)


def _check_units(frame: pd.DataFrame, level: Level, units: np.ndarray) -> None:
    """Refuse units that are not one thing. Raises ValueError naming the first that lies in two groups or labels."""
    groups = frame["group"].astype(str).groupby(units).nunique()
    if (groups > 1).any():
        raise ValueError(f"{groups.idxmax()!r} lies in {groups.max()} groups; give all items of a clip one group")
    person = [units, _text(frame, "track")] if level == "video" and "track" in frame else [units]
    labels = frame["label"].groupby(person).nunique()
    if (labels > 1).any():
        unit = labels.idxmax()
        unit = unit if isinstance(unit, str) else unit[0]
        raise ValueError(
            f"{unit!r} holds real and fake items that no column separates; give real and forged clips of one name "
            "different values of `video`, `dataset` or `method`"
        )


def at_level(frame: pd.DataFrame, level: Level, rule: str) -> pd.DataFrame:
    """Pool the items of each unit of a level into one row.

    A clip is fake when any of its tracks is. With CALIBRATED, the log-odds of p_fake, the rules OF_LOG_ODDS pool those
    (p_fake is then their sigmoid, never clipped) and keep the column; the others drop it.

    Args:
        frame: sample_id, group, dataset, label, p_fake and, above frames, `video` and `track`.
        level: One of LEVELS.
        rule: Name of a pooling rule.

    Returns:
        One row for each unit: sample_id (its name), group, dataset, label, p_fake, items; further columns by its first
        item.

    Raises:
        LookupError: There is no such rule.
        ValueError: A unit lies in two groups, where it would count as two independent ones; or a track (a clip, where
            tracks are not known) holds real and fake items: two clips then share a name.
    """
    if level == "frame":
        return frame.assign(items=1)
    units = unit_names(frame, level)
    _check_units(frame, level, units)
    p, item = pool(frame["p_fake"].to_numpy(np.float64), units, rule)
    pooled = frame.iloc[item].reset_index(drop=True)
    if CALIBRATED in frame:
        pooled = pooled.drop(columns=CALIBRATED)
        if rule in OF_LOG_ODDS:
            by_unit = frame[CALIBRATED].groupby(units)
            z = (by_unit.mean() if rule == "mean_log_odds" else by_unit.max()).to_numpy(np.float64)
            p, pooled[CALIBRATED] = expit(z), z
    labels = frame["label"].groupby(units).max().to_numpy()
    sizes = frame["label"].groupby(units).size().to_numpy()
    return pooled.assign(sample_id=units[item], label=labels, p_fake=p, items=sizes, group=pooled["group"].astype(str))
