"""Where a search for a calibrator can go astray: vague optima, separable items, scores out of all proportion."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit

from core.calibrate import calibrators
from core.calibrate.methods.temperature import ECE_SEARCH_FACTOR, Temperature, TemperatureEce, margins, search_ece
from core.metrics.metrics import auroc, nll
from core.metrics.reliability import ece


def balanced(seed: int, n: int = 2000) -> tuple[np.ndarray, np.ndarray]:
    """As many fakes as reals; the truth is T = 4 / 3."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    return (2 * y - 1) * 1.5 + rng.normal(0, 2, n), y


@pytest.mark.parametrize("seed", range(5))
def test_least_ece_is_not_looked_for_where_p_fake_says_nothing(seed):
    z, y = balanced(seed)
    assert ece(expit(z / 1e9), y) == pytest.approx(0.0, abs=1e-6)  # the least ECE of all, and worthless
    made = TemperatureEce().fit(z, y)
    best = Temperature().fit(z, y)
    assert 1.0 < made.fitted.temperature < 2.0
    assert ece(made.transform(z), y) <= ece(best.transform(z), y)
    assert nll(best.transform(z), y) <= nll(made.transform(z), y) < nll(expit(z), y)
    assert made.warnings == []


def test_the_search_ends_at_the_best_minimum_near_the_nll_optimum():
    z, y = balanced(3, 700)
    t_nll = Temperature().fit(z, y).fitted.temperature
    t, found = search_ece(z, y, 15, t_nll)
    fine = np.exp(np.linspace(np.log(t_nll / 1.5), np.log(t_nll * 1.5), 4001))
    errors = [ece(expit(z / v), y) for v in fine]
    assert found
    assert t_nll / ECE_SEARCH_FACTOR < t < t_nll * ECE_SEARCH_FACTOR
    assert ece(expit(z / t), y) <= np.quantile(errors, 0.02)  # piecewise constant: the grid may miss a narrow step


def test_without_a_minimum_the_temperature_of_least_nll_is_taken():
    z, y = np.repeat([-2.0, 2.0], 50), np.repeat([0, 1], 50)  # sharper is better to the end
    made = TemperatureEce().fit(z, y)
    assert made.fitted.temperature == Temperature().fit(z, y).fitted.temperature
    assert "ECE has no minimum" in made.warnings[0]


def test_a_loss_above_the_raw_one_is_said():
    z, y = balanced(0, 400)
    assert "worse than without" not in " ".join(Temperature().fit(z, y).warnings)
    sharp = Temperature().fit(z * 1e-6, y)  # the best T, 1e-6, is out of reach, and the bound is still better than raw
    assert sharp.fitted.at_bound
    assert "worse than without" not in " ".join(sharp.warnings)
    skew = np.r_[np.full(98, -4.0), np.full(2, 4.0)], np.r_[np.zeros(98), np.ones(2)].astype(int)
    for made in (TemperatureEce().fit(*skew), TemperatureEce().fit(*balanced(1))):
        said = "worse than without" in " ".join(made.warnings)
        zy = skew if made.fitted.n == 100 else balanced(1)
        assert said == bool(nll(made.transform(zy[0]), zy[1]) > nll(expit(zy[0]), zy[1]) * (1 + 1e-9))


def test_scores_too_large_for_the_search_are_not_called_useless():
    z, y = balanced(0)
    made = Temperature().fit(z * 1e4, y)
    assert auroc(z, y) > 0.8
    assert made.fitted.at_bound
    said = " ".join(made.warnings)
    assert "too large for the search" in said
    assert "take Platt" in said
    assert "do not separate" not in said
    assert nll(calibrators.get("platt")().fit(z * 1e4, y).transform(z * 1e4), y) < 0.5  # the way out works


@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_useless_scores_are_called_so_whatever_their_size(scale):
    z, y = balanced(0)
    made = Temperature().fit(-scale * z, y)  # turned round: no T does better than p_fake = 1/2
    assert margins(-z, y).mean() < 0
    assert "do not separate" in " ".join(made.warnings)
    assert "too large" not in " ".join(made.warnings)


@pytest.mark.parametrize("shift", [0.0, 40.0, -7.0])
def test_beta_says_that_a_threshold_parts_the_classes(shift):
    y = np.repeat([0, 1], 100)
    z = (2 * y - 1) * 3 + np.random.default_rng(0).normal(0, 0.3, 200) + shift
    assert "separable" in " ".join(calibrators.get("beta")().fit(z, y).warnings)
    y[[0, 199]] = 1, 0  # one of each on the other side: an optimum exists
    assert "separable" not in " ".join(calibrators.get("beta")().fit(z, y).warnings)


