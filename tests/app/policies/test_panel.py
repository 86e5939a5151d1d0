"""Policies: versions, what a promotion changes and says, one click back, and the citation in a report."""

import pytest
from scipy.stats import binomtest
from streamlit.testing.v1 import AppTest

from app.analysis import cards
from app.policies.changes import effect_changes, exit_changes, previous_policy, refusal, title
from app.policies.exits import active_policy, bound_words, exits_by_member, stage_titles
from app.policies.guarantees import (
    WORDS,
    asked_confidence,
    board_words,
    chosen_splits,
    guarantee_words,
    method_words,
    shown_rows,
    split_words,
    whole_rows,
)
from app.scores.sources import member_facts, predictions_of, score_sources, stages_of
from core.bundles.bundle import open_bundle
from core.documents.policy import Exits
from core.policies.choose import choose_policy, exit_policies
from core.policies.manual import manual_policy
from core.policies.replay.audit import audit
from core.policies.replay.simulate import simulate
from core.policies.spec import PolicySpec
from core.tables.item_membership import sketch
from jobs.client import Workbench
from jobs.settings import Settings
from tests.support.tiny_bundle import build_tiny_bundle


@pytest.fixture
def workbench(tmp_path, monkeypatch):
    monkeypatch.setenv("AWARE_HOME", str(tmp_path))
    monkeypatch.setattr("core.policies.boards.grid.MOST_COMBINATIONS", 5_000)
    bundle = build_tiny_bundle(tmp_path / "bundles" / "tiny")
    opened = Workbench.open(Settings.read())
    opened.set_active(bundle=bundle)
    yield opened
    opened.close()


def by_hand(workbench, real_below, name="by hand"):
    table = predictions_of(score_sources(workbench)[0])
    members = [name for name in stages_of(table) if name != "stack"]
    exits = {m: Exits() for m in stages_of(table)} | {members[0]: Exits(real_below=real_below)}
    return manual_policy(table, members, exits, name, "Ada", "less work")


def page() -> None:
    from pages import cascade

    cascade.render()


def dialog() -> None:
    from app.policies.panel import confirm
    from app.ui import session
    from core.documents.read import read_policy

    workbench = session.workbench()
    item = workbench.artifacts("policy")[0]
    if workbench.active().policy is None:
        confirm(workbench, item, read_policy(item.path))


def opened(tab):
    at = AppTest.from_function(page, default_timeout=180)
    at.query_params["tab"] = tab
    at.run()
    assert not at.exception, [item.message for item in at.exception]
    return at


def test_each_name_counts_its_versions_and_the_same_policy_keeps_its_own(workbench):
    first, second = by_hand(workbench, 0.1), by_hand(workbench, 0.2)
    names = [workbench.save_policy(p).summary["version"] for p in (first, second, by_hand(workbench, 0.1, "other"))]
    assert names == [1, 2, 1]
    assert workbench.save_policy(first).summary["version"] == 1


def test_rates_now_and_then_are_those_of_a_replay(workbench):
    source, then = score_sources(workbench)[0], by_hand(workbench, 0.3)
    table, said = effect_changes(active_policy(workbench), then, source)
    rows = predictions_of(source)
    split = "test" if "(test)" in said else said.split("(")[1].split(")")[0]
    here = rows[rows["split"] == split]
    way = simulate(here, then, stages_of(rows)[0])
    early = way["decided_by"] == "stage1"
    shown = table.set_index("rate")["then"]
    assert shown["filtration: released as real by stage 1 / all"].startswith(
        f"{float((early & (way['verdict'] == 'real')).mean()):.3f}"
    )
    assert shown["decided by stage 1, as real or as fake / all"].startswith(f"{float(early.mean()):.3f}")
    facts = member_facts(source, stages_of(rows))
    spent = [sum(facts.gflops[:asked]) for asked in way["asked"]]
    assert shown["expected cost, GFLOP an item, networks only"] == f"{sum(spent) / len(spent):.3g}"
    counted = audit(then, rows, split=split, stage1=stages_of(rows)[0], draws=0)
    assert shown["leakage: fakes called real / all fakes"].startswith(f"{counted['leakage']['value']:.3f}")
    assert f"{len(here):,} items of {here['group'].nunique():,} groups" in said


