"""The Cascade page over a tiny bundle: it renders, saves what the sliders say, and puts it in force."""

from dataclasses import replace
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.policies.exits import active_policy, cuts_of, exits_of, policy_rows
from app.scores.sources import ScoreSource, member_facts, predictions_of, score_sources, stages_of
from app.views.cascade import search_tries
from app.views.cascade.board import cuts_of_text, cuts_text
from app.views.cascade.search import Answer, asked_loss, policy_to_save
from app.views.cascade.tables import fronts, grid_if_ready, joint_of, limits_at, make_grid
from core.artifacts.files import write_json
from core.documents.policy import Exits
from core.policies.boards.grid import cascade_grid
from core.policies.boards.joint_counts import joint_figures, joint_tally
from core.policies.boards.joint_table import build_joint_table, joint_table_of_frame
from core.policies.choose import calibration_rows
from core.policies.manual import manual_policy
from core.policies.replay.audit import ChoseIt, check_not_chosen_on
from core.policies.search.pareto import Limits, front
from core.policies.search.search import search
from core.policies.search_spec import SearchSpec
from core.policies.spec import PolicySpec
from jobs.client import Workbench
from jobs.settings import Settings
from tests.support.tiny_bundle import build_tiny_bundle


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("home")
    bundle = build_tiny_bundle(folder / "bundles" / "tiny")
    workbench = Workbench.open(Settings(home=folder))
    workbench.set_active(bundle=bundle)
    workbench.close()
    return folder


@pytest.fixture(autouse=True)
def small_grid(monkeypatch):
    monkeypatch.setattr("core.policies.boards.grid.MOST_COMBINATIONS", 5_000)


@pytest.fixture
def workbench(home):
    opened = Workbench.open(Settings(home=home))
    yield opened
    opened.close()


def page() -> None:
    from pages import cascade

    cascade.render()


def test_page_renders_without_an_exception(home, monkeypatch):
    monkeypatch.setenv("AWARE_HOME", str(home))
    at = AppTest.from_function(page, default_timeout=180).run()
    assert not at.exception
    assert at.title[0].value == "Cascade"
    assert any("items of" in caption.value for caption in at.caption)


def test_saved_sliders_become_the_policy_in_force(workbench):
    source = score_sources(workbench)[0]
    table = predictions_of(source)
    members = stages_of(table)
    joint = joint_table_of_frame(table[table["split"] == "val_calib"], members)
    exits = exits_of(joint, members, [(40, 90)] * len(members))
    experts = [m for m in members if m != "stack"]
    policy = manual_policy(table, experts, exits, "by hand", "a tester", "because")
    item = workbench.save_policy(policy)
    workbench.set_active(policy=item.path, author="a tester", reason="because")
    found = active_policy(workbench)
    assert found == policy.model_copy(update={"version": 1})
    assert cuts_of(found, joint) == [(40, 90)] * len(members)
    assert {g.method for g in found.guarantees} == {"manual"}
    assert all(g.confidence is None and g.bound is None for g in found.guarantees)
    workbench.set_active(policy="", reason="back")
    assert active_policy(workbench).policy_id != policy.policy_id


def test_every_member_has_a_title_and_a_cost(workbench):
    source = score_sources(workbench)[0]
    members = stages_of(predictions_of(source))
    facts = member_facts(source, members)
    assert len(facts.titles) == len(facts.gflops) == len(members)
    assert all(cost > 0 for cost in facts.gflops[:-1])
    assert [unit["name"] for unit in facts.units()] == ["GFLOP"]
    timed = replace(facts, seconds=[0.01] * len(members))
    assert timed.units()[1]["costs"] == [10.0] * len(members)
    with pytest.raises(ValueError, match="costs"):
        member_facts(type(source)("x", Path("/nonexistent")), members)


def test_policy_rows_name_every_open_exit(workbench):
    policy = active_policy(workbench)
    rows = policy_rows(policy, every=True)
    assert len(rows) == 2 * (2 + len(policy.experts))
    assert set(rows["exit"]) >= {"Stage 1, real up to", "Stage 3, fake from"}


def test_manual_policy_refuses_a_missing_member(workbench):
    table = predictions_of(score_sources(workbench)[0])
    with pytest.raises(ValueError, match="no exits"):
        manual_policy(table, stages_of(table)[:1], {"another": Exits()}, "x")


def test_a_policy_whose_file_is_gone_breaks_no_page(home, workbench, monkeypatch):
    table = predictions_of(score_sources(workbench)[0])
    members = stages_of(table)[:-1]
    policy = manual_policy(table, members, {m: Exits(real_below=0.01) for m in members}, "to be lost")
    workbench.save_policy(policy).path.unlink()
    monkeypatch.setenv("AWARE_HOME", str(home))
    at = AppTest.from_function(page, default_timeout=180)
    at.query_params["tab"] = "policies"
    at.run()
    assert not at.exception
    assert any("their files are gone" in caption.value for caption in at.caption)


