"""The CSV tables of a run: text that a spreadsheet would run as a formula is quoted, and read back as it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from core.artifacts.files import atomic_path
from core.data.manifest.tables import RISKY, guard, unguard

TEXT_COLUMNS = {"sample_id": str, "group": str, "dataset": str, "video": str}
"""Columns that are names even where they look like numbers."""


def _mapped(frame: pd.DataFrame, wanted: str, change: Callable[[str], str]) -> pd.DataFrame:
    """Apply `change` to the text cells that match a pattern at their start."""
    changed = {}
    for name in frame.columns:
        column = frame[name]
        if not (pd.api.types.is_object_dtype(column) or pd.api.types.is_string_dtype(column)):
            continue
        rows = column.map(lambda cell: isinstance(cell, str)).to_numpy(bool)
        hits = pd.Series(False, index=column.index)
        hits[rows] = column[rows].astype(str).str.match(wanted).to_numpy(bool)
        if hits.any():
            changed[name] = column.where(~hits, column[hits].map(change))
    return frame.assign(**changed)


def write_guarded_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write a table as CSV, atomically, with ' before text that a spreadsheet would run as a formula.

    Args:
        frame: Any table; its index is not written.
        path: The file.
    """
    with atomic_path(path) as temporary:
        _mapped(frame, RISKY.pattern, guard).to_csv(temporary, index=False)


def read_guarded_csv(path: Path) -> pd.DataFrame:
    """Read a table that `write_guarded_csv` wrote.

    Args:
        path: The file.

    Returns:
        The table; the columns TEXT_COLUMNS are text.

    Raises:
        FileNotFoundError: There is no such file.
    """
    return _mapped(pd.read_csv(path, dtype=TEXT_COLUMNS), "'", unguard)