def test_separability_is_the_growth_of_the_likelihood_without_end():
    y = np.repeat([0, 1], 100)
    z = (2 * y - 1) * 3 + np.random.default_rng(0).normal(0, 0.3, 200)
    made = calibrators.get("beta")().fit(z, y)
    x = np.stack((-np.logaddexp(0, -z), np.logaddexp(0, z), np.ones_like(z)), 1)
    loss = lambda w: float(np.mean(np.logaddexp(0, x @ w) - y * (x @ w)))  # noqa: E731
    further = np.array([made.fitted.a, made.fitted.b, made.fitted.c]) * 5
    assert loss(further) < loss(further / 5)
    y[[0, 199]] = 1, 0
    found = minimize(loss, np.array([1.0, 1.0, 0.0]), method="Nelder-Mead", options={"maxiter": 4000}).x
    again = calibrators.get("beta")().fit(z, y).fitted
    assert loss(np.array([again.a, again.b, again.c])) <= loss(found) + 1e-6


@pytest.mark.parametrize("name", calibrators.names())
def test_keeps_order_is_what_the_map_does(name):
    rng = np.random.default_rng(0)
    z = rng.normal(0, 2, 3000)
    made = calibrators.get(name)().fit(z, (rng.random(3000) < expit(z)).astype(int))
    grid = np.linspace(-3, 3, 500)
    assert made.keeps_order == bool((np.diff(made.transform(grid)) > 0).all())
    assert made.keeps_order == (name not in ("isotonic", "histogram", "venn_abers"))


def test_a_flat_platt_ties_all_items():
    made = calibrators.get("platt")().fit([3.0, 2.0, -2.0, -3.0], [0, 0, 1, 1])
    assert not made.keeps_order
    assert np.ptp(made.transform([-5.0, 5.0])) == 0


def data_sets() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Scores and labels on which a temperature is doubtful: one for each warning."""
    rng = np.random.default_rng(3)
    y = np.arange(400) % 2
    noise = rng.normal(0, 3, 400)
    return {
        "separable": (np.where(y == 1, 2.0, -2.0) + np.abs(noise) * np.where(y == 1, 1, -1), y),
        "no information": (noise, y),
        "turned round": (np.where(y == 1, -2.0, 2.0) + noise, y),
        "huge": (1e4 * (np.where(y == 1, 1.0, -1.0) + noise), y),
        "constant": (np.full(400, 1.5), y),
        "constant and mostly fake": (np.full(400, 1.5), (np.arange(400) % 10 > 0).astype(int)),
        "fine": (np.where(y == 1, 2.0, -2.0) + noise, y),
    }


KINDS = {
    "separable": "(separable)",
    "bound": "is the bound of the search",
    "no information": "do not separate the classes",
    "too large": "scores are too large for the search",
    "worse": "NLL is worse than without calibration",
    "constant": "every item has the same score",
}


def kinds_of(warnings: list[str]) -> set[str]:
    return {kind for kind, words in KINDS.items() if any(words in warning for warning in warnings)}


@pytest.mark.parametrize("case", data_sets())
def test_temperature_by_ece_warns_of_all_that_temperature_by_nll_warns_of(case):
    z, y = data_sets()[case]
    by_nll = kinds_of(calibrators.get("temperature")().fit(z, y).warnings)
    by_ece = kinds_of(calibrators.get("temperature_ece")().fit(z, y).warnings)
    assert by_nll <= by_ece
    assert bool(by_nll) == (case != "fine")


@pytest.mark.parametrize("method", calibrators.names())
@pytest.mark.parametrize("case", ["constant", "constant and mostly fake"])
def test_constant_scores_are_called_constant_and_not_separable(method, case):
    z, y = data_sets()[case]
    if method == "moment_dirichlet":
        with pytest.raises(ValueError, match="do not vary"):
            calibrators.get(method)().fit(z, y)
        return
    made = calibrators.get(method)().fit(z, y)
    assert not [warning for warning in made.warnings if "separable" in warning]
    if method != "none":
        assert "constant" in kinds_of(made.warnings)
        assert np.ptp(made.transform(z)) == 0
