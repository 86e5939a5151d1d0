"""Judge a policy as a whole on items that did not choose it: frozen thresholds, counts by group, exact intervals.

The guarantees of a policy are a stage's own, and their sum over the stages is a loose bound on the cascade. This is the
direct answer: replay the frozen policy on another split or data set and count. It holds for one policy fixed in
advance; picking the best of several policies by their audits would need a fresh split again.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from core.documents.policy import CascadePolicy
from core.metrics.intervals import clopper_pearson, group_codes
from core.metrics.metrics import ratio
from core.policies.choose import require, table_fingerprint
from core.policies.replay.rates import group_rate
from core.policies.replay.simulate import simulate
from core.tables.item_membership import overlap

ITEMS_NOT_KEPT = (
    "the policy was saved before its items were recorded: it could only be checked that these are not exactly the same "
    "items"
)
NO_ITEMS_NAMED = "the policy does not record which items chose it: whether these are among them could not be checked"


class ChoseIt(ValueError):
    """A policy was about to be judged on the items that chose it."""


def _item_rate(hit: np.ndarray, among: np.ndarray, codes: np.ndarray, groups: int, draws: int, seed: int) -> dict:
    """Hit & among / among over items, with its interval over groups (`core.policies.replay.rates`)."""
    rate = group_rate(hit, among, codes, groups, draws, np.random.default_rng(seed))
    return {name: getattr(rate, name) for name in ("value", "numerator", "denominator", "low", "high", "note")}


def _group_rate(hit: np.ndarray, among: np.ndarray, codes: np.ndarray, confidence: float) -> dict:
    """Groups with any hit / groups with any such item, with the exact interval."""
    k, n = np.unique(codes[hit & among]).size, np.unique(codes[among]).size
    low, high = clopper_pearson(k, n, confidence) or (None, None)
    return {"value": ratio(k, n), "numerator": k, "denominator": n, "low": low, "high": high}


def _figures(
    way: pd.DataFrame, y: np.ndarray, groups: np.ndarray, draws: int, confidence: float, seed: int
) -> dict[str, Any]:
    codes, n_groups = group_codes(groups, y.size)
    fake, real = y == 1, y == 0
    as_real, as_fake = (way["verdict"] == "real").to_numpy(), (way["verdict"] == "fake").to_numpy()
    decided = as_real | as_fake
    right = (as_real & real) | (as_fake & fake)

    def items(hit: np.ndarray, among: np.ndarray) -> dict[str, Any]:
        return _item_rate(hit, among, codes, n_groups, draws, seed)

    every = np.ones(y.size, bool)
    by_stage = {stage: (way["decided_by"] == stage).to_numpy() for stage in ("stage1", "stage2", "stage3")}
    return {
        "n": int(y.size),
        "n_fake": int(fake.sum()),
        "groups": n_groups,
        "leakage": items(as_real, fake),
        "false_alarms": items(as_fake, real),
        "group_leakage": _group_rate(as_real, fake, codes, confidence),
        "group_false_alarms": _group_rate(as_fake, real, codes, confidence),
        "exit_rate": items(as_real & by_stage["stage1"], every),
        "uncertain": items(~decided, every),
        "accuracy_when_decided": items(right, decided),
        "decided_by": {stage: items(rows, every) for stage, rows in by_stage.items()},
        "right_by": {stage: items(right, decided & rows) for stage, rows in by_stage.items()},
    }


def check_not_chosen_on(policy: CascadePolicy, table: pd.DataFrame) -> str:
    """Check that no row of a table is among those that chose a policy.

    Args:
        policy: The policy.
        table: Columns sample_id and label.

    Returns:
        A sentence on what could not be checked; empty when everything could.

    Raises:
        ChoseIt: Some rows chose the policy; the message gives their number.
    """
    if policy.data_fingerprint and policy.data_fingerprint == table_fingerprint(table):
        raise ChoseIt(f"policy {policy.name!r} was chosen on these {len(table):,} items; audit it on another split")
    if not policy.item_sketch:
        return ITEMS_NOT_KEPT if policy.data_fingerprint else NO_ITEMS_NAMED
    shared = overlap(policy.item_sketch, table["sample_id"], table["label"])
    if shared.seen:
        raise ChoseIt(f"policy {policy.name!r} was chosen on {shared.words()}; audit it on another split")
    return ""


def audit(
    policy: CascadePolicy,
    table: pd.DataFrame,
    *,
    split: str = "test",
    stage1: str | None = None,
    confidence: float = 0.95,
    draws: int = 1000,
    seed: int = 0,
) -> dict[str, Any]:
    """Replay a policy on one split of a predictions table and count, overall and by data set.

    Args:
        policy: The frozen policy.
        table: Columns sample_id, label, group, dataset and p_<member>; split where `split` is not empty.
        split: Which rows; empty: all.
        stage1: Name of the stage-1 member; None: found in the table.
        confidence: Of the exact intervals over groups.
        draws: Bootstrap draws of whole groups for the intervals over items.
        seed: Seed of the draws.

    Returns:
        JSON. leakage: fakes called real / all fakes; false_alarms: reals called fake / all reals; both by item, with
        intervals over resampled groups, and by group (any such item), with exact intervals; exit_rate: released as real
        by stage 1 / all (filtration); uncertain: no verdict / all; decided_by: share that a stage decides, as real or
        as fake;
        right_by: right / decided, by stage; accuracy_when_decided: over all stages. A rate over nothing has the value
            None.
        unchecked: of `check_not_chosen_on`.

    Raises:
        ValueError: The split or a column is not there.
        ChoseIt: Some of these items chose the policy.
    """
    require(table, ["sample_id", "label", "group", "dataset"])
    if split:
        require(table, ["split"])
        table = table[table["split"] == split]
    if table.empty:
        raise ValueError(f"the predictions hold no item of split {split!r}")
    unchecked = check_not_chosen_on(policy, table)
    way = simulate(table, policy, stage1)
    y, groups = table["label"].to_numpy(np.int64), table["group"].astype(str).to_numpy()
    of = table["dataset"].astype(str).to_numpy()
    by_dataset = {}
    for name in np.unique(of):
        rows = of == name
        by_dataset[str(name)] = _figures(way[rows], y[rows], groups[rows], draws, confidence, seed)
    return {
        "policy_id": policy.policy_id,
        "split": split,
        "confidence": confidence,
        "unchecked": unchecked,
        **_figures(way, y, groups, draws, confidence, seed),
        "by_dataset": by_dataset,
    }
