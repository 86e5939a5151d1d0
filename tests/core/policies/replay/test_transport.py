"""Thresholds on other data sets, the matrix, what leaving out costs: against direct counts and known laws."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta
from sklearn.metrics import precision_score, roc_auc_score

from core.documents.policy import CascadePolicy, Exits
from core.policies.replay.base_rate import at_base_rate
from core.policies.replay.rates import group_rate
from core.policies.replay.transport import (
    RATES,
    auroc_matrix,
    last_score,
    place_rows,
    transport,
)
from tests.support.drawn_sources import drawn

EXITS = Exits(real_below=0.2, fake_above=0.7)
ONE = CascadePolicy(policy_id="", name="one detector", created_at="", stage1=EXITS, experts=[], final=Exits())


def test_rates_are_direct_counts_by_data_set_and_over_all():
    table = drawn()
    places = {place.name: place for place in transport(ONE, table, draws=50)}
    assert set(places) == {"gan", "swap", "web", "film", "all"}
    for name, place in places.items():
        rows = table if name == "all" else table[table["dataset"] == name]
        p, fake = rows["p_only"], rows["label"] == 1
        real, alarm = p <= 0.2, p >= 0.7
        wanted = {
            "exit_rate": real.mean(), "leakage": real[fake].mean(), "false_alarms": alarm[~fake].mean(),
            "precision": precision_score(fake, alarm), "uncertain": (~real & ~alarm).mean(),
            "found": alarm[fake].mean(), "spared": real[~fake].mean(),
        }  # fmt: skip
        assert set(wanted) == set(RATES)
        for rate, value in wanted.items():
            found = place.rates[rate]
            if np.isnan(value):
                assert found.value is None
                assert found.denominator == 0
            else:
                assert found.value == pytest.approx(value)
                assert found.numerator / found.denominator == pytest.approx(value)
                assert found.low <= value <= found.high
        assert (place.n, place.groups) == (len(rows), rows["group"].nunique())
    rows = place_rows(list(places.values()))
    assert len(rows) == 5 * len(RATES)


def test_intervals_count_groups():
    rng = np.random.default_rng(0)
    codes = np.repeat(np.arange(30), 40)
    hit = np.repeat(rng.random(30) < 0.5, 40)
    every = np.ones(1200, bool)
    wide = group_rate(hit, every, codes, 30, 2000, np.random.default_rng(0))
    alone = group_rate(hit, every, np.arange(1200), 1200, 2000, np.random.default_rng(0))
    assert (wide.high - wide.low) > 5 * (alone.high - alone.low)
    error = np.sqrt(0.25 / 30)
    assert wide.high - wide.low == pytest.approx(2 * 1.96 * error, rel=0.15)
    none = group_rate(np.zeros(1200, bool), every, codes, 30, 100, np.random.default_rng(0))
    assert (none.value, none.low) == (0, 0)
    assert none.high == pytest.approx(beta.ppf(0.975, 1, 30))
    whole = group_rate(every, every, codes, 30, 100, np.random.default_rng(0))
    assert whole.low == pytest.approx(beta.ppf(0.025, 30, 1))
    single = group_rate(hit, codes == 3, codes, 30, 100, np.random.default_rng(0))
    assert single.value in (0, 1)
    assert single.low is None


def test_matrix_is_the_auroc_of_every_pair():
    table = drawn()
    cells = auroc_matrix(table, "p_only")
    assert {(c.fakes, c.reals) for c in cells} == {(f, r) for f in ("gan", "swap") for r in ("web", "film")}
    for c in cells:
        rows = table[table["dataset"].isin([c.fakes, c.reals])]
        assert c.auroc == pytest.approx(roc_auc_score(rows["label"], rows["p_only"]))
        assert c.low < c.auroc < c.high
        assert c.n_fake + c.n_real == len(rows)
    one = table.assign(group=np.where(table["dataset"] == "gan", "same", table["group"]))
    assert next(c for c in auroc_matrix(one, "p_only") if c.fakes == "gan").low is None
    assert auroc_matrix(table[table["label"] == 1], "p_only") == []


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="dataset"):
        transport(ONE, drawn().drop(columns="dataset"))
    with pytest.raises(ValueError, match="no items"):
        transport(ONE, drawn().iloc[:0])
    assert last_score(drawn().assign(p_stack=0.5)) == "p_stack"
    with pytest.raises(ValueError, match="p_<member>"):
        last_score(pd.DataFrame({"label": [1]}))


share = st.floats(0.001, 0.999)


@given(share, share, share)
def test_base_rate_is_bayes(prevalence, found, alarmed):
    got = at_base_rate(prevalence, found, alarmed)
    assert got.precision_fake[0] == pytest.approx(
        prevalence * found / (prevalence * found + (1 - prevalence) * alarmed)
    )
    assert got.alarms[0] + 1000 * (prevalence * (1 - found) + (1 - prevalence) * (1 - alarmed)) == pytest.approx(1000)
    assert got.undecided[0] == pytest.approx(0, abs=1e-9)
    richer = at_base_rate([prevalence, min(1.0, prevalence * 1.01)], found, alarmed).precision_fake
    assert richer[1] >= richer[0]


def test_base_rate_with_three_verdicts_and_its_bounds():
    got = at_base_rate([0.01], found=0.8, alarmed=0.05, leaked=0.1, spared=0.7)
    assert got.precision_fake[0] == pytest.approx(0.008 / (0.008 + 0.0495))
    assert got.precision_real[0] == pytest.approx(0.693 / (0.693 + 0.001))
    assert got.alarms[0] + got.missed[0] + got.undecided[0] + 693 == pytest.approx(1000)
    with pytest.raises(ValueError, match="one verdict"):
        at_base_rate(0.5, 0.9, 0.1, leaked=0.2)
    with pytest.raises(ValueError, match="shares"):
        at_base_rate(1.5, 0.9, 0.1)
    assert np.isnan(at_base_rate(0.5, 0.0, 0.0).precision_fake[0])
