"""The data set card: counts of a manifest, what its balance makes impossible, and warnings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pandas as pd

from core.data.manifest.splits import SPLITS

MEASURED_SPLITS = ("val_calib", "test")
MIN_GROUPS = 5
FAKES_FOR_5_PERCENT = 59
"""Fewest fake groups with which no miss certifies a leakage of 5 % at 95 %: log(0.05) / log(0.95) = 58.4."""


def dataset_card(frame: pd.DataFrame) -> dict[str, Any]:
    """Count a manifest and collect its warnings.

    Args:
        frame: Rows of a manifest, with its columns (core/data/manifest/manifest.py).

    Returns:
        A JSON document: items, real, fake, prevalence (fakes / all items), groups, identities, counts by split, source,
        method and compression, measured quality, `ceiling` (see `filtration_sentence`) and `warnings`.
    """
    labels = frame["label"]
    return {
        "items": len(frame),
        "real": int((labels == 0).sum()),
        "fake": int((labels == 1).sum()),
        "prevalence": round(float(labels.mean()), 4) if len(frame) else 0.0,
        "groups": int(frame["group"].nunique()),
        "identities": int(frame.loc[frame["identity"] != "", "identity"].nunique()),
        "splits": _by_split(frame),
        "datasets": _counts(frame, "dataset"),
        "largest_identities": _largest(frame["identity"]),
        "methods": {str(name): int(n) for name, n in frame.loc[labels == 1, "method"].value_counts().items()},
        "compressions": _counts(frame[frame["compression"] != ""], "compression") if "compression" in frame else {},
        "quality": qualities(frame),
        "ceiling": filtration_sentence(float(labels.mean())) if len(frame) else "",
        "warnings": warnings_of(frame),
    }


def filtration_sentence(prevalence: float, leakage: float = 0.05) -> str:
    """Say how many items a filter of plain reals can release at most, given the prevalence.

    All reals and at most `leakage` of the fakes can exit: (1 - prevalence) + leakage * prevalence of all items.

    Args:
        prevalence: Fakes / all items, in [0, 1].
        leakage: Fakes released as real / all fakes, in [0, 1].

    Returns:
        One sentence with both shares, and the F1 of calling every item fake.
    """
    reals = 1.0 - prevalence
    most = reals + leakage * prevalence
    return (
        f"{prevalence:.0%} of the items are fake, so a perfect filter exits {reals:.0%} of them, and with "
        f"{leakage:.0%} leakage no filter can exit more than {most:.0%}; "
        f"calling everything fake has an F1 of {2 * prevalence / (1 + prevalence):.2f}."
    )


def warnings_of(frame: pd.DataFrame) -> list[str]:
    """Name shortcuts, and splits that are too small to measure anything.

    Args:
        frame: Rows of a manifest.

    Returns:
        Sentences; none where there is nothing to warn of.
    """
    return [*_source_warnings(frame), *_group_warnings(frame), *_split_warnings(frame)]


def _source_warnings(frame: pd.DataFrame) -> Iterator[str]:
    """Sources of one label, and sources with too few groups to be measured."""
    single = [str(name) for name, labels in frame.groupby("dataset")["label"] if labels.nunique() == 1]
    if single and frame["dataset"].nunique() > 1:
        yield (
            f"One label only in {', '.join(single)}: a detector can learn which source a picture is from instead of "
            "whether it is fake. Report per pair of sources and sample by source."
        )
    measured = frame[frame["split"].isin(MEASURED_SPLITS)].groupby(["dataset", "split"])["group"].nunique()
    thin = sorted({str(name) for name, _ in measured.index[measured < MIN_GROUPS]})
    if thin:
        yield (
            f"Fewer than {MIN_GROUPS} independent groups of {', '.join(thin)} in val_calib or test: figures of "
            "these sources are not reliable."
        )


def _group_warnings(frame: pd.DataFrame) -> Iterator[str]:
    """Groups that are finer than clips or people."""
    if len(frame) and (frame["group"] == frame["path"]).all():
        yield (
            "No column group, video or identity: every picture counts as independent, and pictures of one clip or "
            "person may be in two splits. Figures are then too good. Add the column and prepare the set again."
            + clip_hint(frame["path"])
        )
    splits = frame[frame["identity"] != ""].groupby("identity")["split"].nunique()
    if (splits > 1).any():
        yield (
            f"{int((splits > 1).sum())} identities appear in more than one split (the groups are finer than people): "
            "a detector can recognise the person. Use the identity as the group to prevent this."
        )


def _split_warnings(frame: pd.DataFrame) -> Iterator[str]:
    """Labels that are missing, and splits that are too small to certify anything."""
    if frame["label"].nunique() == 1:
        word = "fake" if frame["label"].iloc[0] == 1 else "real"
        yield f"Every item is {word}: no detector can be trained or measured on this set alone."
    for split in SPLITS:
        rows = frame[frame["split"] == split]
        fakes = rows.loc[rows["label"] == 1, "group"].nunique()
        if rows.empty:
            yield f"The split {split} is empty."
        elif rows["label"].nunique() == 1:
            yield f"The split {split} holds one label only."
        elif split in MEASURED_SPLITS and fakes < FAKES_FOR_5_PERCENT:
            yield (
                f"The split {split} has {fakes} independent fake groups: even with no miss, a leakage of 5 % "
                f"cannot be certified at 95 % with fewer than {FAKES_FOR_5_PERCENT} (2 %: 149)."
            )


QUALITIES = ("native_px", "sharpness", "brightness", "contrast", "yaw")
MOST_NAMED = 5


def qualities(frame: pd.DataFrame) -> dict[str, dict[str, dict[str, float]]]:
    """Summarise the measured columns of a manifest by label.

    Args:
        frame: Rows of a manifest.

    Returns:
        Column -> `all`, `real`, `fake` -> items, p05, median, p95, for the columns of QUALITIES that hold a number.
    """
    table = {}
    for name in (name for name in QUALITIES if name in frame):
        values = pd.to_numeric(frame[name], errors="coerce").astype("float64")
        parts = {"all": values, "real": values[frame["label"] == 0], "fake": values[frame["label"] == 1]}
        if values.notna().any():
            table[name] = {part: _spread(numbers.dropna()) for part, numbers in parts.items() if numbers.notna().any()}
    return table


def _spread(values: pd.Series) -> dict[str, float]:
    low, middle, high = values.quantile([0.05, 0.5, 0.95])
    return {"items": len(values), "p05": round(low, 2), "median": round(middle, 2), "p95": round(high, 2)}


PAIR = re.compile(r"(?<!\d)(\d{3})_(\d{3})(?!\d)")


def clip_hint(paths: pd.Series) -> str:
    """Say what file names suggest of clips and people, for a person to confirm.

    Names that differ in their last number only may be frames of one clip. Two numbers of three digits are, as in
    FaceForensics++, the clip that was changed and the clip that lent its face.

    Args:
        paths: The column `path` of a manifest.

    Returns:
        A sentence that begins with a space, or "" when the names suggest nothing.
    """
    stems = paths.str.replace(r"\.\w+$", "", regex=True)
    clips = stems.str.replace(r"[_\-/ ]?(?:frame)?[_\-]?\d+$", "", regex=True)
    several = clips.value_counts()
    several = several[several > 1]
    if len(several) > 1 and several.sum() >= 0.5 * len(paths):
        example = str(several.index[0])
        pair = PAIR.search(example)
        people = f", and `identity` {pair[1]};{pair[2]}, if these are two clips' people" if pair else ""
        return (
            f" The names suggest {len(several):,} clips of several pictures each, e.g. {example!r} with "
            f"{int(several.iloc[0]):,}: if so, put that into a column `video`{people}."
        )
    pairs = stems.map(lambda stem: PAIR.search(stem) is not None)
    if pairs.mean() >= 0.25:
        pair = PAIR.search(str(stems[pairs].iloc[0]))
        assert pair is not None
        return (
            f" {int(pairs.sum()):,} names hold two numbers, as face swaps of FaceForensics++ do: if so, put both into "
            f"a column `identity`, e.g. {pair[1]};{pair[2]}."
        )
    return ""


def _largest(cells: pd.Series) -> dict[str, int]:
    """The people with most items -> how many; a cell may name several, apart by ";"."""
    names = cells[cells != ""].str.split(";").explode().str.strip()
    return {str(name): int(count) for name, count in names[names != ""].value_counts().head(MOST_NAMED).items()}


def _by_split(frame: pd.DataFrame) -> dict[str, dict[str, int]]:
    known = [name for name in SPLITS if (frame["split"] == name).any()]
    return {name: _count(frame[frame["split"] == name]) for name in known}


def _counts(frame: pd.DataFrame, column: str) -> dict[str, dict[str, int]]:
    return {str(name): _count(rows) for name, rows in frame.groupby(column, sort=True)}


def _count(rows: pd.DataFrame) -> dict[str, int]:
    return {
        "items": len(rows),
        "real": int((rows["label"] == 0).sum()),
        "fake": int((rows["label"] == 1).sum()),
        "groups": int(rows["group"].nunique()),
    }