def test_exits_that_change_are_named_with_both_values(workbench):
    changes = exit_changes(active_policy(workbench), by_hand(workbench, 0.3)).set_index("exit")
    row = changes.loc["Stage 1, real up to"]
    assert row["then"] == "0.3"
    assert row["change"] == "changes"
    same = exit_changes(active_policy(workbench), active_policy(workbench))
    assert set(same["change"]) == {"same"}


def test_promotion_asks_first_and_one_click_goes_back(workbench):
    item = workbench.save_policy(by_hand(workbench, 0.3))
    at = opened("policies")
    next(b for b in at.button if b.label == "Use").click().run()
    assert workbench.active().policy is None  # the dialog only shows what would change
    assert any("Now:" in m.value and "by hand v1" in m.value for m in at.markdown)
    at = AppTest.from_function(dialog, default_timeout=180).run()  # AppTest runs whole pages, not a dialog's own part
    assert at.text_input(key="promote-author").value == ""  # never the account of the server
    assert at.button(key="promote").disabled
    at.text_input(key="promote-author").input("Ada").run()
    at.button(key="promote").click().run()
    assert workbench.active().policy == item.path
    change = workbench.active_history()[0]
    assert (change.what, change.author, change.reason) == ("policy", "Ada", "less work")
    assert previous_policy(workbench) == (None, "the bundle's own policy")
    at = opened("policies")
    at.button(key="policy-back").click().run()
    assert workbench.active().policy is None


def test_back_leads_to_the_policy_before(workbench):
    one, two = (workbench.save_policy(by_hand(workbench, at)) for at in (0.1, 0.2))
    assert previous_policy(workbench) is None
    for item in (one, two):
        workbench.set_active(policy=item.path)
    assert previous_policy(workbench) == (one.path, "by hand v1")


def test_a_policy_of_other_experts_does_not_fit(workbench):
    policy = by_hand(workbench, 0.1)
    bundle = workbench.active().bundle
    assert refusal(policy, bundle) == ""
    assert "made from this stack" in refusal(policy.model_copy(update={"experts": policy.experts[:-1]}), bundle)


def test_a_policy_of_foreign_scores_cannot_be_used_on_the_page(workbench):
    foreign = by_hand(workbench, 0.3).model_copy(update={"policy_id": "foreign", "scores_fingerprint": "f" * 64})
    workbench.save_policy(foreign)
    at = opened("policies")
    assert next(b for b in at.button if b.label == "Use").disabled
    assert any("Cannot be put in force" in c.value and "scores of other detectors" in c.value for c in at.caption)


def test_a_report_cites_version_author_reason_and_data(workbench):
    item = workbench.save_policy(by_hand(workbench, 0.3))
    workbench.set_active(policy=item.path)
    policy = active_policy(workbench)
    assert title(policy) == "by hand v1"
    by = open_bundle(workbench.active().bundle).reference(policy)
    said = dict(cards.policy_facts(by))
    assert said["Policy"] == f"by hand v1 ({policy.policy_id[:12]})"
    assert said["Policy by"].startswith("Ada, ")
    assert said["Policy reason"] == "less work"
    assert said["Exits chosen on"].endswith(policy.data_fingerprint[:16])
    assert "manual" in said["Guarantees"]
    assert by.policy_data_fingerprint == policy.data_fingerprint


def test_a_policy_in_force_offers_no_use(workbench):
    own = active_policy(workbench)
    workbench.save_policy(own)  # the bundle's own, saved as well
    assert not [b for b in opened("policies").button if b.label == "Use"]
    workbench.save_policy(by_hand(workbench, 0.3))
    assert len([b for b in opened("policies").button if b.label == "Use"]) == 1


