"""A file of scores from outside, read within bounds: its text cells, its row numbers, every fault with its row.

Nothing in the file is trusted: its size, rows, columns and cell lengths are bounded before they are kept, and no cell
is ever evaluated. Text that a spreadsheet would run as a formula is read as it is and quoted wherever it is written
(`core.data.manifest.tables.guard`).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from core.data.manifest.tables import unguard
from core.progress import Reporter, Silent

MOST_ROWS = 10_000_000
MOST_COLUMNS = 64
MOST_BYTES = 2 << 30
"""Of the file, and of a Parquet file's columns unpacked."""
LONGEST_CELL = 4096
"""Characters of a cell: the longest path of a file on Linux."""
CSV_BLOCK = 1 << 22
"""Bytes of CSV read at a time; no row is longer."""
NAMED_ROWS = 12
"""Rows that one message names."""
DELIMITERS = ",;\t"
SAVE_AS_UTF8 = (
    "save it as UTF-8: in Excel as 'CSV UTF-8 (comma delimited)', in LibreOffice with the character set Unicode "
    "(UTF-8), in a shell with `iconv -f utf-16 -t utf-8 OLD > NEW` (for -f name the set it is in)"
)
TEXT_TYPES = (pa.types.is_string, pa.types.is_large_string, pa.types.is_temporal, pa.types.is_decimal)
"""Types of Parquet columns that are read as text."""
COMMAS = " (a decimal comma parts a number in two cells: write 0.87, not 0,87)"


CONTROL = r"[\x00-\x1f\x7f]"


class ScoresError(ValueError):
    """A file of scores that cannot be used; the message names rows."""


@dataclass(frozen=True)
class ImportedTable:
    """The cells of a file of scores.

    Attributes:
        name: Name of the file.
        columns: By header in lower case, cells as text; numeric columns of a Parquet file stay numbers.
        first_row: Number of the first row in messages. A CSV's header is row 1, as spreadsheets number it.
        left_out: By header, why a column cannot be used.
    """

    name: str
    columns: pd.DataFrame
    first_row: int
    left_out: dict[str, str] = field(default_factory=dict)

    def refuse(self, rows: np.ndarray, words: str, cells: pd.Series | None = None) -> None:
        """Refuse the file because of some rows, if there are any.

        Args:
            rows: Positions of the rows.
            words: What is wrong with them.
            cells: Cells to quote in the message.

        Raises:
            ScoresError: There is such a row; the message names the first NAMED_ROWS.
        """
        rows = np.asarray(rows)
        if not rows.size:
            return
        named = [self._row(int(i), cells) for i in rows[:NAMED_ROWS]]
        more = f" and {rows.size - NAMED_ROWS:,} more" if rows.size > NAMED_ROWS else ""
        raise ScoresError(f"{self.name}: {words}: row {', '.join(named)}{more}")

    def refuse_words(self, rows: np.ndarray, words: str, cells: pd.Series) -> None:
        """Refuse the file because of some words, if there are any: each is named once, the most frequent first.

        Args:
            rows: Positions of the rows.
            words: What is wrong with them.
            cells: The column.

        Raises:
            ScoresError: There is such a row; the message gives the number of rows and the first row of each word.
        """
        rows = np.asarray(rows)
        if not rows.size:
            return
        found = pd.DataFrame({"word": cells.iloc[rows].to_numpy(object), "row": rows + self.first_row})
        counted = found.groupby("word", sort=False)["row"].agg(["size", "min"]).sort_values("size", ascending=False)
        named = [
            f"{str(word)[:40]!r} in {n:,} row{'s' if n > 1 else ''} (first: row {first})"
            for word, n, first in counted.head(NAMED_ROWS).itertuples()
        ]
        more = f" and {len(counted) - NAMED_ROWS:,} other words" if len(counted) > NAMED_ROWS else ""
        raise ScoresError(f"{self.name}: {words}: {', '.join(named)}{more}")

    def _row(self, position: int, cells: pd.Series | None) -> str:
        number = str(self.first_row + position)
        return number if cells is None else f"{number} ({str(cells.iloc[position])[:40]!r})"

    def text(self, column: str) -> pd.Series:
        """Return a column as stripped text, its cells as they were before they were quoted for a spreadsheet.

        Args:
            column: Name of the column.

        Returns:
            Cells of at most LONGEST_CELL characters without control characters.

        Raises:
            ScoresError: A cell is longer or holds a control character; its row is named.
        """
        cells = as_text(self.columns[column])
        self.refuse(
            np.flatnonzero(cells.str.len() > LONGEST_CELL), f"{column} is longer than {LONGEST_CELL} characters"
        )
        self.refuse(np.flatnonzero(cells.str.contains(CONTROL)), f"{column} holds a control character")
        quoted = cells.str.startswith("'")
        return cells.where(~quoted, cells[quoted].map(unguard)) if quoted.any() else cells

    def further_text(self, column: str) -> pd.Series | None:
        """Return a column that is only carried along, such as captions, or None where it cannot be used.

        Args:
            column: Name of the column.

        Returns:
            Its text with line breaks and tabs as spaces; None when a cell is too long or holds another control
            character.
        """
        cells = as_text(self.columns[column]).str.replace(r"[\t\r\n]+", " ", regex=True)
        if (cells.str.len() > LONGEST_CELL).any() or cells.str.contains(CONTROL).any():
            return None
        return cells.map(unguard)


