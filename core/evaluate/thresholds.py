"""What stage 1 would save and lose at each confidence of real: numerators, denominators, intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from core.evaluate.intervals import bootstrap_sums, clopper_pearson, group_codes, percentile
from core.evaluate.metrics import ratio


def share(name: str, numerator: str, denominator: str, sums: dict[str, float], drawn: dict[str, np.ndarray]) -> dict:
    """One rate with its parts: value None when the denominator is 0 (unknown, not 0)."""
    n, d = sums[numerator], sums[denominator]
    low = high = None
    if d and drawn:
        with np.errstate(invalid="ignore", divide="ignore"):
            found = percentile(drawn[numerator] / drawn[denominator])
        low, high = found or (None, None)
    document = {"value": n / d if d else None, "numerator": int(n), "denominator": int(d), "low": low, "high": high}
    return {"name": name, "of": f"{numerator} / {denominator}", **document}


def threshold_rows(
    p_fake: np.ndarray,
    labels: np.ndarray,
    groups: np.ndarray,
    thresholds: Sequence[float],
    *,
    draws: int = 1000,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """One row a confidence t in (0, 1): items with p_fake <= 1 - t leave as real.

    filtration = exited / all; leakage = fakes exited / all fakes; precision = reals exited / exited;
    coverage = passed on / all; filtration_of_reals = reals exited / all reals. Balanced figures weigh both classes
    alike, so they do not move with the base rate: balanced_filtration is the mean of leakage and filtration_of_reals,
    balanced_precision is filtration_of_reals / (filtration_of_reals + leakage). Intervals: 95 %, groups resampled; a
    rate of 0 has no spread there, so group_leakage (groups with a fake that exits / groups with a fake) carries the
    exact Clopper-Pearson interval."""
    codes, n_groups = group_codes(groups, labels.size)
    fake = labels == 1
    rows = []
    for t in thresholds:
        exits = p_fake <= 1.0 - t + 1e-12  # 1 - 0.98 is 0.02 + 2e-17
        names = ("exited", "passed_on", "all", "fakes_exited", "all_fakes", "reals_exited", "all_reals")
        ones = np.ones(labels.size, bool)
        columns = np.stack((exits, ~exits, ones, exits & fake, fake, exits & ~fake, ~fake), 1).astype(np.float64)
        sums = dict(zip(names, columns.sum(0), strict=True))
        drawn: dict[str, np.ndarray] = {}
        if draws and n_groups > 1:
            table = bootstrap_sums(columns, codes, n_groups, draws, np.random.default_rng(seed))
            drawn = dict(zip(names, table.T, strict=True))
        row: dict[str, Any] = {"threshold": float(t), "rule": f"p_fake <= {1.0 - t:.6g} leaves as real"}
        for name, numerator, denominator in (
            ("filtration", "exited", "all"),
            ("leakage", "fakes_exited", "all_fakes"),
            ("precision", "reals_exited", "exited"),
            ("coverage", "passed_on", "all"),
            ("filtration_of_reals", "reals_exited", "all_reals"),
        ):
            row[name] = share(name, numerator, denominator, sums, drawn)
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
