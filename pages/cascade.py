"""Cascade: where every stage lets go. Sliders that answer at once, methods that promise, policies with a history."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from app import cards, forms, navigation, session, widgets
from app.bundles import bundle_manifest
from app.cascade_board import cascade_board, cuts_of_text, cuts_text
from app.cascade_elsewhere import elsewhere_panel
from app.cascade_search import is_found, last_search, limits_of, policy_to_save, search_panel
from app.cascade_tables import fronts, grid_if_ready, joint_of, make_grid
from app.navigation import PageInfo
from app.policies import active_policy, cuts_of, exits_of, policy_rows, read_policy
from app.score_sources import MemberFacts, ScoreSource, member_facts, predictions_of, score_sources, stages_of
from core.cascade.grid import Grid
from core.cascade.joint import JointTable
from core.cascade.pareto import Limits
from core.cascade.spec import PolicySpec
from core.cascade.types import CascadePolicy, Exits
from jobs.client import Workbench
from jobs.views import ArtifactView

PAGE = PageInfo(section="Research", title="Cascade", url="cascade", icon=":material/filter_alt:", order=50)
SPLITS = {
    "val_calib": "calibration items (thresholds are chosen here)",
    "test": "test items (thresholds are judged here)",
}


def render() -> None:
    workbench = session.workbench()
    widgets.page_header("Cascade", "Where every stage lets an item go: what that saves, and what slips through.")
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
    find, elsewhere, promises, choose, kept = st.tabs(
        ["Find the cheapest", "Elsewhere", "Promises in force", "Let a method choose", "Policies"]
    )
    with find:
        search_panel(workbench, source, table, facts)
    with elsewhere:
        elsewhere_panel(workbench, source, table, policy)
    with promises:
        promise_table(workbench)
    with choose:
        method_form(workbench, source)
    with kept:
        policy_list(workbench)
    if grid_if_ready(source, split, policy) is None:  # the board is on the screen; now the fronts, then once more
        make_grid(source, split, policy)
        st.rerun()


def board(
    workbench: Workbench,
    source: ScoreSource,
    table: pd.DataFrame,
    split: str,
    facts: MemberFacts,
    policy: CascadePolicy | None,
) -> None:
    """The sliders; `Save as policy` opens a dialog. Where they rest stands in the address, so that a link shares it."""
    joint, groups = joint_of(source, split, policy)
    home = cuts_of(policy, joint) if policy else joint.closed()
    cuts, found, answer = cuts_of_text(joint, st.query_params.get("exits", "")) or home, None, last_search(source)
    if answer is not None and answer.found.best is not None:
        found = [joint.indices(m, answer.found.exits[name]) for m, name in enumerate(facts.names)]
        if st.session_state.get("cascade_jumped") != answer.turn:
            st.session_state["cascade_jumped"], cuts = answer.turn, found
            st.query_params["exits"] = cuts_text(joint, found)
    st.caption(board_caption(table[table["split"] == split], joint, policy))
    grid, limits = grid_if_ready(source, split, policy), limits_of(answer)
    said = cascade_board(
        joint, facts.titles, facts.units(), groups, cuts, home,
        identity=f"{source.folder}|{split}|{policy.policy_id if policy else ''}",
        fronts=fronts(grid, facts.units(), limits) if grid else None, front_note=front_note(grid, limits),
        found=found, jump=str(answer.turn if answer and found else 0),
    )  # fmt: skip
    if said.cuts is not None and len(said.cuts) == len(facts.names):
        st.query_params["exits"] = cuts_text(joint, said.cuts)
    if said.saved is not None:
        save_dialog(workbench, source, table, facts.names, exits_of(joint, facts.names, said.saved))


def front_note(grid: Grid | None, limits: Limits) -> str:
    """What the front was taken from."""
    if grid is None:
        return "The front is being computed."
    return (
        f"Front over {grid.size:,} combinations of exits on these {grid.n:,} items, with false alarms up to "
        f"{limits.false_alarms:.0%}, AUROC loss up to {limits.auroc_loss:g} (on its own axis: leakage up to "
        f"{limits.leakage:.0%}); observed, not promised."
    )


def board_caption(rows: pd.DataFrame, joint: JointTable, policy: CascadePolicy | None) -> str:
    """How many items, how exact, and where the sliders start."""
    counts = "Counts are exact at every step." if joint.exact else (
        "Counts are exact at stage 1 and at the customary exits; in between, later stages are rounded to some "
        "hundredths of a percent. A saved policy is counted on the items themselves."
    )  # fmt: skip
    start = f"the policy in force ({widgets.plain_markdown(policy.name)})" if policy else "never: no policy fits"
    return (
        f"{len(rows):,} items of {rows['group'].nunique():,} groups, {int((rows['label'] == 1).sum()):,} fake. The "
        f"sliders start at {start}. {counts} Intervals count groups, as if the items of one group agreed wholly."
    )


@st.dialog("Save as policy")
def save_dialog(
    workbench: Workbench, source: ScoreSource, table: pd.DataFrame, members: list[str], exits: dict[str, Exits]
) -> None:
    """Name, author, reason; then an immutable version, in force at once when asked and when it fits."""
    in_force = source.folder == workbench.active().bundle
    answer = last_search(source)
    promised = is_found(answer, exits)
    st.caption("These exits were found by the search and carry its promises." if promised else
               "Set by hand: the policy says what these exits did, and promises nothing.")  # fmt: skip
    name = st.text_input("Name", "cheapest" if promised else "by hand", max_chars=80)
    author = st.text_input("Author", max_chars=80)
    reason = st.text_input("Why", max_chars=400)
    promote = st.checkbox(
        "Put in force: Analyze, the demo and the command use it from now on", value=in_force, disabled=not in_force,
        help=None if in_force else "These scores are not those of the bundle in force.",
    )  # fmt: skip
    if st.button("Save", type="primary", disabled=not name.strip()):
        policy = policy_to_save(answer, table, members, exits, (name.strip(), author, reason))
        item = workbench.save_policy(policy)
        if promote:
            workbench.set_active(policy=item.path, author=author, reason=reason or f"policy {policy.name}")
        st.toast(f"Policy {policy.policy_id} is saved" + (" and in force." if promote else "."))
        st.rerun()


def promise_table(workbench: Workbench) -> None:
    """What every exit of the policy in force promises, and from how many groups."""
    policy = active_policy(workbench)
    if policy is None:
        widgets.empty("No policy is in force", "Put a bundle in force under Models.")
        return
    facts = {"Policy": f"{policy.name} ({policy.policy_id})", "Made": policy.created_at, "Author": policy.author,
             "Why": policy.reason, "Chosen on": policy.data_fingerprint[:16]}  # fmt: skip
    st.html(cards.facts({k: v for k, v in facts.items() if v}))
    st.dataframe(policy_rows(policy).dropna(axis=1, how="all"), hide_index=True)
    st.caption(
        "bound: with this confidence the true share of groups in error is at most this. An exit that cannot be "
        "promised stays closed, and the note says how many groups it would take. Groups are people or videos, "
        "never frames."
    )


def method_form(workbench: Workbench, source: ScoreSource) -> None:
    """The form of a `policy` job over the chosen scores."""
    st.caption("A method sets all exits so that each keeps its promise; the job's policy appears under Policies.")
    spec = forms.spec_form(
        PolicySpec, workbench, key="policy", submit="Choose exits", given={"source": source.ref},
        front=("name", "method", "max_leakage", "max_expert_error", "max_final_error", "confidence"),
    )  # fmt: skip
    if spec is not None:
        navigation.go_to("jobs", job=workbench.submit("policy", spec))


def policy_list(workbench: Workbench) -> None:
    """Every saved policy, with a way to put it in force."""
    found = workbench.artifacts("policy")
    items = [item for item in found if item.path.is_file()]
    if len(items) < len(found):
        st.caption(f"{len(found) - len(items)} saved policies are not shown: their files are gone from the workspace.")
    active = workbench.active()
    if active.policy is not None and st.button("Back to the bundle's own policy", icon=":material/undo:"):
        workbench.set_active(policy="", reason="back to the bundle's own policy")
        st.rerun()
    if not items:
        widgets.empty("No policy yet", "Move the sliders and save, or let a method choose.")
        return
    manifest = bundle_manifest(active.bundle)
    members = [m.name for m in manifest.members] if manifest else []
    for item in items:
        policy = read_policy(item.path)
        with st.container(border=True):
            left, right = st.columns([5, 1])
            words = "in force" if active.policy == item.path else widgets.when(policy.created_at)
            left.html(
                f'<div class="aw"><b>{cards.escape(policy.name)}</b> {widgets.chip(words, "#17616b")}</div>'
                + cards.facts({"Id": policy.policy_id, "Author": policy.author or "–", "Why": policy.reason or "–"})
            )
            fits = [e.name for e in policy.experts] == members[1:]
            if active.policy != item.path:
                with right:
                    use(workbench, item, policy, fits)


def use(workbench: Workbench, item: ArtifactView, policy: CascadePolicy, fits: bool) -> None:
    """Put a policy in force, after saying what changes."""
    help_ = None if fits else "Made for other experts than the bundle in force has."
    with st.popover("Use", width="stretch", disabled=not fits, help=help_):
        changes(workbench, policy)
        if st.button("Put in force", key=f"use-{policy.policy_id}", type="primary"):
            workbench.set_active(policy=item.path, author=policy.author, reason=f"policy {policy.name}")
            st.rerun()


def changes(workbench: Workbench, policy: CascadePolicy) -> None:
    """Every exit now and then, side by side."""
    now = active_policy(workbench)
    before = {} if now is None else {r["exit"]: r["at"] for r in policy_rows(now, every=True).to_dict("records")}
    after = {r["exit"]: r["at"] for r in policy_rows(policy, every=True).to_dict("records")}
    rows = [(name, before.get(name, "–"), at) for name, at in after.items()]
    st.dataframe(pd.DataFrame(rows, columns=["exit", "now", "then"]), hide_index=True)
