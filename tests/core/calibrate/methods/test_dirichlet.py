"""Dirichlet calibration against beta calibration, scikit-learn, and Bayes' rule written out."""

import json

import numpy as np
import pytest
from scipy.special import expit, log_softmax, softmax
from scipy.stats import beta as beta_law
from sklearn.linear_model import LogisticRegression

from core.calibrate import calibrators, load_calibrator
from core.calibrate.methods.beta import Beta
from core.calibrate.methods.dirichlet import Dirichlet, fit_dirichlet, two_classes
from core.calibrate.methods.moment_dirichlet import MomentDirichlet


def skewed(n: int = 5000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Scores whose truth is a beta map with a != b."""
    rng = np.random.default_rng(seed)
    z = rng.normal(0, 2, n)
    p = expit(z)
    truth = expit(1.6 * np.log(p) - 0.5 * np.log1p(-p) + 0.3)
    return z, (rng.random(n) < truth).astype(np.int64)


def three_classes(n: int = 3000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, n)
    return log_softmax(rng.normal(0, 1.5, (n, 3)) + 2.0 * np.eye(3)[y], axis=1), y


def test_two_classes_are_beta_calibration():
    """Kull et al. 2019: without regularisation both have the same optimum and the same map."""
    z, y = skewed()
    full, beta = Dirichlet(strength=0.0).fit(z, y), Beta().fit(z, y)
    grid = np.linspace(-12, 12, 501)
    assert full.transform(grid) == pytest.approx(beta.transform(grid), abs=2e-5)
    w, b = np.array(full.fitted.weights), np.array(full.fitted.bias)
    assert w[1, 1] - w[0, 1] == pytest.approx(beta.fitted.a, abs=2e-3)
    assert w[0, 0] - w[1, 0] == pytest.approx(beta.fitted.b, abs=2e-3)
    assert b[1] - b[0] == pytest.approx(beta.fitted.c, abs=2e-3)


def test_three_classes_equal_multinomial_regression_on_log_probabilities():
    x, y = three_classes()
    made = Dirichlet(strength=0.0).fit_classes(x, y)
    oracle = LogisticRegression(C=np.inf, tol=1e-10, max_iter=10_000).fit(x, y)
    assert made.transform_classes(x) == pytest.approx(oracle.predict_proba(x), abs=1e-4)


def test_the_gradient_vanishes_at_the_regularised_optimum():
    x, y = three_classes(600)
    w, b, limited = fit_dirichlet(x, y, strength=0.1)
    assert not limited

    def loss(w, b):
        off = w * (1 - np.eye(3))
        nll = -log_softmax(x @ w.T + b, axis=1)[np.arange(y.size), y].mean()
        return nll + 0.1 * ((off**2).sum() / 6 + (b**2).sum() / 3)

    for i in range(3):
        step = np.zeros(3)
        step[i] = 1e-5
        assert loss(w, b + step) - loss(w, b - step) == pytest.approx(0, abs=1e-10)
        for j in range(3):
            move = np.zeros((3, 3))
            move[i, j] = 1e-5
            assert loss(w + move, b) - loss(w - move, b) == pytest.approx(0, abs=1e-10)


def test_odir_leaves_the_diagonal_alone():
    """Much strength kills intercepts and off-diagonal weights, and what is left is one scale a class."""
    x, y = three_classes()
    w, b, _ = fit_dirichlet(x, y, strength=1e4)
    assert np.abs(w * (1 - np.eye(3))).max() < 1e-3
    assert np.abs(b).max() < 1e-3
    assert np.diag(w).min() > 0.3


def test_classes_keep_their_shape_and_travel_as_json(tmp_path):
    x, y = three_classes()
    made = Dirichlet().fit_classes(x, y, "abc")
    p = made.transform_classes(x)
    assert p.sum(1) == pytest.approx(np.ones(len(y)))
    nll = [-np.log(q[np.arange(y.size), y]).mean() for q in (p, softmax(x, axis=1))]
    assert nll[0] < nll[1]
    made.save(tmp_path / "calibrator.json")
    again = load_calibrator(tmp_path / "calibrator.json")
    assert np.array_equal(again.transform_classes(x), p)
    document = json.loads((tmp_path / "calibrator.json").read_text())
    (tmp_path / "calibrator.json").write_text(json.dumps(document | {"bias": [0.0]}))
    with pytest.raises(ValueError, match="K x K"):
        load_calibrator(tmp_path / "calibrator.json")


@pytest.mark.parametrize(
    ("x", "y"), [(np.zeros((4, 1)), [0] * 4), (np.zeros((4, 2)), [0, 0, 0, 0]), (np.full((2, 2), -np.inf), [0, 1])]
)
def test_bad_classes_are_refused(x, y):
    with pytest.raises(ValueError):
        Dirichlet().fit_classes(x, y)


def test_separable_classes_are_said():
    made = Dirichlet(strength=0.0).fit([-3.0, -1.0, 1.0, 2.0], [0, 0, 1, 1])
    assert "separable" in " ".join(made.warnings)


def test_an_order_turned_round_is_refused():
    rng = np.random.default_rng(0)
    z = rng.normal(0, 2, 2000)
    y = (rng.random(2000) < expit(3 - z**2)).astype(int)  # fakes in the middle
    with pytest.raises(ValueError, match="beta"):
        Dirichlet().fit(z, y)


def test_moments_give_bayes_rule_of_two_beta_laws():
    rng = np.random.default_rng(1)
    y = rng.integers(0, 2, 40_000)
    p = np.where(y == 1, rng.beta(4, 1.5, y.size), rng.beta(1.2, 3, y.size))
    made = MomentDirichlet().fit(np.log(p / (1 - p)), y)
    assert made.fitted.fake == pytest.approx([1.5, 4], rel=0.05)
    assert made.fitted.real == pytest.approx([3, 1.2], rel=0.05)
    grid = np.linspace(0.01, 0.99, 99)
    (r0, r1), (f0, f1), rate = made.fitted.real, made.fitted.fake, made.fitted.base_rate
    fake, real = rate * beta_law.pdf(grid, f1, f0), (1 - rate) * beta_law.pdf(grid, r1, r0)
    assert made.transform(np.log(grid / (1 - grid))) == pytest.approx(fake / (fake + real), abs=1e-10)


def test_likelihood_beats_moments_on_its_own_loss():
    z, y = skewed()
    x = two_classes(z)[np.arange(y.size), y]
    nll = {}
    for name in ("dirichlet", "moment_dirichlet"):
        p = calibrators.get(name)().fit(z, y).transform(z)
        nll[name] = -np.log(np.where(y == 1, p, 1 - p)).mean()
    assert nll["dirichlet"] < -x.mean()
    assert nll["dirichlet"] <= nll["moment_dirichlet"]
