"""Items sent through many policies in one go: groups of fakes called real, groups of reals called fake, cost.

The reference of these rules is `core.cascade.cascade.Cascade`; tests/core/policies/test_one_reference.py holds this
copy to it. It exists because a search replays thousands of policies, which `simulate` takes one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from core.policies.boards.binning import bin_index

Cuts = tuple[tuple[int, int], ...]
"""A policy as fine-edge indices a member (`core.policies.boards.binning`): exits as real in a bin below the first, as
fake from the second on."""

REPLAY_CELLS = 1 << 21
"""Policies times items replayed in one go at most, so that memory stays within some tens of megabytes."""


@dataclass(frozen=True)
class Items:
    """Scores of some items.

    Attributes:
        p: (N, M) calibrated p_fake, the last stage last.
        y: (N,), 1 = fake.
        codes: (N,) group, ascending.
    """

    p: np.ndarray
    y: np.ndarray
    codes: np.ndarray

    @classmethod
    def of_frame(cls, frame: pd.DataFrame, members: Sequence[str]) -> Items:
        """Read items from a predictions table and sort them by group.

        Args:
            frame: Columns p_<member>, label and group.
            members: M names in the order asked.

        Returns:
            The items.
        """
        p = np.column_stack([frame[f"p_{name}"].to_numpy(np.float64) for name in members])
        codes = pd.factorize(frame["group"].astype(str), sort=True)[0]
        order = np.argsort(codes, kind="stable")
        return cls(p[order], frame["label"].to_numpy(np.int64)[order], codes[order])

    def of(self, rows: np.ndarray) -> Items:
        """Return some of the items.

        Args:
            rows: (N,) bool.

        Returns:
            The items of these rows.
        """
        return Items(self.p[rows], self.y[rows], self.codes[rows])

    @cached_property
    def starts(self) -> np.ndarray:
        """(G,) first row of each group."""
        return np.flatnonzero(np.concatenate(([True], self.codes[1:] != self.codes[:-1])))

    @cached_property
    def groups(self) -> tuple[int, int]:
        """(groups with a real, groups with a fake)."""
        return int(self.groups_with(self.y == 0)), int(self.groups_with(self.y == 1))

    def groups_with(self, hit: np.ndarray) -> np.ndarray:
        """Count groups with any hit.

        Args:
            hit: (..., N) bool.

        Returns:
            (...) counts.
        """
        if not self.y.size:
            return np.zeros(hit.shape[:-1], np.int64)
        return np.count_nonzero(np.logical_or.reduceat(hit, self.starts, axis=-1), axis=-1)

    def halves(self, seed: int) -> tuple[Items, Items]:
        """Divide the groups evenly at random: those with a fake, and the others.

        Args:
            seed: Seed of the deal.

        Returns:
            Two halves that share no group.
        """
        rng, first = np.random.default_rng(seed), np.zeros(int(self.codes.max()) + 1, bool)
        fake = np.unique(self.codes[self.y == 1])
        for pool in (fake, np.setdiff1d(self.codes, fake)):
            first[rng.permutation(pool)[: pool.size // 2]] = True
        rows = first[self.codes]
        return self.of(rows), self.of(~rows)


@dataclass(frozen=True)
class Outcomes:
    """What each of L policies did to the same N items.

    Attributes:
        leaked_groups: (L,) groups of fakes with an item called real.
        false_alarm_groups: (L,) groups of reals with an item called fake.
        cost: (L,) mean cost of an item.
        uncertain: (L,) share of items without a verdict.
        score: (L, N) p_fake of the deciding stage, of the last one where none decides.
    """

    leaked_groups: np.ndarray
    false_alarm_groups: np.ndarray
    cost: np.ndarray
    uncertain: np.ndarray
    score: np.ndarray


def replay_cuts(items: Items, bins: np.ndarray, path: Sequence[Cuts], costs: Sequence[float]) -> Outcomes:
    """Replay several policies.

    Args:
        items: N items.
        bins: (N, M) of `binned`.
        path: L policies; L x N should stay under REPLAY_CELLS.
        costs: Cost of an item at each of the M members.

    Returns:
        What each policy did.
    """
    cuts = np.array(path)
    leaves = []
    for m in range(bins.shape[1]):
        real, fake, own = cuts[:, m, :1], cuts[:, m, 1:], bins[:, m]
        leaves.append((own < real, own >= fake))
    return outcomes(items, leaves, costs)


def binned(items: Items, edges: np.ndarray) -> np.ndarray:
    """Find the bin of every score: bin < k exactly when p <= edges[k].

    Args:
        items: N items.
        edges: (B + 1,) ascending from 0 to 1.

    Returns:
        (N, M) bins.
    """
    return np.stack([bin_index(edges, np.ascontiguousarray(column)) for column in items.p.T], axis=1)


def outcomes(items: Items, leaves: Sequence[tuple[np.ndarray, np.ndarray]], costs: Sequence[float]) -> Outcomes:
    """Follow the items through the stages of several policies.

    Args:
        items: N items.
        leaves: For each member two (L, N) bool arrays: whether its real exit and its fake exit would take the item.
        costs: Cost of an item at each of the M members.

    Returns:
        What each policy did.
    """
    shape = leaves[0][0].shape
    is_open, real, fake = np.ones(shape, bool), np.zeros(shape, bool), np.zeros(shape, bool)
    score = np.repeat(items.p[None, :, -1], shape[0], axis=0)
    spent = np.zeros(shape[0])
    for m, (down, up) in enumerate(leaves):
        spent += costs[m] * is_open.mean(axis=1)
        down, up = down & is_open, up & is_open
        real |= down
        fake |= up
        decided = down | up
        np.copyto(score, items.p[:, m], where=decided)
        is_open &= ~decided
    leaked, false_alarms = items.groups_with(real & (items.y == 1)), items.groups_with(fake & (items.y == 0))
    return Outcomes(leaked, false_alarms, spent, is_open.mean(axis=1), score)


def aurocs(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Compute the AUROC of each row of scores, ties one half.

    Args:
        scores: (L, N).
        labels: (N,), 1 = fake, with both classes.

    Returns:
        (L,).
    """
    fakes = labels == 1
    n_fake = int(fakes.sum())
    ranks = rankdata(scores, axis=1)[:, fakes].sum(axis=1)
    return (ranks - n_fake * (n_fake + 1) / 2) / (n_fake * (labels.size - n_fake))
