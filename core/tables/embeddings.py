"""Embeddings on disk: one Parquet file of a detector's answers to a data set. numpy and pyarrow only.

Columns: `sample_id`, `log_odds` (float64, of fake, uncalibrated) and, for every part of the embedding, one fixed-size
list of float32. Rows stand in the manifest's order. The file's metadata says which detector and which data it is of,
and names every row that could not be read: a file with such rows is incomplete, and readers refuse it unless asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field

from core.artifacts.files import atomic_path
from core.spec import Spec

ABOUT = b"aware.embeddings"
SHOWN = 5


class MissingRow(Spec):
    """A row of the data set that has no embedding, and why."""

    sample_id: str
    path: str
    reason: str


class EmbeddingAbout(Spec):
    """What an embedding file, or one shard of it, is of."""

    schema_version: int = 1
    key: str = Field(description="Names weights, input, rows and files: equal keys, equal answers.")
    run: str
    detector: str
    weights_sha256: str
    data_fingerprint: str
    parts: dict[str, int] = Field(description="Part -> its size D.")
    first: int = Field(0, ge=0, description="A shard: position of its first row in the data set.")
    rows: int = Field(ge=0, description="Rows that the file was to hold, missing ones counted.")
    missing: list[MissingRow] = []

    @property
    def complete(self) -> bool:
        return not self.missing


@dataclass(frozen=True)
class EmbeddingTable:
    """Embeddings of a data set by one detector.

    GenConViT has the parts `image` and `reconstruction` (the classifier's branch on each), `latent`, and
    `reconstruction_error` (N, 2): mean squared error and PSNR (dB) of the reconstruction.

    Attributes:
        sample_id: (N,) str.
        log_odds: (N,) float64, of fake, uncalibrated.
        parts: Name -> (N, D) float32; `embedding` is always one of them.
        about: What the file says of itself.
    """

    sample_id: np.ndarray
    log_odds: np.ndarray
    parts: dict[str, np.ndarray]
    about: EmbeddingAbout

    def __len__(self) -> int:
        return len(self.sample_id)

    def take(self, sample_ids: Sequence[str]) -> EmbeddingTable:
        """Select rows by name.

        Args:
            sample_ids: Names of the rows.

        Returns:
            These rows, in this order.

        Raises:
            ValueError: A row is missing; the message names the first.
        """
        place = {name: row for row, name in enumerate(self.sample_id)}
        lost = [name for name in sample_ids if name not in place]
        if lost:
            raise ValueError(
                f"{len(lost)} of {len(sample_ids)} samples have no embedding in run {self.about.run!r} "
                f"(first: {', '.join(map(str, lost[:SHOWN]))}); embed the data set that holds them"
            )
        rows = np.array([place[name] for name in sample_ids], np.int64)
        parts = {name: values[rows] for name, values in self.parts.items()}
        return EmbeddingTable(self.sample_id[rows], self.log_odds[rows], parts, self.about)


def read_about(path: Path) -> EmbeddingAbout:
    """Read what an embedding file is of.

    Args:
        path: The file.

    Returns:
        The description in its metadata.

    Raises:
        ValueError: The file is not a whole embedding file.
    """
    try:
        metadata = pq.read_schema(path).metadata or {}
        return EmbeddingAbout.model_validate_json(metadata[ABOUT])
    except (pa.ArrowInvalid, KeyError, ValueError) as error:
        raise ValueError(f"{path} is not a whole embedding file; make it again with `aware embed`") from error


def read_embeddings(path: Path, parts: Sequence[str] | None = None, *, incomplete: bool = False) -> EmbeddingTable:
    """Read a whole embedding file; for a large file use `stream_embeddings`.

    Args:
        path: The file.
        parts: Parts that are wanted; None for all.
        incomplete: Whether a file that lacks rows is accepted.

    Returns:
        The table.

    Raises:
        ValueError: The file lacks rows and this was not accepted, a part is unknown, or the file is not whole.
    """
    tables = list(stream_embeddings(path, parts, incomplete=incomplete))
    about = tables[0].about
    return EmbeddingTable(
        np.concatenate([table.sample_id for table in tables]),
        np.concatenate([table.log_odds for table in tables]),
        {name: np.concatenate([table.parts[name] for table in tables]) for name in tables[0].parts},
        about,
    )


def stream_embeddings(
    path: Path, parts: Sequence[str] | None = None, *, incomplete: bool = False
) -> Iterator[EmbeddingTable]:
    """Read the row groups of a file one after the other, in bounded memory.

    Args:
        path: The file.
        parts: Parts that are wanted; None for all.
        incomplete: Whether a file that lacks rows is accepted.

    Yields:
        One table for each row group.

    Raises:
        ValueError: As `read_embeddings`.
    """
    about = read_about(path)
    if about.missing and not incomplete:
        shown = "; ".join(f"{row.sample_id} ({row.path}): {row.reason}" for row in about.missing[:SHOWN])
        raise ValueError(
            f"{path} lacks {len(about.missing)} of {about.rows} rows: {shown}. Repair or exclude these pictures and "
            "embed again, or ask for the incomplete file"
        )
    wanted = list(about.parts) if parts is None else list(parts)
    if strange := sorted(set(wanted) - set(about.parts)):
        raise ValueError(f"{path} has no part {', '.join(strange)}; it has: {', '.join(about.parts)}")
    with pq.ParquetFile(path) as opened:
        there = opened.metadata.num_rows
        if there + len(about.missing) != about.rows:
            raise ValueError(f"{path} holds {there} of {about.rows} rows and names no reason: it is damaged")
        for group in range(opened.num_row_groups):
            table = opened.read_row_group(group, columns=["sample_id", "log_odds", *wanted])
            yield EmbeddingTable(
                np.asarray(table["sample_id"].to_pylist(), dtype=object),
                table["log_odds"].to_numpy(),
                {name: _matrix(table[name], about.parts[name]) for name in wanted},
                about,
            )


def write_shard(
    path: Path, sample_id: Sequence[str], log_odds: np.ndarray, parts: dict[str, np.ndarray], about: EmbeddingAbout
) -> None:
    """Write one row group as a file of its own, atomically.

    Args:
        path: The file.
        sample_id: (N,) names of the rows.
        log_odds: (N,) uncalibrated log-odds of fake.
        parts: (N, D) by part, of the sizes in `about.parts`.
        about: What the shard is of.

    Raises:
        ValueError: A part has another shape.
    """
    columns = [pa.array([str(name) for name in sample_id], pa.string()), pa.array(log_odds, pa.float64())]
    for name, size in about.parts.items():
        flat = np.ascontiguousarray(parts[name], np.float32)
        if flat.shape != (len(sample_id), size):
            raise ValueError(f"part {name!r} has shape {flat.shape}, expected {(len(sample_id), size)}")
        columns.append(pa.FixedSizeListArray.from_arrays(pa.array(flat.reshape(-1)), size))
    table = pa.Table.from_arrays(columns, schema=_schema(about))
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary, row_group_size=max(1, len(sample_id)), **_STORAGE)


def join_shards(shards: Sequence[Path], target: Path) -> EmbeddingAbout:
    """Join shards into one file, a row group each; one shard is in memory at a time.

    Args:
        shards: Files in the order of their rows.
        target: The joined file, written atomically.

    Returns:
        What the joined file is of.

    Raises:
        ValueError: The shards are of different detectors or data, or leave a gap.
    """
    abouts = [read_about(shard) for shard in shards]
    at = 0
    for shard, about in zip(shards, abouts, strict=True):
        if about.key != abouts[0].key or about.first != at:
            raise ValueError(f"{shard} does not follow the shards before it; delete {shard.parent} and embed again")
        at += about.rows
    missing = [row for about in abouts for row in about.missing]
    whole = abouts[0].model_copy(update={"first": 0, "rows": at, "missing": missing})
    schema = _schema(whole)
    with atomic_path(target) as temporary, pq.ParquetWriter(temporary, schema, **_STORAGE) as writer:
        for shard in shards:
            table = pq.read_table(shard).replace_schema_metadata(schema.metadata)
            writer.write_table(table, row_group_size=max(1, len(table)))
    return whole


# Floats do not repeat: a dictionary would be built and thrown away for every page.
_STORAGE = {"compression": "zstd", "use_dictionary": False, "write_statistics": False}


def _schema(about: EmbeddingAbout) -> pa.Schema:
    fields = [pa.field("sample_id", pa.string(), nullable=False), pa.field("log_odds", pa.float64(), nullable=False)]
    fields += [pa.field(name, pa.list_(pa.float32(), size), nullable=False) for name, size in about.parts.items()]
    return pa.schema(fields, metadata={ABOUT: about.model_dump_json().encode()})


def _matrix(column: pa.ChunkedArray, size: int) -> np.ndarray:
    """(N, size) float32 of a fixed-size-list column."""
    flat = column.combine_chunks().flatten() if column.num_chunks else pa.array([], pa.float32())
    return flat.to_numpy(zero_copy_only=False).reshape(-1, size)
