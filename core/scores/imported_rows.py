"""The rows of a score file from outside: ids, labels, log-odds, groups, splits; each fault is named by row."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from core.data.manifest.splits import SPLITS, WORDS, cut
from core.data.manifest.tables import UNNAMED
from core.progress import Reporter, Silent
from core.scores.imported_file import LONGEST_CELL, ImportedTable, ScoresError
from core.scores.spec import ImportScoresSpec

MOST_FURTHER = 12
"""Further columns that are kept, to slice by."""
WHOLE = r"^([+-]?\d+)\.0*$"
"""A whole number written with a decimal point."""
COMMA = r"^[+-]?\d*,\d+(e[+-]?\d+)?$"
"""A number with a decimal comma."""
CERTAIN_LOG_ODDS = 37.0
"""Log-odds above which p_fake rounds to 1 in a double."""
MISSING = ("", "nan", "na", "n/a", "null", "none")
OURS = ("sample_id", "label", "group", "dataset", "split", "log_odds", "reason")
RESERVED = ("path", "p_fake", "called", "items")


def checked_rows(
    table: ImportedTable, spec: ImportScoresSpec, dataset: str, report: Reporter | None = None
) -> tuple[pd.DataFrame, list[str]]:
    """Check the rows of a file of scores.

    Args:
        table: Its cells.
        spec: Which columns mean what.
        dataset: Name of the data where no column gives one.
        report: Receives the progress.

    Returns:
        A table with the columns OURS and at most MOST_FURTHER others, and one sentence for each decision that was made
        for the reader. log_odds is NaN where the item failed, and `reason` then says why, else "".

    Raises:
        ScoresError: A column is missing or a cell cannot be used; the message names rows.
    """
    notes: list[str] = []
    report = report or Silent()
    there = set(table.columns)
    needed = {part: getattr(spec, f"{part}_column").strip().lower() for part in ("id", "label", "score", "group")}
    lacking = [f"{part}: {name!r}" for part, name in needed.items() if name not in there and part != "group"]
    if lacking:
        unusable = "".join(f". The column {name!r} cannot be used: {why}" for name, why in table.left_out.items())
        raise ScoresError(
            f"{table.name} lacks the column of {', '.join(lacking)}; it has {', '.join(sorted(there))}{unusable}. Name "
            "the column that holds it"
        )
    report.progress(0.0, f"Checking {len(table.columns):,} ids")
    ids = table.text(needed["id"])
    table.refuse(np.flatnonzero(ids == ""), "the id is empty")
    table.refuse(np.flatnonzero(ids.duplicated()), "the id occurs in an earlier row", ids)
    report.progress(0.25, "Checking labels and groups")
    frame = pd.DataFrame({"sample_id": ids, "label": labels_of(table, needed["label"], spec)})
    frame["group"] = groups_of(table, needed["group"], ids, notes)
    frame["dataset"] = dataset
    if "dataset" in there:
        frame["dataset"] = table.text("dataset").replace("", dataset)
    report.progress(0.6, "Checking scores")
    frame["log_odds"], frame["reason"] = scores_of(table, needed["score"], spec, notes)
    report.progress(0.8, "Reading splits and further columns")
    frame["split"] = splits_of(table, frame["group"], frame["label"].to_numpy(np.int64), spec, notes)
    if spec.score == "number":
        frame["log_odds"] = standardised(frame, notes)
    further = [n for n in table.columns if n not in {*needed.values(), *OURS, *RESERVED, "score"} and n[:2] != "p_"]
    further = [name for name in further if not UNNAMED.fullmatch(name)]
    for name in further[:MOST_FURTHER]:
        cells = table.further_text(name)
        if cells is None:
            notes.append(
                f"the column {name!r} is left out: a cell is longer than {LONGEST_CELL} characters or holds a control "
                "character"
            )
        else:
            frame[name] = cells
    notes += [f"the column {name!r} is left out: {why}" for name, why in table.left_out.items()]
    if len(further) > MOST_FURTHER:
        notes.append(f"only the first {MOST_FURTHER} further columns are kept; {further[MOST_FURTHER]!r} is not")
    lost = int((frame["reason"] != "").sum())
    if lost == len(frame):
        raise ScoresError(f"{table.name} has no usable score: {frame['reason'].iloc[0]} in every row")
    if lost:
        notes.append(f"{lost:,} items have no score; they are listed in failed.csv and count as failed")
    return frame, notes


def labels_of(table: ImportedTable, column: str, spec: ImportScoresSpec) -> np.ndarray:
    """Read the labels by the words of the spec; upper and lower case are the same, and so are 1 and 1.0.

    Args:
        table: Its cells.
        column: Name of the column.
        spec: Words for fake and real.

    Returns:
        (N,) int64, 0 = real, 1 = fake.
    """
    cells = table.text(column)
    lower = cells.str.lower().str.replace(WHOLE, r"\1", regex=True)
    fake, real = (
        lower.isin([re.sub(WHOLE, r"\1", word.strip().lower()) for word in words]).to_numpy(bool)
        for words in (spec.fake_words, spec.real_words)
    )
    words = f"{', '.join(spec.fake_words)} (fake) nor {', '.join(spec.real_words)} (real)"
    table.refuse_words(np.flatnonzero(~(fake | real)), f"the label is neither {words}", cells)
    return fake.astype(np.int64)


def groups_of(table: ImportedTable, column: str, ids: pd.Series, notes: list[str]) -> pd.Series:
    """Find the unit that intervals count: the group column, else the clip, else the item itself.

    Args:
        table: Its cells.
        column: Name of the group column.
        ids: (N,) ids of items.
        notes: Receives a sentence on what was decided.

    Returns:
        (N,) names of groups.
    """
    if column in table.columns:
        groups = table.text(column)
        table.refuse(np.flatnonzero(groups == ""), "the group is empty; name the person or clip of every item")
        return groups
    if "video" in table.columns:
        notes.append("no group column: each video is its own group")
        video = table.text("video")
        if "dataset" in table.columns and table.columns["dataset"].nunique() > 1:
            # Data sets number their clips alike: 001 of one is no clip of the other.
            video = video.where(video == "", table.text("dataset") + "/" + video)
        return video.where(video != "", "item " + ids)
    notes.append(
        "no group column: every item counts as independent; intervals are too narrow if items share a person or clip"
    )
    return ids


def scores_of(
    table: ImportedTable, column: str, spec: ImportScoresSpec, notes: list[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Read the scores.

    Args:
        table: Its cells.
        column: Name of the column.
        spec: What a score is, and which direction means fake.
        notes: Receives a sentence on what was decided.

    Returns:
        (N,) float64 log-odds of fake (of a number: the number), NaN where the item failed; and (N,) reasons.
    """
    cells = table.columns[column]
    text = None
    if pd.api.types.is_numeric_dtype(cells):
        values = cells.to_numpy(np.float64, na_value=np.nan)
        missing = np.isnan(values)
    else:
        text = cells.str.strip()
        values = pd.to_numeric(text, errors="coerce").to_numpy(np.float64, na_value=np.nan)
        missing = text.str.lower().isin(MISSING).to_numpy(bool)
        bad = np.flatnonzero(np.isnan(values) & ~missing)
        comma = bad[text.iloc[bad].str.match(COMMA, case=False).to_numpy(bool)]
        table.refuse(comma, "the score has a decimal comma; write 0.87, not 0,87 (export with a decimal point)", text)
        table.refuse(bad, "the score is no number (12.5, 1e-3)", text)
    endless = np.isinf(values)
    reasons = np.where(missing, "no score is given", np.where(endless, "the score is infinite", ""))
    values = np.where(endless, np.nan, values)
    if spec.score == "p_fake":
        outside = np.flatnonzero((values < 0) | (values > 1))
        if outside.size:
            shown = pd.Series(values.astype(str))
            table.refuse(outside, "the score lies outside [0, 1]; say that it is log_odds or a number", shown)
        values = log_odds_of(values, notes)
    return (values if spec.larger == "fake" else -values), reasons


