"""What stage 1 would save and lose at each confidence of real: numerators, denominators, intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from core.metrics.group_share import group_share
from core.metrics.intervals import clopper_pearson, group_codes
from core.metrics.metrics import ratio


def threshold_rows(
    p_fake: np.ndarray,
    labels: np.ndarray,
    groups: np.ndarray,
    thresholds: Sequence[float],
    *,
    draws: int = 1000,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """Compute the rates of stage 1 at each threshold t: items with p_fake <= 1 - t exit as real.

    filtration = exited / all; leakage = fakes exited / all fakes; precision = reals exited / exited; coverage = passed
    on / all; filtration_of_reals = reals exited / all reals. Balanced rates weigh both classes alike, so they do not
    move with the base rate: balanced_filtration is the mean of leakage and filtration_of_reals, balanced_precision is
    filtration_of_reals / (filtration_of_reals + leakage). Intervals: 95 %, of `group_share`; group_leakage (groups with
    a fake that exits / groups with a fake) has the exact Clopper-Pearson interval.

    Args:
        p_fake: (N,) probabilities of fake in [0, 1].
        labels: (N,) 0 = real, 1 = fake.
        groups: (N,) names of groups.
        thresholds: Confidences of real, in (0, 1).
        draws: Bootstrap draws of groups; 0 for no intervals.
        seed: Seed of the draws.

    Returns:
        One row for each threshold.
    """
    codes, n_groups = group_codes(groups, labels.size)
    fake, every = labels == 1, np.ones(labels.size, bool)
    rows = []
    for t in thresholds:
        exits = p_fake <= 1.0 - t + 1e-12  # 1 - 0.98 is 0.02 + 2e-17
        row: dict[str, Any] = {"threshold": float(t), "rule": f"p_fake <= {1.0 - t:.6g} exits as real"}
        for name, of, hit, among in (
            ("filtration", "exited / all", exits, every),
            ("leakage", "fakes_exited / all_fakes", exits, fake),
            ("precision", "reals_exited / exited", ~fake, exits),
            ("coverage", "passed_on / all", ~exits, every),
            ("filtration_of_reals", "reals_exited / all_reals", exits, ~fake),
        ):
            row[name] = {"name": name, "of": of, **group_share(hit, among, codes, n_groups, draws, seed)}
        row |= _balanced(row["leakage"]["value"], row["filtration_of_reals"]["value"])
        row["group_leakage"] = _groups(int(np.unique(codes[exits & fake]).size), int(np.unique(codes[fake]).size))
        rows.append(row)
    return rows


def _groups(leaked: int, groups: int) -> dict[str, Any]:
    low, high = clopper_pearson(leaked, groups) or (None, None)
    parts = {"numerator": leaked, "denominator": groups, "low": low, "high": high}
    return {"name": "group_leakage", "of": "groups leaked / groups of fakes", "value": ratio(leaked, groups), **parts}


def _balanced(leakage: float | None, released: float | None) -> dict[str, float | None]:
    if leakage is None or released is None:
        return {"balanced_filtration": None, "balanced_precision": None}
    total = leakage + released
    return {"balanced_filtration": total / 2, "balanced_precision": released / total if total else None}
