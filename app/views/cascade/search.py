"""Search the cheapest policy on the Cascade page: the form, the result in words, and the policy with its guarantees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from app.forms import form as forms
from app.scores.sources import MemberFacts, ScoreSource
from app.ui import widgets
from app.views.cascade import search_tries
from core.documents.policy import CascadePolicy, Exits
from core.policies.choose import STACK, calibration_rows
from core.policies.manual import manual_policy
from core.policies.search.policy import policy_of
from core.policies.search.search import SearchResult, search
from core.policies.search_spec import SearchSpec
from jobs.client import Workbench

NO_CALIBRATION = (
    "These scores have no calibration items (split val_calib). Import them again with a calibration share, or with a "
    "column `split`."
)
GIVEN = (
    "A guarantee takes two things as given. First, the calibrated scores (calibrators are usually fitted on all "
    "calibration items, also on the half that tests; of 600 simulated searches with isotonic calibrators fitted so, "
    "at 90 % confidence, 19, or 3 %, gave a policy whose true rate exceeds a limit). Second, that this search is the "
    "only one: after trying seeds, limits or methods until one passes, the guarantee no longer holds."
)
STATE = "cascade_search"


@dataclass(frozen=True)
class Answer:
    """The last search of this session.

    Attributes:
        spec: What was asked.
        found: The result.
        turn: Counts searches, so that the sliders jump once for each.
    """

    spec: SearchSpec
    found: SearchResult
    turn: int


def last_search(source: ScoreSource) -> Answer | None:
    """Return the last search over this source."""
    answer = st.session_state.get(STATE)
    return answer if answer is not None and answer.spec.source == source.ref else None


def asked_loss(answer: Answer | None) -> float:
    """Return the most AUROC that the last search allowed to lose, else the search's own default."""
    return float(SearchSpec.model_fields["max_auroc_loss"].default if answer is None else answer.spec.max_auroc_loss)


def search_panel(workbench: Workbench, source: ScoreSource, table: pd.DataFrame, facts: MemberFacts) -> None:
    """Show the form; a search runs at once, and the sliders then go to what it found.

    Args:
        workbench: The workbench.
        source: Scores.
        table: Predictions of the source.
        facts: Names and costs of the members.
    """
    st.caption(
        "The cheapest exits of all stages together that keep both guarantees. Groups are counted, not items: a group "
        "of fakes is in error when any of its items is called real at any stage."
    )
    if "val_calib" not in set(table["split"]):
        widgets.empty("No items to choose exits on", NO_CALIBRATION)
        return
    spec = forms.spec_form(
        SearchSpec, workbench, key="search", submit="Find the cheapest", given={"source": source.ref},
        front=("max_leakage", "max_false_alarms", "max_uncertain", "confidence", "max_auroc_loss", "method", "unit"),
    )  # fmt: skip
    st.caption(GIVEN)
    if isinstance(spec, SearchSpec):
        costs = facts.gflops if spec.unit == "gflop" else facts.seconds
        if costs is None:
            widgets.notice(
                ["The time of some members was not measured. Run `stack` again, or choose GFLOP as the unit."], "error"
            )
            return
        with st.spinner("Searching all combinations of exits"):
            found = search(calibration_rows(table), facts.names, costs, spec)
        search_tries.add(source)
        before = st.session_state.get(STATE)
        st.session_state[STATE] = Answer(spec, found, 1 + (before.turn if before else 0))
        st.rerun()
    answer, tries = last_search(source), search_tries.count(workbench, source)
    if answer is not None:
        result(answer.found)
    if sentence := tries.sentence():
        widgets.notice([sentence], "warning")


def result(found: SearchResult) -> None:
    """Show what was found, or what it would take."""
    st.markdown("**Found**" if found.best else "**Nothing can be guaranteed**")
    widgets.notice(found.sentences, "info" if found.best else "warning")
    if found.best:
        st.caption(
            "The sliders show these exits now. A policy saved now has these guarantees; after a slider is moved it "
            "has none. Guarantees count groups: a few groups of many items can make the share of items on the board "
            "larger."
        )


def policy_to_save(
    answer: Answer | None,
    table: pd.DataFrame,
    members: list[str],
    exits: Mapping[str, Exits],
    statement: tuple[str, str, str],
    scores: str = "",
    seen: Sequence[str] = ("val_calib",),
) -> CascadePolicy:
    """Build the policy to save: the search's own when the sliders stand where it left them, else one set by hand.

    Args:
        answer: The last search.
        table: Predictions.
        members: In the order asked.
        exits: By member.
        statement: Name, author, reason.
        scores: Fingerprint of the table.
        seen: Splits whose board was looked at: they choose what is set by hand.

    Returns:
        A sealed policy.
    """
    name, author, reason = statement
    if is_found(answer, exits):
        found, spec = answer.found, answer.spec.model_copy(  # type: ignore[union-attr]
            update={"name": name, "author": author, "reason": reason}
        )  # fmt: skip
        return policy_of(found, found.best, calibration_rows(table), members, spec, scores)  # type: ignore[arg-type]
    return manual_policy(table, [m for m in members if m != STACK], exits, name, author, reason, scores, seen)


def is_found(answer: Answer | None, exits: Mapping[str, Exits]) -> bool:
    """Check whether these exits are those that the search found.

    Args:
        answer: The last search.
        exits: By member.

    Returns:
        True when they are.
    """
    return answer is not None and answer.found.best is not None and dict(exits) == answer.found.exits
