"""Which items something was fitted on, stored in some kilobytes, so that it is not judged on the same ones unnoticed.

Every item has a 64-bit hash; the SKETCH_SIZE smallest of a set are its sketch ("k minimum values", Bar-Yossef et al.
2002). A set of fewer items is stored whole, and of any other set each item is known to be in it or not. Of a larger
one the sketch tells about the items whose hash lies below its largest, a random sample that is the same for everybody:
two sets that share more than about one item in a thousand are detected, and the share is estimated.
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
    """How many items of a set are in a sketched set.

    Attributes:
        items: Number of items asked about.
        told: Of these, the items that the sketch tells about.
        seen: Of the told, those in the sketched set.
    """

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
    """Hash sample ids with their labels, the same on every machine.

    Args:
        ids: (N,) sample ids.
        labels: (N,) 0 or 1.

    Returns:
        (N,) uint64.
    """
    pairs = zip(ids, labels, strict=True)
    return np.frombuffer(b"".join(blake2b(f"{i}\t{int(y)}".encode(), digest_size=8).digest() for i, y in pairs), "<u8")


def sketch(ids: Iterable[object], labels: Iterable[int]) -> str:
    """Compute the sketch of a set of items.

    Args:
        ids: (N,) sample ids.
        labels: (N,) 0 or 1.

    Returns:
        Base64 of the SKETCH_SIZE smallest hashes, ascending, little-endian.
    """
    found = np.unique(hashes(ids, labels))[:SKETCH_SIZE]
    return base64.b64encode(found.astype("<u8").tobytes()).decode()


def members(kept: str, ids: Iterable[object], labels: Iterable[int]) -> tuple[np.ndarray, np.ndarray]:
    """Tell which items are in a sketched set.

    Args:
        kept: The sketch.
        ids: (N,) sample ids.
        labels: (N,) 0 or 1.

    Returns:
        (N,) bool, whether in the set; and (N,) bool, whether the sketch tells about the item.

    Raises:
        ValueError: The sketch is damaged.
    """
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
    """Count the items that are in a sketched set.

    Args:
        kept: The sketch.
        ids: (N,) sample ids.
        labels: (N,) 0 or 1.

    Returns:
        The counts.

    Raises:
        ValueError: The sketch is damaged.
    """
    inside, told = members(kept, ids, labels)
    return Overlap(inside.size, int(told.sum()), int((inside & told).sum()))
