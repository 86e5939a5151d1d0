"""Face crops for torch: decoded once into a memory-mapped file, drawn by a balanced sampler, augmented by seed.

An item depends on (seed, epoch, position) alone, never on the process or the moment. A resumed training therefore sees
exactly what an uninterrupted one sees.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from core.artifacts.files import atomic_path
from core.data.loading.self_blend import self_blend
from core.data.loading.transforms import resize_uint8, to_tensor
from core.data.manifest.manifest import Manifest
from core.media.pictures import read_picture
from core.media.types import MediaRejected
from core.progress import Reporter, Silent

READER = 2
"""Part of the name of every cache: raised whenever the same file gives other pixels."""
MOST_REPEATS = 4.0
"""A small source is shown at most so many times an epoch: sixteen pictures must not fill a tenth of it."""


def cache_side(size: int) -> int:
    """Return the side of the cached pictures for a network input.

    It leaves room for crops, and crops of 256 px are not resampled.

    Args:
        size: Side of the network input in pixels.

    Returns:
        Pixels.
    """
    return min(2 * size, max(size, 256))


@dataclass(frozen=True)
class FaceCache:
    """Decoded pictures of a manifest, in its order. It travels to another process as a path, not as pixels."""

    file: Path
    side: int
    manifest: Manifest

    def __len__(self) -> int:
        return len(self.manifest)

    @cached_property
    def pixels(self) -> np.ndarray:
        """Map the (N, side, side, 3) uint8 pixels read-only."""
        return np.memmap(self.file, np.uint8, "r", shape=(len(self), self.side, self.side, 3))

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "pixels"}


def open_cache(manifest: Manifest, folder: Path, side: int, report: Reporter | None = None) -> FaceCache:
    """Decode every picture of a manifest once; later calls only map the file.

    The name of the file is a hash of the paths, sizes and times of the pictures and of `side`.

    Args:
        manifest: The pictures.
        folder: Where the cache file lies.
        side: Side of the cached pictures in pixels.
        report: Receives the share of decoded pictures.

    Returns:
        The cache.

    Raises:
        ValueError: A picture cannot be read; the message names its row and file.
    """
    report = report or Silent()
    files = [manifest.file(path) for path in manifest.frame["path"]]
    target = folder / f"faces-{_cache_key(files, side)}-{side}.u8"
    shape = (len(files), side, side, 3)
    if not target.exists():
        with atomic_path(target) as temporary:
            pixels = np.memmap(temporary, np.uint8, "w+", shape=shape)
            with ThreadPoolExecutor(2) as pool:
                jobs = pool.map(lambda item: _decode_into(pixels, item[0], item[1], side), enumerate(files))
                for done, _ in enumerate(jobs, 1):
                    if done % 50 == 0:
                        report.progress(done / len(files), f"Decoded {done} of {len(files)} pictures")
            pixels.flush()
            del pixels
    return FaceCache(target, side, manifest)


def _cache_key(files: list[Path], side: int) -> str:
    digest = hashlib.sha256(f"{READER} {side}".encode())
    for file in files:
        stat = file.stat()
        digest.update(json.dumps([str(file), stat.st_size, stat.st_mtime_ns]).encode())
    return digest.hexdigest()[:20]


def _decode_into(pixels: np.ndarray, row: int, path: Path, side: int) -> None:
    try:
        pixels[row] = load_square(path, side)
    except (MediaRejected, OSError, ValueError) as error:
        raise ValueError(f"row {row + 1} of the data set: {path} cannot be read as a picture: {error}") from error


def load_square(path: Path, side: int) -> np.ndarray:
    """Read the centred square of a picture, upright, resized with antialiasing.

    Args:
        path: The file.
        side: Side of the result in pixels.

    Returns:
        (side, side, 3) uint8 RGB.

    Raises:
        MediaRejected: The file cannot be read as a picture.
        ValueError: A part of the picture is missing.
    """
    frame = read_picture(path)
    if frame.lost is not None:
        raise ValueError(
            f"{frame.missing():.1%} of the picture is missing, because the file ends early or is damaged. Copy it again"
        )
    picture = Image.fromarray(frame.rgb)
    width, height = picture.size
    short = min(width, height)
    if width != height:
        left, top = (width - short) // 2, (height - short) // 2
        picture = picture.crop((left, top, left + short, top + short))
    if short != side:
        picture = picture.resize((side, side), Image.Resampling.BICUBIC)
    return np.asarray(picture)


def item_seed(*parts: int) -> int:
    """Compute a seed from integers by SHA-256, so that neighbouring positions give unrelated streams.

    Args:
        *parts: Integers that name the draw.

    Returns:
        A 63-bit integer.
    """
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:8], "big") >> 1


class TrainFaces(Dataset[tuple[Tensor, float]]):
    """Training items: an index (row of the cache, seed of this draw) gives ((3, S, S) uint8, label 0. or 1.)."""

    def __init__(self, cache: FaceCache, transform: Callable[[Tensor], Tensor], blend_share: float = 0.0) -> None:
        self.cache, self.transform, self.blend_share = cache, transform, blend_share
        self.labels = cache.manifest.frame["label"].to_numpy(np.float32)

    def __len__(self) -> int:
        return len(self.cache)

    def __getitem__(self, key: tuple[int, int]) -> tuple[Tensor, float]:
        row, seed = key
        rgb, label = np.asarray(self.cache.pixels[row]), float(self.labels[row])
        if label == 0 and self.blend_share > 0:
            rng = np.random.default_rng(seed)
            if rng.random() < self.blend_share:
                rgb, label = self_blend(rgb, rng), 1.0
        # Only the CPU generator is borrowed: dropout on a GPU keeps its own stream.
        state = torch.default_generator.get_state()
        torch.default_generator.manual_seed(seed)
        try:
            return self.transform(to_tensor(rgb)).contiguous(), label
        finally:
            torch.default_generator.set_state(state)


class EvalFaces(Dataset[Tensor]):
    """Scoring items in the order of `rows`: (3, size, size) uint8."""

    def __init__(self, cache: FaceCache, rows: np.ndarray, size: int) -> None:
        self.cache, self.rows, self.size = cache, rows, size

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Tensor:
        return resize_uint8(to_tensor(np.asarray(self.cache.pixels[self.rows[index]])), self.size)


class EpochSampler(Sampler[tuple[int, int]]):
    """Draws the items of one epoch as (row, seed) pairs, the same for the same (seed, epoch) wherever it is resumed.

    `balance`: `none` shows every row once; `label` draws both labels evenly; `source` also draws the sources of a label
    evenly, none more than MOST_REPEATS times over. An epoch always has as many draws as there are rows.
    """

    def __init__(self, labels: np.ndarray, sources: np.ndarray, rows: np.ndarray, balance: str, seed: int) -> None:
        if balance not in ("none", "label", "source"):
            raise ValueError(f"unknown balance {balance!r}; known: none, label, source")
        self.labels, self.sources, self.rows = labels, sources, rows
        self.balance, self.seed = balance, seed
        self.epoch, self.start = 0, 0

    def __len__(self) -> int:
        return max(0, len(self.rows) - self.start)

    def order(self) -> np.ndarray:
        """Return the (len(rows),) rows of this epoch in the order in which they are shown."""
        rng = np.random.default_rng(item_seed(self.seed, self.epoch, 1))
        if self.balance == "none":
            return rng.permutation(self.rows)
        drawn = []
        values = np.unique(self.labels[self.rows])
        for share, label in zip(_split_evenly(len(self.rows), len(values)), values, strict=True):
            of_label = self.rows[self.labels[self.rows] == label]
            if self.balance == "label":
                drawn.append(_draw(of_label, share, rng))
                continue
            names = np.unique(self.sources[of_label])
            strata = [of_label[self.sources[of_label] == name] for name in names]
            quotas = capped_quotas(share, [len(stratum) for stratum in strata])
            drawn += [_draw(stratum, quota, rng) for stratum, quota in zip(strata, quotas, strict=True)]
        return rng.permutation(np.concatenate(drawn))

    def __iter__(self) -> Iterator[tuple[int, int]]:
        order = self.order()
        for position in range(self.start, len(order)):
            yield int(order[position]), item_seed(self.seed, self.epoch, 2, position)


def capped_quotas(total: int, sizes: list[int]) -> list[int]:
    """Distribute draws evenly over strata, at most MOST_REPEATS times its size each.

    What a full stratum cannot take goes to the others. When every stratum is full the rest is distributed evenly.

    Args:
        total: Number of draws.
        sizes: Items of each stratum.

    Returns:
        Draws of each stratum; they sum to `total`.
    """
    quotas = [0] * len(sizes)
    open_ones = sorted(range(len(sizes)), key=lambda i: sizes[i])
    left = total
    for done, index in enumerate(open_ones):
        even = left / (len(open_ones) - done)
        quotas[index] = min(round(even), int(MOST_REPEATS * sizes[index]))
        left -= quotas[index]
    if left > 0:
        for index, extra in enumerate(_split_evenly(left, len(sizes))):
            quotas[index] += extra
    return quotas


def _split_evenly(total: int, parts: int) -> list[int]:
    return [total // parts + (1 if i < total % parts else 0) for i in range(parts)]


def _draw(rows: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Draw `count` of `rows`: whole shuffled rounds first, so that no row is drawn twice more often than another."""
    rounds = [rng.permutation(rows) for _ in range(-(-count // len(rows)))]
    return np.concatenate(rounds)[:count] if rounds else rows[:0]
