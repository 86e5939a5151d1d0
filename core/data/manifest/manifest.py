"""The manifest: one row a picture, validated once, with a fingerprint; saved as Parquet, CSV and a card."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from core.artifacts.files import atomic_path, read_json, write_json, write_text
from core.data.manifest.card import dataset_card
from core.data.manifest.splits import Shares, assign_splits
from core.data.manifest.tables import Table, csv_text, frame_as_text, read_table
from core.data.manifest.validate import ManifestError, leak_problems, parse_label_map, validate

COLUMNS = ("sample_id", "path", "label", "dataset", "group", "split", "method", "compression", "identity")
CARD = "dataset.json"

__all__ = [
    "CARD",
    "COLUMNS",
    "Manifest",
    "ManifestError",
    "parse_label_map",
    "read_manifest",
    "table_manifest",
]


@dataclass(frozen=True)
class Manifest:
    """The rows of a data set.

    Attributes:
        frame: COLUMNS (label int64, 1 = fake; all others str, never missing) and whatever else the source brought, in
            the order of the file.
        root: Folder that relative `path` cells start from.
    """

    frame: pd.DataFrame
    root: Path

    def __len__(self) -> int:
        return len(self.frame)

    def file(self, path: str) -> Path:
        """Return the file that a row names.

        Args:
            path: A `path` cell, relative to `root` or absolute.

        Returns:
            The place of the file.
        """
        return self.root / path

    def fingerprint(self) -> str:
        """Compute SHA-256 (hex) over the sorted (sample_id, label, group, split) and, where known, sha256 of the files.

        What decides a result counts: row order, folders, methods and measured columns do not.
        """
        names = ["sample_id", "label", "group", "split"]
        if "sha256" in self.frame and (self.frame["sha256"] != "").any():
            names.append("sha256")
        columns = [self.frame[name].astype(str) for name in names]
        rows = sorted("\t".join(row) for row in zip(*columns, strict=True))
        return hashlib.sha256("\n".join(rows).encode()).hexdigest()

    def select(self, split: str) -> Manifest:
        """Return the rows of one split.

        Args:
            split: Name of the split.

        Returns:
            A manifest of these rows.

        Raises:
            ValueError: There are none; the message names the splits that exist.
        """
        rows = self.frame[self.frame["split"] == split]
        if rows.empty:
            known = ", ".join(sorted(self.frame["split"].unique())) or "none"
            raise ValueError(f"the data set has no rows in split {split!r}; it has: {known}")
        return Manifest(rows.reset_index(drop=True), self.root)

    def with_splits(self, shares: Shares, seed: int, keep: bool = True) -> Manifest:
        """Assign each row to train, val_select, val_calib or test (see `assign_splits`).

        Args:
            shares: Shares of the groups.
            seed: Seed of the hash.
            keep: Honour the split words that the rows bring.

        Returns:
            The same rows with a new column `split`.
        """
        return Manifest(self.frame.assign(split=assign_splits(self.frame, shares, seed, keep)), self.root)

    def refuse_leaks(self, name: str) -> None:
        """Refuse splits that separate the rows of one person or one clip.

        Args:
            name: What the manifest is called in the message.

        Raises:
            ManifestError: It names the rows of every such person and clip.
        """
        where = [f"{name} row {i} {path}" for i, path in enumerate(self.frame["path"], 1)]
        if problems := leak_problems(self.frame, self.frame["split"], where):
            raise ManifestError(name, problems)

    def save(self, folder: Path, **extra: Any) -> Path:
        """Write manifest.parquet, manifest.csv and dataset.json.

        The card's `root` is "." when the pictures lie below `folder`, else the absolute folder they lie in. Cells of
        the CSV that a spreadsheet would run (= + - @ first) are quoted with ' and read back unchanged.

        Args:
            folder: Where to write; made if missing.
            **extra: More entries of the card; `warnings` are added to the card's own.

        Returns:
            `folder`.
        """
        folder.mkdir(parents=True, exist_ok=True)
        inside = self.root.resolve() == folder.resolve()
        with atomic_path(folder / "manifest.parquet") as temporary:
            self.frame.to_parquet(temporary, index=False)
        write_text(folder / "manifest.csv", csv_text(self.frame))
        counted = dataset_card(self.frame)
        card = {
            "schema": 1,
            "root": "." if inside else str(self.root.resolve()),
            "fingerprint": self.fingerprint(),
            **counted,
            **extra,
            "warnings": [*counted["warnings"], *extra.get("warnings", [])],
        }
        write_json(folder / CARD, card)
        return folder


def read_manifest(
    path: Path | str,
    label_map: Mapping[str, int] | None = None,
    *,
    root: Path | None = None,
    confined: bool = False,
    check_files: bool = True,
    refuse_leaks: bool = True,
) -> Manifest:
    """Read and validate a CSV or Parquet manifest in any known dialect (core/data/manifest/validate.py).

    Args:
        path: The file.
        label_map: Words for labels in lower case, e.g. {"real": 0, "fake": 1}.
        root: Folder that relative paths start from; None: the sibling card's, else the manifest's own folder.
        confined: Refuse paths that leave `root` (for uploaded manifests).
        check_files: Name the rows whose file is missing.
        refuse_leaks: Refuse a person or clip whose rows name two splits; the rows are named.

    Returns:
        The manifest.

    Raises:
        ManifestError: It counts every problem and names the first 20 by row.
        FileNotFoundError: There is no such file.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no manifest at {path}")
    if root is None:
        card = path.parent / CARD
        root = (path.parent / read_json(card).get("root", ".")) if card.is_file() else path.parent
    table = read_table(path)
    frame = validate(
        table,
        root.resolve(),
        dict(label_map or {}),
        confined=confined,
        check_files=check_files,
        refuse_leaks=refuse_leaks,
    )
    return Manifest(frame, root.resolve())


def table_manifest(rows: pd.DataFrame, root: Path) -> Manifest:
    """Validate rows that a program made (`prepare`) by the same rules as rows that were read.

    Args:
        rows: Columns of a manifest.
        root: Folder that the paths start from; they may not leave it.

    Returns:
        The manifest.

    Raises:
        ManifestError: It names every problem by row.
    """
    table = Table("rows", "dataset", frame_as_text(rows), first_row=1)
    frame = validate(table, root.resolve(), {}, confined=True, check_files=True, refuse_leaks=False)
    return Manifest(frame, root.resolve())
