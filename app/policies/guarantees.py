"""Show what a policy guarantees, exit by exit, and what the whole cascade did on items that chose it and on others."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import pandas as pd
import streamlit as st

from app.policies.changes import title
from app.policies.exits import active_policy, bound_words, percent, policy_rows, stage_titles
from app.scores.sources import PREDICTIONS, ScoreSource, predictions_of, stages_of, stamp_of
from app.ui import html, tables, widgets
from core.documents.policy import CascadePolicy, Exits
from core.policies.choose import exit_policies, table_fingerprint
from core.policies.replay.audit import ChoseIt, check_not_chosen_on
from core.policies.replay.batch import Items
from core.policies.replay.error_counts import Count, counts, policy_counts
from core.tables.item_membership import sketch
from jobs.client import Workbench

BOUND_CONFIDENCE = 0.9
"""Of bounds on counts where the policy asked for none."""
OF_ALL = "of the whole cascade, with the stated confidence, the share of groups in error is at most the bound"
OTHER_METHODS = {
    "pareto_testing": ("Search: one half of the groups chose, the other half tested", OF_ALL),
    "fixed_sequences": ("Search: paths fixed in advance", OF_ALL),
    "manual": ("By hand", "nothing: the exits were set by hand after looking at these items"),
}
"""Beside those of the registry of exit policies: (title, guarantee)."""
WORDS = {
    "leakage1": "leakage of stage 1: fakes released as real",
    "leakage": "leakage of the whole cascade: fakes called real at any stage",
    "false_alarms": "false alarms of the whole cascade: reals called fake at any stage",
}
CLOSED = (
    "asked: the largest share of groups in error that was allowed. An exit that cannot be guaranteed stays closed, and "
    "the note says how many groups are needed. Each exit is judged as if every item reached it."
)
GROUPS_AND_ITEMS = (
    "Guarantees count groups (people or videos), because only groups are independent: a group is in error when any of "
    "its fakes is called real, and counts once however many items it has. A share of items can therefore be larger or "
    "smaller: two groups of many items may be 1 % of the groups and 4 % of the items."
)
CHOSE = "The exits were chosen on {chose}, so its counts are too good and give no bound."
FRESH = "No exit was chosen on {fresh}, so its bounds hold for these exits."
UNKNOWN = "The policy does not state whether its exits were chosen on {unknown}, so no bound is given there."
NO_FRESH = "No items are left here to judge them: look at another data set under Other data sets."
NO_BOUND = {True: "none: chosen here", None: "none: not known who chose it"}


def method_words(name: str) -> tuple[str, str]:
    """Return (title, what it guarantees in words that continue "guarantees: ") of a method that a policy names."""
    if name in OTHER_METHODS:
        return OTHER_METHODS[name]
    if name in exit_policies:
        method = exit_policies.get(name)
        return method.title, method.guarantee
    return name, "not known here"


def shown_rows(policy: CascadePolicy, titles: Mapping[str, str] | None = None) -> pd.DataFrame:
    """List `policy_rows` in the words of the board; a column that is empty is left out.

    Args:
        policy: The policy.
        titles: Of `stage_titles`.

    Returns:
        Columns exit, at p_fake, method, asked, groups in error, bound, note.
    """
    rows = []
    for row in policy_rows(policy, titles).to_dict("records"):
        rows.append(
            {
                "exit": row["exit"],
                "at p_fake": row["at"],
                "method": "–" if row["method"] == "–" else method_words(row["method"])[0],
                "asked": "–" if pd.isna(row["target"]) else percent(row["target"]),
                "groups in error": _of_groups(row["observed"], row["groups"]),
                "bound": bound_words(row["bound"], row["confidence"]),
                "note": row["note"],
            }
        )
    table = pd.DataFrame(rows)
    return table.loc[:, [name for name in table if not set(table[name]) <= {"–", ""}]]


def _of_groups(observed: float | None, groups: float | None) -> str:
    if observed is None or pd.isna(observed) or groups is None or pd.isna(groups):
        return "–"
    return f"{round(observed * groups)} of {int(groups)}"


def guarantee_words(policy: CascadePolicy) -> str:
    """Say what each method of the policy guarantees, one sentence a method."""
    methods = [method_words(name) for name in dict.fromkeys(g.method for g in policy.guarantees)]
    return " ".join(f"{name} guarantees: {words}." for name, words in methods)


def asked_confidence(policy: CascadePolicy | None) -> float:
    """Return the confidence that the policy's guarantees were asked at; BOUND_CONFIDENCE where they name none."""
    known = [g.confidence for g in policy.guarantees if g.confidence is not None] if policy else []
    return known[0] if known else BOUND_CONFIDENCE


def error_words(count: Count, confidence: float) -> str:
    """Write a count of groups: `2 of 205 groups (at most 2.6 % at 90 % confidence)`.

    Args:
        count: Errors.
        confidence: Of the bound.

    Returns:
        Words.
    """
    return f"{count.groups_in_error} of {count.groups} groups ({bound_words(count.bound(confidence), confidence)})"


def whole_rows(policy: CascadePolicy, source: ScoreSource) -> pd.DataFrame:
    """Count the errors of the whole policy on every split.

    Items that chose the policy, or may have, give no bound: there the count is too good.

    Args:
        policy: The policy.
        source: Scores.

    Returns:
        A row a split and rate: groups in error, their bound, items in error.
    """
    return _whole(policy.to_json(), source, stamp_of(source))