def test_guarantees_are_shown_in_the_boards_words_with_their_kind(workbench):
    rows = shown_rows(by_hand(workbench, 0.3), stage_titles(workbench.active().bundle))
    assert rows["exit"][0].startswith("Stage 1: ")
    assert set(rows["method"]) == {"By hand"}
    table = predictions_of(score_sources(workbench)[0])
    for method, words, bound in (
        ("conformal_risk_control", "on average over calibration sets", "on average"),
        ("learn_then_test", "with the stated confidence", "at 60 % confidence"),
    ):
        spec = PolicySpec(source="x", method=method, confidence=0.6, max_leakage=0.6)
        policy = choose_policy(spec, table, [m for m in stages_of(table) if m != "stack"])
        assert words in guarantee_words(policy)
        first = shown_rows(policy).set_index("exit").loc["Stage 1, real up to"]
        assert first["bound"].startswith("at most ")
        assert bound in first["bound"]
        assert first["groups in error"].endswith(f" of {policy.guarantees[0].groups}")
    every = {name: method_words(name) for name in exit_policies.names()}
    assert len(set(every.values())) == len(every)
    assert all("_" not in title for title, _ in every.values())
    assert method_words("observed")[1].startswith("nothing")


def test_guarantees_and_board_count_the_same_groups(workbench):
    source, policy = score_sources(workbench)[0], active_policy(workbench)
    table = predictions_of(source)
    chose = table[table["split"] == "val_calib"]
    policy = policy.model_copy(update={"item_sketch": sketch(chose["sample_id"], chose["label"])})
    rows = whole_rows(policy, source).set_index(["items", "rate"])
    test = table[table["split"] == "test"]
    counted = audit(policy, test, split="", stage1=stages_of(table)[0], draws=0)
    for name, by_group in (("leakage", "group_leakage"), ("false_alarms", "group_false_alarms")):
        row = rows.loc[("test", WORDS[name])]
        assert row["groups in error"] == f"{counted[by_group]['numerator']} of {counted[by_group]['denominator']}"
        assert row["items in error"].startswith(f"{counted[name]['numerator']} of {counted[name]['denominator']}")
        high = binomtest(counted[by_group]["numerator"], counted[by_group]["denominator"], alternative="less")
        confidence = asked_confidence(policy)
        wanted = high.proportion_ci(confidence).high
        assert row["bound on groups"] == bound_words(wanted, confidence)
        said = board_words(source, "test", exits_by_member(policy, stages_of(table)[0]), policy)
        assert f"{row['groups in error']} groups ({row['bound on groups']})" in said
    at = opened("guarantees")
    assert any("counts once however many items" in c.value for c in at.caption)


def test_bounds_are_given_only_where_nothing_was_chosen(workbench):
    source = score_sources(workbench)[0]
    table = predictions_of(source)
    members = [name for name in stages_of(table) if name != "stack"]
    exits = {m: Exits(real_below=0.01) for m in members}
    splits = set(table["split"])

    def bounds(policy):
        rows = whole_rows(policy, source)
        return {split: set(rows[rows["items"].str.startswith(split)]["bound on groups"]) for split in splits}

    for seen in (["val_calib"], ["test"], ["val_calib", "test"]):
        policy = manual_policy(table, members, exits, "x", seen=seen)
        for one in (policy, policy.model_copy(update={"item_sketch": ""})):
            if len(seen) == 1 or one.item_sketch:
                assert chosen_splits(one, table) == {split: split in seen for split in splits}
                assert {s for s, of in bounds(one).items() if of == {"none: chosen here"}} == set(seen)
    nothing = policy.model_copy(update={"item_sketch": "", "data_fingerprint": ""})
    assert set(chosen_splits(nothing, table).values()) == {None}
    assert all("none: not known" in bound for of in bounds(nothing).values() for bound in of)
    assert split_words({"val_calib": True, "test": False}).endswith(
        "No exit was chosen on test, so its bounds hold for these exits."
    )
    assert "bounds hold" not in split_words({"val_calib": True, "test": True})
    assert "bounds hold" not in split_words({"val_calib": None, "test": None})


def test_the_open_tab_stands_in_the_link(workbench):
    at = opened("guarantees")
    value = dict(at.query_params)["tab"]
    assert (value if isinstance(value, str) else value[0]) == "guarantees"
    assert "tab=guarantees" in at.code[-1].value
