"""Compare stage 3 with simpler ways to combine the members: figures with intervals, by group."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from core.metrics.by_source import at_a_half, auroc_draws, auroc_interval, by_source
from core.metrics.delong import delong_difference
from core.metrics.effective_groups import interval_from_draws, smallest_class
from core.metrics.metrics import auroc, brier, nll

DRAWS = 1000
"""Bootstrap draws of whole groups."""
REPEATS = 40
"""Shuffles of one member's features; their spread is the interval of its permutation importance."""

TITLES = {"mean": "mean of calibrated log-odds", "logistic": "logistic regression on log-odds"}
RIVALS = ("mean", "logistic")


def comparison(
    frame: pd.DataFrame,
    ways: Mapping[str, np.ndarray],
    fitted: np.ndarray,
    seed: int,
    draws: int = DRAWS,
    titles: Mapping[str, str] | None = None,
    features: Mapping[str, str] | None = None,
    left_out: Sequence[str] = (),
) -> dict[str, Any]:
    """Compare all ways on the test rows, out-of-fold on the fitted rows, by source, and on sources that were left out.

    Args:
        frame: Columns split, label, group, dataset.
        ways: By method, (N,) p_fake in the frame's order, out-of-fold where it was fitted.
        fitted: Positions of the fitted rows.
        seed: Seed of the draws.
        draws: Bootstrap draws of whole groups.
        titles: By method, what it is called.
        features: By method, what it reads.
        left_out: Sources that stage 3 did not learn from.

    Returns:
        JSON: comparison, out_of_fold, left_out (test rows of those sources) and by_source (on test).
    """
    titles, features = {**TITLES, **(titles or {})}, features or {}
    test = np.flatnonzero((frame["split"] == "test").to_numpy())

    def rows_of(rows: np.ndarray) -> list[dict[str, Any]]:
        if not len(rows):
            return []
        compared = paired(frame, ways, rows, seed, draws)
        return [
            {
                "method": name,
                "name": titles.get(name, name),
                "features": features.get(name, ""),
                **stack_figures(frame, p, rows, seed, draws),
                **compared[name],
            }
            for name, p in ways.items()
        ]

    y, groups = frame["label"].to_numpy(np.int64)[test], frame["group"].astype(str).to_numpy()[test]
    sources = frame["dataset"].astype(str).to_numpy()[test]
    return {
        "comparison": rows_of(test),
        "out_of_fold": rows_of(fitted),
        "left_out": rows_of(test[frame["dataset"].isin(left_out).to_numpy()[test]]),
        "by_source": {name: by_source(p[test], y, groups, sources, seed=seed) for name, p in ways.items()}
        if len(test)
        else {},
    }


def stack_figures(frame: pd.DataFrame, p: np.ndarray, rows: np.ndarray, seed: int, draws: int) -> dict[str, Any]:
    """Compute the figures of one way on some rows.

    Args:
        frame: Columns label and group.
        p: (N,) p_fake.
        rows: Positions.
        seed: Seed of the draws.
        draws: Bootstrap draws of whole groups.

    Returns:
        Figures by name; *interval: 95 %, None where it is not defined.
    """
    y, groups, p = frame["label"].to_numpy(np.int64)[rows], frame["group"].astype(str).to_numpy()[rows], p[rows]
    both = 0 < y.sum() < len(y)
    return {
        "auroc": auroc(p, y) if both else None,
        "interval": auroc_interval(p, y, groups, draws, seed).interval if both else None,
        **at_a_half(p, y, groups, draws, seed),
        "nll": nll(p, y),
        "brier": brier(p, y),
        "items": len(y),
        "groups": len(np.unique(groups)),
    }


def paired(
    frame: pd.DataFrame, ways: Mapping[str, np.ndarray], rows: np.ndarray, seed: int, draws: int
) -> dict[str, dict[str, Any]]:
    """Compute each way's AUROC less that of the mean and of the logistic regression, on the same items.

    Args:
        frame: Columns label and group.
        ways: By method, (N,) p_fake.
        rows: Positions.
        seed: Seed of the draws.
        draws: Bootstrap draws of whole groups.

    Returns:
        By way, `less_mean` and `less_logistic`, None against itself. `interval`: 95 %, both ways on the same draws of
        groups; `p_value`: DeLong over groups (Obuchowski 1997).
    """
    y, groups = frame["label"].to_numpy(np.int64)[rows], frame["group"].astype(str).to_numpy()[rows]
    both = 0 < y.sum() < len(y)
    drawn = {name: auroc_draws(p[rows], y, groups, draws, seed) for name, p in ways.items() if both}
    gaps: dict[str, dict[str, Any]] = {name: {} for name in ways}
    for rival in RIVALS:
        for name, p in ways.items():
            gap = None
            if both and rival in ways and name != rival:
                tested = delong_difference(p[rows], ways[rival][rows], y, groups)
                gap = {
                    "value": float(auroc(p[rows], y) or 0.0) - float(auroc(ways[rival][rows], y) or 0.0),
                    "interval": interval_from_draws(drawn[name] - drawn[rival], smallest_class(y, groups)).interval,
                    "p_value": None if tested is None else tested.p,
                }
            gaps[name][f"less_{rival}"] = gap
    return gaps


def importance(gains: Mapping[str, float], members: list[str]) -> dict[str, float]:
    """Share LightGBM's total gain out among the members.

    Args:
        gains: Gain by feature.
        members: Names of the members.

    Returns:
        Share by `member: log-odds` and, for an expert, `member: embedding`; 0 without any gain.
    """
    total = float(sum(gains.values()))
    shares: dict[str, float] = {}
    for member in members:
        own = gains.get(f"log_odds_{member}", 0.0)
        embedded = sum(gain for name, gain in gains.items() if _is_embedding(name, member))
        shares[f"{member}: log-odds"] = float(own) / total if total else 0.0
        if embedded or any(_is_embedding(name, member) for name in gains):
            shares[f"{member}: embedding"] = float(embedded) / total if total else 0.0
    return shares


def permutation(
    score: Callable[[np.ndarray], np.ndarray],
    table: np.ndarray,
    names: list[str],
    members: list[str],
    labels: np.ndarray,
    seed: int,
    repeats: int = REPEATS,
) -> dict[str, dict[str, float]]:
    """Measure how much AUROC falls when all columns of a member are shuffled together (Breiman 2001).

    Args:
        score: (N, F) -> (N,).
        table: (N, F) features of held-out rows.
        names: F feature names.
        members: Names of the members.
        labels: (N,), 1 = fake.
        seed: Seed of the shuffles.
        repeats: Shuffles of each member.

    Returns:
        By member, `drop` (mean over the shuffles), `low` and `high` (95 % of them). Empty with one class or fewer than
        two rows.
    """
    whole = auroc(score(table), labels) if len(np.unique(labels)) == 2 else None
    if whole is None:
        return {}
    drops_by_member = {}
    for member in members:
        columns = [i for i, name in enumerate(names) if name == f"log_odds_{member}" or _is_embedding(name, member)]
        rng, drops = np.random.default_rng(seed), []
        for _ in range(repeats):
            shuffled = table.copy()
            shuffled[:, columns] = table[rng.permutation(len(table))][:, columns]
            drops.append(whole - float(auroc(score(shuffled), labels) or 0.0))
        low, high = np.quantile(drops, [0.025, 0.975])
        drops_by_member[member] = {"drop": float(np.mean(drops)), "low": float(low), "high": float(high)}
    return drops_by_member


def _is_embedding(feature: str, member: str) -> bool:
    return feature.startswith(f"{member}_") and feature[len(member) + 1 :].isdigit()
