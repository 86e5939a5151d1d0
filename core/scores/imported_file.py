"""A foreign file of scores read within bounds: its text cells, its row numbers, and every fault named with its row.

Nothing in the file is believed: its size, rows, columns and cell lengths are bounded before they are kept, text that a
spreadsheet would run as a formula is refused, and no cell is ever evaluated.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from core.data.manifest.tables import RISKY
from core.progress import Reporter, Silent

MOST_ROWS = 10_000_000
MOST_COLUMNS = 64
MOST_BYTES = 2 << 30
"""Of the file, and of a Parquet file's columns unpacked."""
LONGEST_CELL = 200
BLOCK = 1 << 22
"""Bytes of CSV read at a time; no row is longer."""
NAMED = 12
"""Rows that one message names."""
DELIMITERS = ",;\t"
SAVE_AS_UTF8 = (
    "save it as UTF-8: in Excel as 'CSV UTF-8 (comma delimited)', in LibreOffice with the character set Unicode "
    "(UTF-8), in a shell with `iconv -f utf-16 -t utf-8 OLD > NEW` (for -f name the set it is in)"
)
COMMAS = " (a decimal comma parts a number in two cells: write 0.87, not 0,87)"


class ScoresError(ValueError):
    """A file of scores that cannot be used; the message names rows."""


@dataclass(frozen=True)
class ImportedTable:
    """columns: header in lower case -> cells as text, except a Parquet file's numeric columns, which stay numbers.

    Row i is called `first_row + i`: a CSV's header is row 1, as spreadsheets number it.
    """

    name: str
    columns: pd.DataFrame
    first_row: int

    def refuse(self, rows: np.ndarray, words: str, cells: pd.Series | None = None) -> None:
        """Raise ScoresError naming the rows, if there are any. words: what is wrong with them."""
        rows = np.asarray(rows)
        if not rows.size:
            return
        named = [self._row(int(i), cells) for i in rows[:NAMED]]
        more = f" and {rows.size - NAMED:,} more" if rows.size > NAMED else ""
        raise ScoresError(f"{self.name}: {words}: row {', '.join(named)}{more}")

    def refuse_words(self, rows: np.ndarray, words: str, cells: pd.Series) -> None:
        """As `refuse`, for a column of few words: each distinct one is named once, with how often it stands and where
        first, the most frequent first.
        """
        rows = np.asarray(rows)
        if not rows.size:
            return
        found = pd.DataFrame({"word": cells.iloc[rows].to_numpy(object), "row": rows + self.first_row})
        counted = found.groupby("word", sort=False)["row"].agg(["size", "min"]).sort_values("size", ascending=False)
        named = [
            f"{str(word)[:40]!r} in {n:,} row{'s' if n > 1 else ''} (first: row {first})"
            for word, n, first in counted.head(NAMED).itertuples()
        ]
        more = f" and {len(counted) - NAMED:,} other words" if len(counted) > NAMED else ""
        raise ScoresError(f"{self.name}: {words}: {', '.join(named)}{more}")

    def _row(self, position: int, cells: pd.Series | None) -> str:
        number = str(self.first_row + position)
        return number if cells is None else f"{number} ({str(cells.iloc[position])[:40]!r})"

    def text(self, column: str) -> pd.Series:
        """The column as stripped text, bounded in length, without control characters and formulas."""
        cells = as_text(self.columns[column])
        self.refuse(np.flatnonzero(cells.str.len() > LONGEST_CELL), f"{column} is longer than {LONGEST_CELL} signs")
        self.refuse(np.flatnonzero(cells.str.contains(r"[\x00-\x1f\x7f]")), f"{column} holds a control character")
        run = np.flatnonzero(cells.str.match(RISKY.pattern))  # a negative number begins so too
        run = run[pd.to_numeric(cells.iloc[run], errors="coerce").isna().to_numpy(bool)]
        self.refuse(run, f"{column} begins like a spreadsheet's formula; take = + - @ off", cells)
        return cells


def as_text(column: pd.Series) -> pd.Series:
    """Cells as stripped str; missing ones empty; whole floats without their .0, true and false as 1 and 0."""
    if pd.api.types.is_bool_dtype(column):
        column = column.astype(int)
    if pd.api.types.is_float_dtype(column):
        known = column.dropna()
        if (known == known.round()).all() and np.isfinite(known).all():
            column = column.astype("Int64")
    return column.astype("str").fillna("").str.strip()


