"""Metrics against scikit-learn and torchmetrics, on random, tied, extreme and one-class input."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from core.metrics import metrics
from core.metrics.reliability import bin_edges, bin_of, ece, mce, reliability
from core.metrics.sweep import roc_points, sweep, thin


def draw(kind: str, n: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    y = rng.integers(0, 2, n)
    p = 1 / (1 + np.exp(-rng.normal(1.2 * (2 * y - 1), 1.5)))
    if kind == "tied":
        p = np.round(p, 1)
    if kind == "extreme":
        p = np.where(rng.random(n) < 0.3, np.round(p), p)
    return p, y


KINDS = ["random", "tied", "extreme"]


@pytest.mark.parametrize("kind", KINDS)
def test_ranking_equals_sklearn(kind):
    p, y = draw(kind)
    assert metrics.auroc(p, y) == pytest.approx(reference.roc_auc_score(y, p), abs=1e-12)
    assert metrics.average_precision(p, y) == pytest.approx(reference.average_precision_score(y, p), abs=1e-12)
    fpr, tpr, _ = reference.roc_curve(y, p, drop_intermediate=False)
    grid = np.linspace(0, 1, 200_001)
    curve = np.abs(grid - (1 - np.interp(grid, fpr, tpr)))
    if kind == "random":
        assert metrics.eer(p, y) == pytest.approx(grid[curve.argmin()], abs=1e-3)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.9])
def test_thresholded_equal_sklearn(kind, threshold):
    p, y = draw(kind)
    called = (p >= threshold).astype(int)
    expected = {
        "accuracy": reference.accuracy_score(y, called),
        "balanced_accuracy": reference.balanced_accuracy_score(y, called),
        "precision": reference.precision_score(y, called),
        "recall": reference.recall_score(y, called),
        "specificity": reference.recall_score(y, called, pos_label=0),
        "f1": reference.f1_score(y, called),
        "mcc": reference.matthews_corrcoef(y, called),
    }
    assert metrics.threshold_metrics(metrics.confusion(p, y, threshold)) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_proper_scores_equal_sklearn(kind):
    p, y = draw(kind)
    assert metrics.brier(p, y) == pytest.approx(reference.brier_score_loss(y, p), abs=1e-12)
    assert metrics.nll(p, y) == pytest.approx(reference.log_loss(y, p), rel=1e-9)


@pytest.mark.parametrize("which", ["binary", "top_label"])
def test_ece_and_mce_equal_torchmetrics(which):
    torch = pytest.importorskip("torch")
    from torchmetrics.functional.classification import binary_calibration_error, multiclass_calibration_error

    p, y = draw("random")
    for norm, ours in (("l1", ece), ("max", mce)):
        if which == "binary":
            theirs = binary_calibration_error(torch.tensor(p), torch.tensor(y), n_bins=15, norm=norm)
        else:
            both = torch.tensor(np.stack((1 - p, p), 1))
            theirs = multiclass_calibration_error(both, torch.tensor(y), 2, n_bins=15, norm=norm)
        assert ours(p, y, 15, which) == pytest.approx(float(theirs), abs=2e-6)  # theirs is float32


@given(st.integers(1, 40), st.integers(0, 10_000))
def test_bins_hold_what_their_edges_say(n_bins, seed):
    rng = np.random.default_rng(seed)
    x = np.concatenate((rng.random(50), np.arange(n_bins + 1) / n_bins, [0.0, 1.0]))
    for binning in ("width", "mass"):
        edges = bin_edges(x, n_bins, binning)
        index = bin_of(x, edges)
        assert (x <= edges[index + 1]).all()
        assert ((x > edges[index]) | (index == 0)).all()


def test_base_rate_predictor_has_no_calibration_error():
    y = np.array([0, 0, 0, 1])
    assert ece(np.full(4, 0.25), y) == 0.0
    assert ece(np.full(4, 0.25), y, which="top_label", binning="mass") == 0.0


def test_equal_mass_bins_are_equally_full():
    p, y = draw("random", 3000)
    assert set(reliability(p, y, 15, binning="mass").count) == {200}


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_gives_none_where_undefined(label):
    p, y = np.array([0.2, 0.7]), np.full(2, label)
    assert metrics.auroc(p, y) is None
    assert metrics.eer(p, y) is None
    decided = metrics.threshold_metrics(metrics.confusion(p, y))
    assert (decided["balanced_accuracy"], decided["mcc"]) == (None, None)
    assert (metrics.average_precision(p, y) is None) == (label == 0)
    assert metrics.brier(p, y) >= 0


@pytest.mark.parametrize(
    ("p", "y"),
    [([], []), ([0.5], [0, 1]), ([np.nan], [0]), ([0.5], [2]), ([0.5], [0.5]), ([1.5], [1])],
)
def test_bad_input_is_refused(p, y):
    with pytest.raises(ValueError):
        metrics.brier(p, y)


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.floats(-1e6, 1e6, allow_subnormal=False), st.integers(0, 1)),
        min_size=1,
        max_size=60,
    )
)
def test_sweep_counts_exactly(rows):
    scores, labels = np.round([r[0] for r in rows], 9) + 0.0, np.array([r[1] for r in rows])
    s = sweep(scores, labels)
    assert np.array_equal(s.score, np.unique(scores))
    for t in [*scores, -1e9, 0.0, 1e9]:
        fakes, items = s.at_or_below(t)
        assert int(fakes) == int(((scores <= t) & (labels == 1)).sum())
        assert int(items) == int((scores <= t).sum())


def test_sweep_tells_apart_neighbouring_doubles():
    a = 0.3
    s = sweep([a, np.nextafter(a, 1), np.nextafter(a, 0)], [0, 1, 1])
    assert s.fakes.tolist() == [1, 1, 2]


def test_curves_for_charts_keep_their_area():
    p, y = draw("random", 50_000)
    s = sweep(p, y)
    x, h, t = roc_points(s, 500)
    assert x.size <= 500
    assert (x[0], h[0], x[-1], h[-1]) == (0, 0, 1, 1)
    assert np.isinf(t[0])
    assert np.trapezoid(h, x) == pytest.approx(metrics.auroc(p, y), abs=1e-3)


def test_thin_keeps_every_corner_of_a_short_curve():
    x, y = np.array([0, 0, 0, 1, 2, 2, 3.0]), np.array([0, 1, 2, 2, 2, 3, 3.0])
    assert thin(x, y).tolist() == [0, 2, 4, 5, 6]