def test_a_stack_run_names_its_members_and_their_costs(tmp_path):
    member = {"name": "stage1", "title": "A filter", "role": "stage1", "detector": "x", "input": {}, "gflops": 0.5}
    write_json(tmp_path / "run.json", {"kind": "stack", "members": [{"member": member, "weights": "w"}]})
    facts = member_facts(ScoreSource("a stack", tmp_path), ["stage1", "stack"])
    assert facts.titles == ["Stage 1: A filter", "Stage 3: meta-model"]
    assert facts.gflops == [0.5, 0.0]
    assert facts.seconds is None


def test_a_link_carries_the_thresholds(workbench):
    source = score_sources(workbench)[0]
    joint, groups = joint_of(source, "val_calib", active_policy(workbench))
    rng = np.random.default_rng(0)
    for _ in range(20):
        cuts = [(int(rng.integers(0, e.size // 2)), int(rng.integers(e.size // 2, e.size))) for e in joint.edges]
        assert cuts_of_text(joint, cuts_text(joint, cuts)) == cuts
    assert cuts_of_text(joint, cuts_text(joint, joint.closed())) == joint.closed()
    for broken in ("", "0.1~0.9", "a~b_c~d_e~f_g~h", "1~2~3_~_~_~"):
        assert cuts_of_text(joint, broken) is None
    assert 0 < groups["least"]["fake"] <= 15


def test_the_search_answers_on_the_page_and_saves_its_guarantees(home, workbench, monkeypatch):
    monkeypatch.setenv("AWARE_HOME", str(home))
    at = AppTest.from_function(page, default_timeout=120).run()
    at.number_input(key="search.max_leakage").set_value(0.02)
    next(b for b in at.button if b.label == "Find the cheapest").click()
    at.run()
    assert not at.exception
    assert any("are needed" in w.value for w in at.warning)


@pytest.mark.parametrize("tab", ["find", "choose"])
def test_both_forms_take_a_bundle_that_lies_outside_the_workspace(home, tmp_path, monkeypatch, tab):
    monkeypatch.setenv("AWARE_HOME", str(tmp_path / "fresh"))
    opened = Workbench.open(Settings.read())
    monkeypatch.setattr("jobs.client.SHIPPED_BUNDLE", home / "bundles" / "tiny")  # as an install ships one
    at = AppTest.from_function(page, default_timeout=120)
    at.query_params["tab"] = tab
    at.run()
    next(b for b in at.button if b.label in ("Find the cheapest", "Choose exits")).click()
    at.run()
    assert not at.exception
    assert not [item.value for item in at.error]
    jobs = opened.jobs(kind="policy")
    assert bool(jobs) == (tab == "choose")
    assert tab == "choose" or any("are needed" in w.value for w in at.warning)
    opened.close()


def test_other_data_sets_are_shown_beside(home, workbench, monkeypatch):
    monkeypatch.setenv("AWARE_HOME", str(home))
    at = AppTest.from_function(page, default_timeout=120)
    at.query_params["tab"] = "transfer"
    at.run()
    assert not at.exception
    assert {"The same exits on every data set", "Fakes of one source against reals of another"} <= {
        m.value.strip("*") for m in at.markdown
    }


def test_a_found_policy_is_saved_with_its_guarantee_and_a_moved_one_without(workbench):
    source = score_sources(workbench)[0]
    table = predictions_of(source)
    facts = member_facts(source, stages_of(table))
    spec = SearchSpec(
        source=source.ref, max_leakage=0.9, max_false_alarms=0.9, max_auroc_loss=1, max_uncertain=1, confidence=0.6
    )
    answer = Answer(spec, search(calibration_rows(table), facts.names, facts.gflops, spec), 1)
    said = ("cheapest", "a tester", "because")
    found = policy_to_save(answer, table, facts.names, answer.found.exits, said)
    assert {g.stage for g in found.guarantees} == {"cascade"}
    assert all(g.bound is not None and g.bound <= 0.9 for g in found.guarantees)
    rows = policy_rows(found)
    assert rows["exit"][0] == "Whole cascade: leakage"
    assert rows["bound"][0] == found.guarantees[0].bound
    moved = {**answer.found.exits, facts.names[0]: Exits(real_below=0.011)}
    by_hand = policy_to_save(answer, table, facts.names, moved, said)
    assert {g.method for g in by_hand.guarantees} == {"manual"}
    test = table[table["split"] == "test"]
    assert check_not_chosen_on(by_hand, test) == ""
    for seen in (["test"], ["val_calib", "test"]):
        with pytest.raises(ChoseIt):  # sliders that were set while looking at them
            check_not_chosen_on(policy_to_save(answer, table, facts.names, moved, said, seen=seen), test)
    on_test = policy_to_save(answer, table, facts.names, moved, said, seen=["test"])
    assert "on test" in on_test.guarantees[0].note
    assert on_test.guarantees[0].groups == test[test["label"] == 1]["group"].nunique()
    assert asked_loss(answer) == 1
    assert asked_loss(None) == 0.01


def test_fronts_fall_with_cost_in_either_unit(workbench):
    source = score_sources(workbench)[0]
    policy = active_policy(workbench, source)
    facts = replace(member_facts(source, stages_of(predictions_of(source))), seconds=[0.01, 0.02, 0.03, 0.0])
    grid = make_grid(source, "val_calib", policy)
    assert grid_if_ready(source, "val_calib", policy) is grid
    assert grid_if_ready(source, "test", policy) is None
    found = fronts(grid, facts.units(), Limits())
    assert set(found) == {"GFLOP", "ms"}
    for points in (found[unit][risk] for unit in found for risk in ("leakage", "auroc_loss")):
        assert points
        assert all(a[0] < b[0] and a[1] > b[1] for a, b in pairwise(points))


def test_a_front_holds_only_policies_that_are_no_worse_otherwise(workbench):
    """Against a walk over all combinations: none is cheaper at the same leakage by judging less or accusing more."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 400)
    p = 1 / (1 + np.exp(-(rng.normal(0, 1.5, (400, 2)) + np.array([1.5, 4]) * (y[:, None] - 0.5))))
    table, costs = build_joint_table(p.T, y, ["a", "b"]), [1.0, 4.0]
    grid = cascade_grid(table, 4)
    for cuts in ([(60, 200), (110, 150)], [(0, 256), (128, 128)], [(100, 256), (90, 180)]):
        here = joint_figures(joint_tally(table, cuts), costs)
        limits = limits_at(table, cuts, 0.02)
        assert limits.uncertain == pytest.approx(here["uncertain"])
        assert limits.false_alarms == pytest.approx(here["false_alarms"])
        assert limits.leakage == pytest.approx(here["leakage"])
        fine = []
        for index in product(*(range(len(pairs)) for pairs in grid.pairs)):
            f = joint_figures(joint_tally(table, grid.cuts(index)), costs)
            lost = float(grid.auroc_loss[index[:-1]])
            if f["uncertain"] <= here["uncertain"] + 1e-9 and f["false_alarms"] <= here["false_alarms"] + 1e-9 \
                    and lost <= limits.auroc_loss + 1e-12:  # fmt: skip
                fine.append((f["cost"], f["leakage"]))
        wanted = sorted({(round(c, 9), round(k, 9)) for c, k in fine})
        best = [w for w in wanted if not any(o[0] <= w[0] and o[1] <= w[1] and o != w for o in wanted)]
        assert [(round(q.cost, 9), round(q.risk, 9)) for q in front(grid, costs, "leakage", limits)] == best


def test_tries_on_the_same_scores_are_counted_whatever_became_of_them(workbench, monkeypatch):
    source = score_sources(workbench)[0]
    before = search_tries.count(workbench, source)
    assert before.sentence() == "" or before.all > 1
    workbench.submit("search", SearchSpec(source=source.ref, seed=1))
    workbench.submit("policy", PolicySpec(source=source.folder.name))
    after = search_tries.count(workbench, source)
    assert after.jobs == before.jobs + 2
    assert f"{after.all} searches for a policy ran" in after.sentence()
    assert search_tries.count(workbench, ScoreSource("another", source.folder.parent)).jobs == 0
    with monkeypatch.context() as patched:
        patched.setattr(type(workbench.store), "specs", None)  # nothing came or went: no row is read
        patched.setattr(type(workbench.store), "jobs", None)
        assert search_tries.count(workbench, source) == after


def test_a_link_opens_the_same_scores_items_and_exits(home, monkeypatch):
    monkeypatch.setenv("AWARE_HOME", str(home))
    at = AppTest.from_function(page, default_timeout=120)
    at.query_params.update({"scores": "tiny", "items": "test", "exits": "0.05~0.9_~_~_~"})
    at.run()
    assert not at.exception
    assert at.selectbox(key="cascade_source").value.folder.name == "tiny"
    assert at.session_state["cascade_items"] == "test"
    assert list(at.session_state["cascade_seen"].values()) == [["test"]]
    assert at.query_params["exits"] in ("0.05~0.9_~_~_~", ["0.05~0.9_~_~_~"])
    assert any("60 items" in caption.value for caption in at.caption)
