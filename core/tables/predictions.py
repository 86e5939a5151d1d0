"""The table of predictions, one row for each item of one detector: torch ends here, and numpy begins."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from core.artifacts.files import atomic_path
from core.tables.item_membership import sketch
from core.tables.item_rows import ItemRows

REQUIRED = ("sample_id", "group", "dataset", "label", "log_odds")
FAILED = ("sample_id", "group", "dataset", "label", "reason")


def nothing_failed() -> pd.DataFrame:
    """An empty list of failed items."""
    return pd.DataFrame({name: [] for name in FAILED})


def _kept(failed: pd.DataFrame) -> list[str]:
    """Columns of a list of failed items that are kept."""
    named = "split" in failed and bool(failed["split"].notna().all())
    return [*FAILED, "split"] if named else list(FAILED)


def item_fingerprint(ids: pd.Series, labels: pd.Series) -> str:
    """Compute SHA-256 of the lines "id TAB label", sorted by their bytes.

    Args:
        ids: (N,) sample ids.
        labels: (N,) 0 or 1.

    Returns:
        Hexadecimal digits.
    """
    text, of = (pa.array(column.astype(str), pa.large_string()) for column in (ids, labels.astype(int)))
    lines = pc.binary_join_element_wise(text, of, pa.scalar("\t", pa.large_string()))
    lines = lines.take(pc.sort_indices(lines))
    digest, step = hashlib.sha256(), 1 << 20
    for start in range(0, len(lines), step):
        digest.update(b"\n" * bool(start) + "\n".join(lines.slice(start, step).to_pylist()).encode())
    return digest.hexdigest()


@dataclass(frozen=True)
class Predictions(ItemRows):
    """Scores of one detector.

    Attributes:
        frame: The REQUIRED columns (label 1 = fake; log_odds finite, float64; group is the unit that counts in every
            interval and guarantee), perhaps `split`, `method`, `path`, `video`, `track` and more.
        failed: Items that were asked for and have no score: columns FAILED and perhaps `split`; reason in plain words.
    """

    frame: pd.DataFrame
    failed: pd.DataFrame = field(default_factory=nothing_failed)

    def __post_init__(self) -> None:
        short = [name for name in FAILED if name not in self.failed]
        if short:
            raise ValueError(f"the list of failed items lacks the column(s) {', '.join(short)}")
        missing = [name for name in REQUIRED if name not in self.frame]
        if missing:
            raise ValueError(f"predictions lack the column(s) {', '.join(missing)}")
        if self.frame["sample_id"].duplicated().any():
            raise ValueError("predictions hold a sample_id twice")
        if not set(np.unique(self.labels)) <= {0, 1}:
            raise ValueError("predictions hold a label that is neither 0 nor 1")
        if not np.isfinite(self.log_odds).all():
            raise ValueError("predictions hold log_odds that are not finite")

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def log_odds(self) -> np.ndarray:
        """(N,) float64, uncalibrated log-odds of fake."""
        return self.frame["log_odds"].to_numpy(np.float64)

    def select(self, split: str) -> Predictions:
        """Select one split, with its failed items.

        All failed items are taken where the list does not name their splits, because any may be of this one.

        Args:
            split: Name of the split.

        Returns:
            The predictions of the split.

        Raises:
            ValueError: There are no rows; the message lists the splits there are.
        """
        rows = self.frame[self.frame["split"] == split]
        if rows.empty:
            known = ", ".join(sorted(self.frame["split"].unique()))
            raise ValueError(f"no predictions for split {split!r}; there are: {known}")
        failed = self.failed[self.failed["split"] == split] if "split" in self.failed else self.failed
        return Predictions(rows.reset_index(drop=True), failed.reset_index(drop=True))

    def fingerprint(self) -> str:
        """SHA-256 over the sorted sample ids and labels: names the items, whoever scored them."""
        return item_fingerprint(self.frame["sample_id"], self.frame["label"])

    def item_sketch(self) -> str:
        """Which items these are, for telling later whether others are among them (`core.tables.item_membership`)."""
        return sketch(self.frame["sample_id"], self.frame["label"])

    def save(self, path: Path) -> None:
        """Write Parquet atomically; failed items are rows without log_odds, with their `reason`.

        Args:
            path: The file.
        """
        table = self.frame
        if len(self.failed):
            table = pd.concat([table.assign(reason=""), self.failed[_kept(self.failed)]], ignore_index=True)
        with atomic_path(path) as temporary:
            table.to_parquet(temporary, index=False)

    @classmethod
    def load(cls, path: Path) -> Predictions:
        """Read what `save` wrote.

        Args:
            path: The file.

        Returns:
            The predictions.
        """
        return cls.of_table(pd.read_parquet(path))

    @classmethod
    def of_table(cls, table: pd.DataFrame) -> Predictions:
        """Build predictions from a table in which a row without log_odds is an item that failed.

        Args:
            table: Perhaps with the column `reason`.

        Returns:
            The predictions.
        """
        lost = table["log_odds"].isna() if "log_odds" in table else pd.Series(False, index=table.index)
        frame = table[~lost].reset_index(drop=True)
        if not lost.any():
            return cls(frame)
        reasons = table["reason"] if "reason" in table else pd.Series("no score is given", index=table.index)
        failed = table[lost].assign(reason=reasons[lost].fillna("no score is given"))
        return cls(frame.drop(columns=["reason"], errors="ignore"), failed[_kept(failed)].reset_index(drop=True))
