import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from core.evaluate.cross import cross_auroc


def test_equals_scikit_learn_pair_by_pair():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 400)
    sources = rng.choice(["a", "b", "c"], 400)
    scores = rng.normal(labels + 0.5 * (sources == "b"), 1).round(1)
    found = cross_auroc(scores, labels, sources)
    assert found.fakes == found.reals == ("a", "b", "c")
    for i, fake in enumerate(found.fakes):
        for j, real in enumerate(found.reals):
            rows = ((sources == fake) & (labels == 1)) | ((sources == real) & (labels == 0))
            assert found.auroc[i, j] == pytest.approx(roc_auc_score(labels[rows], scores[rows]))
    assert found.n_fake.sum() + found.n_real.sum() == 400
    assert found.macro == pytest.approx(found.auroc.mean())


def test_a_source_that_is_only_fake_has_no_column():
    found = cross_auroc([0.1, 0.9, 0.8], [0, 1, 1], ["camera", "gan", "swap"])
    assert found.fakes == ("gan", "swap")
    assert found.reals == ("camera",)
    assert (found.auroc == 1).all()


def test_one_class_has_no_table():
    assert cross_auroc([0.1, 0.2], [1, 1], ["a", "b"]) is None
