"""What the rows of a foreign score file mean: ids, truth, log-odds, groups, splits; each fault is named by row."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import logit

from core.data.splits import SPLITS, WORDS, cut
from core.evaluate.foreign_spec import ImportScoresSpec
from core.evaluate.foreign_table import ForeignTable, ScoresError
from core.evaluate.metrics import CLIP

MOST_FURTHER = 12
"""Further columns that are kept, to slice by."""
MISSING = ("", "nan", "na", "n/a", "null", "none")
OURS = ("sample_id", "label", "group", "dataset", "split", "log_odds", "reason")
RESERVED = ("path", "p_fake", "called", "items")


def checked_rows(table: ForeignTable, spec: ImportScoresSpec, dataset: str) -> tuple[pd.DataFrame, list[str]]:
    """(columns OURS and at most MOST_FURTHER others; one sentence for each thing that was decided for the reader).

    log_odds: NaN where the item failed, and `reason` then says why, else "". Raises ScoresError naming rows."""
    notes: list[str] = []
    there = set(table.columns)
    needed = {part: getattr(spec, f"{part}_column").strip().lower() for part in ("id", "label", "score", "group")}
    lacking = [f"{part}: {name!r}" for part, name in needed.items() if name not in there and part != "group"]
    if lacking:
        raise ScoresError(
            f"{table.name} lacks the column of {', '.join(lacking)}; it has {', '.join(sorted(there))}. Name the "
            "column that holds it"
        )
    ids = table.text(needed["id"])
    table.refuse(np.flatnonzero(ids == ""), "the id is empty")
    table.refuse(np.flatnonzero(ids.duplicated()), "the id stands there before", ids)
    frame = pd.DataFrame({"sample_id": ids, "label": labels_of(table, needed["label"], spec)})
    frame["group"] = groups_of(table, needed["group"], ids, notes)
    frame["dataset"] = dataset
    if "dataset" in there:
        frame["dataset"] = table.text("dataset").replace("", dataset)
    frame["log_odds"], frame["reason"] = scores_of(table, needed["score"], spec, notes)
    frame["split"] = splits_of(table, frame["group"], spec, notes)
    if spec.score == "number":
        frame["log_odds"] = standardised(frame, notes)
    further = [n for n in table.columns if n not in {*needed.values(), *OURS, *RESERVED, "score"} and n[:2] != "p_"]
    for name in further[:MOST_FURTHER]:
        frame[name] = table.text(name)
    if len(further) > MOST_FURTHER:
        notes.append(f"only the first {MOST_FURTHER} further columns are kept; {further[MOST_FURTHER]!r} is not")
    lost = int((frame["reason"] != "").sum())
    if lost == len(frame):
        raise ScoresError(f"{table.name} has no usable score: {frame['reason'].iloc[0]} in every row")
    if lost:
        notes.append(f"{lost:,} items have no score; they are listed in failed.csv and count as failed")
    return frame, notes


def labels_of(table: ForeignTable, column: str, spec: ImportScoresSpec) -> np.ndarray:
    """(N,) int64, 1 = fake, by the words of the spec; upper and lower case are the same."""
    cells = table.text(column)
    lower = cells.str.lower()
    fake = lower.isin([word.strip().lower() for word in spec.fake_words]).to_numpy(bool)
    real = lower.isin([word.strip().lower() for word in spec.real_words]).to_numpy(bool)
    words = f"{', '.join(spec.fake_words)} (fake) nor {', '.join(spec.real_words)} (real)"
    table.refuse(np.flatnonzero(~(fake | real)), f"the label is neither {words}", cells)
    return fake.astype(np.int64)


def groups_of(table: ForeignTable, column: str, ids: pd.Series, notes: list[str]) -> pd.Series:
    """The unit that intervals count: the column, else the clip, else the item itself."""
    if column in table.columns:
        groups = table.text(column)
        table.refuse(np.flatnonzero(groups == ""), "the group is empty; name the person or clip of every item")
        return groups
    if "video" in table.columns:
        notes.append("no group column: each video is its own group")
        video = table.text("video")
        return video.where(video != "", "item " + ids)
    notes.append(
        "no group column: every item counts as independent; intervals are too narrow if items share a person or clip"
    )
    return ids


def scores_of(
    table: ForeignTable, column: str, spec: ImportScoresSpec, notes: list[str]
) -> tuple[np.ndarray, np.ndarray]:
    """((N,) float64 log-odds of fake (of a number: the number), NaN where failed; (N,) reasons)."""
    cells = table.columns[column]
    text = None
    if pd.api.types.is_numeric_dtype(cells):
        values = cells.to_numpy(np.float64, na_value=np.nan)
        missing = np.isnan(values)
    else:
        text = cells.str.strip()
        values = pd.to_numeric(text, errors="coerce").to_numpy(np.float64, na_value=np.nan)
        missing = text.str.lower().isin(MISSING).to_numpy(bool)
        table.refuse(np.flatnonzero(np.isnan(values) & ~missing), "the score is no number (12.5, 1e-3)", text)
    endless = np.isinf(values)
    reasons = np.where(missing, "no score is given", np.where(endless, "the score is infinite", ""))
    values = np.where(endless, np.nan, values)
    if spec.score == "p_fake":
        outside = np.flatnonzero((values < 0) | (values > 1))
        shown = pd.Series(values.astype(str))
        table.refuse(outside, "the score lies outside [0, 1]; say that it is log_odds or a number", shown)
        values = values if spec.larger == "fake" else 1 - values
        ends = int(((values == 0) | (values == 1)).sum())
        if ends:
            notes.append(f"{ends:,} scores are 0 or 1 to the last digit; their log-odds are cut at about 36")
        return logit(np.clip(values, CLIP, 1 - CLIP)), reasons
    return (values if spec.larger == "fake" else -values), reasons


def standardised(frame: pd.DataFrame, notes: list[str]) -> np.ndarray:
    """Numbers moved and scaled to median 0 and middle half of -1 to 1 over the calibration split (all rows where there
    is none), without looking at labels: the order stays, and p_fake means nothing before calibration."""
    values = frame["log_odds"].to_numpy(np.float64)
    calib = frame["split"].to_numpy() == "val_calib"
    known = values[calib & ~np.isnan(values)] if (calib & ~np.isnan(values)).any() else values[~np.isnan(values)]
    if not known.size:
        return values
    low, middle, high = np.quantile(known, [0.25, 0.5, 0.75])
    scale = (high - low) / 2 or float(known.std()) or 1.0
    notes.append(
        f"the number is taken as log-odds after moving by {middle:.6g} and dividing by {scale:.6g}: its order stands, "
        "but calibrate it (Platt, beta, isotonic) before you read p_fake"
    )
    return (values - middle) / scale


def splits_of(table: ForeignTable, groups: pd.Series, spec: ImportScoresSpec, notes: list[str]) -> np.ndarray:
    """(N,) split names: the file's own, else val_calib and test by a hash of the group."""
    if "split" not in table.columns:
        shares = {"val_calib": spec.calib_share, "test": 1 - spec.calib_share}
        of = {group: cut(group, shares, seed=0, salt="scores") for group in groups.unique()}
        notes.append(
            f"no split column: {spec.calib_share:.0%} of the groups are val_calib (fit calibrators and exits there), "
            "the others test"
        )
        return groups.map(of).to_numpy(object)
    cells = table.text("split")
    words = {**WORDS, "val": "val_calib", "valid": "val_calib", "validation": "val_calib", "dev": "val_calib"}
    found = cells.str.lower().map(words)
    table.refuse(np.flatnonzero(found.isna()), f"the split is none of {', '.join(SPLITS)}", cells)
    crossing = found.groupby(groups.to_numpy()).transform("nunique").to_numpy() > 1
    table.refuse(np.flatnonzero(crossing), "the group lies in two splits; a group belongs to one", groups)
    return found.to_numpy(object)
