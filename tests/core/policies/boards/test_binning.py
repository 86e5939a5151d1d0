"""Bins and edges of p_fake, and what a replay refuses."""

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


def test_replay_names_what_is_missing():
    table = pd.DataFrame({"p_first": [0.5], "p_b3": [0.5]})
    with pytest.raises(ValueError, match="p_gen"):
        simulate(table, policy(Exits()))
    with pytest.raises(ValueError, match="stage-1"):
        simulate(table[["p_b3"]], policy(Exits()))
