"""Count how many independent items the shares of a cascade carry, for the intervals of its sliders.

No share of several exits at once can be drawn beforehand, so each stage states the effective number of items of its own
shares at every threshold (`core.metrics.rate_bands.effective_counts`), and a figure takes the least of the stages that
it depends on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logit

from core.calibrate.scale_bands import effective_gap_count
from core.metrics.bootstrap import group_codes
from core.metrics.delong import delong
from core.metrics.effective_groups import smallest_class
from core.metrics.rate_bands import effective_counts

SAMPLE_ITEMS = 200_000
"""Where there are more items, whole groups of about so many are counted: effective numbers grow with the groups."""
LEAST_GROUPS = 1000
"""Groups of each class that such a sample holds at least; where there are fewer, all items count."""


def effective_sizes(
    edges: Sequence[np.ndarray], columns: Sequence[np.ndarray], labels: ArrayLike, groups: ArrayLike | None
) -> dict[str, Any]:
    """Compute the effective numbers of independent items behind the shares of a cascade.

    Args:
        edges: A (B_m + 1,) array a stage, as of a `JointTable`.
        columns: p_fake (N,) a stage.
        labels: (N,), 1 = fake.
        groups: (N,); None: every item is its own group.

    Returns:
        JSON. stages: for each stage {"fake", "real", "all"}, the effective number of items behind the share of that
        class (of all items) with p_fake above each edge, None where that share is 0 or 1. least: {"fake", "real",
        "all"}, groups, each one trial, for shares of 0 or 1 (as `core.metrics.effective_groups.exact_interval`). gap:
        effective number behind stated less observed. auroc_half: half of the 95 % interval of the last stage's AUROC on
        the logit scale, by DeLong over groups, None without one. note: "" or how far to trust all of it.
    """
    y = np.asarray(labels)
    codes, _ = group_codes(groups, y.size)
    keep = _sample(y, codes)
    some, of, parts = y[keep], codes[keep], [column[keep] for column in columns]
    groups_of = {name: _groups(codes[rows]) for name, rows in _classes(y)}
    # Effective numbers of a sample grow with its groups: so many groups stand behind each sampled one.
    more = {name: groups_of[name] / max(_groups(of[rows]), 1) for name, rows in _classes(some)}
    items = {name: int(np.count_nonzero(rows)) for name, rows in _classes(y)}
    stages = [effective_counts(e, p, some, of) for e, p in zip(edges, parts, strict=True)]
    last = delong(parts[-1], some, groups=of) if 0 < some.sum() < some.size else None
    half = None
    if last is not None and last.low is not None and last.high is not None and 0 < last.auroc < 1:
        half = float(logit(last.high) - logit(last.low)) / 2 / np.sqrt(more["all"])
    return {
        "stages": [_known(found, e, p, some, more, items) for found, e, p in zip(stages, edges, parts, strict=True)],
        "least": groups_of,
        "gap": min(effective_gap_count(p, y, codes) for p in columns),
        "auroc_half": half,
        "note": smallest_class(y, codes).note,
    }


def _classes(labels: np.ndarray) -> tuple[tuple[str, np.ndarray], ...]:
    return ("fake", labels == 1), ("real", labels == 0), ("all", np.ones(labels.size, bool))


def _groups(codes: np.ndarray) -> int:
    return int(np.count_nonzero(np.bincount(codes)))


def _sample(labels: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Rows of whole groups, of about SAMPLE_ITEMS items.

    The same share of the groups with fakes, with reals and with both is drawn, LEAST_GROUPS of each class or more.
    """
    if codes.size <= SAMPLE_ITEMS:
        return np.arange(codes.size)
    groups = int(codes.max()) + 1
    has = np.stack([np.bincount(codes[labels == label], minlength=groups) > 0 for label in (0, 1)])
    fewest = min(int(of.sum()) for of in has if of.any())
    share = max(SAMPLE_ITEMS / codes.size, LEAST_GROUPS / fewest)
    if share >= 1:
        return np.arange(codes.size)
    chosen, rng, kind = np.zeros(groups, bool), np.random.default_rng(0), has[0] + 2 * has[1]
    for one in np.unique(kind):
        pool = np.flatnonzero(kind == one)
        chosen[rng.choice(pool, int(np.ceil(share * pool.size)), replace=False)] = True
    return np.flatnonzero(chosen[codes])


def _known(
    found: dict[str, np.ndarray],
    edges: np.ndarray,
    p_fake: np.ndarray,
    labels: np.ndarray,
    more: dict[str, float],
    items: dict[str, int],
) -> dict[str, list[float | None]]:
    """Effective numbers of one stage by class; None at edges that no item of the class, or every item, lies below.

    more: groups for each sampled one, by class. items: of all of a class, which no effective number exceeds.
    """
    result: dict[str, list[float | None]] = {}
    for name, of in _classes(labels):
        part = np.sort(p_fake[of])
        under = np.searchsorted(part, edges, side="right")
        under[0] = 0  # edges[0] = 0 takes in p_fake = 0
        parted = (under > 0) & (under < part.size)
        result[name] = [
            min(float(f"{w * more[name]:.5g}"), items[name]) if at else None
            for w, at in zip(found[name], parted, strict=True)
        ]
    return result
