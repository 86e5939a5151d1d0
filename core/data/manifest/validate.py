"""From an outside table to the columns of a manifest, or every fault named by row.

Dialects: `image_path,label,dataset,split`; `filepath,label,label_name,dataset`; `path,label`; `is_fake` for `label`.
Other columns are kept.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
import re
import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd

from core.data.manifest.groups import LINKS, groups_of, leak_names
from core.data.manifest.splits import WORDS, leaking_groups
from core.data.manifest.tables import FLAGS, NUMBERS, WHOLE, ManifestError, Table

PATHS = ("path", "image_path", "video_path", "filepath", "file_path")
LABEL_COLUMNS = ("label", "is_fake")
WHOLE_LABEL = re.compile(r"([01])(\.0*)?")
"""0 or 1, also as a float prints it: `1.000000`."""
TRUTH = {"true": 1, "false": 0}
PEOPLE = {"identity": "one person", "video": "one clip"}
LINKED = tuple(column for columns in LINKS.values() for column in columns)

__all__ = ["ManifestError", "parse_label_map", "sample_id_of", "validate"]


def parse_label_map(text: str) -> dict[str, int]:
    """Read a map of words to labels.

    Args:
        text: For example `real=0,fake=1`; words are compared in lower case.

    Returns:
        For example {"real": 0, "fake": 1}.

    Raises:
        ValueError: A part is not of the form word=0 or word=1, or one word gets both labels.
    """
    table: dict[str, int] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        word, equals, value = (piece.strip() for piece in part.rpartition("="))
        if not equals or not word or value not in ("0", "1"):
            raise ValueError(f"label map {text!r}: {part!r} is not of the form word=0 or word=1")
        if table.setdefault(word.lower(), int(value)) != int(value):
            raise ValueError(f"label map {text!r} gives {word!r} both labels")
    return table


def sample_id_of(path: str) -> str:
    """Make the stable name of a row: the first 20 hex digits of SHA-256 of its path, with forward slashes.

    Args:
        path: Path of the row's file.

    Returns:
        20 hex digits.
    """
    return hashlib.sha256(path.replace("\\", "/").encode()).hexdigest()[:20]


def validate(
    table: Table,
    root: Path,
    label_map: dict[str, int],
    *,
    confined: bool,
    check_files: bool,
    refuse_leaks: bool = True,
) -> pd.DataFrame:
    """Make the manifest frame of a table (order kept, empty lines dropped).

    Args:
        table: The cells.
        root: Folder that relative paths start from.
        label_map: Words for labels in lower case.
        confined: Refuse paths that leave `root`.
        check_files: Name the rows whose file is missing; a file whose name is written in another Unicode form is found.
        refuse_leaks: Refuse a person (`identity`) or clip (`video`) whose rows name two splits.

    Returns:
        Rows with the columns of a manifest.

    Raises:
        ManifestError: It names every problem by row.
    """
    source = table.frame
    path_column, label_column = _needed_columns(table)
    filled = (source != "").any(axis=1)
    positions = [i for i, full in enumerate(filled) if full]
    source = source[filled].reset_index(drop=True)
    if source.empty:
        raise ManifestError(table.name, [f"{table.name} has a header but no rows"])
    where = [table.row(position) for position in positions]
    problems: list[str] = []

    frame = pd.DataFrame({"path": [_path(cell, root if check_files else None) for cell in source[path_column]]})
    frame["label"] = _labels(source[label_column], label_map, where, problems)
    frame["dataset"] = _filled(source, "dataset", table.stem)
    frame["identity"] = _filled(source, "identity", "")
    frame["compression"] = _filled(source, "compression", "")
    frame["split"] = _filled(source, "split", "").str.lower()
    links = {name: _filled(source, name, "") for name in ("group", *LINKED) if name in source}
    frame["group"] = groups_of(pd.DataFrame({"path": frame["path"], **links}))
    method = _filled(source, "method", "")
    frame["method"] = method.where(method != "", frame["label"].map({0: "none", 1: "unknown"}).fillna("unknown"))
    given = _filled(source, "sample_id", "")
    frame["sample_id"] = given.where(given != "", frame["path"].map(sample_id_of))

    problems += _path_problems(frame["path"], root, where, confined, check_files)
    places = frame["path"].where(frame["path"] == "", frame["path"].map(lambda path: posixpath.join(root, path)))
    problems += _duplicates(places, "path", where, frame["path"])
    problems += _duplicates(frame["sample_id"], "sample_id", where, frame["sample_id"])
    problems += _split_problems(frame, where)
    if refuse_leaks:
        people = pd.DataFrame({name: cells for name, cells in links.items() if name in LINKED}, index=frame.index)
        problems += leak_problems(people, frame["split"].map(WORDS).fillna(""), where)
    typed = _typed(source, where, problems)
    if problems:
        raise ManifestError(table.name, problems)
    frame["label"] = frame["label"].astype("int64")
    return _ordered(frame, typed, path_column)


def _needed_columns(table: Table) -> tuple[str, str]:
    """Names of the columns of paths and of labels. Raises ManifestError unless there is one of each."""
    columns = list(table.frame.columns)
    paths, labels = ([name for name in names if name in columns] for names in (PATHS, LABEL_COLUMNS))
    if len(paths) == 1 and labels:
        return paths[0], labels[0]
    fault = (
        f"two path columns, {' and '.join(paths)}"
        if len(paths) > 1
        else "no path column"
        if not paths
        else "no label column"
    )
    raise ManifestError(
        table.name,
        [
            f"{table.name} has {fault}: its header is {','.join(columns)}; expected "
            "image_path,label,dataset,split or filepath,label,label_name,dataset or path,label. Rename or remove "
            "columns so that one names the file and one the label (1 = fake, 0 = real)"
        ],
    )


def _path(cell: str, root: Path | None) -> str:
    """A path with forward slashes and without `./`; with a root in the Unicode form that its file has on disk."""
    path = cell.strip().replace("\\", "/")
    if not path or "\0" in path:
        return path
    path = posixpath.normpath(path)
    if root is None or path.isascii() or os.path.isfile(root / path):
        return path
    forms = (unicodedata.normalize(form, path) for form in ("NFC", "NFD"))
    return next((form for form in forms if os.path.isfile(root / form)), path)


def _filled(source: pd.DataFrame, name: str, default: str) -> pd.Series:
    if name not in source:
        return pd.Series([default] * len(source), dtype=object)
    return source[name].str.strip().replace("", default)


def _labels(cells: pd.Series, label_map: dict[str, int], where: list[str], problems: list[str]) -> pd.Series:
    words = cells.str.strip().str.lower()
    truth = TRUTH if cells.name == "is_fake" else {}
    known = {word: int(match[1]) for word in set(words) if (match := WHOLE_LABEL.fullmatch(word))} | truth | label_map
    labels = words.map(known)
    for i in labels.index[labels.isna()]:
        if words[i] in TRUTH:
            hint = "it does not say whether true means fake; say it with --label-map true=1,false=0"
        else:
            hint = "map it with --label-map or run prepare"
        problems.append(f"{where[i]}: label {cells[i]!r} is neither 0 nor 1; {hint}")
    return labels


def _path_problems(paths: pd.Series, root: Path, where: list[str], confined: bool, check_files: bool) -> list[str]:
    problems = []
    for place, path in zip(where, paths, strict=True):
        if not path or "\0" in path:
            problems.append(f"{place}: the path is {'empty' if not path else 'not a file name'}")
        elif confined and not (root / path).resolve().is_relative_to(root):
            problems.append(f"{place}: {path!r} leads out of the manifest's folder; paths must stay inside it")
        elif check_files and not os.path.isfile(root / path):
            problems.append(f"{place}: no file {path!r} below {root}; check the path or the folder")
    return problems


def _duplicates(cells: pd.Series, noun: str, where: list[str], shown: pd.Series) -> list[str]:
    firsts: dict[str, int] = {}
    problems = []
    for i, cell in enumerate(cells):
        first = firsts.setdefault(cell, i)
        if first != i and cell:
            place = " ".join(where[first].rsplit(" ", 2)[-2:])
            problems.append(f"{where[i]}: {noun} {shown[i]!r} is in {place} already; remove one of the two rows")
    return problems


def _split_problems(frame: pd.DataFrame, where: list[str]) -> list[str]:
    unknown = frame.index[(frame["split"] != "") & ~frame["split"].isin(WORDS)]
    problems = [
        f"{where[i]}: split {frame['split'][i]!r} is not known; use one of {', '.join(WORDS)} or leave it empty"
        for i in unknown
    ]
    for group, rows in leaking_groups(frame).items():
        places = " and ".join(f"{where[i]} ({frame['split'][i]})" for i in rows)
        problems.append(
            f"group {group!r} is in two splits: {places}; one person or clip belongs to one split. "
            "Correct the splits, or cut new ones with --no-keep-splits"
        )
    return problems


def leak_problems(frame: pd.DataFrame, splits: pd.Series, where: list[str]) -> list[str]:
    """Describe every person and clip that stands in two splits.

    Args:
        frame: Columns of LINKS, where there.
        splits: (N,) split of each row; "" is none.
        where: (N,) what each row is called in messages.

    Returns:
        A sentence for each, with a row of each split.
    """
    problems = []
    for kind, noun in PEOPLE.items():
        for name, rows in leak_names(frame, kind, splits).items():
            places = " and ".join(f"{where[i]} ({splits.iloc[i]})" for i in rows)
            problems.append(
                f"leak: {kind} {name!r} is in two splits: {places}; {noun} belongs to one split. Leave the columns "
                "split and group empty for these rows, so that they are cut together, or accept it: --leaks report"
            )
    return problems


def _typed(source: pd.DataFrame, where: list[str], problems: list[str]) -> pd.DataFrame:
    """Known columns of numbers and flags as such, empty cells missing; a cell that is none is a problem."""
    source = source.copy()
    for name in (*NUMBERS, *WHOLE):
        if name not in source:
            continue
        cells = source[name].str.strip().replace("", None)
        values = pd.to_numeric(cells, errors="coerce").astype("float64")
        wrong = cells.notna() & ~np.isfinite(values)
        wrong |= values.notna() & (values % 1 != 0) if name in WHOLE else False
        kind = "whole number" if name in WHOLE else "number"
        problems += [
            f"{where[i]}: {name} {cells[i]!r} is no {kind}; correct it or leave it empty" for i in _true(wrong)
        ]
        source[name] = values.where(~wrong).astype("Int64" if name in WHOLE else "float64")
    for name in (name for name in FLAGS if name in source):
        cells = source[name].str.strip().str.lower()
        values = cells.map({"true": True, "1": True, "false": False, "0": False})
        wrong = (cells != "") & values.isna()
        problems += [f"{where[i]}: {name} {cells[i]!r} is neither true nor false" for i in _true(wrong)]
        source[name] = values.astype("boolean")
    return source


def _true(mask: pd.Series) -> list[int]:
    return [int(i) for i in np.flatnonzero(mask.to_numpy(bool))]


def _ordered(frame: pd.DataFrame, source: pd.DataFrame, path_column: str) -> pd.DataFrame:
    first = ["sample_id", "path", "label", "dataset", "group", "split", "method", "compression", "identity"]
    extra = source[[name for name in source.columns if name not in first and name != path_column]]
    joined = pd.concat([frame[first], extra], axis=1)
    # one text type whatever the source was: pandas reads CSV and Parquet into different ones
    return joined.astype({name: object for name in joined.columns if joined[name].dtype.kind not in "ifb"})