def log_odds_of(p: np.ndarray, notes: list[str]) -> np.ndarray:
    """Compute ln p - ln(1 - p), exact for every double between 0 and 1: 1e-20 stays apart from 1e-22.

    0 and 1 have no log-odds: they are put beyond CERTAIN_LOG_ODDS and one beyond all others.

    Args:
        p: (N,) in [0, 1], or NaN.
        notes: Receives a sentence where a score is 0 or 1.

    Returns:
        (N,) log-odds.
    """
    with np.errstate(divide="ignore"):
        z = np.log(p) - np.log1p(-p)
    inside = np.isfinite(z)
    zeros, ones = p == 0, p == 1
    low = max(CERTAIN_LOG_ODDS, -float(z[inside].min(initial=0.0)) + 1)
    high = max(CERTAIN_LOG_ODDS, float(z[inside].max(initial=0.0)) + 1)
    if ends := int(zeros.sum() + ones.sum()):
        at = [f"{count:,} of exactly {name} at {place:.4g}" for name, count, place in
              (("0", zeros.sum(), -low), ("1", ones.sum(), high)) if count]  # fmt: skip
        notes.append(
            f"{ends:,} scores have no log-odds and are put beyond all others: {', '.join(at)}; they are tied among "
            "themselves"
        )
    return np.where(zeros, -low, np.where(ones, high, z))


