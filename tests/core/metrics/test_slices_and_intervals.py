"""Slices of any column, and the intervals of the figures that the bootstrap of ranks cannot give exactly."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from core.metrics.all_metrics import all_metrics, drawn_metrics, interval_of
from core.metrics.bootstrap_draws import probability_draws, selective_draws
from core.metrics.catalogue import FIGURES
from core.metrics.debiased import debiased_ece
from core.metrics.intervals import draw_weights
from core.metrics.ranking import partial_auroc, tpr_at_fpr
from core.metrics.reliability import ece
from core.metrics.selective import augrc, aurc
from core.metrics.slices import macro_average, sliced_by

OPTIONS = {"draws": 60, "n_bins": 10, "seed": 0}


def table(n: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, n)
    method = np.where(y == 1, rng.choice(["swap", "gan"], n), "")
    frame = pd.DataFrame({"label": y, "group": np.arange(n) // 4, "method": method, "one": "x", "id": np.arange(n)})
    return frame.assign(p=1 / (1 + np.exp(-rng.normal(2 * y - 1, 1.2))), compression=rng.choice(["c23", "c40"], n))


def test_every_slice_by_hand():
    frame = table()
    p, y = frame["p"].to_numpy(), frame["label"].to_numpy()
    found, left_out = sliced_by(frame, p, ["method", "compression", "one", "id", "nowhere"], **OPTIONS)
    assert list(found) == ["method", "compression"]
    assert [s.split(":")[0].split()[-1] for s in left_out] == ["one", "id", "nowhere"]
    c40 = (frame["compression"] == "c40").to_numpy()
    assert found["compression"]["c40"]["metrics"]["auroc"]["value"] == pytest.approx(roc_auc_score(y[c40], p[c40]))
    low, high = (found["compression"]["c40"]["metrics"]["auroc"][end] for end in ("low", "high"))
    assert low < roc_auc_score(y[c40], p[c40]) < high
    assert "against" not in found["compression"]["c40"]
    gan = found["method"]["gan"]  # fakes alone: ranked against all reals
    assert gan["metrics"]["auroc"]["value"] is None
    both = (frame["method"] == "gan").to_numpy() | (y == 0)
    assert gan["against"]["auroc"]["value"] == pytest.approx(roc_auc_score(y[both], p[both]))
    assert gan["against_what"] == "all reals"
    assert found["method"]["(none)"]["against_what"] == "all fakes"
    areas = [found["compression"][c]["metrics"]["auroc"]["value"] for c in ("c23", "c40")]
    assert macro_average(found["compression"])["auroc"] == {"value": pytest.approx(np.mean(areas)), "over": 2}


def test_every_figure_is_drawn_and_its_interval_holds_the_value():
    frame = table()
    p, y, groups = frame["p"].to_numpy(), frame["label"].to_numpy(), frame["group"].to_numpy()
    drawn = drawn_metrics(p, y, groups, 200)
    assert set(drawn) == set(FIGURES)
    for name, found in all_metrics(p, y, groups, draws=200).items():
        assert found["low"] <= found["high"], name
        if not name.startswith(("mce", "brier_re")):  # a maximum's draws are skewed; the parts' are biased by bins
            assert found["low"] - 1e-3 <= found["value"] <= found["high"] + 1e-3, name


def test_draws_equal_recomputing_each_draw():
    frame = table()
    p, y, groups = frame["p"].to_numpy(), frame["label"].to_numpy(), frame["group"].to_numpy()
    weights = draw_weights(100, 5, np.random.default_rng(7))
    drawn = drawn_metrics(p, y, groups, 5, seed=7)
    again = selective_draws(p, y, groups, 5, np.random.default_rng(7))
    for i in range(5):
        rows = np.repeat(np.arange(p.size), weights[i][groups].astype(int))
        a, b = p[rows], y[rows]
        expected = {
            "tpr_at_fpr_1": tpr_at_fpr(a, b, 0.01),
            "tpr_at_fpr_10": tpr_at_fpr(a, b, 0.1),
            "partial_auroc": partial_auroc(a, b, 0.1),
            "aurc": aurc(a, b),
            "augrc": augrc(a, b),
        }
        for name, value in expected.items():
            assert drawn[name][i] == pytest.approx(value, abs=1e-12), name
        assert again["aurc"][i] == drawn["aurc"][i]


def test_the_interval_of_the_debiased_error_covers_the_truth():
    """80 draws of 60 groups of 5, p_fake too high by .1 throughout, so the true calibration error is .1."""
    rng, hits, name = np.random.default_rng(5), 0, "ece_debiased_binary_mass"
    groups = np.arange(300) // 5
    for _ in range(80):
        truth = rng.uniform(0.1, 0.8, 300)
        p, y = truth + 0.1, (rng.random(300) < truth).astype(int)
        drawn = probability_draws(p, y, groups, 100, np.random.default_rng(0), n_bins=8)[name]
        low, high = interval_of(name, debiased_ece(p, y, 8), ece(p, y, 8, binning="mass"), drawn)
        hits += low <= 0.1 <= high
    assert hits / 80 >= 0.85
