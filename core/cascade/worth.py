"""How many independent items the shares of a cascade are worth: what the intervals of its sliders count.

No share of several exits at once can be drawn beforehand, so each stage says what its own shares are worth at every
threshold (`core.evaluate.rate_bands.worth`), and a figure takes the least of the stages that it depends on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logit

from core.calibrate.scale_bands import gap_worth
from core.evaluate.bootstrap import group_codes
from core.evaluate.delong import delong
from core.evaluate.rate_bands import worth
from core.evaluate.units import weakest

SAMPLE = 200_000
"""Items, of whole groups, from which worths are taken where there are more: they grow with the number of groups."""


def cascade_worth(
    edges: Sequence[np.ndarray], columns: Sequence[np.ndarray], labels: ArrayLike, groups: ArrayLike | None
) -> dict[str, Any]:
    """edges: an array a stage, as of a `JointTable`. columns: p_fake (N,) a stage. labels, groups: (N,), groups None:
    every item its own.

    JSON. stages: a stage {"fake", "real", "all"}: worth of the share of that class (of all items) with p_fake above
    each edge, None where that share is 0 or 1. least: {"fake", "real", "all"}: groups, each one trial, for shares of 0
    or 1 (as `core.evaluate.units.exact`). gap: worth of stated less observed. auroc_half: half of the 95 % interval of
    the last stage's AUROC on the logit scale, by DeLong over groups, None without one. note: "" or how far to trust
    all of it."""
    y = np.asarray(labels)
    codes, _ = group_codes(groups, y.size)
    keep, more = _sample(codes)
    some, of, parts = y[keep], codes[keep], [column[keep] for column in columns]
    stages = [worth(e, p, some, of) for e, p in zip(edges, parts, strict=True)]
    last = delong(parts[-1], some, groups=of) if 0 < some.sum() < some.size else None
    half = None
    if last is not None and last.low is not None and last.high is not None and 0 < last.auroc < 1:
        half = float(logit(last.high) - logit(last.low)) / 2 / np.sqrt(more)
    return {
        "stages": [_known(found, e, p, some, more) for found, e, p in zip(stages, edges, parts, strict=True)],
        "least": {name: int(np.unique(codes[of]).size) for name, of in _classes(y)},
        "gap": min(gap_worth(p, some, of) for p in parts) * more,
        "auroc_half": half,
        "note": weakest(y, codes).note,
    }


def _classes(labels: np.ndarray) -> tuple[tuple[str, np.ndarray], ...]:
    return ("fake", labels == 1), ("real", labels == 0), ("all", np.ones(labels.size, bool))


def _sample(codes: np.ndarray) -> tuple[np.ndarray, float]:
    """(rows of whole groups, some SAMPLE of them; items for each of these)."""
    if codes.size <= SAMPLE:
        return np.arange(codes.size), 1.0
    groups = int(codes.max()) + 1
    chosen = np.random.default_rng(0).random(groups) < SAMPLE / codes.size
    keep = np.flatnonzero(chosen[codes])
    return keep, codes.size / max(keep.size, 1)


def _known(
    found: dict[str, np.ndarray], edges: np.ndarray, p_fake: np.ndarray, labels: np.ndarray, more: float
) -> dict[str, list[float | None]]:
    """Worths, None at the edges that part nothing of that class."""
    result: dict[str, list[float | None]] = {}
    for name, of in _classes(labels):
        part = np.sort(p_fake[of])
        under = np.searchsorted(part, edges, side="right")
        under[0] = 0  # edges[0] = 0 takes in p_fake = 0
        parted = (under > 0) & (under < part.size)
        result[name] = [float(f"{w * more:.5g}") if at else None for w, at in zip(found[name], parted, strict=True)]
    return result
