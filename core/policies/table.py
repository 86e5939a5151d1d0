"""Read the rows and columns of a predictions table that choose a policy."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pandas as pd

STACK = "stack"
OUT_OF_FOLD = "scores are out-of-fold; the stage 3 that ships is fitted on all folds, so read its audit on test"


def calibration_rows(table: pd.DataFrame, seen: Sequence[str] = ()) -> pd.DataFrame:
    """Return the rows that choose a policy.

    Args:
        table: Predictions; without a column `split` the whole table is returned.
        seen: Splits; none: val_calib.

    Returns:
        The rows of these splits.

    Raises:
        ValueError: There are none, or an item stands there twice.
    """
    rows = table[table["split"].isin(seen or ("val_calib",))] if "split" in table else table
    if rows.empty:
        raise ValueError(
            "the predictions hold no item of split val_calib, on which exits are chosen; import the scores again "
            "with a calibration share, or stack a run that has the split"
        )
    if "sample_id" in rows and (twice := rows["sample_id"].duplicated()).any():
        example = rows.loc[twice, "sample_id"].iloc[0]
        raise ValueError(
            f"the predictions hold {int(twice.sum())} item(s) of {', '.join(seen) or 'val_calib'} twice (such as "
            f"{example!r}): counted twice they would guarantee too much; score the data set again"
        )
    return rows


def require(table: pd.DataFrame, columns: Sequence[str]) -> None:
    """Check that a table has these columns.

    Args:
        table: Predictions.
        columns: Names.

    Raises:
        ValueError: Columns are missing; the message names them.
    """
    missing = [name for name in columns if name not in table]
    if missing:
        raise ValueError(f"the predictions table lacks the column(s) {', '.join(missing)}")


def table_fingerprint(rows: pd.DataFrame) -> str:
    """Compute the SHA-256 over the sorted (sample_id, label) pairs.

    Args:
        rows: Columns sample_id and label.

    Returns:
        64 hex digits, the same as `Predictions.fingerprint` of these items.
    """
    text = "\n".join(sorted(f"{i}\t{y}" for i, y in zip(rows["sample_id"], rows["label"], strict=True)))
    return hashlib.sha256(text.encode()).hexdigest()


def table_members(table: pd.DataFrame) -> list[str]:
    """List the members of a predictions table in column order, stage 1 first.

    Args:
        table: Predictions.

    Returns:
        Names of the p_ columns except `p_stack`.
    """
    return [name[2:] for name in table.columns if name.startswith("p_") and name != f"p_{STACK}"]
