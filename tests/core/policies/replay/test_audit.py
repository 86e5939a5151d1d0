"""A frozen policy on fresh items: counts by hand, refusals, and an interval that covers."""

import numpy as np
import pandas as pd
import pytest

from core.documents.policy import CascadePolicy, Exits
from core.policies.choose import choose_policy
from core.policies.replay.audit import NO_ITEMS_NAMED, ChoseIt, audit
from core.policies.spec import PolicySpec


def policy(**values) -> CascadePolicy:
    return CascadePolicy(
        policy_id="p", name="p", created_at="", stage1=Exits(real_below=0.1, fake_above=0.9), experts=[], final=Exits()
    ).model_copy(update=values)


def table() -> pd.DataFrame:
    p = [0.05, 0.05, 0.5, 0.95, 0.95, 0.05, 0.5, 0.95]
    label = [0, 0, 0, 0, 1, 1, 1, 1]
    group = ["a", "a", "b", "b", "c", "c", "d", "d"]
    frame = pd.DataFrame({"p_stage1": p, "label": label, "group": group, "split": "test"})
    return frame.assign(sample_id=[f"s{i}" for i in range(8)], dataset=["x"] * 4 + ["y"] * 4)


def parts(figure: dict) -> tuple[int, int]:
    return figure["numerator"], figure["denominator"]


def test_counts_by_hand():
    found = audit(policy(), table())
    assert parts(found["leakage"]) == (1, 4)
    assert parts(found["false_alarms"]) == (1, 4)
    assert parts(found["group_leakage"]) == (1, 2)
    assert parts(found["group_false_alarms"]) == (1, 2)
    assert parts(found["uncertain"]) == (2, 8)
    assert parts(found["accuracy_when_decided"]) == (4, 6)
    assert parts(found["decided_by"]["stage1"]) == (6, 8)
    assert parts(found["exit_rate"]) == (3, 8)  # released as real; the other three are decided as fake
    assert parts(found["right_by"]["stage1"]) == (4, 6)
    assert found["right_by"]["stage2"]["value"] is None
    assert found["by_dataset"]["x"]["leakage"]["value"] is None  # no fakes there: unknown, not 0
    assert found["by_dataset"]["y"]["leakage"]["value"] == 0.25


def test_refuses_the_items_that_chose_it():
    rows = pd.concat([table().assign(split="val_calib"), table().assign(split="test", sample_id=list("abcdefgh"))])
    chosen = choose_policy(PolicySpec(source="x"), rows, ["stage1"])
    with pytest.raises(ChoseIt, match="another split"):
        audit(chosen, rows, split="val_calib")
    assert audit(chosen, rows, split="test", stage1="stage1")["n"] == 8
    with pytest.raises(ValueError, match="nowhere"):
        audit(chosen, rows, split="nowhere")


def test_refuses_a_part_of_the_items_that_chose_it_and_says_how_many():
    rows = pd.concat([table().assign(split="val_calib"), table().assign(split="test", sample_id=list("abcdefgh"))])
    chosen = choose_policy(PolicySpec(source="x"), rows, ["stage1"])
    part = rows[rows["split"] == "val_calib"].iloc[1:]
    with pytest.raises(ChoseIt, match="on 7 of these 7 items"):
        audit(chosen, part, split="val_calib")
    mixed = pd.concat([rows[rows["split"] == "test"], part.iloc[:1].assign(split="test")])
    with pytest.raises(ChoseIt, match="on 1 of these 9 items"):
        audit(chosen, mixed, split="test")
    assert audit(chosen, rows, split="test", stage1="stage1")["unchecked"] == ""
    old = chosen.model_copy(update={"item_sketch": ""})
    assert "saved before" in audit(old, part, split="val_calib", stage1="stage1")["unchecked"]
    with pytest.raises(ChoseIt):
        audit(old, rows, split="val_calib")
    assert audit(policy(), table())["unchecked"] == NO_ITEMS_NAMED


def test_exact_interval_covers_the_truth():
    """300 data sets of 80 independent fakes, of which 8 % leave as real."""
    rng, hits = np.random.default_rng(0), 0
    for _ in range(300):
        p = np.where(rng.random(80) < 0.08, 0.05, 0.5)
        frame = pd.DataFrame({"p_stage1": p, "label": 1, "group": np.arange(80), "dataset": "d"})
        found = audit(policy(), frame.assign(sample_id=np.arange(80)), split="", draws=0)["group_leakage"]
        hits += found["low"] <= 0.08 <= found["high"]
    assert hits / 300 >= 0.95 - 3 * (0.95 * 0.05 / 300) ** 0.5
