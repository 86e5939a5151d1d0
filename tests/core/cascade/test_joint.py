"""The joint table against the policy replayed item by item."""

import base64

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.cascade.joint import JointTable, figures
from core.cascade.simulate import simulate
from core.cascade.types import CascadePolicy, Exits, ExpertExits

MEMBERS = ("filter", "texture", "genconvit", "stack")


def make(n, seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n)
    p = 1 / (1 + np.exp(-(rng.normal(0, 2, (n, 4)) + 2.0 * (labels[:, None] - 0.5) * [1, 1.5, 2, 3])))
    frame = pd.DataFrame({f"p_{name}": p[:, i] for i, name in enumerate(MEMBERS)})
    return frame.assign(label=labels, group=np.arange(n).astype(str), sample_id=np.arange(n).astype(str))


def policy_of(table, cuts):
    stage1, texture, genconvit, final = (table.exits(*cut) for cut in cuts)
    return CascadePolicy(
        policy_id="x", name="x", created_at="2026-01-01T00:00:00+00:00", stage1=stage1, final=final,
        experts=[ExpertExits(name="texture", exits=texture), ExpertExits(name="genconvit", exits=genconvit)],
    )  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 400),
    st.integers(0, 10_000),
    st.lists(st.tuples(st.integers(0, 128), st.integers(0, 128)), min_size=4, max_size=4),
)
def test_equals_the_policy_replayed_item_by_item(n, seed, raw):
    frame = make(n, seed)
    table = JointTable.of_frame(frame, MEMBERS)
    cuts = [(min(a, b), max(a, b)) if a != b else (a, min(a + 1, 128)) for a, b in raw]
    cuts = [(real, max(fake, real)) for real, fake in cuts]
    tally = table.tally(cuts)
    replay = simulate(frame, policy_of(table, cuts), stage1="filter")
    y = frame["label"].to_numpy()
    assert tally[:, 0].sum() == (replay["verdict"] == "real").sum()
    assert tally[:, 1].sum() == (replay["verdict"] == "fake").sum()
    assert tally[-1, 2].sum() == (replay["verdict"] == "uncertain").sum()
    assert tally[:3, 2].sum() == replay["asked"].sum()
    found = figures(tally, [1.0, 2.0, 4.0, 0.0])
    wrong = ((replay["verdict"] == "real") & (y == 1)).sum()
    assert found["leakage"] == (pytest.approx(wrong / y.sum()) if y.sum() else None)
    assert found["cost"] == pytest.approx(
        (replay["asked"] >= 1).mean() + 2 * (replay["asked"] >= 2).mean() + 4 * (replay["asked"] >= 3).mean()
    )


def test_indices_and_exits_are_inverse():
    table = JointTable.of_frame(make(50, 1), MEMBERS)
    for real, fake in [(0, 128), (5, 100), (64, 65)]:
        assert table.indices(table.exits(real, fake)) == (real, fake)
    assert table.indices(Exits(real_below=0.02, fake_above=None))[0] == int(np.flatnonzero(table.edges == 0.02)[0])


def test_bins_coarsen_when_there_are_too_many_combinations(monkeypatch):
    monkeypatch.setattr("core.cascade.joint.MOST_ROWS", 500)
    frame = make(3000, 2)
    table = JointTable.of_frame(frame, MEMBERS)
    assert table.edges.size - 1 < 128
    assert table.counts.sum() == 3000


def test_document_round_trips_its_counts():
    table = JointTable.of_frame(make(200, 3), MEMBERS)
    document = table.to_document([1, 2, 3, 0], ["a", "b", "c", "d"])
    counts = np.frombuffer(base64.b64decode(document["counts"]), "<u4").reshape(-1, 2)
    bins = np.frombuffer(base64.b64decode(document["bins"]), np.uint8).reshape(-1, 4)
    assert (counts == table.counts).all()
    assert (bins == table.bins).all()


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="shape"):
        JointTable.build(np.zeros((3, 2)), np.zeros(4), ["a", "b"])
    with pytest.raises(ValueError, match="lie in"):
        JointTable.build(np.full((3, 2), 1.5), np.zeros(3), ["a", "b"])