def standardised(frame: pd.DataFrame, notes: list[str]) -> np.ndarray:
    """Move and scale numbers to median 0 and a middle half of -1 to 1, without looking at labels.

    The median and quartiles are those of the calibration split (all rows where there is none). The order stays, and
    p_fake has no meaning before calibration.

    Args:
        frame: log_odds and split.
        notes: Receives a sentence on the scale.

    Returns:
        (N,) numbers to be taken as log-odds.
    """
    values = frame["log_odds"].to_numpy(np.float64)
    calib = frame["split"].to_numpy() == "val_calib"
    known = values[calib & ~np.isnan(values)] if (calib & ~np.isnan(values)).any() else values[~np.isnan(values)]
    if not known.size:
        return values
    low, middle, high = np.quantile(known, [0.25, 0.5, 0.75])
    scale = (high - low) / 2 or float(known.std()) or 1.0
    notes.append(
        f"the number is taken as log-odds after moving by {middle:.6g} and dividing by {scale:.6g}: the order is "
        "unchanged, "
        "but calibrate it (Platt, beta, isotonic) before you read p_fake"
    )
    return (values - middle) / scale


def set_aside(groups: pd.Series, labels: np.ndarray, share: float, notes: list[str]) -> np.ndarray:
    """Set a share of the groups aside as `val_calib`, by a hash of their names; the rest is `test`.

    Args:
        groups: (N,) names of groups.
        labels: (N,) 0 = real, 1 = fake.
        share: Share of the groups in [0, 1).
        notes: Receives a sentence on what was decided.

    Returns:
        (N,) names of splits; all `test` where the share is 0 or where either part would lack a class that the file has.
    """
    everything = np.full(len(groups), "test", object)
    if not share:
        notes.append(
            "no split column: all items are judged (split test); to fit a calibrator or choose exits on some of them, "
            "import the file again with a calibration share"
        )
        return everything
    names, of = np.unique(groups.to_numpy(object).astype(str), return_inverse=True)
    shares = {"val_calib": share, "test": 1 - share}
    splits = np.array([cut(name, shares, seed=0, salt="scores") for name in names], object)[of]
    n_classes = np.unique(labels).size
    for part in shares:
        if np.unique(labels[splits == part]).size < n_classes:
            notes.append(
                f"{names.size:,} group(s) are too few to set {share:.0%} aside with both classes on either side: all "
                "items are judged (split test)"
            )
            return everything
    n_test = int((splits == "test").sum())
    notes.append(
        f"no split column: {share:.0%} of the groups, {len(splits) - n_test:,} items, are set aside as val_calib to "
        f"fit calibrators and exits on; the other {n_test:,} are judged (split test)"
    )
    return splits


def splits_of(
    table: ImportedTable, groups: pd.Series, labels: np.ndarray, spec: ImportScoresSpec, notes: list[str]
) -> np.ndarray:
    """Read the splits: the file's own, else `test`, less the share of groups that the spec sets aside.

    Args:
        table: Its cells.
        groups: (N,) names of groups.
        labels: (N,) 0 = real, 1 = fake.
        spec: Share to set aside.
        notes: Receives a sentence on what was decided.

    Returns:
        (N,) names of splits.
    """
    if "split" not in table.columns:
        return set_aside(groups, labels, spec.calib_share, notes)
    cells = table.text("split")
    words = {**WORDS, "val": "val_calib", "valid": "val_calib", "validation": "val_calib", "dev": "val_calib"}
    splits = cells.str.lower().map(words)
    table.refuse_words(np.flatnonzero(splits.isna()), f"the split is none of {', '.join(SPLITS)}", cells)
    crossing = splits.groupby(groups.to_numpy()).transform("nunique").to_numpy() > 1
    table.refuse(np.flatnonzero(crossing), "the group lies in two splits; a group belongs to one", groups)
    return splits.to_numpy(object)
