"""Which split a group belongs to: a stable hash of the group, so that no person and no clip is in two splits."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import pandas as pd

SPLITS = ("train", "val_select", "val_calib", "test")

# What foreign manifests call their splits. `val` is cut further; the other names stand.
WORDS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
    "val_select": "val_select",
    "val_calib": "val_calib",
}


class Shares(NamedTuple):
    """Shares of the groups, each in [0, 1]; test is the rest.

    Attributes:
        train: Fits weights.
        select: Picks the epoch.
        calib: Fits calibrator and thresholds.
    """

    train: float = 0.6
    select: float = 0.1
    calib: float = 0.15

    @property
    def test(self) -> float:
        return 1.0 - self.train - self.select - self.calib

    def as_dict(self) -> dict[str, float]:
        """Return the share by split name, in the order of SPLITS.

        Raises:
            ValueError: A share lies outside [0, 1].
        """
        # round: 1 - 0.7 - 0.15 - 0.15 is -2.8e-17
        shares = dict(zip(SPLITS, (*self, round(self.test, 12)), strict=True))
        if any(not 0 <= share <= 1 for share in shares.values()):
            raise ValueError(f"the shares of train, select and calib add up to {sum(self):g}; at most 1 is possible")
        return shares


def unit_of(group: str, seed: int, salt: str = "") -> float:
    """Hash a group to a number in [0, 1), uniform over groups (SHA-256).

    Args:
        group: Name of the group.
        seed: Seed of the hash.
        salt: Makes another independent number of the same group.

    Returns:
        A number that depends on the arguments alone.
    """
    digest = hashlib.sha256(f"{seed}\x1f{salt}\x1f{group}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def cut(group: str, shares: dict[str, float], seed: int, salt: str = "") -> str:
    """Choose the name that a group's hash falls on.

    Args:
        group: Name of the group.
        shares: Name -> weight, of any positive total.
        seed: Seed of the hash.
        salt: As for `unit_of`.

    Returns:
        One of the names; "" when no weight is positive.
    """
    total = sum(shares.values())
    position, edge, last = unit_of(group, seed, salt) * total, 0.0, ""
    for name, share in shares.items():
        if share <= 0:
            continue
        edge, last = edge + share, name
        if position < edge:
            return name
    return last  # rounding of the last edge


def split_of(group: str, shares: Shares, seed: int) -> str:
    """Choose the split of one group. New rows never move an old group.

    Args:
        group: Name of the group.
        shares: Shares of the groups.
        seed: Seed of the hash.

    Returns:
        One of SPLITS.

    Raises:
        ValueError: The shares exceed 1.
    """
    return cut(group, shares.as_dict(), seed)


def kept_cuts(given: set[str], shares: Shares) -> dict[str, dict[str, float]]:
    """Plan how the splits that a manifest brings become ours.

    `val` without a `test` gives val_calib and test, and val_select comes out of train; `val` beside a `test` gives
    val_select and val_calib. A split that has no donor (a manifest of `test` only) stays empty.

    Args:
        given: Split words of the manifest, as in the values of WORDS.
        shares: Shares of the groups.

    Returns:
        Given name -> (our name -> weight).
    """
    share = shares.as_dict()
    cuts: dict[str, dict[str, float]] = {name: {name: share[name]} for name in given if name in SPLITS}
    if "val" in given:
        cuts["val"] = {}
    for missing in (name for name in SPLITS[1:] if name not in given):
        from_val = "val" in given and (missing != "val_select" or "test" in given)
        donor = "val" if from_val else "train"
        if donor in cuts:
            cuts[donor][missing] = share[missing]
    # a given split whose own share is 0 still keeps its rows unless somebody was cut out of it
    return {name: cut if sum(cut.values()) > 0 else {name: 1.0} for name, cut in cuts.items()}


def assign_splits(frame: pd.DataFrame, shares: Shares, seed: int, keep: bool = True) -> pd.Series:
    """Assign each row to one of SPLITS.

    Args:
        frame: Columns `group` and `split` ("" or one of WORDS).
        shares: Shares of the groups.
        seed: Seed of the hash.
        keep: Honour the given words (see `kept_cuts`); rows without a word follow their group, or are hashed.

    Returns:
        (N,) names of splits.

    Raises:
        ValueError: A group has two different words; the caller names the rows (`leaking_groups`).
    """
    groups = frame["group"].astype(str)
    if not keep or (frame["split"] == "").all():
        table = {group: split_of(group, shares, seed) for group in groups.unique()}
        return groups.map(table)
    words = frame["split"].map(WORDS)
    given = frame.assign(group=groups, split=words)[words.notna()].drop_duplicates(["group", "split"])
    if given["group"].duplicated().any():
        raise ValueError(f"group {given['group'][given['group'].duplicated()].iloc[0]!r} is in two splits")
    cuts = kept_cuts(set(given["split"]), shares)
    word_of = dict(zip(given["group"], given["split"], strict=True))
    table = {
        group: cut(group, cuts[word_of[group]], seed, salt=word_of[group])
        if group in word_of
        else split_of(group, shares, seed)
        for group in groups.unique()
    }
    return groups.map(table)


def leaking_groups(frame: pd.DataFrame) -> dict[str, list[int]]:
    """Find groups with two different split words.

    Args:
        frame: Columns `group` and `split` ("" or one of WORDS).

    Returns:
        Group -> positions of the first row of each word.
    """
    words = frame["split"].map(WORDS)
    firsts = frame.assign(word=words, position=range(len(frame)))[words.notna()].drop_duplicates(["group", "word"])
    twice = firsts[firsts["group"].duplicated(keep=False)]
    return {str(group): rows["position"].tolist() for group, rows in twice.groupby("group", sort=False)}