@lru_cache(maxsize=16)
def _whole(policy_text: str, source: ScoreSource, stamp: float) -> pd.DataFrame:
    policy, table = CascadePolicy.model_validate_json(policy_text), predictions_of(source)
    confidence, rows, chose = asked_confidence(policy), [], chosen_splits(policy, table)
    for split in sorted(set(table["split"]), key=lambda name: (name != "test", name)):
        part = table[table["split"] == split]
        for name, count in policy_counts(policy, part, stages_of(table)[0]).items():
            bound = (
                bound_words(count.bound(confidence), confidence) if chose[split] is False else NO_BOUND[chose[split]]
            )
            share = "" if count.item_share is None else f" ({count.item_share:.1%})"
            rows.append(
                {
                    "items": f"{split} (chose the exits)" if chose[split] else split,
                    "rate": WORDS[name],
                    "groups in error": f"{count.groups_in_error} of {count.groups}",
                    "bound on groups": bound,
                    "items in error": f"{count.items_in_error} of {count.items}{share}",
                }
            )
    return pd.DataFrame(rows)


def chosen_splits(policy: CascadePolicy, table: pd.DataFrame) -> dict[str, bool | None]:
    """Find by split whether any of its items chose the policy.

    Args:
        policy: The policy.
        table: Predictions.

    Returns:
        By split; None: that cannot be known.
    """
    parts = {str(split): part for split, part in table.groupby("split")}
    if not policy.item_sketch:  # kept by its fingerprint alone: the split that has it is all that chose it
        for part in parts.values():
            if table_fingerprint(part) == policy.data_fingerprint:
                policy = policy.model_copy(update={"item_sketch": sketch(part["sample_id"], part["label"])})
    return {split: _chose(policy, part) for split, part in parts.items()}


def _chose(policy: CascadePolicy, rows: pd.DataFrame) -> bool | None:
    try:
        return None if check_not_chosen_on(policy, rows) else False
    except ChoseIt:
        return True


def split_words(chose: Mapping[str, bool | None]) -> str:
    """Say which of the splits chose the exits, and where bounds hold. `chose` is of `chosen_splits`."""
    by: dict[bool | None, list[str]] = {state: [s for s in chose if chose[s] is state] for state in (True, False, None)}
    sentences = [CHOSE.format(chose=" and ".join(by[True]))] if by[True] else []
    sentences += [FRESH.format(fresh=" and ".join(by[False]))] if by[False] else []
    sentences += [UNKNOWN.format(unknown=" or ".join(by[None]))] if by[None] else []
    return " ".join(sentences if by[False] else [*sentences, NO_FRESH])


def board_words(source: ScoreSource, split: str, exits: Mapping[str, Exits], policy: CascadePolicy | None) -> str:
    """Say the board's leakage and false alarms at these exits in groups; the board counts items.

    Args:
        source: Scores.
        split: The split on the board.
        exits: By member.
        policy: Whose confidence is used; None: BOUND_CONFIDENCE.

    Returns:
        Three sentences or four.
    """
    confidence = asked_confidence(policy)
    errors = counts(_items(source, split, stamp_of(source)), [exits[m] for m in stages_of(predictions_of(source))])
    shares = "; ".join(
        f"{words} {error_words(errors[name], confidence)}"
        for name, words in (
            ("leakage1", "stage 1 releases fakes of"),
            ("leakage", "the whole cascade calls fakes real in"),
            ("false_alarms", "it calls reals fake in"),
        )
    )
    caveat = (
        "Exits are chosen on these items, so the bounds hold only for exits that were fixed before; judge a "
        "guarantee on test."
        if split == "val_calib"
        else "The bounds hold for exits that were not chosen on these items."
    )
    return f"The figures above count items. Counted in groups, as guarantees are: {shares}. {caveat}"


@lru_cache(maxsize=4)
def _items(source: ScoreSource, split: str, stamp: float) -> Items:
    table = predictions_of(source)
    return Items.of_frame(table[table["split"] == split], stages_of(table))


def guarantees_panel(workbench: Workbench) -> None:
    """Show what every exit of the policy in force guarantees, and what the whole cascade did."""
    policy = active_policy(workbench)
    if policy is None:
        widgets.empty("No policy is in force", "Put a bundle in force under Models.")
        return
    bundle = workbench.active().bundle
    facts = {"Policy": f"{title(policy)} ({policy.policy_id})", "Made": widgets.when(policy.created_at),
             "Author": policy.author, "Why": policy.reason, "Chosen on": policy.data_fingerprint[:16]}  # fmt: skip
    st.html(html.facts({k: v for k, v in facts.items() if v}))
    source = ScoreSource("bundle in force", bundle) if (bundle / PREDICTIONS).is_file() else None
    chose = chosen_splits(policy, predictions_of(source)) if source else {}
    of = " and ".join(split for split in chose if chose[split])
    st.markdown(f"**Each exit, on the items that chose it{f' ({of})' if of else ''}**")
    tables.show_table(shown_rows(policy, stage_titles(bundle)), "guarantees", wide=["note"])
    st.caption(widgets.plain_markdown(f"{guarantee_words(policy)} {CLOSED}"))
    if source:
        st.markdown("**The whole cascade, counted in groups and in items**")
        tables.show_table(whole_rows(policy, source), "whole cascade", wide=["rate"])
        st.caption(f"{GROUPS_AND_ITEMS} {split_words(chose)}")
