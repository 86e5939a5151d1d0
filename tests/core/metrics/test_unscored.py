"""Failed items are listed, counted and bounded; nothing is dropped in silence."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, roc_auc_score

from core.metrics.all_metrics import point_metrics
from core.metrics.unscored import BOUNDED, coverage_report, worst_case
from core.tables.predictions import FAILED, Predictions


def scored(n: int = 200):
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, n)
    return 1 / (1 + np.exp(-rng.normal(2 * (2 * y - 1), 1.5))), y


def lost(labels) -> pd.DataFrame:
    rows = {"sample_id": [f"x{i}" for i in range(len(labels))], "label": labels, "dataset": "d"}
    return pd.DataFrame(rows).assign(
        group=["a", "a", *map(str, range(len(labels) - 2))][: len(labels)], reason="broken"
    )


def test_nothing_failed():
    p, y = scored()
    found = coverage_report(p, y, lost([]))
    assert (found["coverage"], found["failed"], found["items"], found["worst"]) == (1.0, 0, [], {})


def test_failed_items_are_listed_and_bounded():
    p, y = scored()
    found = coverage_report(p, y, lost([1, 0, 1]))
    assert found["coverage"] == pytest.approx(200 / 203)
    assert (found["failed_fakes"], found["failed_groups"]) == (2, 2)
    assert [item["sample_id"] for item in found["items"]] == ["x0", "x1", "x2"]
    wrong_y, wrong_p = np.append(y, [1, 0, 1]), np.append(p, [0.0, 1.0, 0.0])
    assert found["worst"]["auroc"] == pytest.approx(roc_auc_score(wrong_y, wrong_p))
    assert found["worst"]["accuracy"] == pytest.approx(accuracy_score(wrong_y, wrong_p >= 0.5))
    json.dumps(found)


@pytest.mark.parametrize("seed", range(5))
def test_no_other_scores_of_the_failed_are_worse(seed):
    """400 ways to score 3 failed items: none lies beyond the bound."""
    rng, (p, y) = np.random.default_rng(seed), scored(60)
    failed = rng.integers(0, 2, 3)
    bound = worst_case(p, y, failed)
    lower_is_better = {"eer", "brier", "aurc", "augrc"}
    for _ in range(80):
        found = point_metrics(np.append(p, rng.choice([0.0, 1.0, rng.random()], 3)), np.append(y, failed))
        for name in BOUNDED:
            sign = -1 if name in lower_is_better else 1
            assert sign * found[name] >= sign * bound[name] - 1e-12, name


def test_predictions_keep_what_failed(tmp_path):
    frame = pd.DataFrame(
        {"sample_id": ["a", "b"], "group": "g", "dataset": "d", "label": [0, 1], "log_odds": [0.5, 2.0]}
    )
    found = Predictions(frame, lost([1, 0]))
    found.save(tmp_path / "p.parquet")
    again = Predictions.load(tmp_path / "p.parquet")
    assert again.failed.to_dict("list") == found.failed[list(FAILED)].to_dict("list")
    assert again.log_odds.tolist() == [0.5, 2.0]
    assert again.labels.tolist() == [0, 1]
    assert again.fingerprint() == Predictions(frame).fingerprint()
    foreign = Predictions.of_table(frame.assign(log_odds=[np.nan, 1.0]))
    assert foreign.failed["reason"].tolist() == ["no score is given"]
    with pytest.raises(ValueError, match="reason"):
        Predictions(frame, pd.DataFrame({"sample_id": ["x"]}))
