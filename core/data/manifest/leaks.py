"""Leaks between splits: the same bytes, person or clip in two splits, or pictures that look alike.

Most certain first. A detector that saw one side recognises the other instead of judging it, and figures on `test` are
then too good. Near-duplicates are pairs of perceptual hashes (core/data/manifest/hashes.py) within a Hamming distance.
They are found by bands: two 64-bit hashes that differ in at most d bits agree in one of d + 1 bands (pigeonhole), so
only rows that share a band are compared.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from core.data.manifest.groups import LINKS, names_of
from core.data.manifest.hashes import hamming, hash_bits
from core.data.manifest.splits import SPLITS

Kind = Literal["bytes", "identity", "video", "near"]
DISTANCE = 4
"""Default Hamming distance; of 4.5 million pairs of unrelated faces one lies within it
(core/data/manifest/hashes.py)."""
SENTENCES = {
    "bytes": "The same file is in {splits}: {n} rows have the SHA-256 {value}.",
    "identity": "The person {value!r} is in {splits}: {n} rows{lent}.",
    "video": "The clip {value!r} is in {splits}: {n} rows{lent}.",
    "near": "Two pictures in {splits} look alike: {value} of 64 bits differ between their perceptual hashes.",
}
LENT = {"identity": ", {} of them fakes with this face put in", "video": ", {} of them fakes made from it"}
FLAT = "0" * 16
MOST_ALIKE = 3
KNOWN = ("sha256", "identity", "video")
"""Columns whose shared cells say more than a likeness."""


@dataclass(frozen=True)
class Leak:
    """One leak.

    Attributes:
        kind: What the rows share.
        sentence: For a person.
        splits: Names of the splits, train first.
        rows: Positions in the frame, at least one in each of `splits`.
        distance: Hamming distance in bits, for `near` only.
    """

    kind: Kind
    sentence: str
    splits: tuple[str, ...]
    rows: tuple[int, ...]
    distance: int = 0


def leaks(frame: pd.DataFrame, distance: int = DISTANCE) -> list[Leak]:
    """Find everything that lies in two splits, most certain first.

    Columns that a manifest lacks are passed over. Rows that share bytes, or were taken from one file (then their clip
    shows it), are not reported as look-alikes too.

    Args:
        frame: Rows of a manifest with their splits.
        distance: Largest Hamming distance of near-duplicates, 0 to 16 bits.

    Returns:
        The leaks: bytes, then people, then clips, then near-duplicates.

    Raises:
        ValueError: A cell of `phash` is no hash.
    """
    all_leaks: list[Leak] = []
    kinds: tuple[Kind, ...] = ("bytes", "identity", "video")
    for kind in kinds:
        all_leaks += _shared(frame, kind)
    return all_leaks + (_look_alikes(frame, distance) if "phash" in frame else [])


def _shared(frame: pd.DataFrame, kind: Kind) -> list[Leak]:
    """Find names of a kind (people, clips, bytes) that stand in more than one split.

    First those whose own rows do, then those that only a lent face or a fake's original carries over; of each, those
    with most rows first.
    """
    splits = frame["split"].to_numpy()
    table = names_of(frame, kind) if kind in LINKS else _hashes(frame)
    table = table[splits[table["row"].to_numpy(np.int64)] != ""]
    names = pd.Series(table["name"].to_numpy(), index=table["row"].to_numpy())
    own = set(zip(table.loc[table["own"], "row"], table.loc[table["own"], "name"], strict=True))
    sides = pd.Series(splits[names.index.to_numpy()], index=names.index)
    counts = sides.groupby(names.to_numpy(), sort=False).nunique()
    crossing = names[names.isin(counts.index[counts > 1])]
    groups = crossing.index.to_series().groupby(crossing.to_numpy(), sort=False)
    ranked = []
    for value, rows in groups:
        where = _in_order(pd.Series(splits[rows.to_numpy()]))
        shown = str(value)[:12] if kind == "bytes" else str(value)
        itself = [row for row in rows if (row, value) in own]
        lent = LENT[kind].format(len(rows) - len(itself)) if len(itself) < len(rows) else ""
        sentence = SENTENCES[kind].format(splits=" and ".join(where), n=len(rows), value=shown, lent=lent)
        certain = len(set(splits[itself])) > 1
        ranked.append((certain, Leak(kind, sentence, where, tuple(int(row) for row in rows))))
    return [leak for _, leak in sorted(ranked, key=lambda pair: (not pair[0], -len(pair[1].rows)))]


def _hashes(frame: pd.DataFrame) -> pd.DataFrame:
    """(row, name, own) of every known SHA-256."""
    cells = frame["sha256"].astype(str).to_numpy() if "sha256" in frame else np.full(len(frame), "")
    rows = np.flatnonzero(cells != "")
    return pd.DataFrame({"row": rows, "name": cells[rows], "own": True})


def _look_alikes(frame: pd.DataFrame, distance: int) -> list[Leak]:
    """Pairs across splits within `distance` bits, nearest first.

    Of rows that share hash and split the first MOST_ALIKE are compared, so that a clip of one picture a thousand times
    over stays one finding; flat pictures, whose hash is all zeros, look like nothing.
    """
    hashes = frame["phash"].astype(str).to_numpy()
    rows = np.flatnonzero((hashes != "") & (hashes != FLAT) & (frame["split"] != "").to_numpy())
    turn = frame.iloc[rows].groupby(["phash", "split"]).cumcount().to_numpy()
    rows = rows[turn < MOST_ALIKE]
    first, second, apart = near_pairs(hash_bits(hashes[rows]), distance, frame["split"].to_numpy()[rows])
    first, second = rows[first], rows[second]
    keep = np.ones(len(first), bool)
    for column in KNOWN:
        if column in frame:  # said already, with more certainty
            cells = frame[column].astype(str).to_numpy()
            keep &= (cells[first] != cells[second]) | (cells[first] == "")
    pairs = []
    for one, two, bits in sorted(zip(first[keep], second[keep], apart[keep], strict=True), key=lambda p: p[2]):
        splits = _in_order(frame["split"].iloc[[one, two]])
        sentence = SENTENCES["near"].format(splits=" and ".join(splits), value=int(bits))
        pairs.append(Leak("near", sentence, splits, (int(one), int(two)), int(bits)))
    return pairs


def _in_order(splits: pd.Series) -> tuple[str, ...]:
    """The distinct splits, train first."""
    known = [name for name in SPLITS if (splits == name).any()]
    return tuple(known + sorted(set(splits) - set(SPLITS)))


def near_pairs(
    bits: np.ndarray, distance: int, sides: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find all pairs of hashes within a Hamming distance.

    The cost is the number of pairs that share a band: for 100,000 unrelated hashes and distance 4 about five million,
    well under a second. Hashes that occur a thousand times cost all their pairs, so callers thin them out first.

    Args:
        bits: (N,) uint64 hashes.
        distance: Largest distance, 0 to 16 bits.
        sides: (N,) values; only pairs with different values count (for example the split). None: all pairs.

    Returns:
        Positions (P,) and (P,) with first < second, and the distances (P,) in bits.

    Raises:
        ValueError: The distance lies outside 0 to 16.
    """
    if not 0 <= distance <= 16:
        raise ValueError(f"the distance of near-duplicates must be 0 to 16 bits, not {distance}")
    codes = np.zeros(len(bits), np.int64) if sides is None else np.unique(sides, return_inverse=True)[1]
    edges = np.linspace(0, 64, distance + 2).astype(int)
    candidates = []
    for low, high in itertools.pairwise(edges):
        band = (bits >> np.uint64(low)) & np.uint64((1 << int(high - low)) - 1)
        order = np.argsort(band, kind="stable")
        step = 1
        start = np.arange(len(bits) - 1)
        while len(start := start[start + step < len(bits)]):
            start = start[band[order[start]] == band[order[start + step]]]
            one, two = order[start], order[start + step]
            near = hamming(bits[one], bits[two]) <= distance
            if sides is not None:
                near &= codes[one] != codes[two]
            candidates.append(np.stack([np.minimum(one[near], two[near]), np.maximum(one[near], two[near])], axis=1))
            step += 1
    pairs = np.unique(np.concatenate(candidates), axis=0) if candidates else np.zeros((0, 2), np.int64)
    return pairs[:, 0], pairs[:, 1], hamming(bits[pairs[:, 0]], bits[pairs[:, 1]]).astype(np.int64)
