"""Ranking after a cross-fit: what keeps the order cannot change AUROC, and two maps are never compared."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from core.calibrate import calibrators
from core.calibrate.compare import compare_calibrators
from core.calibrate.fit import calibrate_run
from core.calibrate.folds import dealt, out_of_fold
from core.calibrate.held_out import ORDER_KEPT, ORDER_WITHIN_FOLDS, held_out_auroc
from core.calibrate.spec import CalibrateSpec
from core.progress import Silent
from core.tables.predictions import Predictions


def uneven(groups: int = 60, size: int = 4, seed: int = 0) -> Predictions:
    """Half of the groups are scored five times as boldly, so the folds' temperatures differ."""
    rng = np.random.default_rng(seed)
    z = rng.normal(0.5, 1.5, groups * size)
    y = (rng.random(z.size) < expit(z)).astype(int)
    bold = np.where(np.arange(z.size) < z.size // 3, 6.0, 1.0)
    frame = pd.DataFrame({"sample_id": np.arange(z.size).astype(str), "dataset": "d", "split": "val_calib"})
    frame["group"] = [f"g{i // size}" for i in range(z.size)]
    return Predictions(frame.assign(label=y, log_odds=bold * z + rng.normal(0, 1, z.size)))


@pytest.mark.parametrize("method", ["temperature", "temperature_ece", "platt", "beta", "none"])
def test_a_method_that_keeps_the_order_leaves_auroc_as_it_was(method, tmp_path, monkeypatch):
    monkeypatch.setattr("core.metrics.plots.draw_reliability", lambda *everything: None)
    table = uneven()
    made = calibrate_run(CalibrateSpec(run="r", method=method, compare=False), tmp_path, table, Silent())
    assert made["after"]["auroc"] == made["before"]["auroc"]
    assert made["after"]["auroc"]["value"] == pytest.approx(roc_auc_score(table.labels, table.log_odds))
    assert ORDER_KEPT in made["note"]
    if method == "temperature":
        assert made["after"]["accuracy"]["value"] == made["before"]["accuracy"]["value"]


def test_pooled_over_folds_a_temperature_would_seem_to_change_auroc():
    table = uneven()
    held = out_of_fold(calibrators.get("temperature"), table, dealt(table.groups, table.labels, 2, 0))
    pooled, raw = roc_auc_score(table.labels, held.p_fake), roc_auc_score(table.labels, table.log_odds)
    assert abs(pooled - raw) > 5e-4  # what the page showed before: .8087 and .7966
    assert held_out_auroc(held, table, 0, 0)["value"] == pytest.approx(raw)


@pytest.mark.parametrize("method", ["isotonic", "histogram", "venn_abers"])
def test_steps_are_ranked_by_the_pairs_of_one_map(method):
    table = uneven()
    held = out_of_fold(calibrators.get(method), table, dealt(table.groups, table.labels, 3, 0))
    right = pairs = 0.0
    for fold in range(3):  # every pair by hand
        p, y = held.p_fake[held.fold == fold], table.labels[held.fold == fold]
        fake, real = p[y == 1][:, None], p[y == 0][None, :]
        right += (fake > real).sum() + (fake == real).sum() / 2
        pairs += fake.size * real.size
    found = held_out_auroc(held, table, 200, 0)
    assert found["value"] == pytest.approx(right / pairs)
    assert found["low"] < found["value"] < found["high"]
    assert held.ranking_note == ORDER_WITHIN_FOLDS


def test_one_class_has_no_auroc_and_few_groups_no_interval():
    table = uneven(8, 30)
    held = out_of_fold(calibrators.get("isotonic"), table, dealt(table.groups, table.labels, 2, 0))
    assert held_out_auroc(held, Predictions(table.frame.assign(label=0)), 50, 0)["value"] is None
    few = uneven(4, 60)
    held = out_of_fold(calibrators.get("isotonic"), few, dealt(few.groups, few.labels, 2, 0))
    found = held_out_auroc(held, few, 50, 0)
    assert found["low"] is None
    assert "4 groups" in found["note"]


def test_the_comparison_says_that_choosing_is_not_paid_for():
    found = compare_calibrators(uneven(), ["none", "temperature", "isotonic"], draws=50)
    assert found["choice"] == "each interval is the method's own: none is adjusted for choosing the best of 3"
    same = [found["methods"][name]["metrics"]["auroc"] for name in ("none", "temperature")]
    assert same[0] == same[1]


def test_each_fold_is_drawn_on_its_own(monkeypatch):
    """Draws of all folds by the same numbers would go up and down together, and the interval would be too wide."""
    seen = []

    def noted(scores, labels, groups, draws, rng):
        seen.append(rng.random())
        return {"auroc": np.linspace(0.4, 0.6, draws)}

    monkeypatch.setattr("core.calibrate.held_out.ranking_draws", noted)
    table = uneven()
    held = out_of_fold(calibrators.get("isotonic"), table, dealt(table.groups, table.labels, 3, 0))
    held_out_auroc(held, table, 20, 7)
    assert len(set(seen)) == 3
