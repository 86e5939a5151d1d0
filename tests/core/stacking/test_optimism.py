"""The leak, measured where it is known: experts that know some rows by heart flatter what learns from these rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from core.data.manifest.manifest import Manifest
from core.progress import Silent
from core.stacking.data import StackData, leak_rows
from core.stacking.feature_sets import STAGE3, feature_sets
from core.stacking.fit import fit_meta
from core.stacking.fit_run import measure_leak
from core.stacking.optimism import Learned, leak_report, optimism
from core.stacking.spec import StackSpec

SPEC = StackSpec(stage1="a", experts=["b"], rounds=40, projection=6, folds=3, search=1)


def known_by_heart(rng, n=480, groups=160):
    """Rows of train whose answer the experts remember; elsewhere they guess with little skill."""
    group = np.arange(n) % groups
    y = rng.integers(0, 2, groups)[group]
    split = np.array(["train", "val_select", "val_calib", "test"])[group % 4]
    skill = np.where(split == "train", 4.0, 0.7)
    log_odds = {name: skill * (2 * y - 1) + rng.normal(0, 2, n) for name in ("stage1", "expert")}
    embedding = rng.normal(size=(n, 8)) + (skill * (2 * y - 1))[:, None] * 0.2
    frame = pd.DataFrame(
        {"sample_id": [f"s{i}" for i in range(n)], "group": [f"g{g}" for g in group], "dataset": "d", "label": y,
         "split": split, "method": ""}
    )  # fmt: skip
    return StackData(frame, log_odds, {"expert": embedding}, [], [])


def test_learning_from_rows_the_experts_know_is_flattering_and_is_said_to_be():
    data = known_by_heart(np.random.default_rng(0))
    rows = data.rows_of(SPEC.fit_splits)
    fitted = fit_meta(data, SPEC, Silent(), feature_sets("stage1", ["expert"])[:1], rows, rows)
    found = measure_leak(SPEC, data, data, fitted)
    by_way = {row["way"]: row for row in found["rows"]}
    assert found["used"] == "frozen_held_out"
    leaky, honest = by_way["frozen_on_train"]["optimism"], by_way["frozen_held_out"]["optimism"]
    assert leaky["low"] > 0.1
    assert honest["low"] < 0.05
    assert leaky["value"] > honest["value"] + 0.1
    assert f"{leaky['value']:+.3f}" in found["reading"]
    test = data.rows_of(["test"])
    assert by_way["frozen_held_out"]["test"]["value"] == pytest.approx(
        roc_auc_score(data.labels[test], fitted.raw[STAGE3][test])
    )


def learned(way, shift, rng):
    y = rng.integers(0, 2, 300)
    t = rng.integers(0, 2, 300)
    groups = np.arange(300).astype(str)
    return Learned(way, y + rng.normal(0, shift, 300), y, groups, t + rng.normal(0, 1, 300), t, groups)


def test_optimism_is_the_difference_of_two_aurocs():
    row = learned("refit", 0.5, np.random.default_rng(1))
    found = optimism(row, draws=300)
    expected = roc_auc_score(row.labels, row.scores) - roc_auc_score(row.test_labels, row.test_scores)
    assert found["optimism"]["value"] == pytest.approx(expected)
    assert found["optimism"]["low"] < expected < found["optimism"]["high"]
    assert found["optimism"]["low"] > 0


def test_one_class_gives_no_number():
    row = learned("refit", 0.5, np.random.default_rng(2))
    row = Learned(row.way, row.scores, row.labels, row.groups, row.test_scores, row.test_labels * 0, row.test_groups)
    assert optimism(row, draws=50)["optimism"] == {"value": None, "low": None, "high": None}
    assert "is not known" in leak_report([row], "refit")["reading"]


def test_the_rows_for_the_leak_are_whole_groups_of_train():
    data = known_by_heart(np.random.default_rng(3))
    whole = Manifest(data.frame, root=None)
    few = leak_rows(whole, SPEC.model_copy(update={"leak_items": 50}))
    assert 40 <= len(few) <= 50
    counts = data.frame["group"].value_counts()
    assert all(len(part) == counts[name] for name, part in few.frame.groupby("group"))
    assert set(few.frame["split"]) == {"train"}
    assert len(leak_rows(whole, SPEC)) == 120
    assert leak_rows(whole, SPEC.model_copy(update={"leak_items": 0})) is None
