"""The cumulative table against masks over the items, and the replay against the rules written out item by item."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from core.cascade.binning import CUSTOMARY, bin_index, default_edges, edge_exits, edge_indices
from core.cascade.cost import speed_up
from core.cascade.simulate import simulate
from core.cascade.table import CascadeTable, Costs
from core.cascade.types import CascadePolicy, Exits, ExpertExits


def two_stages(n: int = 20_000, seed: int = 0):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    p1 = 1 / (1 + np.exp(-rng.normal(1.5 * (2 * y - 1), 2)))
    p2 = 1 / (1 + np.exp(-rng.normal(2.5 * (2 * y - 1), 2)))
    return p1, p2, y


def by_masks(p1, p2, y, one: Exits, two: Exits, costs: Costs) -> dict:
    def never(e, p):
        real = p <= e.real_below if e.real_below is not None else np.zeros(p.size, bool)
        fake = p >= e.fake_above if e.fake_above is not None else np.zeros(p.size, bool)
        return real, fake

    (r1, f1), (r2, f2) = never(one, p1), never(two, p2)
    passed = ~(r1 | f1)
    real, fake = r1 | (passed & r2), f1 | (passed & f2)
    cost = costs.stage1 + costs.stage2 * passed.mean() + costs.stage3 * (~(real | fake)).mean()
    return {
        "n": y.size,
        "n_fake": int(y.sum()),
        "filtration": r1.mean(),
        "decided_early": 1 - passed.mean(),
        "coverage": passed.mean(),
        "leakage1": r1[y == 1].mean(),
        "leakage": real[y == 1].mean(),
        "false_alarms": fake[y == 0].mean(),
        "precision_real": (y[real] == 0).mean() if real.any() else None,
        "precision_fake": (y[fake] == 1).mean() if fake.any() else None,
        "open": (~(real | fake)).mean(),
        "cost": cost,
        "speed_up": (costs.stage2 + costs.stage3) / cost,
    }


EXITS = [
    (Exits(real_below=0.02), Exits(real_below=0.05, fake_above=0.95)),
    (Exits(real_below=0.1, fake_above=0.98), Exits(fake_above=0.9)),
    (Exits(), Exits(real_below=0.01)),
    (Exits(), Exits()),
]


@pytest.mark.parametrize(("one", "two"), EXITS)
@pytest.mark.parametrize("bins", [64, 128, 512])
def test_table_equals_masks(one, two, bins):
    p1, p2, y = two_stages()
    costs = Costs(2.5, 4.2, 18.4)
    found = CascadeTable.build(p1, p2, y, bins).ask(one, two, costs)
    found.pop("auroc")
    assert found == pytest.approx(by_masks(p1, p2, y, one, two, costs), abs=1e-12)


def test_any_pair_of_edges_equals_masks_with_scores_on_the_edges():
    p1, p2, y = two_stages(4000)
    edges = default_edges(64)
    rng = np.random.default_rng(1)
    p1[:1000], p2[500:1500] = rng.choice(edges, 1000), rng.choice(edges, 1000)
    table = CascadeTable.build(p1, p2, y, edges=edges)
    costs = Costs(1, 2, 3)
    for _ in range(60):
        real1, fake1 = sorted(rng.choice(65, 2, replace=False))
        real2, fake2 = sorted(rng.choice(65, 2, replace=False))
        one, two = table.exits(real1, fake1), table.exits(real2, fake2)
        assert table.indices(one) == (real1, fake1)
        found = table.figures(real1, fake1, real2, fake2, costs)
        found.pop("auroc")
        assert found == pytest.approx(by_masks(p1, p2, y, one, two, costs), abs=1e-12)


def test_auroc_of_the_cascade():
    p1, p2, y = two_stages(100_000)
    table = CascadeTable.build(p1, p2, y)
    one = Exits(real_below=0.05, fake_above=0.98)
    score = np.where((p1 <= 0.05) | (p1 > 0.98), p1, p2)
    assert table.ask(one)["auroc"] == pytest.approx(roc_auc_score(y, score), abs=2e-5)
    assert table.ask(Exits())["auroc"] == pytest.approx(roc_auc_score(y, p2), abs=2e-5)


def test_unknown_is_none():
    table = CascadeTable.build([0.4, 0.6], [0.5, 0.5], [0, 0])
    found = table.ask(Exits(real_below=0.02))
    assert found["leakage"] is None
    assert found["precision_real"] is None
    assert found["auroc"] is None
    assert found["false_alarms"] == 0


def test_speed_up_is_the_cost_model():
    p1, p2, y = two_stages()
    found = CascadeTable.build(p1, p2, y).ask(Exits(real_below=0.05), None, Costs(2.5, 20.0))
    assert found["speed_up"] == pytest.approx(float(speed_up(2.5 / 20, found["decided_early"])))


def test_customary_exits_are_edges():
    for bins in (32, 64, 128, 512):
        edges = default_edges(bins)
        assert (np.diff(edges) > 0).all()
        for below in CUSTOMARY[:4]:
            assert edge_exits(edges, *edge_indices(edges, Exits(real_below=below))) == Exits(real_below=below)
        for above in CUSTOMARY[4:]:
            assert edge_exits(edges, *edge_indices(edges, Exits(fake_above=above))) == Exits(fake_above=above)
    with pytest.raises(ValueError, match="32"):
        default_edges(16)


@pytest.mark.parametrize("bins", [32, 128, 512])
def test_binning_is_searchsorted(bins):
    rng = np.random.default_rng(bins)
    close = [0.3, np.nextafter(0.3, 1), 0.3 + 1e-9, 0.3 + 2e-9]  # several edges inside one look-up cell
    edges = default_edges(bins, close)
    p = np.concatenate([rng.random(20_000), rng.beta(0.05, 0.05, 20_000), edges, np.nextafter(edges[:-1], 2), close])
    assert (bin_index(edges, p) == np.searchsorted(edges[1:-1], p, side="left")).all()


def policy(final: Exits) -> CascadePolicy:
    experts = [
        ExpertExits(name="b3", exits=Exits(real_below=0.05, fake_above=0.95)),
        ExpertExits(name="gen", exits=Exits(fake_above=0.9)),
    ]
    return CascadePolicy(
        policy_id="x", name="x", created_at="", stage1=Exits(real_below=0.02), experts=experts, final=final
    )


def replay_one(row, rules: CascadePolicy, stacked: bool):
    steps = [("stage1", "first", rules.stage1), *(("stage2", e.name, e.exits) for e in rules.experts)]
    for asked, (stage, name, exits) in enumerate(steps, 1):
        outcome = exits.decide(row[f"p_{name}"])
        if outcome:
            return outcome, stage, name, row[f"p_{name}"], asked
    if stacked:
        return rules.final.decide(row["p_stack"]) or "uncertain", "stage3", "stack", row["p_stack"], len(steps)
    return "uncertain", "", "gen", row["p_gen"], len(steps)


@pytest.mark.parametrize("stacked", [True, False])
def test_replay_equals_the_rules_item_by_item(stacked):
    rng = np.random.default_rng(0)
    columns = ["p_first", "p_b3", "p_gen"] + ["p_stack"] * stacked
    table = pd.DataFrame(rng.beta(0.4, 0.4, (500, len(columns))), columns=columns, index=np.arange(500) * 3)
    table.iloc[0, 0] = 0.02  # on the threshold
    rules = policy(Exits(real_below=0.35, fake_above=0.65))
    found = simulate(table, rules)
    assert found.index.equals(table.index)
    expected = [replay_one(row, rules, stacked) for _, row in table.iterrows()]
    assert list(found.itertuples(index=False, name=None)) == expected
    assert found["verdict"].nunique() == 3


def test_replay_names_what_is_missing():
    table = pd.DataFrame({"p_first": [0.5], "p_b3": [0.5]})
    with pytest.raises(ValueError, match="p_gen"):
        simulate(table, policy(Exits()))
    with pytest.raises(ValueError, match="stage-1"):
        simulate(table[["p_b3"]], policy(Exits()))
