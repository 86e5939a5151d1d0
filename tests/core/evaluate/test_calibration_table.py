"""The table answers what the plain functions answer, at every number of bins."""

import numpy as np
import pytest

from core.evaluate.calibration_table import CalibrationTable
from core.metrics.debiased import debiased_ece
from core.metrics.reliability import ece, mce


@pytest.mark.parametrize("decimals", [None, 2, 0])
@pytest.mark.parametrize("which", ["binary", "top_label"])
@pytest.mark.parametrize("binning", ["width", "mass"])
def test_equals_the_plain_functions(which, binning, decimals):
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 3000)
    p = 1 / (1 + np.exp(-rng.normal(1.5 * (2 * y - 1), 2)))
    p = p if decimals is None else np.round(p, decimals)
    table = CalibrationTable.build(p, y, which)
    for n_bins in (1, 2, 10, 15, 100):
        assert table.ece(n_bins, binning) == pytest.approx(ece(p, y, n_bins, which, binning), abs=1e-12)
        assert table.mce(n_bins, binning) == pytest.approx(mce(p, y, n_bins, which, binning), abs=1e-12)
        assert table.debiased_ece(n_bins, binning) == pytest.approx(
            debiased_ece(p, y, n_bins, which, binning), abs=1e-9
        )


def test_bad_questions_are_refused():
    table = CalibrationTable.build([0.2], [0])
    with pytest.raises(ValueError, match="n_bins"):
        table.ece(0)
    with pytest.raises(ValueError, match="known: width, mass"):
        table.ece(5, "log")
