"""Embed a data set with a run's detector: one columnar file, in bounded memory, resumed after a kill."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from core.artifacts.files import sha256_file
from core.artifacts.workspace import Workspace
from core.data.loading.dataset import cache_side, load_square
from core.data.loading.transforms import resize_uint8, to_tensor
from core.data.manifest.manifest import Manifest
from core.media.types import MediaRejected
from core.models.detector import Detector
from core.models.inference.run import BEST, Run
from core.models.inference.scoring import answer, pick_device
from core.progress import Reporter, Silent
from core.spec import fingerprint
from core.tables.embeddings import EmbeddingAbout, MissingRow, join_shards, read_about, write_shard

SHARD_ROWS = 1024
"""Rows of one row group: what a kill costs at most, and what memory holds at most."""
FOLDER = "embeddings"


def embed_dataset(
    run: Run,
    manifest: Manifest,
    workspace: Workspace,
    *,
    batch_size: int = 32,
    device: str = "auto",
    report: Reporter | None = None,
    shard_rows: int = SHARD_ROWS,
) -> Path:
    """Embed every row of a manifest with a run's best weights into one file.

    The file (see core/tables/embeddings.py) lies in the run's folder under a key of weights, input, rows and picture
    files: it is made once, and again when one of them changes. Finished row groups are kept beside it until all are
    there, so that a call after a kill continues where the last one stopped. Memory does not grow with the rows:
    pictures are decoded a batch at a time. A picture that cannot be read is named in the file, which is then
    incomplete.

    Args:
        run: The run.
        manifest: Rows to embed.
        workspace: The workspace of the run.
        batch_size: Pictures in one forward.
        device: auto, cpu, cuda or cuda:N.
        report: Receives the progress; may be None.
        shard_rows: Rows of one row group.

    Returns:
        Path of the file.

    Raises:
        ValueError: There is no row, or no picture at all can be read.
        FloatingPointError: Scores are not finite.
        Cancelled: The reporter asks to stop.
    """
    report = report or Silent()
    if len(manifest) == 0:
        raise ValueError("there is no row to embed")
    about = describe(run, manifest)
    target = run.folder / FOLDER / f"{_label(manifest)}-{about.key[:16]}.parquet"
    shards = target.with_suffix(".parts")
    with _alone(target.parent, report):
        if not target.is_file():
            where = pick_device(device)
            detector = run.load_detector(str(where))
            about = about.model_copy(update={"parts": part_sizes(detector, where)})
            files = _write_shards(detector, manifest, about, shards, shard_rows, batch_size, where, report)
            whole = join_shards(files, target)
            if len(whole.missing) == whole.rows:
                target.unlink()
                shutil.rmtree(shards)
                raise ValueError(f"none of {whole.rows} pictures can be read; the first: {whole.missing[0].reason}")
        shutil.rmtree(shards, ignore_errors=True)
    report.progress(1.0, f"Embedded {len(manifest)} rows")
    return target


def describe(run: Run, manifest: Manifest) -> EmbeddingAbout:
    """Describe the embedding file of a run on a manifest, before the sizes of its parts are known.

    Args:
        run: The run.
        manifest: Rows to embed.

    Returns:
        The description, with the key that the file is found by.
    """
    weights = sha256_file(run.folder / BEST)
    document = run.document
    built = [document["detector"], document.get("options"), document.get("input")]
    key = fingerprint([1, weights, built, manifest.fingerprint(), _files(manifest)])
    return EmbeddingAbout(
        key=key,
        run=run.name,
        detector=str(document["detector"]),
        weights_sha256=weights,
        data_fingerprint=manifest.fingerprint(),
        parts={},
        rows=len(manifest),
    )


@torch.inference_mode()
def part_sizes(detector: Detector, device: torch.device) -> dict[str, int]:
    """Find the size of every part of a detector's embedding, from one blank picture.

    Args:
        detector: The detector; it is put into evaluation mode.
        device: Where the detector is.

    Returns:
        Size by name.
    """
    size = detector.input_spec.size
    output = detector.eval()(torch.zeros(1, 3, size, size, device=device))
    return {name: int(values.shape[1]) for name, values in detector.parts(output).items()}


def _files(manifest: Manifest) -> list[list[object]]:
    """Order, names, sizes and times of the pictures: what tells that a file changed without reading it."""
    rows: list[list[object]] = []
    for name, path in manifest.frame[["sample_id", "path"]].astype(str).to_numpy().tolist():
        file = manifest.file(path)
        try:
            stat = file.stat()
            rows.append([name, str(file), stat.st_size, stat.st_mtime_ns])
        except OSError:
            rows.append([name, str(file)])
    return rows


def _label(manifest: Manifest) -> str:
    """The splits of a manifest, for a file's name: `test`, `val_calib+test`, `all`."""
    splits = [str(name) for name in manifest.frame["split"].unique()]
    return "+".join(splits) if len(splits) <= 2 and all(splits) else "all"


