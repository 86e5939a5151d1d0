"""List saved policies: what each is, what putting it in force changes, and the way back."""

from __future__ import annotations

import streamlit as st

from app.policies.changes import exit_changes, exits_note, headline, previous_policy, rate_changes, refusal, title
from app.policies.exits import active_policy, stage_titles
from app.policies.guarantees import guarantee_words, shown_rows
from app.ui import html, session, tables, widgets
from core.documents.policy import CascadePolicy
from core.documents.read import read_policy
from jobs.client import Workbench
from jobs.queue.views import ArtifactView


def policy_panel(workbench: Workbench) -> None:
    """List every saved policy, newest first, with a way to put it in force and the way back."""
    artifacts = workbench.artifacts("policy")
    items = [item for item in artifacts if item.path.is_file()]
    if len(items) < len(artifacts):
        st.caption(
            f"{len(artifacts) - len(items)} saved policies are not shown: their files are gone from the workspace."
        )
    back(workbench)
    if not items:
        widgets.empty("No policy yet", "Move the sliders and save the exits as a policy, or let a method choose them.")
        return
    active, now = workbench.active(), active_policy(workbench)
    for item in items:
        policy = read_policy(item.path)
        unfit, used = refusal(policy, active.bundle), now is not None and now.policy_id == policy.policy_id
        with st.container(border=True):
            left, right = st.columns([5, 1])
            words = "in force" if used else widgets.when(policy.created_at)
            left.html(
                f'<div class="aw"><b>{html.escape(title(policy))}</b> {widgets.chip(words, "#17616b")}</div>'
                + html.facts({"Id": policy.policy_id, "Author": policy.author or "–", "Why": policy.reason or "–",
                               "Made": widgets.when(policy.created_at), "Chosen on": policy.data_fingerprint[:16]})
            )  # fmt: skip
            with st.expander("Targets, bounds, groups"):
                titles = {} if unfit else stage_titles(active.bundle)
                tables.show_table(shown_rows(policy, titles), f"policy {policy.policy_id}", wide=["note"])
                st.caption(widgets.plain_markdown(guarantee_words(policy)))
            if not used:
                use = right.button("Use", key=f"use-{policy.policy_id}", disabled=bool(unfit), width="stretch")
                if unfit:
                    st.caption(f"Cannot be put in force. {widgets.plain_markdown(unfit)}")
                elif use:
                    confirm(workbench, item, policy)


def back(workbench: Workbench) -> None:
    """Offer to go back to what was in force before the present policy."""
    before = previous_policy(workbench)
    if before is None:
        return
    path, name = before
    if st.button(f"Back to {widgets.plain_markdown(name)}", icon=":material/undo:", key="policy-back"):
        workbench.set_active(policy=path or "", author=session.author(), reason=f"back to {name}")
        st.rerun()


@st.dialog("Put this policy in force?", width="large")
def confirm(workbench: Workbench, item: ArtifactView, policy: CascadePolicy) -> None:
    """Show what changes, then ask who and why; only the second button changes anything.

    Args:
        workbench: The workbench.
        item: The saved policy.
        policy: The same, read.
    """
    show_changes(workbench, policy)
    author = session.author_input(key="promote-author")
    reason = st.text_input("Why (kept in the history)", policy.reason, max_chars=400, key="promote-reason")
    if st.button("Yes, put it in force", type="primary", disabled=not (author and reason.strip()), key="promote"):
        workbench.set_active(policy=item.path, author=author, reason=reason)
        st.rerun()


def show_changes(workbench: Workbench, policy: CascadePolicy) -> None:
    """Show thresholds, bounds and rates now and then, side by side.

    Args:
        workbench: The workbench.
        policy: The policy to put in force.
    """
    now = active_policy(workbench)
    st.markdown(f"**{widgets.plain_markdown(headline(now, policy))}**")
    table, sentence = rate_changes(now, policy, workbench.active().bundle)
    if len(table):
        tables.show_table(table, "rates now and then", wide=["rate"])
    st.caption(sentence)
    exits = exit_changes(now, policy, stage_titles(workbench.active().bundle))
    changed = exits[exits["change"] == "changes"].drop(columns="change")
    if len(changed):
        tables.show_table(changed, "exits now and then", wide=["exit"])
    st.caption(exits_note(exits))
