"""Calibrators against scikit-learn, scipy and closed forms; one contract test over every registered name."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import expit
from sklearn.calibration import _sigmoid_calibration
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from core.calibrate import calibrators, load_calibrator
from core.calibrate.methods.beta import Beta
from core.calibrate.methods.isotonic import Isotonic
from core.calibrate.methods.platt import Platt
from core.calibrate.methods.temperature import Temperature, newton
from core.metrics.metrics import auroc, nll
from core.metrics.reliability import ece


def overconfident(n: int = 6000, t: float = 2.5, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    z = rng.normal(0, 2, n)
    return t * z, (rng.random(n) < expit(z)).astype(np.int64)


@pytest.mark.parametrize("name", calibrators.names())
def test_contract(name, tmp_path):
    z, y = overconfident(1500)
    made = calibrators.get(name)().fit(z, y, fingerprint="abc")
    grid = np.linspace(-900, 900, 4001)
    p = made.transform(grid)
    assert p.dtype == np.float64
    assert p.min() >= 0
    assert p.max() <= 1
    assert (np.diff(p) >= 0).all()
    assert made.fingerprint == "abc"
    made.save(tmp_path / "calibrator.json")
    again = load_calibrator(tmp_path / "calibrator.json")
    assert np.array_equal(again.transform(grid), p)
    assert made.transform(np.zeros((2, 3))).shape == (2, 3)
    document = json.loads((tmp_path / "calibrator.json").read_text())
    for broken in (document | {"surprise": 1}, document | {"format": 2}, {**document, "method": "nobody"}):
        (tmp_path / "broken.json").write_text(json.dumps(broken))
        with pytest.raises(ValueError, match=r"broken\.json"):
            load_calibrator(tmp_path / "broken.json")


@pytest.mark.parametrize("name", [n for n in calibrators.names() if n != "none"])
@pytest.mark.parametrize("label", [0, 1])
def test_one_class_is_refused(name, label):
    with pytest.raises(ValueError, match="both classes"):
        calibrators.get(name)().fit([1.0, 2.0], [label, label])


def test_unfitted_calibrator_says_so():
    with pytest.raises(ValueError, match="not fitted"):
        Temperature().transform([0.0])


@pytest.mark.parametrize("method", ["newton", "L-BFGS-B", "bounded"])
@pytest.mark.parametrize("truth", [0.3, 1.0, 2.0, 7.0])
def test_temperature_finds_the_truth_and_scipys_optimum(method, truth):
    z, y = overconfident(t=truth)
    t = Temperature(optimize_method=method).fit(z, y).fitted.temperature
    m = np.where(y == 1, z, -z)
    oracle = minimize_scalar(
        lambda v: np.mean(np.logaddexp(0, -m / np.exp(v))), bounds=(-4, 4), method="bounded", options={"xatol": 1e-10}
    )
    assert t == pytest.approx(np.exp(oracle.x), rel=1e-5)
    assert t == pytest.approx(truth, rel=0.1)
    slope = LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-10).fit(z[:, None], y).coef_[0, 0]
    assert t == pytest.approx(1 / slope, rel=1e-4)


def test_histogram_start_ends_on_the_full_optimum():
    z, y = overconfident(120_000)
    full = newton(np.where(y == 1, z, -z))
    assert Temperature().fit(z, y).fitted.temperature == pytest.approx(1 / full, rel=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.05, 40))
def test_temperature_scales_with_its_input(seed, factor):
    z, y = overconfident(400, 1.0, seed)
    one = Temperature().fit(z, y).fitted
    scaled = Temperature().fit(z * factor, y).fitted
    if not (one.at_bound or scaled.at_bound):
        assert scaled.temperature == pytest.approx(one.temperature * factor, rel=1e-6)


def test_temperature_keeps_ranking_and_lowers_nll_and_ece():
    z, y = overconfident()
    p, q = expit(z), Temperature().fit(z, y).transform(z)
    assert auroc(p, y) == pytest.approx(auroc(q, y), abs=1e-12)
    assert nll(q, y) < nll(p, y)
    assert ece(q, y) < ece(p, y) / 2


def test_ece_search_does_at_least_as_well_as_nll():
    z, y = overconfident(2000)
    by_ece, by_nll = Temperature("ece").fit(z, y), Temperature().fit(z, y)
    assert ece(by_ece.transform(z), y) <= ece(by_nll.transform(z), y)
    assert by_ece.fitted.optimize_method == "search"


def test_separable_scores_and_useless_scores_are_reported():
    z = np.array([-3.0, -1.0, 1.0, 2.0])
    sharp = Temperature().fit(z, [0, 0, 1, 1])
    assert sharp.fitted.at_bound
    assert "separable" in " ".join(sharp.warnings)
    wrong = Temperature().fit(z, [1, 1, 0, 0])
    assert wrong.fitted.at_bound
    assert "do not separate" in " ".join(wrong.warnings)


def test_platt_equals_sklearn():
    z, y = overconfident(800)
    a, b = _sigmoid_calibration(z, y)  # theirs: 1 / (1 + exp(a z + b))
    made = Platt().fit(z, y).fitted
    assert made.slope == pytest.approx(-a, rel=1e-4)
    assert made.intercept == pytest.approx(-b, abs=1e-4)


def test_platt_of_upside_down_scores_gives_the_base_rate():
    z, y = overconfident(800)
    made = Platt().fit(-z, y)
    assert made.warnings
    assert made.transform([5.0])[0] == pytest.approx((y.sum() + 1) / (y.size + 2), abs=2e-3)


def test_beta_equals_logistic_regression_on_its_features():
    z, y = overconfident(3000)
    features = np.stack((-np.logaddexp(0, -z), np.logaddexp(0, z)), 1)
    oracle = LogisticRegression(C=np.inf, tol=1e-10, max_iter=10_000).fit(features, y)
    made = Beta().fit(z, y).fitted
    assert [made.a, made.b] == pytest.approx(oracle.coef_[0], rel=2e-3)
    assert made.c == pytest.approx(oracle.intercept_[0], abs=2e-3)
    a, b, c = made.a, made.b, made.c
    p = 0.3
    q = expit(a * np.log(p) - b * np.log(1 - p) + c)
    assert Beta().fit(z, y).transform([np.log(p / (1 - p))])[0] == pytest.approx(q)


def test_isotonic_equals_sklearn():
    z, y = overconfident(3000)
    z = np.round(z, 1)  # ties
    oracle = IsotonicRegression(out_of_bounds="clip").fit(z, y)
    grid = np.linspace(-20, 20, 2001)
    assert np.allclose(Isotonic().fit(z, y).transform(grid), oracle.predict(grid), atol=1e-12)


@pytest.mark.parametrize(
    "document",
    [
        {"method": "temperature", "temperature": 0},
        {"method": "temperature", "temperature": float("nan")},
        {"method": "temperature", "temperature": "2.0"},
        {"method": "temperature"},
        {"method": "platt", "slope": -1.0, "intercept": 0.0},
        {"method": "beta", "a": 1.0, "b": float("inf"), "c": 0.0},
        {"method": "isotonic", "log_odds": [0.0, 1.0], "p_fake": [0.1, float("nan")]},
        {"method": "isotonic", "log_odds": [1.0, 0.0], "p_fake": [0.1, 0.2]},
        {"method": "isotonic", "log_odds": [0.0, 1.0], "p_fake": [0.5, 0.2]},
        {"method": "isotonic", "log_odds": [], "p_fake": []},
        {"temperature": 2.0},
        [1, 2],
    ],
)
def test_files_that_are_no_calibrator_are_refused(document, tmp_path):
    (tmp_path / "calibrator.json").write_text(json.dumps(document))
    with pytest.raises(ValueError, match=r"calibrator\.json"):
        load_calibrator(tmp_path / "calibrator.json")


def test_scores_that_are_all_alike_carry_nothing():
    made = Temperature().fit(np.zeros(10), [0, 1] * 5)
    assert made.fitted.at_bound
    assert "separable" not in " ".join(made.warnings)
    assert Platt().fit(np.full(10, -3.0), [0, 1] * 5).transform([-3.0])[0] == pytest.approx(0.5)