@contextmanager
def _alone(folder: Path, report: Reporter) -> Iterator[None]:
    """One process at a time embeds for a run; the lock falls with the process that holds it, however it ends."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / ".lock", os.O_CREAT | os.O_RDWR, 0o644)
    try:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                report.progress(0.0, "Waiting for another process that embeds with this run")
                time.sleep(0.5)
        yield
    finally:
        os.close(handle)


def _write_shards(
    detector: Detector,
    manifest: Manifest,
    about: EmbeddingAbout,
    folder: Path,
    shard_rows: int,
    batch_size: int,
    device: torch.device,
    report: Reporter,
) -> list[Path]:
    """Write the shards that are not there yet; returns all, in order. `folder` belongs to this key alone."""
    detector.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    files, total = [], len(manifest)
    with Pictures(manifest, detector.input_spec.size) as pictures:
        for first in range(0, total, shard_rows):
            rows = range(first, min(first + shard_rows, total))
            shard = about.model_copy(update={"first": first, "rows": len(rows)})
            file = folder / f"{first:09d}-{len(rows)}.parquet"
            files.append(file)
            if not _whole(file, shard):
                _write_shard(file, detector, pictures, rows, shard, batch_size, device, Share(report, total))
    return files


@dataclass(frozen=True)
class Share:
    """Tells a reporter how many rows are done."""

    report: Reporter
    total: int

    def __call__(self, done: int) -> None:
        # The last word is the file's, once it is whole.
        self.report.progress(0.99 * done / self.total, f"Embedded {done} of {self.total}")


def _write_shard(
    file: Path,
    detector: Detector,
    pictures: Pictures,
    rows: range,
    shard: EmbeddingAbout,
    batch_size: int,
    device: torch.device,
    done: Share,
) -> None:
    """Embed `rows` and write them, with the names of those that could not be read, as one row group."""
    kept: list[str] = []
    missing: list[MissingRow] = []
    log_odds = [np.empty(0)]
    parts = {name: [np.empty((0, size), np.float32)] for name, size in shard.parts.items()}
    for batch in pictures.batches(rows, batch_size):
        missing += batch.missing
        if batch.ids:
            scores, found = answer(detector, batch.pixels, device)
            _check_finite(scores, found, batch.ids)
            kept += batch.ids
            log_odds.append(scores)
            for name, values in found.items():
                parts[name].append(values)
        done(batch.last + 1)
    joined = {name: np.concatenate(values) for name, values in parts.items()}
    write_shard(file, kept, np.concatenate(log_odds), joined, shard.model_copy(update={"missing": missing}))


def _whole(file: Path, wanted: EmbeddingAbout) -> bool:
    """Whether a shard of an earlier attempt can be kept; one that is damaged is made again."""
    if not file.is_file():
        return False
    try:
        found = read_about(file)
    except ValueError:
        return False
    return (found.key, found.first, found.rows, found.parts) == (wanted.key, wanted.first, wanted.rows, wanted.parts)


def _check_finite(log_odds: np.ndarray, parts: dict[str, np.ndarray], ids: Sequence[str]) -> None:
    for name, values in {"log_odds": log_odds[:, None], **parts}.items():
        broken = np.flatnonzero(~np.isfinite(values).all(axis=1))
        if len(broken):
            raise FloatingPointError(
                f"{name} of {len(broken)} pictures is not finite (first: {ids[broken[0]]}): the weights diverged. "
                "Train again with a lower learning rate"
            )


@dataclass(frozen=True)
class Batch:
    """pixels: (B, 3, S, S) uint8 of `ids`; missing: the rows that could not be read; last: the last row asked for."""

    ids: list[str]
    pixels: Tensor
    missing: list[MissingRow]
    last: int


class Pictures:
    """Decodes a manifest's pictures a batch ahead of whoever uses them, as `open_cache` would, and keeps none."""

    def __init__(self, manifest: Manifest, size: int) -> None:
        self.size, self.side = size, cache_side(size)
        self.ids = manifest.frame["sample_id"].astype(str).tolist()
        self.paths = manifest.frame["path"].astype(str).tolist()
        self.manifest = manifest

    def __enter__(self) -> Pictures:
        self.pool = ThreadPoolExecutor(min(8, os.cpu_count() or 1))
        return self

    def __exit__(self, *_: object) -> None:
        self.pool.shutdown(cancel_futures=True)

    def batches(self, rows: range, batch_size: int) -> Iterator[Batch]:
        """Decode rows in order; the next batch is decoded while this one is used.

        Args:
            rows: Positions in the manifest.
            batch_size: Rows in one batch.

        Yields:
            Batches, with the rows that could not be read.
        """
        pieces = [rows[at : at + batch_size] for at in range(0, len(rows), batch_size)]
        ahead = [self.pool.submit(self._picture, row) for row in pieces[0]]
        for number, piece in enumerate(pieces):
            ready = ahead
            if number + 1 < len(pieces):
                ahead = [self.pool.submit(self._picture, row) for row in pieces[number + 1]]
            yield self._batch(piece, ready)

    def _batch(self, rows: range, ready: list[Future[Tensor | str]]) -> Batch:
        kept, pixels, missing = [], [], []
        for row, future in zip(rows, ready, strict=True):
            found = future.result()
            if isinstance(found, str):
                missing.append(MissingRow(sample_id=self.ids[row], path=self.paths[row], reason=found))
            else:
                kept.append(self.ids[row])
                pixels.append(found)
        stacked = torch.stack(pixels) if pixels else torch.empty(0, 3, self.size, self.size, dtype=torch.uint8)
        return Batch(kept, stacked, missing, rows[-1])

    def _picture(self, row: int) -> Tensor | str:
        """(3, S, S) uint8, or why there is none. A decoder may fail in any way; whichever it is, the row is named."""
        try:
            return resize_uint8(to_tensor(load_square(self.manifest.file(self.paths[row]), self.side)), self.size)
        except MediaRejected as error:
            return error.sentence[:200]
        except Exception as error:
            return f"{type(error).__name__}: {error}"[:200]
