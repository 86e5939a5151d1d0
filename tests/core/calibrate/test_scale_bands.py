"""Intervals of the calibration sliders: those of `all_metrics`, and worths that know what a group holds."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from core.calibrate.scale_bands import TEMPERATURES, ScaleBands, effective_gap_count
from core.metrics.all_metrics import all_metrics

N = 900


def items(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    y = rng.integers(0, 2, N)
    return np.round(rng.normal(2.5 * (2 * y - 1), 3), 2), y, np.arange(N) // 3


@pytest.mark.parametrize("step", [0, 70, 100, 200])
def test_limits_are_those_of_figures_at_every_temperature(step):
    z, y, groups = items(np.random.default_rng(3))
    after = expit(z / 2)
    bands = ScaleBands.build(z, after, y, groups, draws=200)
    for p, found in ((expit(z / TEMPERATURES[step]), bands.scaled[step]), (after, bands.calibrated)):
        wanted = all_metrics(p, y, groups, draws=200)
        for k, name in enumerate(("nll", "brier")):
            assert found[k].tolist() == pytest.approx([wanted[name]["low"], wanted[name]["high"]], rel=1e-9)


def test_the_best_temperature_lies_in_its_interval():
    bands = ScaleBands.build(*(lambda z, y, g: (z, expit(z / 2), y, g))(*items(np.random.default_rng(5))), draws=200)
    low, high = bands.best
    assert low < high
    assert 1.3 < low < 2.2 < 2.8
    assert high < 2.8


def test_few_groups_have_no_interval():
    z, y, _ = items(np.random.default_rng(1))
    found = ScaleBands.build(z, expit(z), y, np.arange(N) % 3, draws=50).to_document()
    assert found["scaled"][100] == [[None, None], [None, None]]
    assert found["best"] == [None, None]
    assert "5 are needed" in found["note"]


def test_worth_of_the_gap_is_that_of_items_or_of_groups():
    rng = np.random.default_rng(0)
    p, y = np.full(4000, 0.5), rng.integers(0, 2, 4000)
    assert effective_gap_count(p, y, np.arange(4000)) == pytest.approx(4000, rel=1e-3), (
        "items that are their own groups"
    )
    agree, codes = np.repeat(rng.integers(0, 2, 500), 8), np.repeat(np.arange(500), 8)
    assert effective_gap_count(p, agree, codes) == pytest.approx(500, rel=1e-2), "groups that agree wholly"
    mixed = np.tile([0, 1], 2000)
    assert effective_gap_count(p, mixed, codes) == 4000, "no more than there are items"
