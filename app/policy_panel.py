"""Saved policies: what each is, what putting it in force changes, and one click back."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from app import cards, session, widgets
from app.policies import active_policy, policy_rows, read_policy
from app.policy_changes import effect_changes, exit_changes, fits, previous_policy, title
from app.score_sources import PREDICTIONS, ScoreSource
from core.cascade.types import CascadePolicy
from jobs.client import Workbench
from jobs.views import ArtifactView


def policy_panel(workbench: Workbench) -> None:
    """Every saved policy, newest first, with a way to put it in force and the way back."""
    found = workbench.artifacts("policy")
    items = [item for item in found if item.path.is_file()]
    if len(items) < len(found):
        st.caption(f"{len(found) - len(items)} saved policies are not shown: their files are gone from the workspace.")
    back(workbench)
    if not items:
        widgets.empty("No policy yet", "Move the sliders and save, or let a method choose.")
        return
    active = workbench.active()
    for item in items:
        policy = read_policy(item.path)
        with st.container(border=True):
            left, right = st.columns([5, 1])
            words = "in force" if active.policy == item.path else widgets.when(policy.created_at)
            left.html(
                f'<div class="aw"><b>{cards.escape(title(policy))}</b> {widgets.chip(words, "#17616b")}</div>'
                + cards.facts({"Id": policy.policy_id, "Author": policy.author or "–", "Why": policy.reason or "–",
                               "Made": widgets.when(policy.created_at), "Chosen on": policy.data_fingerprint[:16]})
            )  # fmt: skip
            with st.expander("Targets, bounds, groups"):
                st.dataframe(policy_rows(policy).dropna(axis=1, how="all"), hide_index=True)
            if active.policy != item.path:
                suits = fits(policy, active.bundle)
                help_ = None if suits else "Made for other experts than the bundle in force has."
                if right.button("Use", key=f"use-{policy.policy_id}", disabled=not suits, help=help_, width="stretch"):
                    confirm(workbench, item, policy)


def back(workbench: Workbench) -> None:
    """One click back to what was in force before the present policy."""
    before = previous_policy(workbench)
    if before is None:
        return
    path, name = before
    if st.button(f"Back to {widgets.plain_markdown(name)}", icon=":material/undo:", key="policy-back"):
        workbench.set_active(policy=path or "", author=session.author(), reason=f"back to {name}")
        st.rerun()


@st.dialog("Put this policy in force?", width="large")
def confirm(workbench: Workbench, item: ArtifactView, policy: CascadePolicy) -> None:
    """What changes, then who and why; only the second button changes anything."""
    show_changes(workbench, policy)
    author = st.text_input("Author", session.author(), max_chars=80, key="promote-author")
    reason = st.text_input("Why (kept in the history)", policy.reason, max_chars=400, key="promote-reason")
    if st.button("Yes, put it in force", type="primary", disabled=not reason.strip(), key="promote"):
        workbench.set_active(policy=item.path, author=author, reason=reason)
        st.rerun()


def show_changes(workbench: Workbench, policy: CascadePolicy) -> None:
    """Thresholds, bounds and rates now and then, side by side."""
    now = active_policy(workbench)
    name = title(now) if now else "no policy"
    st.markdown(f"**Now: {widgets.plain_markdown(name)}. Then: {widgets.plain_markdown(title(policy))}.**")
    bundle = workbench.active().bundle
    table, said = pd.DataFrame(), "The bundle in force brought no predictions, so rates cannot be compared."
    if (bundle / PREDICTIONS).is_file():
        table, said = effect_changes(now, policy, ScoreSource("bundle in force", bundle))
    if len(table):
        st.dataframe(table, hide_index=True)
    st.caption(said)
    exits = exit_changes(now, policy)
    changed = exits[exits["change"] == "changes"].drop(columns="change")
    if len(changed):
        st.dataframe(changed, hide_index=True)
    st.caption(
        f"{len(changed)} of {len(exits)} exits and promises change. bound: the error that the exit promises to stay "
        "under, counted in groups. Every new analysis, the demo and the command use it from then on; finished "
        "analyses keep what they were judged by."
    )
