"""How stage 3 compares with simpler ways to combine the members: figures with intervals, by group."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from core.evaluate.intervals import percentile, ranking_draws
from core.evaluate.metrics import auroc, brier, f1, nll
from core.evaluate.reliability import ece

DRAWS = 1000

TITLES = {
    "mean": "mean of calibrated log-odds",
    "logistic": "logistic regression on log-odds",
    "lightgbm_log_odds": "LightGBM on log-odds",
    "lightgbm": "LightGBM on log-odds and embeddings (stage 3)",
}


def comparison(
    frame: pd.DataFrame, ways: Mapping[str, np.ndarray], fitted: np.ndarray, seed: int, draws: int = DRAWS
) -> dict[str, Any]:
    """`comparison` on the test rows, `out_of_fold` on the fitted ones, `by_source` on test.

    ways: (N,) p_fake by method in the frame's order. A method is out-of-fold where it was fitted."""
    test = np.flatnonzero((frame["split"] == "test").to_numpy())
    return {
        "comparison": [figures(frame, name, p, test, seed, draws) for name, p in ways.items()] if len(test) else [],
        "out_of_fold": [figures(frame, name, p, fitted, seed, draws) for name, p in ways.items()],
        "by_source": {name: by_source(frame, p, test) for name, p in ways.items()} if len(test) else {},
    }


def figures(frame: pd.DataFrame, name: str, p: np.ndarray, rows: np.ndarray, seed: int, draws: int) -> dict[str, Any]:
    """One row of the comparison. interval: 95 % of AUROC, bootstrap over groups; None where it is not defined."""
    y, groups, p = frame["label"].to_numpy(np.int64)[rows], frame["group"].astype(str).to_numpy()[rows], p[rows]
    both = 0 < y.sum() < len(y)
    drawn = ranking_draws(p, y, groups, draws, np.random.default_rng(seed))["auroc"] if both else np.array([])
    return {
        "method": name,
        "name": TITLES.get(name, name),
        "auroc": auroc(p, y) if both else None,
        "interval": percentile(drawn) if drawn.size else None,
        "f1": f1(p, y),
        "nll": nll(p, y),
        "brier": brier(p, y),
        "ece": ece(p, y),
        "items": len(y),
        "groups": len(np.unique(groups)),
    }


def by_source(frame: pd.DataFrame, p: np.ndarray, rows: np.ndarray) -> dict[str, dict[str, Any]]:
    """AUROC of each source against all items of the other class (a source mostly holds one label), and its counts."""
    y, sources = frame["label"].to_numpy(np.int64), frame["dataset"].astype(str).to_numpy()
    found = {}
    for source in sorted(set(sources[rows])):
        own = rows[sources[rows] == source]
        labels = set(y[own])
        rest = own if len(labels) == 2 else rows[(sources[rows] == source) | (y[rows] != y[own[0]])]
        defined = len(set(y[rest])) == 2
        found[source] = {
            "auroc": auroc(p[rest], y[rest]) if defined else None,
            "items": len(own),
            "fakes": int(y[own].sum()),
            "mean_p_fake": float(p[own].mean()),
        }
    return found


def importance(gains: Mapping[str, float], members: list[str]) -> dict[str, float]:
    """Share of LightGBM's total gain by member: its log-odds and, for an expert, its projected embedding together."""
    total = float(sum(gains.values()))
    shares: dict[str, float] = {}
    for member in members:
        own = gains.get(f"log_odds_{member}", 0.0)
        embedded = sum(gain for name, gain in gains.items() if _is_embedding(name, member))
        shares[f"{member}: log-odds"] = float(own) / total if total else 0.0
        if embedded or any(_is_embedding(name, member) for name in gains):
            shares[f"{member}: embedding"] = float(embedded) / total if total else 0.0
    return shares


def _is_embedding(feature: str, member: str) -> bool:
    return feature.startswith(f"{member}_") and feature[len(member) + 1 :].isdigit()
