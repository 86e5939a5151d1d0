"""Which items something was chosen on, kept in some kilobytes, so that it is not judged on the same ones unawares.

Every item has a 64-bit hash; the SKETCH_SIZE smallest of a set are its sketch ("k minimum values", Bar-Yossef et al. 2002).
A set of fewer items is kept whole, and of any other set each item is told to be in it or not. Of a larger one the
sketch tells that of the items whose hash lies below its largest, a random sample that is the same for everybody: two
sets of which more than about one item in a thousand is common are found out, and the share is estimated.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

SKETCH_SIZE = 8192
"""64 KiB a sketch, 87 kB in JSON."""


@dataclass(frozen=True)
class Overlap:
    """items: judged; told: of these, those that the sketch tells of; seen: of the told, those in the sketched set."""

    items: int
    told: int
    seen: int

    @property
    def exact(self) -> bool:
        """Whether `seen` counts all items, and not a sample."""
        return self.told == self.items

    @property
    def share(self) -> float:
        """Of the items, in [0, 1]; estimated unless `exact`."""
        return self.seen / self.told if self.told else 0.0

    def words(self) -> str:
        """How many "of these items", for a message: counted, or estimated in percent."""
        if self.exact:
            return f"{self.seen:,} of these {self.items:,} items"
        return f"about {max(100 * self.share, 0.1):.3g} % of these {self.items:,} items"


def hashes(ids: Iterable[object], labels: Iterable[int]) -> np.ndarray:
    """(N,) uint64 of sample ids with their labels, the same on every machine: what `Predictions.fingerprint` names."""
    pairs = zip(ids, labels, strict=True)
    return np.frombuffer(b"".join(blake2b(f"{i}\t{int(y)}".encode(), digest_size=8).digest() for i, y in pairs), "<u8")


def sketch(ids: Iterable[object], labels: Iterable[int]) -> str:
    """Base64 of the SKETCH_SIZE smallest hashes, ascending, little-endian."""
    found = np.unique(hashes(ids, labels))[:SKETCH_SIZE]
    return base64.b64encode(found.astype("<u8").tobytes()).decode()


def members(kept: str, ids: Iterable[object], labels: Iterable[int]) -> tuple[np.ndarray, np.ndarray]:
    """((N,) bool: in the sketched set; (N,) bool: whether the sketch tells). Raises ValueError on a broken sketch."""
    try:
        known = np.frombuffer(base64.b64decode(kept, validate=True), "<u8")
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"a sketch of items is damaged: {error}") from error
    if not known.size or known.size > SKETCH_SIZE or (known[1:] <= known[:-1]).any():
        raise ValueError(f"a sketch of items must hold 1 to {SKETCH_SIZE} ascending hashes")
    asked = hashes(ids, labels)
    place = np.minimum(np.searchsorted(known, asked), known.size - 1)
    told = np.ones(asked.size, bool) if known.size < SKETCH_SIZE else asked <= known[-1]
    return known[place] == asked, told


def overlap(kept: str, ids: Iterable[object], labels: Iterable[int]) -> Overlap:
    """How many of these items are in the sketched set. Raises ValueError on a broken sketch."""
    inside, told = members(kept, ids, labels)
    return Overlap(inside.size, int(told.sum()), int((inside & told).sum()))
