"""Tables from disk as text cells with row numbers, and CSV that no spreadsheet runs as a formula."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

# What a spreadsheet would take for a formula; quotes before it are counted so that escaping can be undone exactly.
RISKY = re.compile(r"'*[=+\-@\t\r]")
QUOTED = re.compile(r"'+[=+\-@\t\r]")
SEPARATORS = ",;\t|"
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
UNNAMED = re.compile(r"unnamed: \d+(_level_\d+)?")
"""What pandas calls a column without a name when it writes a table that it has read."""

# Columns with a type of their own, the same from CSV and from Parquet; every other one is text.
NUMBERS = (
    "native_px", "width", "height", "plant_x", "plant_y", "plant_w", "plant_h",
    "time", "sharpness", "brightness", "contrast", "yaw",
)  # fmt: skip
WHOLE = ("frame", "track")
FLAGS = ("bystander",)


class ManifestError(ValueError):
    """A manifest that cannot be used. `problems` holds all faults, each a sentence with its row number."""

    def __init__(self, name: str, problems: list[str]) -> None:
        self.problems = problems
        shown = "\n".join(problems[:20])
        rest = f"\n... and {len(problems) - 20} more" if len(problems) > 20 else ""
        count = f"{name}: {len(problems)} problems\n" if len(problems) > 1 else ""
        super().__init__(f"{count}{shown}{rest}")


@dataclass(frozen=True)
class Table:
    """The cells of a table as str ("" = empty), with its headers in lower case.

    Attributes:
        name: Name of the file.
        stem: Name of the data set when no column gives one.
        frame: The cells.
        first_row: Number of the first row in messages. A CSV's header is row 1, as spreadsheets number it; a Parquet
            file's first row is row 1.
    """

    name: str
    stem: str
    frame: pd.DataFrame
    first_row: int

    def row(self, position: int) -> str:
        """Name a row in messages, e.g. "manifest.csv row 17".

        Args:
            position: 0 for the first row.

        Returns:
            File and number of the row.
        """
        return f"{self.name} row {self.first_row + position}"


def guard(cell: str) -> str:
    """Quote a cell that a spreadsheet would run as a formula.

    Args:
        cell: Any text.

    Returns:
        The text, with ' before it where needed.
    """
    return f"'{cell}" if RISKY.match(cell) else cell


def unguard(cell: str) -> str:
    """Undo `guard`: the identity on guarded cells, for every text.

    Args:
        cell: A cell that was read.

    Returns:
        The text before it was guarded.
    """
    return cell[1:] if QUOTED.match(cell) else cell


def csv_text(frame: pd.DataFrame) -> str:
    """Write a frame as CSV: every text cell guarded, missing values empty, lines ended by a newline.

    Args:
        frame: The rows.

    Returns:
        The text of the file.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(guard(str(name)) for name in frame.columns)
    for row in frame.itertuples(index=False):
        writer.writerow("" if pd.isna(cell) else guard(str(cell)) for cell in row)
    return stream.getvalue()


def read_table(path: Path) -> Table:
    """Read CSV or Parquet, recognised by content.

    CSV may be separated by comma, semicolon, tab or bar, in UTF-8 or (with its mark) UTF-16. A column without a name
    that holds numbers, as pandas writes its index, is left out.

    Args:
        path: The file.

    Returns:
        Its cells.

    Raises:
        ManifestError: It names row and fault.
    """
    with open(path, "rb") as stream:
        parquet = stream.read(4) == b"PAR1"
    frame = _named(_parquet(path) if parquet else _csv(path))
    twice = sorted(set(frame.columns[frame.columns.duplicated()]))
    if twice:
        raise ManifestError(path.name, [f"{path.name}: the column {', '.join(twice)} occurs twice; remove one"])
    stem = path.stem if path.stem not in ("manifest", "labels", "index") else path.resolve().parent.name
    return Table(path.name, stem, frame, first_row=1 if parquet else 2)


def _named(frame: pd.DataFrame) -> pd.DataFrame:
    """Headers in lower case. Of columns without a name those of numbers are dropped, others are numbered."""
    names = [str(name).strip().lower() for name in frame.columns]
    frame.columns = pd.Index(range(len(names)))
    unnamed = [place for place, name in enumerate(names) if not name or UNNAMED.fullmatch(name)]
    index = [place for place in unnamed if frame[place].map(lambda cell: not cell or cell.isdigit()).all()]
    names = [f"column {place + 1}" if place in unnamed else name for place, name in enumerate(names)]
    return frame.set_axis(names, axis=1).iloc[:, [place for place in range(len(names)) if place not in index]]


def csv_rows(text: str, name: str) -> list[list[str]]:
    """Split CSV text into cells.

    The separator is the one of SEPARATORS that gives the first line most cells.

    Args:
        text: The whole file.
        name: Name of the file, for the message.

    Returns:
        Rows of cells; empty lines are empty rows.

    Raises:
        ManifestError: The text is not readable CSV.
    """
    try:
        first = {mark: len(next(csv.reader(io.StringIO(text, newline=""), delimiter=mark), [])) for mark in SEPARATORS}
        mark = max(SEPARATORS, key=first.__getitem__)
        return list(csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=mark))
    except csv.Error as error:
        raise ManifestError(name, [f"{name} is not readable CSV: {error}; save it again as CSV"]) from error


def _csv(path: Path) -> pd.DataFrame:
    data = path.read_bytes()
    try:
        text = data.decode("utf-16" if data[:2] in UTF16_MARKS else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise ManifestError(path.name, [f"{path.name} is not UTF-8 text (byte {error.start}); save it so"]) from error
    lines = csv_rows(text, path.name)
    if not lines or not any(cell.strip() for cell in lines[0]):
        raise ManifestError(path.name, [f"{path.name} has no header row; expected at least path,label"])
    header, problems, rows = lines[0], [], []
    for number, line in enumerate(lines[1:], 2):
        if line and len(line) != len(header):
            problems.append(f"{path.name} row {number} has {len(line)} cells, the header has {len(header)}")
        # an empty line keeps its number and is dropped by `validate`
        rows.append([unguard(cell) for cell in line] if line else [""] * len(header))
    if problems:
        raise ManifestError(path.name, problems)
    return pd.DataFrame(rows, columns=[unguard(name) for name in header], dtype=str)


def _parquet(path: Path) -> pd.DataFrame:
    try:
        frame = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise ManifestError(path.name, [f"{path.name} is not readable Parquet: {error}"]) from error
    return frame_as_text(frame)


def frame_as_text(frame: pd.DataFrame) -> pd.DataFrame:
    """Turn all cells into str, missing ones into "".

    Args:
        frame: Any frame.

    Returns:
        A frame of text with the same columns.
    """
    return pd.DataFrame({str(name): _as_text(frame[name]) for name in frame.columns})


def _as_text(column: pd.Series) -> pd.Series:
    """Cells as str; missing as ""; whole floats without their .0 (a label column with gaps is float)."""
    if pd.api.types.is_bool_dtype(column):
        column = column.astype("Int64")
    if pd.api.types.is_float_dtype(column):
        return column.map(lambda v: "" if pd.isna(v) else (str(int(v)) if float(v).is_integer() else repr(float(v))))
    return column.map(lambda v: "" if pd.isna(v) else str(v)).astype(object)
