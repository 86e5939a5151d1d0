"""The tables behind the calibration sliders: exact while scores are few, and close to the items when they are many."""

import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics import brier_score_loss, log_loss

from core.calibrate.scale_table import MAX_CELLS, ScaleTable
from core.metrics.reliability import ece


def drawn(n, digits=None):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, n)
    z = rng.normal(2.5 * (2 * labels - 1), 3)
    return (z if digits is None else np.round(z, digits)), labels


@pytest.mark.parametrize(("n", "digits", "close"), [(4000, 1, 1e-9), (210_000, None, 3e-4)])
@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.7])
def test_figures_at_any_temperature_are_those_of_the_items(n, digits, close, temperature):
    z, y = drawn(n, digits)
    table = ScaleTable.build(z, expit(z / 2), y)
    assert len(table.before.x) <= MAX_CELLS
    assert table.before.counts.sum() == n
    p = expit(z / temperature)
    reals, fakes = table.before.counts.T
    cells = np.repeat(np.tile(expit(table.before.x / temperature), 2), np.concatenate([reals, fakes]))
    labels = np.repeat([0, 1], [reals.sum(), fakes.sum()])
    for figure in (log_loss, brier_score_loss):
        assert figure(labels, cells) == pytest.approx(figure(y, p), abs=close)
    assert ece(cells, labels) == pytest.approx(ece(p, y), abs=max(close, 1e-6))


def test_bad_scores_are_refused():
    with pytest.raises(ValueError, match="finite"):
        ScaleTable.build([np.inf, 0.0], [0.5, 0.5], [0, 1])
    with pytest.raises(ValueError, match="finite"):
        ScaleTable.build([0.0], [0.5, 0.5], [0, 1])
