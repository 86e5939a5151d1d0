"""The grid of all exits against one policy at a time, and the Pareto front against its definition."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.policies.boards.grid import cascade_grid, exit_levels, levels_of
from core.policies.boards.joint_counts import joint_auroc, joint_figures, joint_tally
from core.policies.boards.joint_table import JointTable, build_joint_table
from core.policies.search.pareto import Limits, allowed, cheapest_at, front, pareto
from tests.support.replaying import cheapest

COSTS = [1.0, 2.0, 5.0, 0.0]


def table_of(n: int, members: int, seed: int = 0) -> JointTable:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    skill = np.array([1.0, 2.0, 3.0, 4.0])[:members]
    p = 1 / (1 + np.exp(-(rng.normal(0, 1.5, (n, members)) + rng.normal(0, 0.8, (n, 1)) + skill * (y[:, None] - 0.5))))
    return build_joint_table(p.T, y, [f"m{i}" for i in range(members)])


@pytest.mark.parametrize(("members", "levels"), [(1, 5), (2, 4), (3, 2), (4, 2)])
def test_every_combination_is_the_tables_own_answer(members, levels):
    table = table_of(3000, members)
    grid, costs = cascade_grid(table, levels), COSTS[:members]
    closed = joint_auroc(table, table.closed())
    assert grid.size == np.prod([len(p) for p in grid.pairs])
    cost, loss = grid.cost(costs), grid.auroc_loss
    for index in itertools.product(*(range(len(p)) for p in grid.pairs)):
        cuts = grid.cuts(index)
        tally = joint_tally(table, cuts)
        found = joint_figures(tally, costs)
        assert grid.leaked[index] == tally[:, 0, 1].sum()
        assert grid.false_alarms[index] == tally[:, 1, 0].sum()
        assert grid.undecided[index] == tally[-1, 2].sum()
        assert cost[index[:-1]] == pytest.approx(found["cost"])
        assert loss[index[:-1]] == pytest.approx(closed - joint_auroc(table, cuts), abs=1e-3)


def test_a_coarse_table_of_many_items_keeps_the_grid_exact(monkeypatch):
    full = table_of(30_000, 3)
    monkeypatch.setattr("core.policies.boards.coarse_bins.MOST_ROWS", 3000)
    rough = table_of(30_000, 3)
    assert not rough.exact
    grid = cascade_grid(rough, 4)
    for index in [(1, 2, 3), (5, 5, 5), (0, 7, 9), (15, 0, 2)]:
        index = tuple(min(i, len(p) - 1) for i, p in zip(index, grid.pairs, strict=True))
        tally = joint_tally(full, grid.cuts(index))
        assert grid.leaked[index] == tally[:, 0, 1].sum()
        assert grid.undecided[index] == tally[-1, 2].sum()


def test_levels_start_at_never_and_stay_on_their_side():
    table = table_of(2000, 2)
    for m in range(2):
        real, fake = exit_levels(table, m, 8)
        assert real[0] == 0
        assert fake[0] == table.edges[m].size - 1
        assert (table.edges[m][real] <= 0.5).all()
        assert (table.edges[m][fake] >= 0.5).all()
        assert len(set(real)) == len(real) <= 8
    assert [levels_of(m) ** (2 * m) <= 2_000_000 for m in (1, 2, 3, 4, 5, 6)] == [True] * 6
    one_side = build_joint_table(np.full((2, 5), 0.9), np.array([0, 1, 0, 1, 1]), ["a", "b"])
    assert cascade_grid(one_side, 4).size > 1


points = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), min_size=0, max_size=60)


@given(points)
@settings(max_examples=200, deadline=None)
def test_a_front_holds_every_point_that_no_other_beats_and_no_other_point(found):
    cost = np.array([c for c, _ in found], float)
    risk = np.array([r for _, r in found], float)
    kept = pareto(cost, risk)
    beaten = [
        any((c2 <= c and r2 <= r and (c2 < c or r2 < r)) for c2, r2 in found) for c, r in found
    ]  # the definition, pair by pair
    assert {found[i] for i in kept} == {point for point, out in zip(found, beaten, strict=True) if not out}
    assert (np.diff(cost[kept]) > 0).all()
    assert (np.diff(risk[kept]) < 0).all()


def test_a_front_leaves_out_what_is_not_to_be_had():
    assert pareto([1.0, np.inf, 2.0, np.nan], [np.nan, 0.0, 1.0, 0.0]).tolist() == [2]
    assert pareto([], []).size == 0


@pytest.mark.parametrize("members", [2, 3])
@pytest.mark.parametrize(
    "limits", [Limits(), Limits(0.1, 0.2, 0.02, 0.6), Limits(0.03, 0.03, 1.0, 1.0), Limits(0.0, 0.0, 0.0, 0.1)]
)
def test_front_and_cheapest_against_an_exhaustive_walk(members, limits):
    table = table_of(500, members, 3)
    grid, costs = cascade_grid(table, 3 if members == 2 else 2), COSTS[:members]
    closed = joint_auroc(table, table.closed())
    rows = []
    for index in itertools.product(*(range(len(p)) for p in grid.pairs)):
        f = joint_figures(joint_tally(table, grid.cuts(index)), costs)
        loss = closed - joint_auroc(table, grid.cuts(index))
        assert loss == pytest.approx(grid.auroc_loss[index[:-1]], abs=2e-3)
        rows.append((f["cost"], f["leakage"], f["false_alarms"], float(grid.auroc_loss[index[:-1]]), f["uncertain"]))
    fine = [r for r in rows if r[2] <= limits.false_alarms + 1e-9 and r[4] <= limits.uncertain + 1e-9]
    leak = [r for r in fine if r[3] <= limits.auroc_loss + 1e-12]
    for risk, column, candidates in (
        ("leakage", 1, leak),
        ("auroc_loss", 3, [r for r in fine if r[1] <= limits.leakage + 1e-9]),
    ):
        wanted = sorted({(round(r[0], 9), round(max(r[column], 0.0), 9)) for r in candidates})
        best = [w for w in wanted if not any(o[0] <= w[0] and o[1] <= w[1] and o != w for o in wanted)]
        assert [(round(p.cost, 9), round(p.risk, 9)) for p in front(grid, costs, risk, limits)] == best
    within = [r for r in leak if r[1] <= limits.leakage + 1e-9]
    found = cheapest(grid, costs, limits)
    assert allowed(grid, limits).sum() == len(within)
    if not within:
        assert found is None
        return
    low = min(r[0] for r in within)
    assert found[0] == pytest.approx(low)
    fewest = min(r[4] for r in within if r[0] <= low + 1e-9)
    assert joint_figures(joint_tally(table, found[1]), costs)["uncertain"] == pytest.approx(fewest)


def test_one_walk_for_all_shares_of_the_limits_finds_what_a_walk_each_finds():
    grid, limits, shares = cascade_grid(table_of(2000, 3), 4), Limits(0.1, 0.2, 0.05, 0.9), np.linspace(0, 1.6, 17)
    cost = grid.cost(COSTS[:3])
    for share, found in zip(shares, cheapest_at(grid, COSTS[:3], limits, shares), strict=True):
        within = allowed(grid, Limits(share * 0.1, share * 0.2, 0.05, 0.9))
        keys = [
            (round(cost[i[:-1]], 9), grid.undecided[i], grid.leaked[i] + grid.false_alarms[i], i)
            for i in map(tuple, np.argwhere(within))
        ]
        assert (found is None) == (not keys)
        if found is not None:
            assert found == (pytest.approx(min(keys)[0]), grid.cuts(min(keys)[-1]))


def by_hand(p, y, exits, costs):
    """(cost, undecided, fakes called real, reals called fake) of one policy, counted item by item."""
    spent = undecided = leaked = accused = 0.0
    for row, label in zip(p, y, strict=True):
        verdict = None
        for value, one, cost in zip(row, exits, costs, strict=True):
            spent += cost
            verdict = one.decide(float(value))
            if verdict is not None:
                break
        undecided += verdict is None
        leaked += verdict == "real" and label == 1
        accused += verdict == "fake" and label == 0
    return spent / len(y), undecided, leaked, accused


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10_000),
    st.integers(1, 14),
    st.sampled_from(["both", "reals", "fakes"]),
    st.sampled_from([(0.0, 0.0, 0.0), (0.2, 0.3, 0.5), (0.5, 0.1, 1.0), (1.0, 1.0, 1.0), (0.0, 1.0, 0.3)]),
)
def test_the_cheapest_on_small_worlds_is_what_a_count_of_items_finds(seed, n, classes, asked):
    """Ties (few distinct scores, members of equal cost), one class, limits that nothing meets, at several shares."""
    rng = np.random.default_rng(seed)
    y = {"both": rng.integers(0, 2, n), "reals": np.zeros(n, int), "fakes": np.ones(n, int)}[classes]
    p = rng.choice([0.0, 0.02, 0.3, 0.5, 0.9, 1.0], (n, 2))
    costs = [1.0, float(rng.choice([0.0, 1.0, 3.0]))]
    table = build_joint_table(p.T, y, ["a", "b"])
    grid, shares = cascade_grid(table, 3), [0.5, 1.0, 1.6]
    limits = Limits(leakage=asked[0], false_alarms=asked[1], uncertain=asked[2])
    all_, n_fake, n_real = [], int(y.sum()), int(n - y.sum())
    for index in itertools.product(*(range(len(pairs)) for pairs in grid.pairs)):
        exits = [table.exits(m, *cut) for m, cut in enumerate(grid.cuts(index))]
        all_.append((by_hand(p, y, exits, costs), grid.cuts(index)))
    for share, found in zip(shares, cheapest_at(grid, costs, limits, shares), strict=True):
        fine = [
            (round(cost, 9), left, leaked + accused)
            for (cost, left, leaked, accused), _ in all_
            if leaked <= share * asked[0] * n_fake + 1e-9
            and accused <= share * asked[1] * n_real + 1e-9
            and left <= asked[2] * n + 1e-9
        ]
        assert (found is None) == (not fine)
        if found is not None:
            cost, left, leaked, accused = next(figures_ for figures_, cuts in all_ if cuts == found[1])
            assert (round(cost, 9), left, leaked + accused) == min(fine)
            assert found[0] == pytest.approx(cost)
