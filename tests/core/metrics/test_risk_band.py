"""The risk-coverage band: the curve is `risk_coverage`, the last step is plain error, and its interval covers."""

import numpy as np
import pytest

from core.metrics.risk_band import risk_band
from core.metrics.selective import risk_coverage


def drawn(n=240, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n)
    return np.round(rng.beta(1 + 2 * labels, 3 - 2 * labels), 2), labels


def test_the_curve_is_that_of_risk_coverage():
    p, y = drawn()
    band, curve = risk_band(p, y, draws=50), risk_coverage(p, y)
    assert band.coverage == pytest.approx(curve.coverage)
    assert band.risk == pytest.approx(curve.risk)
    assert band.confidence == pytest.approx(curve.confidence)


def test_the_last_interval_is_the_binomials():
    p, y = drawn(2000, seed=1)
    band = risk_band(p, y, np.arange(2000), draws=2000)
    error = float(((p >= 0.5) != (y == 1)).mean())
    half = 1.96 * np.sqrt(error * (1 - error) / 2000)
    assert band.risk[-1] == pytest.approx(error)
    assert (band.low[-1], band.high[-1]) == pytest.approx((error - half, error + half), abs=0.15 * half)


def test_items_of_one_group_widen_the_interval():
    p, y = drawn(400, seed=2)
    alone = risk_band(p, y, np.arange(400), draws=400)
    fives = risk_band(np.repeat(p, 5), np.repeat(y, 5), np.repeat(np.arange(400), 5), draws=400)
    naive = risk_band(np.repeat(p, 5), np.repeat(y, 5), draws=400)
    width = [float(b.high[-1] - b.low[-1]) for b in (alone, fives, naive)]
    assert width[1] == pytest.approx(width[0], rel=0.2)
    assert width[2] < 0.6 * width[1]


def test_without_draws_there_is_no_interval():
    p, y = drawn()
    assert np.isnan(risk_band(p, y, draws=0).low).all()
