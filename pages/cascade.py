"""Cascade: the exits of each stage. Sliders that answer at once, methods with a guarantee, policies with a history."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping

import pandas as pd
import streamlit as st

from app.forms import form as forms
from app.policies.exits import active_policy, cuts_of, exits_of, stage_titles
from app.policies.guarantees import board_words, guarantees_panel, shown_rows
from app.policies.panel import policy_panel, show_changes
from app.scores.sources import MemberFacts, ScoreSource, member_facts, predictions_of, score_sources, stages_of
from app.ui import navigation, session, tables, widgets
from app.ui import page_state as links
from app.ui.navigation import PageInfo
from app.views.cascade.board import (
    BoardView,
    TypedExit,
    cascade_board,
    cascade_data,
    cuts_of_text,
    cuts_text,
    resting,
    steps_of_text,
)
from app.views.cascade.search import NO_CALIBRATION, asked_loss, is_found, last_search, policy_to_save, search_panel
from app.views.cascade.tables import Typed, fronts, grid_if_ready, joint_of, limits_at, make_grid
from app.views.cascade.transfer import transfer_panel
from core.documents.policy import CascadePolicy, Exits
from core.policies.boards.grid import Grid
from core.policies.boards.joint_counts import joint_auroc_error
from core.policies.boards.joint_table import JointTable
from core.policies.origin import scores_fingerprint
from core.policies.search.pareto import Limits
from core.policies.spec import PolicySpec
from jobs.client import Workbench

PAGE = PageInfo(section="Research", title="Cascade", url="cascade", icon=":material/filter_alt:", order=50)
SPLITS = {
    "val_calib": "calibration items (exits are chosen here)",
    "test": "test items (exits are judged here)",
}

TYPED = "cascade_typed"
TYPED_FIELD = "cascade_typed_field"
MOST_TYPED = 24
"""Typed exits that a board keeps as steps; each one widens the table by a bin."""

TABS = {
    "find": "Find the cheapest",
    "transfer": "Other data sets",
    "guarantees": "Guarantees in force",
    "choose": "Let a method choose",
    "policies": "Policies",
}


def render() -> None:
    workbench = session.workbench()
    widgets.page_header("Cascade", "Exits of each stage: what they save, and which errors they make.")
    sources = score_sources(workbench)
    if not sources:
        widgets.empty("No predictions yet", "Stack calibrated runs, or put a bundle in force.")
        return
    left, right = st.columns([3, 2])
    linked = st.query_params.get("scores", "")
    if st.session_state.get("cascade_source") not in sources:
        st.session_state["cascade_source"] = next((s for s in sources if s.folder.name == linked), sources[0])
    source = left.selectbox("Scores of", sources, format_func=lambda s: s.label, key="cascade_source")
    if linked and linked != source.folder.name:  # the link's exits were for other scores
        st.query_params.pop("exits", None)
    st.query_params["scores"] = source.folder.name
    table = predictions_of(source)
    splits = [name for name in SPLITS if name in set(table["split"])]
    if st.session_state.get("cascade_items") not in splits:
        asked = st.query_params.get("items", "")
        st.session_state["cascade_items"] = asked if asked in splits else splits[0]
    words = "; ".join(f"{name}: {SPLITS[name]}" for name in splits)
    split = str(right.segmented_control("Items", splits, required=True, key="cascade_items", help=words))
    st.query_params["items"] = split
    try:
        facts = member_facts(source, stages_of(table))
    except ValueError as error:
        widgets.notice([str(error)], "error")
        return
    policy = active_policy(workbench, source)
    board(workbench, source, table, split, facts, policy)
    show: dict[str, Callable[[], None]] = {
        "find": lambda: search_panel(workbench, source, table, facts),
        "transfer": lambda: transfer_panel(workbench, source, table, policy),
        "guarantees": lambda: guarantees_panel(workbench),
        "choose": lambda: method_form(workbench, source),
        "policies": lambda: policy_panel(workbench),
    }
    for name, tab in links.tabs("cascade", TABS).items():
        if tab.open:
            with tab:
                show[name]()
    links.share()
    typed = typed_exits(source, split, policy)
    if grid_if_ready(source, split, policy, typed) is None:  # the board is drawn; now the fronts, then once more
        make_grid(source, split, policy, typed)
        st.rerun()


def board(
    workbench: Workbench,
    source: ScoreSource,
    table: pd.DataFrame,
    split: str,
    facts: MemberFacts,
    policy: CascadePolicy | None,
) -> None:
    """Draw the sliders; `Save as policy` opens a dialog. The address holds where they rest, so that a link shares it.

    Args:
        workbench: The workbench.
        source: Scores.
        table: Predictions of the source.
        split: Which rows.
        facts: Names and costs of the members.
        policy: The policy in force; None without one.
    """
    typed = typed_exits(source, split, policy)
    joint, groups = joint_of(source, split, policy, typed)
    home = cuts_of(policy, joint) if policy else joint.closed()
    identity = f"{source.folder}|{split}|{policy.policy_id if policy else ''}|{typed}"
    key = f"board-{hashlib.sha256(identity.encode()).hexdigest()[:12]}"
    moved = resting(key, len(facts.names)) or cuts_of_text(joint, st.query_params.get("exits", ""))
    found, answer = None, last_search(source)
    if answer is not None and answer.found.best is not None:
        found = [joint.indices(m, answer.found.exits[name]) for m, name in enumerate(facts.names)]
        if st.session_state.get("cascade_jumped") != answer.turn:
            st.session_state["cascade_jumped"], moved = answer.turn, found
    cuts = moved or home
    if moved:
        st.query_params["exits"] = cuts_text(joint, moved)
    seen = boards_seen(source, split)
    st.caption(board_caption(table[table["split"] == split], joint, policy))
    grid, units = grid_if_ready(source, split, policy, typed), facts.units()
    limits = limits_at(joint, cuts, asked_loss(answer))
    lines = fronts(grid, units, limits) if grid else None
    view = BoardView.of_text(st.query_params.get("shows", ""), len(facts.names), [str(u["name"]) for u in units])
    data = cascade_data(
        joint, facts.titles, units, groups, cuts, home if policy else None, identity=identity, fronts=lines,
        front_note=front_note(grid, limits, lines), found=found, jump=str(answer.turn if answer and found else 0),
        view=view, about=f"{source.label}, {split}.", typed=st.session_state.pop(TYPED_FIELD, None),
    )  # fmt: skip
    answered = cascade_board(data, key)
    if answered.typed is not None:
        add_typed(source, split, policy, joint, answered.typed)
        st.query_params["shows"] = answered.typed.view.text()
        st.rerun()
    st.caption(board_words(source, split, exits_of(joint, facts.names, cuts), policy))
    if answered.view is not None:
        st.query_params["shows"] = answered.view.text()
    if answered.saved is not None:
        save_dialog(workbench, source, table, facts.names, exits_of(joint, facts.names, answered.saved), seen)


def typed_exits(source: ScoreSource, split: str, policy: CascadePolicy | None) -> Typed:
    """Return the exits that were typed on this board, in this session or in that of a link, as steps of its table.

    Args:
        source: Scores.
        split: The split on the board.
        policy: The policy in force; None without one.

    Returns:
        Exits, each with its member.
    """
    place, kept = typed_place(source, split, policy), st.session_state.setdefault(TYPED, {})
    if place not in kept:
        kept[place] = tuple(steps_of_text(joint_of(source, split, policy)[0], st.query_params.get("exits", "")))
    return kept[place]


def typed_place(source: ScoreSource, split: str, policy: CascadePolicy | None) -> tuple[str, str, str]:
    """Return the key of a board in the session.

    Args:
        source: Scores.
        split: The split on the board.
        policy: The policy in force; None without one.

    Returns:
        Folder, split and policy.
    """
    return str(source.folder), split, policy.policy_id if policy else ""


def add_typed(
    source: ScoreSource, split: str, policy: CascadePolicy | None, joint: JointTable, typed: TypedExit
) -> None:
    """Give the table a step at an exit that was typed, and move the slider there; the last MOST_TYPED are kept.

    Args:
        source: Scores.
        split: The split on the board.
        policy: The policy in force; None without one.
        joint: The table without that step.
        typed: The exit; one that does not fit between the others is left out.
    """
    if len(typed.cuts) != len(joint.members) or not 0 <= typed.stage < len(joint.members):  # of an older page
        return
    exits = [joint.exits(m, real, fake) for m, (real, fake) in enumerate(typed.cuts)]
    own = exits[typed.stage]
    try:
        exits[typed.stage] = Exits.model_validate(own.model_dump() | typed.exits().model_dump(exclude_none=True))
    except ValueError:
        return
    # The exits of the other sliders stay steps too, so that none of them moves.
    steps = [(name, one) for name, one in zip(joint.members, exits, strict=True) if one != Exits()]
    earlier = [step for step in typed_exits(source, split, policy) if step not in steps]
    st.session_state[TYPED][typed_place(source, split, policy)] = (*earlier, *steps)[-MOST_TYPED:]
    st.session_state[TYPED_FIELD] = (typed.stage, typed.side)
    finer = joint_of(source, split, policy, typed_exits(source, split, policy))[0]
    cuts = [finer.indices(m, one) for m, one in enumerate(exits)]
    st.query_params["exits"] = cuts_text(finer, cuts)


def boards_seen(source: ScoreSource, split: str) -> list[str]:
    """Return the splits whose board this session has shown, `split` too: they choose what is set by hand.

    Args:
        source: Scores.
        split: The split on the board.

    Returns:
        Names of splits.
    """
    seen = st.session_state.setdefault("cascade_seen", {}).setdefault(str(source.folder), [])
    if split not in seen:
        seen.append(split)
    return sorted(seen, reverse=True)


def front_note(grid: Grid | None, limits: Limits, lines: Mapping[str, Mapping[str, list[list[float]]]] | None) -> str:
    """Explain what the front was taken from: only policies that are no worse in what it does not draw.

    Args:
        grid: All combinations; None while they are being computed.
        limits: Of the policies on the front.
        lines: The fronts.

    Returns:
        Sentences.
    """
    if grid is None:
        return "The front is being computed. The chart follows."
    empty = any(not points for by_risk in (lines or {}).values() for points in by_risk.values())
    none = " Where no front is drawn, no combination does all of that." if empty else ""
    return (
        f"Front over those of {grid.size:,} combinations of exits on these {grid.n:,} items that leave no more "
        f"undecided ({limits.uncertain:.1%}) and call no more reals fake ({limits.false_alarms:.1%}) than these exits, "
        f"and lose at most {limits.auroc_loss:.3g} AUROC (with AUROC loss on the axis: leak at most "
        f"{limits.leakage:.1%}). It is chosen on these items, so it guarantees nothing.{none}"
    )


def board_caption(rows: pd.DataFrame, joint: JointTable, policy: CascadePolicy | None) -> str:
    """Say how many items there are, how exact the counts are, and where the sliders start.

    Args:
        rows: Rows on the board.
        joint: Counts of the items.
        policy: The policy in force; None without one.

    Returns:
        Sentences.
    """
    counts = "Counts are exact at every step." if joint.exact else (
        "Counts are exact at stage 1 and at the customary exits; in between, later stages are rounded to some "
        "hundredths of a percent. A saved policy is counted on the items themselves."
    )  # fmt: skip
    error = joint_auroc_error(joint, joint.closed())
    tied = f" AUROC counts items of one bin as tied, which changes it by at most {error:.4f}." if error >= 5e-5 else ""
    start = f"at the policy in force ({widgets.plain_markdown(policy.name)})" if policy else "closed: no policy fits"
    return (
        f"{len(rows):,} items of {rows['group'].nunique():,} groups, {int((rows['label'] == 1).sum()):,} fake. The "
        f"sliders start {start}. {counts}{tied} "
        "Only exits are counted here. Analyze also withholds an answer that its own figures contradict; this makes "
        "more answers uncertain and adds no error."
    )


@st.dialog("Save as policy", width="large")
def save_dialog(
    workbench: Workbench,
    source: ScoreSource,
    table: pd.DataFrame,
    members: list[str],
    exits: dict[str, Exits],
    seen: list[str],
) -> None:
    """Ask for name, author and reason, then save an immutable version; putting it in force is a second step.

    Args:
        workbench: The workbench.
        source: Scores.
        table: Predictions of the source.
        members: In the order asked.
        exits: By member.
        seen: Splits whose board was looked at.
    """
    if "val_calib" not in set(table["split"]):
        widgets.notice([NO_CALIBRATION])
        return
    in_force = source.folder == workbench.active().bundle
    answer = last_search(source)
    guaranteed = is_found(answer, exits)
    st.caption("The search found these exits, and the policy has its guarantees." if guaranteed else
               f"Set by hand after looking at {' and '.join(seen)}: the policy records what these exits did there, "
               "guarantees nothing, and cannot be judged on these items.")  # fmt: skip
    name = st.text_input("Name", "cheapest" if guaranteed else "by hand", max_chars=80)
    author = session.author_input()
    reason = st.text_input("Why", max_chars=400)
    said = (name.strip() or "by hand", author, reason)
    policy = policy_to_save(answer, table, members, exits, said, scores_fingerprint(source.folder), seen)
    st.caption("One version is saved with its author, reason, items, targets, bounds and counts of groups:")
    tables.show_table(shown_rows(policy, stage_titles(source.folder)), "policy to save", wide=["note"])
    if in_force:
        show_changes(workbench, policy)
    else:
        st.caption("This policy cannot be put in force: its scores are not those of the bundle in force.")
    save, both = st.columns(2)
    ready = bool(name.strip() and author and reason.strip())
    help_ = None if ready else "Fill in a name, an author and a reason first: they are kept with the version."
    only = save.button("Save only", disabled=not ready, help=help_, width="stretch")
    if both.button("Save and put in force", type="primary", disabled=not (ready and in_force), width="stretch") or only:
        item = workbench.save_policy(policy)
        if not only:
            workbench.set_active(policy=item.path, author=author, reason=reason)
        st.toast(f"Policy {policy.policy_id} is saved" + ("." if only else " and in force."))
        st.rerun()


def method_form(workbench: Workbench, source: ScoreSource) -> None:
    """Show the form of a `policy` job over the chosen scores.

    Args:
        workbench: The workbench.
        source: Scores.
    """
    st.caption(
        "A method chooses the exits of each stage at the targets below. The policy states what that guarantees: a "
        "bound with confidence, an expectation, or (observed rate) nothing. It appears under Policies."
    )
    spec = forms.spec_form(
        PolicySpec, workbench, key="policy", submit="Choose exits", given={"source": source.ref},
        front=("name", "method", "max_leakage", "max_expert_error", "max_final_error", "confidence"),
    )  # fmt: skip
    if spec is not None:
        navigation.go_to("jobs", job=workbench.submit("policy", spec))
