"""Which split a group belongs to: a stable hash of the group, so that no person and no clip is on two sides."""

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
    """Shares of the groups, each in [0, 1]; test is the rest. train fits weights, select picks the epoch,
    calib fits calibrator and thresholds, test reports.
    """

    train: float = 0.6
    select: float = 0.1
    calib: float = 0.15

    @property
    def test(self) -> float:
        return 1.0 - self.train - self.select - self.calib

    def as_dict(self) -> dict[str, float]:
        """Share by split name, in the order of SPLITS. Raises ValueError unless all lie in [0, 1]."""
        # round: 1 - 0.7 - 0.15 - 0.15 is -2.8e-17
        shares = dict(zip(SPLITS, (*self, round(self.test, 12)), strict=True))
        if any(not 0 <= share <= 1 for share in shares.values()):
            raise ValueError(f"the shares of train, select and calib add up to {sum(self):g}; at most 1 is possible")
        return shares


def unit_of(group: str, seed: int, salt: str = "") -> float:
    """A number in [0, 1) that depends on group, seed and salt alone (SHA-256), uniform over groups."""
    digest = hashlib.sha256(f"{seed}\x1f{salt}\x1f{group}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def cut(group: str, shares: dict[str, float], seed: int, salt: str = "") -> str:
    """The name among `shares` (name -> weight, any positive total) that the group's hash falls on."""
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
    """The split of one group. Depends on nothing but its arguments: new rows never move an old group."""
    return cut(group, shares.as_dict(), seed)


def kept_cuts(given: set[str], shares: Shares) -> dict[str, dict[str, float]]:
    """How the splits a manifest brings become ours: given name -> (our name -> weight).

    `val` without a `test` gives val_calib and test, and val_select comes out of train; `val` beside a `test` gives
    val_select and val_calib. A split that has no donor (a manifest of `test` only) stays empty.
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
    """One of SPLITS for every row of a frame with columns `group` and `split` ("" or one of WORDS).

    keep: honour the given words (see `kept_cuts`); rows without a word follow their group, or are hashed.
    Raises ValueError when a group has two different words: the caller names the rows (`leaking_groups`).
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
    """Groups with two different split words: group -> positions of the first row of each word."""
    words = frame["split"].map(WORDS)
    firsts = frame.assign(word=words, position=range(len(frame)))[words.notna()].drop_duplicates(["group", "word"])
    twice = firsts[firsts["group"].duplicated(keep=False)]
    return {str(group): rows["position"].tolist() for group, rows in twice.groupby("group", sort=False)}
