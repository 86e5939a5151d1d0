"""The joint table against the policy replayed item by item."""

import base64
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from core.documents.policy import CascadePolicy, Exits, ExpertExits
from core.policies.boards.joint_counts import joint_auroc, joint_auroc_error, joint_tally
from core.policies.boards.joint_table import build_joint_table, joint_table_of_frame
from core.policies.replay.simulate import simulate

MEMBERS = ("filter", "texture", "genconvit", "stack")


def make(n, seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n)
    p = 1 / (1 + np.exp(-(rng.normal(0, 2, (n, 4)) + 2.0 * (labels[:, None] - 0.5) * [1, 1.5, 2, 3])))
    frame = pd.DataFrame({f"p_{name}": p[:, i] for i, name in enumerate(MEMBERS)})
    return frame.assign(label=labels, group=np.arange(n).astype(str), sample_id=np.arange(n).astype(str))


def policy_of(table, cuts):
    stage1, texture, genconvit, final = (table.exits(m, *cut) for m, cut in enumerate(cuts))
    return CascadePolicy(
        policy_id="x", name="x", created_at="2026-01-01T00:00:00+00:00", stage1=stage1, final=final,
        experts=[ExpertExits(name="texture", exits=texture), ExpertExits(name="genconvit", exits=genconvit)],
    )  # fmt: skip


def test_indices_and_exits_are_inverse():
    table = joint_table_of_frame(make(50, 1), MEMBERS, 128)
    for real, fake in [(0, 128), (5, 100), (64, 65)]:
        assert table.indices(2, table.exits(2, real, fake)) == (real, fake)
    at = int(np.flatnonzero(table.edges[0] == 0.02)[0])
    assert table.indices(0, Exits(real_below=0.02, fake_above=None))[0] == at


def test_exits_handed_in_are_exact_edges():
    exits = {
        "texture": [Exits(real_below=0.123456, fake_above=0.87654321)],
        "stack": [Exits(fake_above=0.6), Exits(fake_above=0.7)],
    }
    table = joint_table_of_frame(make(500, 1), MEMBERS, 128, exits)
    for m, name in enumerate(MEMBERS):
        for wanted in exits.get(name, [Exits()]):
            assert table.exits(m, *table.indices(m, wanted)) == wanted


@pytest.mark.parametrize("rows", [32_000, 5])
def test_customary_exits_are_exact_on_either_side_for_scores_that_lie_on_them(monkeypatch, rows):
    """`p >= .9` takes in .9 itself, and so do .95, .98 and .99; on the real side `p <= .1` takes in .1."""
    monkeypatch.setattr("core.policies.boards.coarse_bins.MOST_ROWS", rows)
    scores = [0.01, 0.02, 0.05, 0.1, 0.2, 0.9, 0.95, 0.98, 0.99]
    near = [*scores, *np.nextafter(scores, 0), *np.nextafter(scores, 1)]
    p, y = np.tile(near, 2), np.repeat([0, 1], len(near))
    table = build_joint_table([p], y, ["a"])
    for below, above in ((0.01, 0.99), (0.02, 0.98), (0.05, 0.95), (0.1, 0.9)):
        exits = Exits(real_below=below, fake_above=above)
        cut = table.indices(0, exits)
        assert table.exits(0, *cut) == exits
        tally = joint_tally(table, [cut])[0]
        for label in (0, 1):
            own = p[y == label]
            assert (tally[0, label], tally[1, label]) == ((own <= below).sum(), (own >= above).sum())


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([40, 500, 3000]), st.sampled_from([0, 1, 2]))
def test_the_auroc_is_that_of_the_items_within_its_stated_error(seed, n, decimals):
    """Tied scores (few decimals) among them; the error stated is never passed, and small where bins part scores."""
    frame = make(n, seed).round(decimals + 1) if decimals else make(n, seed)
    if frame["label"].nunique() < 2:
        return
    table = joint_table_of_frame(frame, MEMBERS)
    for cuts in ([(60, 220), (40, 240), (90, 200), (100, 150)], table.closed()):
        way = simulate(frame, policy_of(table, cuts), stage1="filter")
        score = np.where(way["decided_by"] == "", frame["p_stack"], way["p_fake"])
        error = joint_auroc_error(table, cuts)
        assert abs(joint_auroc(table, cuts) - roc_auc_score(frame["label"], score)) <= error + 1e-12
        if not decimals:
            assert error < (0.02 if n < 100 else 0.005)


