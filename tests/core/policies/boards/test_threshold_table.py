"""Every threshold of one detector from a small table, against scikit-learn on the items."""

import json

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, roc_auc_score

from core.policies.boards.threshold_table import ThresholdTable


def drawn(n=20_000, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    return 1 / (1 + np.exp(-rng.normal(1.5 * (2 * y - 1), 2))), y


def test_counts_at_every_edge_are_exact():
    p, y = drawn()
    table = ThresholdTable.build(p, y, 256, thresholds=(0.5, 0.123))
    for index in [*range(1, table.edges.size - 1, 17), table.index(0.5), table.index(0.123)]:
        tn, fp, fn, tp = confusion_matrix(y, p >= table.threshold(index)).ravel()
        assert table.confusion(index) == (tp, fp, fn, tn)
    assert table.threshold(table.index(0.5)) == 0.5
    assert table.threshold(table.index(0.123)) == 0.123
    assert table.confusion(0)[2:] == (0, 0)
    assert table.confusion(table.edges.size - 1)[:2] == (0, 0)


def test_auroc_is_close_and_unknown_with_one_class():
    p, y = drawn()
    assert ThresholdTable.build(p, y).auroc() == pytest.approx(roc_auc_score(y, p), abs=2e-5)
    assert ThresholdTable.build([0.2, 0.4], [0, 0]).auroc() is None


def test_document_does_not_grow_with_the_items():
    sizes = [len(json.dumps(ThresholdTable.build(*drawn(n)).to_document())) for n in (1000, 300_000)]
    assert max(sizes) < 45_000
    assert max(sizes) - min(sizes) < 100


def test_extreme_values_fall_in_the_end_bins():
    table = ThresholdTable.build([0.0, 1.0, 1.0], [0, 1, 0])
    assert table.counts[0].tolist() == [1, 0]
    assert table.counts[-1].tolist() == [1, 1]
    with pytest.raises(ValueError, match="1"):
        ThresholdTable.build([1.5], [0])


def test_no_step_of_the_slider_is_too_small_to_see():
    table = ThresholdTable.build([0.2, 0.5, 0.7], [0, 1, 1], thresholds=(0.5, 0.9))
    assert np.diff(table.edges).min() > 1e-9
    for threshold in (0.5, 0.9):
        assert table.threshold(table.index(threshold)) == threshold
    assert table.confusion(table.index(0.5)) == (2, 0, 0, 1)
