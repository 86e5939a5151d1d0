"""Selective risk, partial areas and the parts of the Brier score against scikit-learn and their definitions."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score, roc_curve

from core.metrics.brier_parts import brier_parts
from core.metrics.metrics import brier
from core.metrics.ranking import partial_auroc, tpr_at_fpr
from core.metrics.selective import augrc, aurc, risk_coverage


def draw(decimals: int | None = None):
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 700)
    p = 1 / (1 + np.exp(-rng.normal(1.2 * (2 * y - 1), 1.5)))
    return (p if decimals is None else np.round(p, decimals)), y


@pytest.mark.parametrize("decimals", [None, 1])
@pytest.mark.parametrize("max_fpr", [0.01, 0.1, 0.37, 1.0])
def test_partial_area_equals_sklearn(decimals, max_fpr):
    p, y = draw(decimals)
    theirs = roc_auc_score(y, p, max_fpr=max_fpr) if max_fpr < 1 else roc_auc_score(y, p)
    assert partial_auroc(p, y, max_fpr) == pytest.approx(theirs, abs=1e-12)


@pytest.mark.parametrize("decimals", [None, 1])
@pytest.mark.parametrize("max_fpr", [0.0, 0.01, 0.1, 1.0])
def test_hits_at_a_false_alarm_rate(decimals, max_fpr):
    p, y = draw(decimals)
    fpr, tpr, _ = roc_curve(y, p, drop_intermediate=False)
    assert tpr_at_fpr(p, y, max_fpr) == pytest.approx(tpr[fpr <= max_fpr].max())


def test_one_class_is_none():
    assert tpr_at_fpr([0.1], [1]) is None
    assert partial_auroc([0.1], [0]) is None


@pytest.mark.parametrize("call", [lambda: tpr_at_fpr([0.1], [1], 2), lambda: partial_auroc([0.1], [1], 0)])
def test_rates_outside_their_range_are_refused(call):
    with pytest.raises(ValueError, match="max_fpr"):
        call()


@pytest.mark.parametrize("decimals", [None, 1])
def test_areas_equal_their_definition(decimals):
    p, y = draw(decimals)
    sure, wrong = np.maximum(p, 1 - p), (p >= 0.5) != (y == 1)
    risk = [wrong[sure >= c].mean() for c in sure]
    assert aurc(p, y) == pytest.approx(np.mean(risk))
    acc = 1 - wrong.mean()  # Traub et al. 2024, closed form; ties of confidence count one half
    area = roc_auc_score(~wrong, sure)
    assert augrc(p, y) == pytest.approx(acc * (1 - acc) * (1 - area) + (1 - acc) ** 2 / 2, abs=1e-12)
    curve = risk_coverage(p, y)
    assert curve.coverage[-1] == 1
    assert curve.risk[-1] == pytest.approx(wrong.mean())


def test_brier_is_the_sum_of_its_parts():
    p, y = draw(1)
    parts = brier_parts(p, y)
    assert parts["reliability"] - parts["resolution"] + parts["uncertainty"] == pytest.approx(brier(p, y))
    base = np.full(y.size, y.mean())
    assert brier_parts(base, y)["reliability"] == pytest.approx(0, abs=1e-15)