def replayed(frame, table, cuts):
    way, y = simulate(frame, policy_of(table, cuts), stage1="filter"), frame["label"].to_numpy()
    called = [((way["verdict"] == v) & (y == k)).sum() for v in ("real", "fake", "uncertain") for k in (0, 1)]
    return np.array(called), way, y


def of_tally(tally):
    return np.concatenate([tally[:, 0].sum(axis=0), tally[:, 1].sum(axis=0), tally[-1, 2]])


def test_a_table_of_many_items_is_small_exact_at_coarse_edges_and_close_elsewhere(monkeypatch):
    frame = make(20_000, 2)
    exact = joint_table_of_frame(frame, MEMBERS)
    assert exact.exact
    monkeypatch.setattr("core.policies.boards.coarse_bins.MOST_ROWS", 6000)
    exits = {name: [Exits(real_below=0.071, fake_above=0.93)] for name in MEMBERS}
    table = joint_table_of_frame(frame, MEMBERS, exits=exits)
    assert not table.exact
    assert len(table.bins) <= 6000
    assert table.counts.sum() == 20_000
    handed = [table.indices(m, exits[name][0]) for m, name in enumerate(MEMBERS)]
    customary = [table.indices(m, Exits(real_below=0.02, fake_above=0.95)) for m in range(4)]
    for cuts in (handed, customary, table.closed()):
        assert of_tally(joint_tally(table, cuts)) == pytest.approx(replayed(frame, table, cuts)[0], abs=1e-6)
    rng = np.random.default_rng(0)
    for _ in range(10):
        cuts = [(int(rng.integers(0, 120)), int(rng.integers(130, e.size))) for e in table.edges]
        true, way, y = replayed(frame, table, cuts)
        assert np.abs(of_tally(joint_tally(table, cuts)) - true).max() < 0.004 * len(frame)
        assert joint_tally(table, cuts)[0] == pytest.approx(exact_stage1(frame, table, cuts[0]), abs=1e-6)
        score = np.where(way["decided_by"] == "", frame["p_stack"], way["p_fake"])
        assert joint_auroc(table, cuts) == pytest.approx(roc_auc_score(y, score), abs=4e-3)


def exact_stage1(frame, table, cut):
    p, y, exits = frame["p_filter"], frame["label"], table.exits(0, *cut)
    real = p <= (exits.real_below if exits.real_below is not None else -1)
    fake = p >= (exits.fake_above if exits.fake_above is not None else 2)
    return np.array([[(of & (y == k)).sum() for k in (0, 1)] for of in (real, fake, p >= 0)])


def test_auroc_is_that_of_the_deciding_stage():
    frame = make(20_000, 5)
    table = joint_table_of_frame(frame, MEMBERS)
    cuts = [(60, 220), (40, 240), (90, 200), (100, 150)]
    _, way, y = replayed(frame, table, cuts)
    score = np.where(way["decided_by"] == "", frame["p_stack"], way["p_fake"])
    assert joint_auroc(table, cuts) == pytest.approx(roc_auc_score(y, score), abs=5e-4)
    assert joint_auroc(table, table.closed()) == pytest.approx(roc_auc_score(y, frame["p_stack"]), abs=5e-4)
    assert joint_auroc(build_joint_table(np.full((2, 3), 0.5), np.ones(3), ["a", "b"]), [(0, 9), (0, 9)]) is None


def test_document_round_trips_its_counts_and_does_not_grow(monkeypatch):
    table = joint_table_of_frame(make(200, 3), MEMBERS)
    document = table.to_document()
    counts = np.frombuffer(base64.b64decode(document["counts"]), "<u4").reshape(-1, 2)
    bins = [np.frombuffer(base64.b64decode(text), "<u2") for text in document["bins"]]
    assert (counts == table.counts).all()
    assert (np.stack(bins, axis=1) == table.bins).all()
    monkeypatch.setattr("core.policies.boards.coarse_bins.MOST_ROWS", 2000)
    sizes = [len(json.dumps(joint_table_of_frame(make(n, 3), MEMBERS).to_document())) for n in (20_000, 200_000)]
    assert max(sizes) < 200_000


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="shape"):
        build_joint_table(np.zeros((2, 3)), np.zeros(4), ["a", "b"])
    with pytest.raises(ValueError, match="lie in"):
        build_joint_table(np.full((2, 3), 1.5), np.zeros(3), ["a", "b"])
