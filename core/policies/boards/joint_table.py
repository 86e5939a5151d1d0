"""A cascade of any number of stages as a small table: counts over the bins of every member's p_fake, by label.

Two resolutions. Thresholds move over fine bins, hundreds a member, and the counts of each member over them are exact.
How the members go together is kept over coarse bins, unions of fine ones: only the combinations that occur, at most
`coarse_bins.MOST_ROWS` of them. So ten million items make no larger a table than thirty thousand, and a page goes
through it for every move of a slider. What follows from a table at given exits: `core.policies.boards.joint_counts`.

Exits are fine-edge indices as in `core.policies.boards.binning`. Stage 1 is always exact. A later stage is exact where
its exits lie on coarse edges (the customary exits and those handed in always do; all edges do when items are few).
Between them, the items of a label that share a row are spread over its fine bins as all items of that label and coarse
bin are (at 1e6 and 1e7 simulated items of four members that moved no count by more than 2 in 100,000 items).
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from core.documents.policy import Exits
from core.policies.boards.binning import (
    CUSTOMARY_EDGES,
    bin_index,
    default_edges,
    edge_exits,
    edge_indices,
    exact_edges,
)
from core.policies.boards.coarse_bins import joint_rows

FINE_BINS = 256
MOST_FINE_BINS = 4096
"""Bins a member at most: their numbers are kept as uint16, and a slider has no use for more."""


@dataclass(frozen=True)
class JointTable:
    """Counts of the items over the bins of all members.

    Attributes:
        members: M names in the order asked, stage 3 last if it is one.
        edges: M arrays (F_m + 1,), the fine edges from 0 to 1.
        marginals: M arrays (F_m, 2), reals and fakes in each fine bin.
        onto: M arrays (F_m,), the coarse bin of each fine bin.
        bins: (K, M) uint16, the coarse bin of each member in each row.
        counts: (K, 2) uint32, reals and fakes with these bins.
    """

    members: tuple[str, ...]
    edges: tuple[np.ndarray, ...]
    marginals: tuple[np.ndarray, ...]
    onto: tuple[np.ndarray, ...]
    bins: np.ndarray
    counts: np.ndarray

    def indices(self, member: int, exits: Exits) -> tuple[int, int]:
        """Return the edge indices of a member's exits (`edge_indices`).

        Args:
            member: Its position in `members`.
            exits: Its exits.

        Returns:
            (real, fake) fine-edge indices; between two edges the stricter exit.
        """
        return edge_indices(self.edges[member], exits)

    def exits(self, member: int, real: int, fake: int) -> Exits:
        """Return the exits that stand at two edge indices (`edge_exits`).

        Args:
            member: Its position in `members`.
            real: Edge index of the real exit; 0: never.
            fake: Edge index of the fake exit; the last one: never.

        Returns:
            Exits that a policy can hold.
        """
        return edge_exits(self.edges[member], real, fake)

    def closed(self) -> list[tuple[int, int]]:
        """Return the cuts at which no item exits anywhere."""
        return [(0, edges.size - 1) for edges in self.edges]

    @property
    def exact(self) -> bool:
        """True when every threshold of every stage is exact."""
        return all(onto[-1] + 1 == onto.size for onto in self.onto)

    @cached_property
    def shares(self) -> list[np.ndarray]:
        """M arrays (F_m, 2): each fine bin's share of its coarse bin, by label."""
        shares = []
        for counts, onto in zip(self.marginals, self.onto, strict=True):
            whole = np.stack([np.bincount(onto, counts[:, label]) for label in (0, 1)], axis=1)[onto]
            shares.append(np.divide(counts, whole, out=np.zeros(counts.shape), where=whole > 0))
        return shares

    @cached_property
    def first(self) -> np.ndarray:
        """(C_0, 2) items in each coarse bin of the first stage, where all arrive."""
        return sums_by_label(self.bins[:, 0], self.counts, int(self.onto[0][-1]) + 1)

    @cached_property
    def pair(self) -> np.ndarray:
        """(2, C_0, C_1) items by label in the coarse bins of the first two stages.

        What arrives at the second stage is one product with it, without a walk over the rows.
        """
        sizes = [int(onto[-1]) + 1 for onto in self.onto[:2]]
        cells = self.bins[:, 0].astype(np.int64) * sizes[1] + self.bins[:, 1]
        return np.ascontiguousarray(sums_by_label(cells, self.counts, sizes[0] * sizes[1]).T).reshape(2, *sizes)

    @cached_property
    def score_cells(self) -> tuple[list[np.ndarray], int]:
        """(for each member the cell of each of its fine bins on one common axis of p_fake, number of cells)."""
        together = np.unique(np.concatenate(self.edges))
        cells = [np.searchsorted(together, (e[:-1] + e[1:]) / 2, side="left") - 1 for e in self.edges]
        return cells, together.size - 1

    def to_document(self) -> dict[str, Any]:
        """Return the table as JSON for the page; numbers are base64 of little-endian arrays.

        bins: uint16 (K,) a member; counts: uint32 (K, 2); onto and cells: uint16 (F,), marginals: uint32 (F, 2), a
        member. Its size depends on K, never on the number of items.
        """
        cells, size = self.score_cells
        return {
            "edges": [edges.tolist() for edges in self.edges],
            "members": list(self.members),
            "rows": len(self.bins),
            "bins": [_base64(column.astype("<u2")) for column in self.bins.T],
            "counts": _base64(self.counts.astype("<u4")),
            "onto": [_base64(of.astype("<u2")) for of in self.onto],
            "marginals": [_base64(of.astype("<u4")) for of in self.marginals],
            "cells": [_base64(of.astype("<u2")) for of in cells],
            "score_cells": size,
            "exact": self.exact,
        }