def as_text(column: pd.Series) -> pd.Series:
    """Turn a column into stripped text.

    Args:
        column: Text, numbers or booleans.

    Returns:
        str cells: missing ones empty, whole floats without their .0, true and false as 1 and 0.
    """
    if pd.api.types.is_bool_dtype(column):
        column = column.astype(int)
    if pd.api.types.is_float_dtype(column):
        known = column.dropna()
        if (known == known.round()).all() and np.isfinite(known).all():
            column = column.astype("Int64")
    return column.astype("str").fillna("").str.strip()


def read_imported_table(path: Path, report: Reporter | None = None) -> ImportedTable:
    """Read CSV (comma, semicolon or tab; UTF-8) or Parquet, recognised by content.

    Args:
        path: The file.
        report: Receives the share read.

    Returns:
        The cells.

    Raises:
        FileNotFoundError: There is no such file.
        ScoresError: The file is too large, ragged, not UTF-8, or has no header.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    if path.stat().st_size > MOST_BYTES:
        raise ScoresError(f"{path.name} holds more than {MOST_BYTES >> 30} GiB; split it, or write it as Parquet")
    with open(path, "rb") as stream:
        parquet = stream.read(4) == b"PAR1"
    left_out: dict[str, str] = {}
    try:
        table = _parquet(path, left_out) if parquet else _csv(path, report or Silent())
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
        raise ScoresError(f"{path.name} has an empty line in its middle (row {_gap(frame.index) + 2}); remove it")
    return ImportedTable(path.name, frame.reset_index(drop=True), first_row=1 if parquet else 2, left_out=left_out)


def column_names(path: Path) -> list[str]:
    """Read the header alone.

    Args:
        path: The file.

    Returns:
        Names in lower case.

    Raises:
        ScoresError: As `read_imported_table`.
    """
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
        return f"a row is longer than {CSV_BLOCK >> 20} MiB"
    if "UTF8" in text or "UTF-8" in text:
        return f"it is not UTF-8 text; {SAVE_AS_UTF8}"
    return text[:200]


def _header(path: Path, names: Iterable[object]) -> list[str]:
    """Column names, stripped, in lower case. Raises ScoresError for too many, empty or doubled ones."""
    header = [str(name).strip().lower() for name in names]
    if len(header) > MOST_COLUMNS:
        raise ScoresError(f"{path.name} has {len(header)} columns; at most {MOST_COLUMNS} are read")
    # A column without a name, such as an index, is called what pandas calls it; it is not used.
    header = [name or f"unnamed: {i}" for i, name in enumerate(header)]
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise ScoresError(f"{path.name}: the column {', '.join(map(repr, twice))} occurs twice")
    return header


def _csv_header(path: Path) -> tuple[list[str], str]:
    """(names as they stand, delimiter)."""
    with open(path, "rb") as stream:
        first = re.split(rb"[\r\n]", stream.read(1 << 16), maxsplit=1)[0]  # lines may end with CR alone
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
    return _header(path, names), delimiter


def _csv(path: Path, report: Reporter) -> pa.Table:
    names, delimiter = _csv_header(path)
    ragged: list[str] = []

    def skip(row: pacsv.InvalidRow) -> str:
        ragged.append(f"row {row.number} has {row.actual_columns} cells, the header has {row.expected_columns}")
        if len(ragged) > NAMED_ROWS:
            raise ScoresError(f"{path.name}: {'; '.join(ragged[:NAMED_ROWS])}; and more")
        return "skip"

    size = path.stat().st_size
    reader = pacsv.open_csv(
        path,
        read_options=pacsv.ReadOptions(use_threads=False, block_size=CSV_BLOCK, column_names=names, skip_rows=1),
        parse_options=pacsv.ParseOptions(
            delimiter=delimiter, invalid_row_handler=skip, ignore_empty_lines=False, newlines_in_values=True
        ),
        convert_options=pacsv.ConvertOptions(
            column_types={name: pa.string() for name in names}, strings_can_be_null=False
        ),
    )
    batches, rows = [], 0
    for batch in reader:
        batches.append(batch)
        rows += batch.num_rows
        _bounded(path, rows)
        report.progress(min(1.0, len(batches) * CSV_BLOCK / size), f"Reading {path.name}: {rows:,} rows")
    if ragged:
        raise ScoresError(f"{path.name}: {'; '.join(ragged)}{COMMAS if delimiter == ',' else ''}")
    return pa.Table.from_batches(batches, reader.schema)


def _bounded(path: Path, rows: int) -> None:
    if rows > MOST_ROWS:
        raise ScoresError(f"{path.name} holds more than {MOST_ROWS:,} rows")


def _parquet(path: Path, left_out: dict[str, str]) -> pa.Table:
    """Read the columns that hold text or numbers; others are named in left_out with their type."""
    file = pq.ParquetFile(path)
    about = file.metadata
    _bounded(path, about.num_rows)
    if sum(about.row_group(i).total_byte_size for i in range(about.num_row_groups)) > MOST_BYTES:
        raise ScoresError(f"{path.name} unpacks to more than {MOST_BYTES >> 30} GiB")
    _header(path, file.schema_arrow.names)
    text, numbers = [], []
    for column in file.schema_arrow:
        kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
        if any(is_kind(kind) for is_kind in TEXT_TYPES):
            text.append(column.name)
        elif pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
            numbers.append(column.name)
        else:
            left_out[column.name.strip().lower()] = f"it holds {kind}; use text or numbers"
    wanted = {*text, *numbers}
    table = file.read(columns=[name for name in file.schema_arrow.names if name in wanted])
    for name in text:
        table = table.set_column(table.schema.get_field_index(name), name, pc.cast(table[name], pa.string()))
    return table
