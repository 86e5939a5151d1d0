"""Bins and edges of p_fake, and the replay against the rules written out item by item."""

import numpy as np
import pandas as pd
import pytest

from core.documents.policy import CascadePolicy, Exits, ExpertExits
from core.policies.boards.binning import CUSTOMARY, bin_index, default_edges, edge_exits, edge_indices
from core.policies.replay.simulate import simulate


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
