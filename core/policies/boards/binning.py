"""Cut p_fake into bins whose edges a policy can name exactly, and bin millions of items in milliseconds.

Bin i holds edges[i] < p <= edges[i + 1]; edges[0] = 0 takes in 0. An exit is an edge index: an item exits as real when
its bin < real (p <= edges[real]), as fake when its bin >= fake (p > edges[fake]). A real exit at exactly 0, which no
method chooses, is the one exit that no edge can name: it counts as closed.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import numpy as np

from core.documents.policy import Exits

CUSTOMARY = (0.01, 0.02, 0.05, 0.1, 0.9, 0.95, 0.98, 0.99)
"""Exit as real at the first four and below, as fake at the others and above."""
CUSTOMARY_EDGES = (*CUSTOMARY[:4], *(float(np.nextafter(value, 0.0)) for value in CUSTOMARY[4:]))
"""The edges at which they are exact: `p >= .9` is `p > ` the double before .9, and a score of exactly .9 does occur."""
LOOKUP_CELLS = 1 << 18
"""Even cells of [0, 1] in the look-up table of `bin_index`: narrower than the narrowest default bin of 512."""
BLOCK_ITEMS = 1 << 15
"""Items at a time, so that what is written is read again from the cache."""


def default_edges(bins: int, exact: Iterable[float] = ()) -> np.ndarray:
    """Return edges from 0 to 1, even in log-odds between 3e-4 and 1 - 3e-4, exact at the customary exits.

    The edges nearest to the customary exits (CUSTOMARY_EDGES) are replaced by them, so they are exact on either side.

    Args:
        bins: Number of bins, at least 32.
        exact: Further values inside (0, 1), say the exits of the policy in force; each adds one bin.

    Returns:
        (bins + 1 or more,) ascending edges.

    Raises:
        ValueError: There are fewer than 32 bins.
    """
    if bins < 32:
        raise ValueError(f"a cascade table needs at least 32 bins, not {bins}")
    inner = np.round(1 / (1 + np.exp(-np.linspace(-8, 8, bins - 1))), 7)
    for value in CUSTOMARY_EDGES:
        inner[np.argmin(np.abs(inner - value))] = value
    further = [value for value in exact if 0.0 < value < 1.0]
    return np.unique(np.concatenate(([0.0], inner, further, [1.0])))


def exact_edges(exits: Exits) -> list[float]:
    """List the edges at which these exits are exact.

    Args:
        exits: Exits of one stage.

    Returns:
        An edge for each side that is open; `p >= t` is `p > ` the double before t.
    """
    real = [] if exits.real_below is None else [exits.real_below]
    return real + ([] if exits.fake_above is None else [float(np.nextafter(exits.fake_above, 0.0))])


def edge_indices(edges: np.ndarray, exits: Exits) -> tuple[int, int]:
    """Return the edge indices of a stage's exits.

    Args:
        edges: (B + 1,) ascending.
        exits: Exits of the stage.

    Returns:
        (real, fake). Between two edges the stricter exit is taken on either side; a side that never exits gives 0 or B.
    """
    size = edges.size - 1
    real = 0 if exits.real_below is None else int(np.searchsorted(edges, exits.real_below, side="right")) - 1
    fake = size
    if exits.fake_above is not None:
        fake = int(np.searchsorted(np.nextafter(edges, 2.0), exits.fake_above, side="left"))
    return real, min(max(fake, real), size)


def edge_exits(edges: np.ndarray, real: int, fake: int) -> Exits:
    """Return the exits that stand at two edge indices: `p <= edges[real]`, and `p >= ` the double after edges[fake].

    Args:
        edges: (B + 1,) ascending.
        real: Edge index of the real exit; 0: never.
        fake: Edge index of the fake exit; B: never.

    Returns:
        Exits that a policy can hold.
    """
    below = float(edges[real]) if real > 0 else None
    above = float(np.nextafter(edges[fake], 2.0)) if fake < edges.size - 1 else None
    return Exits(real_below=below, fake_above=above)


@lru_cache(maxsize=16)
def _cells(inner: bytes) -> tuple[np.ndarray, int]:
    """(edges under the start of each of LOOKUP_CELLS cells, most edges inside one cell)."""
    edges = np.frombuffer(inner, np.float64)
    table = np.searchsorted(edges, np.arange(LOOKUP_CELLS) / LOOKUP_CELLS, side="left").astype(np.uint16)
    return table, int(np.diff(np.append(table, edges.size)).max())


def bin_index(edges: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Find the bin of each p: `searchsorted(edges[1:-1], p, side="left")`, ten times as fast.

    A table over even cells gives the bin at the cell's start; the edges inside the cell (one, where bins are wider than
    cells) are then compared with p itself, so no value is rounded.

    Args:
        edges: (B + 1,) ascending from 0 to 1.
        p: (N,) in [0, 1].

    Returns:
        (N,) uint16.
    """
    table, most = _cells(edges[1:-1].tobytes())
    ends, bins = edges[1:], np.empty(p.size, np.uint16)
    for start in range(0, p.size, BLOCK_ITEMS):
        part, own = p[start : start + BLOCK_ITEMS], bins[start : start + BLOCK_ITEMS]
        cell = (part * LOOKUP_CELLS).astype(np.int32)
        np.minimum(cell, LOOKUP_CELLS - 1, out=cell)
        own[:] = table[cell]
        for _ in range(most):
            own += part > ends[own]
    return bins
