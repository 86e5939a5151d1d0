"""Road-work pictures (the second task): a CSV or JSON list of picture and label, with or without a header.

CSV: `file,label`, header or none, columns in any order. JSON: a list of objects, a list of rows, `{"x.jpg": label}` or
`{"x.jpg": {"label": ...}}`, the list possibly inside an object; JSON Lines. Label 1 = there is road work.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from core.data.manifest.manifest import Manifest
from core.data.manifest.tables import ManifestError, Table, csv_rows, frame_as_text, read_table
from core.data.manifest.validate import parse_label_map, validate
from core.data.sources.base import PICTURES, Listing, grouping
from core.data.sources.manifest import Dialects, listing_of
from core.data.sources.walk import read_list, read_listed_json
from core.data.spec import PrepareSpec
from core.task import ROADWORK

POSITIVE = ("roadwork", "road_work", "road work", "road-work", "construction", "true", "yes", "positive")
NEGATIVE = ("no_roadwork", "no roadwork", "no-roadwork", "noroadwork", "none", "false", "no", "negative")
WORDS = {**dict.fromkeys(POSITIVE, 1), **dict.fromkeys(NEGATIVE, 0)}
DIGITS = ("0", "1", "0.0", "1.0")
COLUMNS = {
    "path": ("path", "image_path", "filepath", "file_path", "image", "image_name", "file", "filename", "file_name"),
    "label": ("label", "class", "target", "roadwork", "is_roadwork", "has_roadwork"),
    "group": ("group", "scene", "scene_id", "sequence", "sequence_id", "drive", "trip", "location"),
    "video": ("video", "video_id"),
    "split": ("split", "subset"),
    "dataset": ("dataset",),
}
OURS = {name: ours for ours, names in COLUMNS.items() for name in names}
SUFFIXES = (".csv", ".tsv", ".json", ".jsonl", ".parquet")


class Roadwork:
    """Pictures stay where they are; they are judged whole, so no faces are looked for."""

    title = "Road work"
    tells = "a CSV or JSON list of pictures and labels (roadwork / no_roadwork, or 1 / 0), with or without a header"
    task = ROADWORK

    def recognises(self, root: Path) -> str:
        if not root.is_file() or root.suffix.lower() not in SUFFIXES or Dialects().recognises(root):
            return ""
        try:
            table = _table(root)
        except ValueError:
            return ""
        columns = ", ".join(table.frame.columns)
        return f"a list with {columns}" if {"path", "label"} <= set(table.frame.columns) else ""

    def find(self, root: Path, spec: PrepareSpec, *, confined: bool = False) -> Listing:
        grouping(spec, self.title, ("columns",))
        file = _list_in(root)
        table = _table(file)
        lacking = [name for name in ("path", "label") if name not in table.frame]
        if lacking:
            raise ValueError(f"{file.name} has no column that can be the {' or the '.join(lacking)}: {self.tells}")
        media = Path(spec.media).expanduser().resolve() if spec.media else file.parent.resolve()
        if confined and not media.is_relative_to(file.parent.resolve()):
            raise ValueError(f"{spec.media} leads out of the upload; its pictures must lie beside the list")
        known = {**WORDS, **parse_label_map(spec.label_map)}
        frame = validate(table, media, known, confined=True, check_files=True)
        frame = frame.assign(dataset=frame["dataset"].where(frame["dataset"] != table.stem, "roadwork"))
        frame["method"] = "none"
        grouped = [name for name in ("group", "video") if name in table.frame]
        listing = listing_of(
            Manifest(frame, media), f"the list's {' and '.join(grouped)}" if grouped else "one picture"
        )
        listing.notes.append("Label 1 means road work, 0 none: wherever a page says fake and real, read these words.")
        if not grouped:
            listing.notes.append(
                "The list has no group, scene or video: pictures of one place or one drive can lie on two sides of a "
                "split, and figures are then too good. Add a column `group`."
            )
        return listing


def _list_in(root: Path) -> Path:
    """The list itself, or the only one in a folder. Raises ValueError naming the candidates."""
    if root.is_file():
        return root
    found = sorted(path for path in root.iterdir() if path.is_file() and path.suffix.lower() in SUFFIXES)
    if len(found) == 1:
        return found[0]
    names = ", ".join(path.name for path in found) or "none"
    raise ValueError(
        f"{root} is a folder with {len(found)} lists ({names}); name one list file, and --media its pictures"
    )


def _table(file: Path) -> Table:
    """The list with our column names. Raises ValueError, ManifestError."""
    suffix = file.suffix.lower()
    if suffix == ".parquet":
        table = read_table(file)
        return _renamed(table)
    if suffix in (".json", ".jsonl"):
        return _from_json(file)
    rows = csv_rows(read_list(file), file.name)
    return _from_rows(file, [[cell.strip() for cell in row] for row in rows if any(row)])


def _from_json(file: Path) -> Table:
    if file.suffix.lower() == ".jsonl":
        try:
            document: Any = [json.loads(line) for line in read_list(file).splitlines() if line.strip()]
        except (json.JSONDecodeError, RecursionError) as error:
            raise ValueError(f"{file.name} is not JSON Lines: {error}") from error
    else:
        document = read_listed_json(file)
    if isinstance(document, dict):
        lists = [value for value in document.values() if isinstance(value, list)]
        document = lists[0] if len(lists) == 1 else [_pair(name, said) for name, said in document.items()]
    if not isinstance(document, list) or not document:
        raise ValueError(f"{file.name} holds no list of pictures; expected {Roadwork.tells}")
    if all(isinstance(row, list) for row in document):
        return _from_rows(file, [[_cell(cell) for cell in row] for row in document])
    if not all(isinstance(row, dict) for row in document):
        raise ValueError(f"{file.name} mixes rows and objects; expected {Roadwork.tells}")
    frame = pd.DataFrame([{str(key).lower(): _cell(cell) for key, cell in row.items()} for row in document]).fillna("")
    return _renamed(Table(file.name, file.stem, frame_as_text(frame), first_row=1))


def _pair(name: str, said: Any) -> dict[str, Any]:
    return {"path": name, **said} if isinstance(said, dict) else {"path": name, "label": said}


def _cell(value: Any) -> str:
    return "" if value is None else str(value).strip()


def _from_rows(file: Path, rows: list[list[str]]) -> Table:
    """Rows of cells: the first is a header unless a picture's name stands in it."""
    if not rows:
        raise ValueError(f"{file.name} is empty; expected {Roadwork.tells}")
    widths = {len(row) for row in rows}
    if len(widths) > 1:
        odd = next(number for number, row in enumerate(rows, 1) if len(row) != len(rows[0]))
        raise ManifestError(file.name, [f"{file.name} row {odd} has {len(rows[odd - 1])} cells, row 1 {len(rows[0])}"])
    header = not any(cell.lower().endswith(PICTURES) for cell in rows[0])
    names = [name.lower() for name in rows[0]] if header else _guessed(rows)
    frame = pd.DataFrame(rows[1:] if header else rows, columns=names, dtype=str)
    if frame.columns.duplicated().any():
        raise ManifestError(file.name, [f"{file.name}: a column name occurs twice in {', '.join(names)}"])
    return _renamed(Table(file.name, file.stem, frame, first_row=2 if header else 1))


def _guessed(rows: list[list[str]]) -> list[str]:
    """Column names of a list without a header: pictures by their suffix, labels by their words; others are numbered."""
    names = [f"column {number}" for number in range(1, len(rows[0]) + 1)]
    for number in range(len(names)):
        cells = [row[number].lower() for row in rows]
        if "path" not in names and all(cell.endswith(PICTURES) for cell in cells):
            names[number] = "path"
        elif "label" not in names and _mostly_labels(cells):
            names[number] = "label"
    return names


def _mostly_labels(cells: Iterable[str]) -> bool:
    """Whether nine in ten cells are label words; the rest is named as faults later."""
    known = [cell in WORDS or cell in DIGITS for cell in cells]
    return sum(known) >= 0.9 * len(known)


def _renamed(table: Table) -> Table:
    """Our names for the columns that we know. The first known name of each wins; the others stay as they are."""
    names: list[str] = []
    for name in table.frame.columns:
        ours = OURS.get(name, name)
        names.append(ours if ours not in names and (ours == name or ours not in table.frame.columns) else name)
    return Table(table.name, table.stem, table.frame.set_axis(names, axis=1), table.first_row)
