"""The comparison of calibrators: whole groups held out, a gain that is real, refusals in words."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from core.calibrate import calibrators
from core.calibrate.compare import COMPARED, compare_calibrators
from core.calibrate.folds import dealt, out_of_fold
from core.calibrate.methods.temperature import Temperature
from core.tables.predictions import Predictions


def predictions(t: float, groups: int = 150, size: int = 4, seed: int = 0) -> Predictions:
    rng = np.random.default_rng(seed)
    z = rng.normal(0, 2, groups * size)
    frame = pd.DataFrame({"sample_id": np.arange(z.size).astype(str), "dataset": "d", "log_odds": t * z})
    frame["group"] = [f"g{i // size}" for i in range(z.size)]
    return Predictions(frame.assign(label=(rng.random(z.size) < expit(z)).astype(int)))


def test_every_method_is_compared_and_a_real_gain_is_seen():
    found = compare_calibrators(predictions(4.0, 100), draws=100)
    assert list(found["methods"]) == calibrators.names()
    assert set(found["methods"]["temperature"]["metrics"]) == {*COMPARED, "auroc"}
    for name in ("temperature", "platt", "beta", "dirichlet"):
        gain = found["methods"][name]["gain"]["nll"]
        assert 0 < gain["low"] <= gain["value"] <= gain["high"]
    assert found["methods"]["none"]["gain"]["nll"]["value"] == 0
    assert found["best"] in ("temperature", "platt", "beta", "dirichlet", "temperature_ece")
    json.dumps(found)


def test_no_gain_is_claimed_where_nothing_is_wrong():
    found = compare_calibrators(predictions(1.0), ["temperature", "isotonic"], draws=200)
    assert found["methods"]["temperature"]["gain"]["nll"]["low"] < 0
    assert found["methods"]["isotonic"]["gain"]["brier"]["value"] < 0.005


def test_no_item_meets_a_calibrator_that_saw_its_group():
    table = predictions(3.0, 40)
    fold = dealt(table.groups, table.labels, 5, 0)
    assert all(len(set(fold[table.groups == g])) == 1 for g in set(table.groups))
    assert set(np.unique(fold, return_counts=True)[1]) == {32}
    p = out_of_fold(Temperature, table, fold).p_fake
    for k in range(5):
        out = fold == k
        made = Temperature().fit(table.log_odds[~out], table.labels[~out])
        assert np.array_equal(p[out], made.transform(table.log_odds[out]))


def test_a_refused_method_says_why_and_too_few_groups_are_named():
    frame = predictions(1.0, 30).frame
    rng = np.random.default_rng(0)
    middle = Predictions(frame.assign(label=(rng.random(len(frame)) < expit(2 - frame["log_odds"] ** 2)).astype(int)))
    found = compare_calibrators(middle, ["dirichlet", "beta"], draws=50)
    assert "reverse the order" in found["methods"]["dirichlet"]["refused"]
    assert found["best"] == "beta"
    with pytest.raises(ValueError, match="5 folds"):
        compare_calibrators(predictions(1.0, 3), draws=10)