def read_imported_table(path: Path, report: Reporter | None = None) -> ImportedTable:
    """Read CSV (comma, semicolon or tab; UTF-8) or Parquet, told apart by content. report: of the share read.

    Raises FileNotFoundError; ScoresError for a file that is too large, ragged, not UTF-8, or without a header.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    if path.stat().st_size > MOST_BYTES:
        raise ScoresError(f"{path.name} holds more than {MOST_BYTES >> 30} GiB; split it, or write it as Parquet")
    with open(path, "rb") as stream:
        parquet = stream.read(4) == b"PAR1"
    try:
        table = _parquet(path) if parquet else _csv(path, report or Silent())
    except pa.ArrowException as error:
        raise ScoresError(f"{path.name} cannot be read: {_plain(error)}") from error
    frame = table.to_pandas()
    frame.columns = _header(path, frame.columns)
    if not parquet:
        frame = frame[~(frame == "").all(axis=1)]  # blank lines keep their number in the index
    if frame.empty:
        raise ScoresError(f"{path.name} holds no row below its header")
    blank = len(frame) != table.num_rows
    if blank and int(frame.index[-1]) != len(frame) - 1:
        raise ScoresError(f"{path.name} has an empty line in its middle (row {_gap(frame.index) + 2}); take it out")
    return ImportedTable(path.name, frame.reset_index(drop=True), first_row=1 if parquet else 2)


def column_names(path: Path) -> list[str]:
    """The header alone, in lower case, without reading the rows. Raises ScoresError as `read_imported_table`."""
    with open(path, "rb") as stream:
        parquet = stream.read(4) == b"PAR1"
    if not parquet:
        return _header(path, _csv_header(path)[0])
    try:
        return _header(path, pq.read_schema(path).names)
    except pa.ArrowException as error:
        raise ScoresError(f"{path.name} cannot be read: {_plain(error)}") from error


def _gap(index: pd.Index) -> int:
    return int(np.flatnonzero(np.asarray(index) != np.arange(len(index)))[0])


def _plain(error: Exception) -> str:
    text = " ".join(str(error).split())
    if "straddling" in text:
        return f"a row is longer than {BLOCK >> 20} MiB"
    if "UTF8" in text or "UTF-8" in text:
        return f"it is not UTF-8 text; {SAVE_AS_UTF8}"
    return text[:200]


def _header(path: Path, names: Iterable[object]) -> list[str]:
    """Column names, stripped, in lower case. Raises ScoresError for too many, empty or doubled ones."""
    found = [str(name).strip().lower() for name in names]
    if len(found) > MOST_COLUMNS:
        raise ScoresError(f"{path.name} has {len(found)} columns; at most {MOST_COLUMNS} are read")
    twice = sorted({name for name in found if found.count(name) > 1})
    if twice:
        raise ScoresError(f"{path.name}: the column {', '.join(map(repr, twice))} stands twice")
    return found


def _csv_header(path: Path) -> tuple[list[str], str]:
    """(names as they stand, delimiter)."""
    with open(path, "rb") as stream:
        first = stream.readline(1 << 16)
    if first[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise ScoresError(f"{path.name} is UTF-16 text (what Excel calls Unicode text); {SAVE_AS_UTF8}")
    try:
        line = first.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ScoresError(f"{path.name} is not UTF-8 text (byte {error.start}); {SAVE_AS_UTF8}") from error
    delimiter = max(DELIMITERS, key=line.count)
    names = next(csv.reader([line], delimiter=delimiter), [])
    if len(names) < 2:
        raise ScoresError(f"{path.name} has no header with columns; expected at least id,label,score")
    _header(path, names)
    return names, delimiter


def _csv(path: Path, report: Reporter) -> pa.Table:
    names, delimiter = _csv_header(path)
    ragged: list[str] = []

    def skip(row: pacsv.InvalidRow) -> str:
        ragged.append(f"row {row.number} has {row.actual_columns} cells, the header has {row.expected_columns}")
        if len(ragged) > NAMED:
            raise ScoresError(f"{path.name}: {'; '.join(ragged[:NAMED])}; and more")
        return "skip"

    size = path.stat().st_size
    reader = pacsv.open_csv(
        path,
        read_options=pacsv.ReadOptions(use_threads=False, block_size=BLOCK, column_names=names, skip_rows=1),
        parse_options=pacsv.ParseOptions(delimiter=delimiter, invalid_row_handler=skip, ignore_empty_lines=False),
        convert_options=pacsv.ConvertOptions(
            column_types={name: pa.string() for name in names}, strings_can_be_null=False
        ),
    )
    batches, rows = [], 0
    for batch in reader:
        batches.append(batch)
        rows += batch.num_rows
        _bounded(path, rows)
        report.progress(min(1.0, len(batches) * BLOCK / size), f"reading {path.name}: {rows:,} rows")
    if ragged:
        raise ScoresError(f"{path.name}: {'; '.join(ragged)}{COMMAS if delimiter == ',' else ''}")
    return pa.Table.from_batches(batches, reader.schema)


def _bounded(path: Path, rows: int) -> None:
    if rows > MOST_ROWS:
        raise ScoresError(f"{path.name} holds more than {MOST_ROWS:,} rows")


def _parquet(path: Path) -> pa.Table:
    file = pq.ParquetFile(path)
    about = file.metadata
    _bounded(path, about.num_rows)
    if sum(about.row_group(i).total_byte_size for i in range(about.num_row_groups)) > MOST_BYTES:
        raise ScoresError(f"{path.name} unpacks to more than {MOST_BYTES >> 30} GiB")
    _header(path, file.schema_arrow.names)
    table = file.read()
    for i, field in enumerate(table.schema):
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            table = table.set_column(i, field.name, pc.cast(table[field.name], pa.string()))
        elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
            raise ScoresError(f"{path.name}: the column {field.name!r} holds {kind}; use text or numbers")
    return table
