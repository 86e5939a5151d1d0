"""What `prepare` does to rows before they are a data set: hash, join look-alikes, split, check leaks and sources."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from core.data.manifest.groups import joined
from core.data.manifest.hashes import hash_bits, with_hashes
from core.data.manifest.leaks import DISTANCE, FLAT, Leak, leaks, near_pairs
from core.data.manifest.manifest import Manifest
from core.data.manifest.splits import WORDS, Shares
from core.data.spec import PrepareSpec
from core.progress import Reporter

SHOWN = 20
OWN_LISTS = ("celebdf", "dfdc", "df40", "ffpp")
"""Sources whose published lists or clips decide what a group is: their leaks are listed, not refused."""


def settled(
    manifest: Manifest, spec: PrepareSpec, shares: Shares, source: str, report: Reporter
) -> tuple[Manifest, dict[str, Any]]:
    """Give rows their hashes and splits, and describe leaks and sources for the card.

    Args:
        manifest: The rows.
        spec: What the person asked for.
        shares: Shares of the splits.
        source: Name of the source.
        report: Receives the progress.

    Returns:
        The rows, and entries of the card.

    Raises:
        ManifestError: A person or clip is in two splits, unless `leaks` is report or (auto) the source's published list
            put them there; the rows are named.
    """
    manifest = with_hashes(manifest, report)
    linked = 0
    if spec.join_duplicates:
        manifest, linked = with_joined_duplicates(manifest, spec.keep_splits)
    manifest = manifest.with_splits(shares, spec.seed, spec.keep_splits)
    if spec.leaks == "refuse" or (spec.leaks == "auto" and source not in OWN_LISTS):
        manifest.refuse_leaks("the data set's")
    all_leaks = leaks(manifest.frame)
    card: dict[str, Any] = {"leaks": leak_card(all_leaks, manifest), "joined_duplicates": linked}
    if spec.source_check:
        from core.data.prepare.shortcut_baseline import source_check  # scikit-learn loads for a second

        card["source_check"] = source_check(manifest, spec.seed, report)
        card["warnings"] = [card["source_check"]["warning"]] if card["source_check"].get("warning") else []
    return manifest, card


def with_joined_duplicates(manifest: Manifest, keep: bool, distance: int = DISTANCE) -> tuple[Manifest, int]:
    """Join groups that share a near-duplicate, so that no split separates the two.

    Args:
        manifest: Rows with phash.
        keep: Pairs whose given splits differ stay apart, for an official list is not ours to change.
        distance: Largest Hamming distance of near-duplicates, bits.

    Returns:
        The rows, and how many groups fewer there are.
    """
    frame = manifest.frame
    words = frame["split"].map(WORDS).fillna("").to_numpy()
    by_group = {group: word for group, word in zip(frame["group"], words, strict=True) if word}
    known = np.array([by_group.get(group, "") if keep else "" for group in frame["group"]])
    seen = frame[~frame["phash"].isin(["", FLAT])].assign(known=known[~frame["phash"].isin(["", FLAT])])
    alike = seen.index.to_series().groupby([seen["phash"], seen["known"]])
    first = alike.transform("first")  # of one hash, each to the first; then the firsts among each other
    pairs = [(int(a), int(b)) for a, b in zip(first, seen.index, strict=True) if a != b]
    rows = np.unique(first.to_numpy(np.int64))
    one, two, _ = near_pairs(hash_bits(frame["phash"].to_numpy()[rows]), distance, frame["group"].to_numpy()[rows])
    pairs += [(int(a), int(b)) for a, b in zip(rows[one], rows[two], strict=True) if known[a] == known[b]]
    groups = joined(frame["group"], pairs)
    return Manifest(frame.assign(group=groups), manifest.root), frame["group"].nunique() - groups.nunique()


def leak_card(found: list[Leak], manifest: Manifest) -> dict[str, Any]:
    """Summarise leaks for the card: counts by kind, and the most certain ones, each a sentence with its rows.

    Args:
        found: The leaks, most certain first.
        manifest: The rows that they point into.

    Returns:
        JSON.
    """
    frame = manifest.frame

    def entry(leak: Leak) -> dict[str, Any]:
        firsts = frame.iloc[list(leak.rows)].drop_duplicates("split").head(4)
        rows = [f"{path} ({split})" for path, split in zip(firsts["path"], firsts["split"], strict=True)]
        return {"kind": leak.kind, "sentence": leak.sentence, "rows": rows, "distance": leak.distance}

    return {
        "counts": dict(Counter(leak.kind for leak in found)),
        "distance": DISTANCE,
        "worst": [entry(leak) for leak in found[:SHOWN]],
    }
