"""Ranking by log-odds where p_fake rounds to 1, and the bootstrap of large tables in any order."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.metrics import average_precision_score, roc_auc_score

from core.calibrate import calibrators
from core.evaluate.report import evaluation_report
from core.evaluate.spec import EvaluateSpec
from core.metrics.all_metrics import all_metrics, point_metrics
from core.metrics.bootstrap_draws import ranking_draws, selective_draws
from core.metrics.levels import CALIBRATED, at_level
from core.metrics.metrics import auroc, average_precision, eer
from core.metrics.ranking import tpr_at_fpr
from core.metrics.selective import aurc
from core.metrics.unscored import worst_case
from core.tables.predictions import Predictions


def sure(n: int = 1000, seed: int = 0):
    """Fakes N(45, 3), reals N(38, 3): p_fake of every item is 1 in a double."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    return np.where(y == 1, rng.normal(45, 3, n), rng.normal(38, 3, n)), y


def predictions(z, y):
    ids = [f"s{i}" for i in range(len(y))]
    frame = pd.DataFrame({"sample_id": ids, "group": ids, "dataset": "d", "label": y, "log_odds": z, "split": "test"})
    return Predictions(frame)


@pytest.mark.parametrize("method", ["none", "temperature", "platt"])
def test_a_report_ranks_what_p_fake_rounds(method):
    z, y = sure()
    fitted = calibrators.get(method)().fit(z - 41, y)  # a scale of its own; then everything is sure
    p, of = fitted.transform(z), fitted.calibrated_log_odds(z)
    assert of is not None
    spec = EvaluateSpec(run="x", n_bootstrap=60)
    report = evaluation_report(spec, predictions(z, y), p, "here", of)
    found = report["metrics"]
    assert found["auroc"]["value"] == pytest.approx(roc_auc_score(y, z), abs=1e-12)
    assert found["average_precision"]["value"] == pytest.approx(average_precision_score(y, z), abs=1e-12)
    assert found["auroc"]["low"] < found["auroc"]["value"] < found["auroc"]["high"]
    assert report["auroc_delong"]["value"] == pytest.approx(roc_auc_score(y, z), abs=1e-12)
    assert report["by_dataset"]["d"]["metrics"]["auroc"]["value"] == found["auroc"]["value"]
    if method == "none":
        assert auroc(p, y) < 0.75 < found["auroc"]["value"]


def test_a_calibrator_in_steps_ties_by_itself():
    z, y = sure()
    for name in ("isotonic", "histogram", "venn_abers"):
        assert calibrators.get(name)().fit(z, y).calibrated_log_odds(z) is None


def test_the_sigmoid_of_calibrated_log_odds_is_p_fake():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 300)
    z = rng.normal(2 * y - 1, 1.5)
    found = {name: calibrators.get(name)().fit(z, y) for name in calibrators.names()}
    smooth = {name: c.calibrated_log_odds(z) for name, c in found.items() if c.calibrated_log_odds(z) is not None}
    assert len(smooth) >= 7
    for name, of in smooth.items():
        np.testing.assert_allclose(expit(of), found[name].transform(z), atol=1e-12)


def test_confidence_does_not_end_at_one():
    """Errors are the surest fakes called real at log-odds -60; p_fake ties them with the sure and right ones."""
    z = np.concatenate((-np.arange(40.0, 60.0), np.arange(40.0, 60.0)))
    y = np.r_[np.zeros(20, int), np.ones(20, int)]
    y[19] = 1
    risks = [1 - ((z >= 0) == y)[np.abs(z) >= c].mean() for c in np.abs(z)]
    assert aurc(expit(z), y, z) == pytest.approx(np.mean(risks))
    assert aurc(expit(z), y) != pytest.approx(np.mean(risks), abs=1e-3)
    z = np.random.default_rng(0).normal(2 * y - 1, 2)
    plain = all_metrics(expit(z), y, np.arange(40), draws=50)
    same = all_metrics(expit(z), y, np.arange(40), draws=50, log_odds=z)
    for name, value in plain.items():
        assert same[name]["value"] == pytest.approx(value["value"], abs=1e-12), name


def test_failed_items_are_worse_than_the_worst():
    z, y = sure(200)
    bound = worst_case(expit(z), y, np.array([1, 0]), log_odds=z)
    ends = np.append(z, [z.min() - 1, z.max() + 1])
    assert bound["auroc"] == pytest.approx(roc_auc_score(np.append(y, [1, 0]), ends))


def test_frames_of_a_clip_are_pooled_by_log_odds():
    z, _ = sure(40)
    frame = predictions(z, np.repeat([0, 1], 20)).frame.assign(
        video=np.repeat([f"v{i}" for i in range(8)], 5), group=np.repeat([f"v{i}" for i in range(8)], 5),
        p_fake=expit(z), **{CALIBRATED: z},
    )  # fmt: skip
    by_video = frame.groupby("video")[CALIBRATED]
    for rule, expected in (("mean_log_odds", by_video.mean()), ("max", by_video.max())):
        np.testing.assert_allclose(at_level(frame, "video", rule)[CALIBRATED], expected)
    assert CALIBRATED not in at_level(frame, "video", "median")


@pytest.mark.parametrize("order", ["alternating", "sorted", "grouped"])
def test_intervals_of_a_large_table_hold_their_point(order):
    n = 300_000
    rng = np.random.default_rng(1)
    y = {"alternating": np.arange(n) % 2, "sorted": np.arange(n) // (n // 2), "grouped": (np.arange(n) // 100) % 2}[
        order
    ]
    z = np.where(y == 1, rng.normal(2, 1, n), rng.normal(0, 1, n))
    drawn = ranking_draws(z, y, None, 60, np.random.default_rng(0))
    points = {"auroc": auroc(z, y), "average_precision": average_precision(z, y), "eer": eer(z, y),
              "tpr_at_fpr_1": tpr_at_fpr(z, y, 0.01), "tpr_at_fpr_10": tpr_at_fpr(z, y, 0.1)}  # fmt: skip
    for name, value in points.items():
        low, high = np.quantile(drawn[name], [0.025, 0.975])
        slack = 0.5 * (high - low)
        assert low - slack <= value <= high + slack, name
        assert drawn[name].mean() == pytest.approx(value, abs=2e-3), name
    chosen = selective_draws(expit(z), y, None, 30, np.random.default_rng(0))
    for name in ("aurc", "augrc"):
        assert chosen[name].mean() == pytest.approx(point_metrics(expit(z), y)[name], rel=0.02)
