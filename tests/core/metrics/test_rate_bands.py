"""The boards' bands are the headline's intervals; the worth of a share is its cluster-robust variance."""

import base64

import numpy as np
import pytest

from core.metrics.all_metrics import all_metrics
from core.metrics.bootstrap import draw_weights
from core.metrics.effective_groups import MIN_GROUPS
from core.metrics.rate_bands import RATES, effective_counts, rate_bands
from core.policies.boards.threshold_table import ThresholdTable

SAME = ("recall", "specificity", "precision", "accuracy", "balanced_accuracy", "f1", "mcc")


def scored(groups: int = 60, size: int = 6, seed: int = 0):
    rng = np.random.default_rng(seed)
    of = np.repeat(np.arange(groups), size)
    y = rng.integers(0, 2, groups)[of]
    z = 1.5 * (2 * y - 1) + rng.normal(0, 1.2, groups)[of] + rng.normal(0, 1, of.size)
    return 1 / (1 + np.exp(-z)), y, of


@pytest.mark.parametrize("groups", [MIN_GROUPS - 1, 12, 60])
def test_board_and_headline_agree_at_every_threshold(groups):
    p, y, of = scored(2 * groups)
    table = ThresholdTable.build(p, y)
    bands = rate_bands(table.edges, p, y, of, draws=120)
    for at in (0, 5, 300, table.index(0.5), 700, 1000, 1020):
        found = all_metrics(p, y, of, draws=120, threshold=table.threshold(at))
        for name in SAME:
            ends = [np.nan if found[name][end] is None else found[name][end] for end in ("low", "high")]
            assert [bands.low[name][at], bands.high[name][at]] == pytest.approx(ends, nan_ok=True, abs=1e-12), (
                at,
                name,
            )
    assert bands.low["false_alarms"] == pytest.approx(1 - bands.high["specificity"], nan_ok=True)


def test_few_groups_have_no_bands_but_the_exact_ones():
    p, y, of = scored(6)
    bands = rate_bands([0.0, 0.5, 1.0], p, y, of, draws=50)
    assert np.isnan(bands.low["recall"][1])
    assert bands.low["recall"][0] == pytest.approx(0.025 ** (1 / np.unique(of[y == 1]).size))
    assert "are needed" in bands.note


def test_shifted_and_coarse_bands_by_their_definition():
    p, y, of = scored()
    edges = np.linspace(0, 1, 21)
    bands = rate_bands(edges, p, y, of, draws=80, seed=3)
    weights = draw_weights(60, 80, np.random.default_rng(3))[:, of]
    called = p > edges[8]
    hits = (weights[:, called & (y == 1)].sum(1)) / weights[:, y == 1].sum(1)
    alarms = (weights[:, called & (y == 0)].sum(1)) / weights[:, y == 0].sum(1)
    expected = np.quantile(hits / (hits + alarms), [0.025, 0.975])
    assert [bands.low["even_precision"][8], bands.high["even_precision"][8]] == pytest.approx(expected)
    bar = np.arange(20) // 5
    inside = (p > 0.25) & (p <= 0.5)
    share = weights[:, inside & (y == 1)].sum(1) / weights[:, y == 1].sum(1)
    assert bands.bars(bar)[1, 1] == pytest.approx(np.quantile(share, [0.025, 0.975]))
    share = weights[:, inside & (y == 1)].sum(1) / weights[:, inside].sum(1)
    assert bands.reliability(bar)[1] == pytest.approx(np.quantile(share, [0.025, 0.975]))


def test_the_document_is_small_and_holds_them():
    p, y, of = scored()
    bands = rate_bands(np.linspace(0, 1, 1025), p, y, of, draws=20)
    document = bands.to_document()
    read = np.frombuffer(base64.b64decode(document["bands"]), "<f4").reshape(len(RATES), -1, 2)
    assert document["names"] == list(RATES)
    assert len(document["bands"]) < 200_000
    assert read[0, :, 1] == pytest.approx(bands.high["recall"], nan_ok=True, abs=1e-6)


def test_worth_is_the_variance_of_the_bootstrap():
    p, y, of = scored(400)
    edges = np.linspace(0, 1, 11)
    found = effective_counts(edges, p, y, of)
    bands = rate_bands(edges, p, y, of, draws=3000)
    for t in (3, 5, 7):
        drawn = bands.fakes[:, t:].sum(1) / bands.fakes.sum(1)
        v = (p[y == 1] > edges[t]).mean()
        assert found["fake"][t] == pytest.approx(v * (1 - v) / drawn.var(), rel=0.15)
        assert np.unique(of[y == 1]).size <= found["fake"][t] <= (y == 1).sum()
    alone = effective_counts(edges, p, y, None)["all"]  # single items are worth about themselves
    assert alone[1:-1] == pytest.approx(np.full(9, y.size), rel=0.01)
    whole = effective_counts([0, 0.5, 1], np.repeat([0.2, 0.8] * 20, 7), np.ones(280, int), np.repeat(np.arange(40), 7))
    assert whole["fake"][1] == pytest.approx(40, rel=0.05)  # groups that agree wholly count once