def build_joint_table(
    columns: Sequence[np.ndarray] | np.ndarray,
    labels: np.ndarray,
    members: Sequence[str],
    n_bins: int = FINE_BINS,
    exits: Mapping[str, Sequence[Exits]] | None = None,
) -> JointTable:
    """Count items into a joint table.

    Args:
        columns: M arrays (N,), or (M, N), of calibrated p_fake in [0, 1], N at least 1.
        labels: (N,), 0 = real, 1 = fake.
        members: M names in the order asked.
        n_bins: Fine bins a member, 32 to MOST_FINE_BINS.
        exits: By member, exits that are exact whatever the bins are.

    Returns:
        The table; it does not grow with N.

    Raises:
        ValueError: Values lie outside [0, 1], shapes differ, there are no items, or too few or too many bins.
    """
    p_fake = [np.ascontiguousarray(column, np.float64) for column in columns]
    y = np.asarray(labels)
    if len(p_fake) != len(members) or not len(y) or any(column.shape != (len(y),) for column in p_fake):
        shape = (len(p_fake[0]) if p_fake else 0, len(p_fake))
        raise ValueError(f"p_fake has the shape {shape}; ({len(y)}, {len(members)}) with at least one row is needed")
    probabilities = all(column.min() >= 0 and column.max() <= 1 for column in p_fake)  # false for NaN too
    if n_bins > MOST_FINE_BINS or not ((y == 0) | (y == 1)).all() or not probabilities:
        raise ValueError(
            f"p_fake must lie in [0, 1], labels must be 0 or 1, and there are at most {MOST_FINE_BINS:,} bins"
        )
    y = y.astype(np.uint16)
    asked = [[edge for one in (exits or {}).get(name, ()) for edge in exact_edges(one)] for name in members]
    edges = [default_edges(n_bins, values) for values in asked]
    fine = [bin_index(e, column) for e, column in zip(edges, p_fake, strict=True)]
    marginals = [
        np.bincount(2 * of + y, minlength=2 * e.size - 2).reshape(-1, 2) for of, e in zip(fine, edges, strict=True)
    ]
    onto, bins, counts = joint_rows(fine, y, edges, [[*CUSTOMARY_EDGES, *values] for values in asked])
    return JointTable(tuple(members), tuple(edges), tuple(marginals), tuple(onto), bins, counts)


def joint_table_of_frame(
    frame: pd.DataFrame,
    members: Sequence[str],
    n_bins: int = FINE_BINS,
    exits: Mapping[str, Sequence[Exits]] | None = None,
) -> JointTable:
    """Count the rows of a predictions table into a joint table.

    Args:
        frame: Columns `label` and `p_<member>` of every member.
        members: M names in the order asked.
        n_bins: Fine bins a member.
        exits: By member, exits that are exact whatever the bins are.

    Returns:
        The table of `build_joint_table`.
    """
    columns = [frame[f"p_{name}"].to_numpy(np.float64) for name in members]
    return build_joint_table(columns, frame["label"].to_numpy(), members, n_bins, exits)


def sums_by_label(at: np.ndarray, counts: np.ndarray, size: int) -> np.ndarray:
    """Sum counts of reals and fakes by a key.

    Args:
        at: (K,) key of each row, 0 to size - 1.
        counts: (K, 2) reals and fakes.
        size: Number of keys.

    Returns:
        (size, 2) sums.
    """
    return np.stack([np.bincount(at, counts[:, label], size) for label in (0, 1)], axis=1)


def _base64(array: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
