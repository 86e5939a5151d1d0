"""A fold's embedding in the final network's axes: exact where a rotation is all that differs."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ortho_group

from core.stacking.alignment import explained, fit_alignment


def turned(rng, n=80, d=12, noise=0.0, scale=1.0):
    source = rng.normal(size=(n, d)) * np.linspace(3, 0.5, d)
    target = scale * source @ ortho_group.rvs(d, random_state=1) + rng.normal(size=d)
    return source, target + rng.normal(0, noise, target.shape) if noise else target


def test_a_rotation_is_undone_on_rows_it_was_not_fitted_on():
    source, target = turned(np.random.default_rng(0), scale=1.7)
    found = fit_alignment(source[:50], target[:50])
    np.testing.assert_allclose(found(source[50:]), target[50:], rtol=1e-4, atol=1e-4)
    assert found.scale == pytest.approx(1.7)
    assert explained(found(source[50:]), target[50:]) == pytest.approx(1.0)


def test_noise_is_measured_not_hidden():
    rng = np.random.default_rng(1)
    source, target = turned(rng, n=400, noise=0.5)
    found = fit_alignment(source[:200], target[:200])
    assert 0.6 < explained(found(source[200:]), target[200:]) < 0.98
    unrelated = rng.normal(size=source.shape)
    assert explained(fit_alignment(unrelated[:200], target[:200])(unrelated[200:]), target[200:]) < 0.1


def test_fewer_rows_than_dimensions_turn_what_they_can():
    source, target = turned(np.random.default_rng(2), n=8, d=30)
    found = fit_alignment(source, target, size=256)
    np.testing.assert_allclose(found(source), target, rtol=1e-3, atol=1e-3)
    assert np.linalg.matrix_rank(found.turn) == 7


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="same two rows"):
        fit_alignment(np.ones((3, 4)), np.ones((3, 5)))
    assert explained(np.ones((3, 2)), np.ones((3, 2))) == 0.0
