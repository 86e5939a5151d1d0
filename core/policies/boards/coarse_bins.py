"""Rows of a joint table: fine bins are joined to coarse ones until the combinations that occur are few enough."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

MOST_ROWS = 32_000
"""Combinations of coarse bins that a table holds at most. Fewer items than this are kept exactly."""
MOST_CELLS = 1 << 22
"""Combinations of coarse bins and labels that are counted at once at most: 4 million counts are 32 MB."""


def joint_rows(
    fine: Sequence[np.ndarray], labels: np.ndarray, edges: Sequence[np.ndarray], exact: Sequence[Sequence[float]]
) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Count the items by the coarse bins of all members, in at most MOST_ROWS rows.

    The widest axis is coarsened first, of equally wide ones that of the latest member: fewer items reach it.

    Args:
        fine: M arrays (N,), the fine bin of each item.
        labels: (N,) uint16, 1 = fake.
        edges: M arrays (F_m + 1,), the fine edges.
        exact: By member, edges that stay edges of coarse bins.

    Returns:
        (onto: M arrays (F_m,) with the coarse bin of each fine one; bins: (K, M) uint16 coarse bins of the rows;
        counts: (K, 2) uint32 reals and fakes in each row).
    """
    steps = [1] * len(fine)
    onto = [_coarse(e, kept, 1) for e, kept in zip(edges, exact, strict=True)]

    def widen() -> int:
        m = max(range(len(onto)), key=lambda i: (int(onto[i][-1]), i))
        steps[m] *= 2
        onto[m] = _coarse(edges[m], exact[m], steps[m])
        return m

    def narrowest() -> bool:
        return all(step >= of.size for step, of in zip(steps, onto, strict=True))

    if len(labels) <= MOST_ROWS:
        bins, inverse = np.unique(np.stack(fine, axis=1), axis=0, return_inverse=True)
        counts = np.bincount(2 * inverse.ravel() + labels, minlength=2 * len(bins)).reshape(-1, 2)
        return onto, bins.astype(np.uint16), counts.astype(np.uint32)
    # First pass, over the items: as fine as a dense array of counts may be.
    while np.prod([of[-1] + 1 for of in onto], dtype=np.float64) * 2 > MOST_CELLS and not narrowest():
        widen()
    key = np.zeros(len(labels), np.int32)
    for of, coarse in zip(fine, onto, strict=True):
        key *= np.int32(coarse[-1] + 1)
        key += coarse.astype(np.int32)[of]
    key += key
    key += labels
    shape = [int(of[-1]) + 1 for of in onto]
    cells = np.bincount(key, minlength=2 * int(np.prod(shape))).reshape(-1, 2)
    occupied = np.flatnonzero(cells[:, 0] + cells[:, 1])
    counts, at = cells[occupied], list(np.unravel_index(occupied, shape))
    row = occupied
    # Second pass, over the combinations that occur (about a tenth of the cells): coarser until they are few enough.
    while occupied.size > MOST_ROWS and not narrowest():
        before = list(onto)
        m = widen()
        at[m] = onto[m][np.searchsorted(before[m], np.arange(before[m][-1] + 1))][at[m]]
        shape = [int(of[-1]) + 1 for of in onto]
        row = np.ravel_multi_index(at, shape)
        seen = np.zeros(int(np.prod(shape)), bool)
        seen[row] = True
        occupied = np.flatnonzero(seen)
    if row.size > occupied.size:
        counts = np.stack([np.bincount(row, counts[:, k], int(np.prod(shape)))[occupied] for k in (0, 1)], axis=1)
    bins = np.stack(np.unravel_index(occupied, shape), axis=1)
    return onto, bins.astype(np.uint16), counts.astype(np.uint32)


def _coarse(edges: np.ndarray, exact: Sequence[float], step: int) -> np.ndarray:
    """(F,) coarse bin of each fine bin when every `step`-th edge and the exact ones stay."""
    starts = np.zeros(edges.size - 1, bool)
    starts[::step] = True
    starts |= np.isin(edges[:-1], exact)
    return np.cumsum(starts) - 1
