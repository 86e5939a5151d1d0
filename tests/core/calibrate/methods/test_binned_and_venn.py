"""Histogram binning by hand; Venn-Abers against brute-force isotonic fits, MAPIE, and its own promise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.isotonic import IsotonicRegression

from core.calibrate.methods.histogram import HISTOGRAM_BINS, Histogram
from core.calibrate.methods.venn_abers import VennAbers


def items(n: int, seed: int = 0, decimals: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    z = rng.normal(0, 2, n)
    y = (rng.random(n) < expit(z)).astype(np.int64)
    return (z if decimals is None else np.round(z, decimals)), y


def brute(z: np.ndarray, y: np.ndarray, at: float, label: int) -> float:
    """The isotonic value of one more item, fitted anew by scikit-learn."""
    fit = IsotonicRegression(out_of_bounds="clip").fit(np.append(z, at), np.append(y, label))
    return float(fit.predict([at])[0])


@pytest.mark.parametrize("decimals", [None, 0])
@pytest.mark.parametrize("n", [5, 60])
def test_venn_abers_equals_two_isotonic_fits_an_item(n, decimals):
    z, y = items(n, 1, decimals)
    y[:2] = [0, 1]
    made = VennAbers().fit(z, y)
    grid = np.concatenate((z[:20], np.linspace(-7, 7, 41)))
    p0, p1 = made.interval(grid)
    assert p0 == pytest.approx([brute(z, y, x, 0) for x in grid], abs=1e-12)
    assert p1 == pytest.approx([brute(z, y, x, 1) for x in grid], abs=1e-12)
    assert made.transform(grid) == pytest.approx(p1 / (1 - p0 + p1))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(-5, 5), st.integers(0, 1)), min_size=2, max_size=30), st.integers(-6, 6))
def test_venn_abers_equals_brute_force_on_ties(rows, at):
    z, y = np.array([float(r[0]) for r in rows]), np.array([r[1] for r in rows])
    if 0 < y.sum() < y.size:
        p0, p1 = VennAbers().fit(z, y).interval(np.array([float(at)]))
        assert p0[0] == pytest.approx(brute(z, y, at, 0), abs=1e-12)
        assert p1[0] == pytest.approx(brute(z, y, at, 1), abs=1e-12)
        assert p0[0] < p1[0]


def test_venn_abers_equals_mapie():
    mapie = pytest.importorskip("mapie._venn_abers", reason="MAPIE is not installed")
    z, y = items(300, 2, 1)
    grid = np.linspace(-6, 6, 200)
    p = expit(z)
    both = mapie.VennAbers()
    with np.errstate(all="ignore"):  # theirs divides 0 by 0 on its way
        both.fit(np.stack((1 - p, p), 1), y)
        _, theirs = both.predict_proba(np.stack((1 - expit(grid), expit(grid)), 1))
    p0, p1 = VennAbers().fit(z, y).interval(grid)
    assert theirs[:, 0] == pytest.approx(p0, abs=1e-6)
    assert theirs[:, 1] == pytest.approx(p1, abs=1e-6)


def test_the_right_one_of_the_two_is_calibrated():
    """Validity: over draws of calibration set and item, E[p of the true label] is the base rate of fakes at any size.

    2,000 draws of 12 items whose scores are badly overconfident; |mean(y - p_y)| within 3 standard errors of 0."""
    rng, gap = np.random.default_rng(3), []
    for _ in range(2000):
        z = rng.normal(0, 2, 13)
        y = (rng.random(13) < expit(z)).astype(np.int64)
        if not 0 < y[:-1].sum() < 12:
            continue
        p0, p1 = VennAbers().fit(5 * z[:-1] + 3, y[:-1]).interval(5 * z[-1:] + 3)
        gap.append(y[-1] - (p1[0] if y[-1] else p0[0]))
    gap = np.array(gap)
    assert abs(gap.mean()) <= 3 * gap.std() / gap.size**0.5 + 0.01  # .01: sets of one class are left out
    naive = np.array([items(1, s) for s in range(500)], dtype=float).reshape(500, 2)
    assert abs(np.mean(naive[:, 1] - expit(5 * naive[:, 0] + 3))) > 0.1  # what it was given is far from calibrated


def test_few_items_are_said_and_many_narrow_the_gap():
    few, many = VennAbers().fit(*items(30)), VennAbers().fit(*items(5000))
    assert "apart" in " ".join(few.warnings)
    width = [float(np.median(np.subtract(*made.interval(np.linspace(-3, 3, 99))[::-1]))) for made in (few, many)]
    assert width[1] < width[0] / 4
    assert len(many.fitted.log_odds) < 5000


def test_histogram_is_the_share_of_fakes_of_each_bin():
    z, y = items(6000)
    made = Histogram().fit(z, y)
    assert len(made.fitted.p_fake) == HISTOGRAM_BINS
    index = np.searchsorted(made.fitted.edges, z)
    assert set(np.bincount(index)) == {400}
    shares = np.array([y[index == b].mean() for b in range(HISTOGRAM_BINS)])
    assert (np.diff(shares) > 0).all()
    assert made.transform(z) == pytest.approx(shares[index])


def test_histogram_pools_bins_that_fall_and_keeps_ties_together():
    z = np.repeat(np.arange(4.0), 30)
    y = np.concatenate([np.arange(30) < k for k in (3, 12, 9, 27)]).astype(int)
    made = Histogram().fit(z, y)
    assert made.transform(np.arange(4.0)) == pytest.approx([0.1, 0.35, 0.35, 0.9])
    assert "pooled" in " ".join(made.warnings)
    assert Histogram().fit(np.zeros(10), [0, 1] * 5).transform([-5.0, 0.0, 5.0]) == pytest.approx([0.5] * 3)
