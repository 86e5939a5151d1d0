"""The Cascade page's search: its form, what it found in words, and the policy that carries its promises."""

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
    "What a promise takes as given: the calibrated scores (calibrators are usually fitted on all calibration items, "
    "the proving half too; of 600 simulated searches with isotonic calibrators fitted so, at 90 % confidence, 19, or "
    "3 %, gave a policy that truly exceeds a limit), and that this search is the only "
    "one. Trying seeds, limits or methods until one passes voids the promise."
)
STATE = "cascade_search"


@dataclass(frozen=True)
class Answer:
    """The last search of this session. turn: counts searches, so that the sliders jump once for each."""

    spec: SearchSpec
    found: SearchResult
    turn: int


def last_search(source: ScoreSource) -> Answer | None:
    """The last search over this source."""
    answer = st.session_state.get(STATE)
    return answer if answer is not None and answer.spec.source == source.ref else None


def asked_loss(answer: Answer | None) -> float:
    """The most AUROC that the last search was let lose, else the search's own default."""
    return float(SearchSpec.model_fields["max_auroc_loss"].default if answer is None else answer.spec.max_auroc_loss)


def search_panel(workbench: Workbench, source: ScoreSource, table: pd.DataFrame, facts: MemberFacts) -> None:
    """The form; a search runs at once, and the sliders then go to what it found."""
    st.caption(
        "The cheapest exits of all stages together that keep both promises. Groups are counted, not items: a group of "
        "fakes is missed when any of its items is called real at any stage."
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
            widgets.notice(["Not every member's time was measured; stack again, or choose GFLOP as the unit."], "error")
            return
        with st.spinner("Looking at every combination of exits"):
            found = search(calibration_rows(table), facts.names, costs, spec)
        search_tries.add(source)
        before = st.session_state.get(STATE)
        st.session_state[STATE] = Answer(spec, found, 1 + (before.turn if before else 0))
        st.rerun()
    answer, tries = last_search(source), search_tries.count(workbench, source)
    if answer is not None:
        result(answer.found)
    if said := tries.sentence():
        widgets.notice([said], "warning")


def result(found: SearchResult) -> None:
    """What was found, or what it would take."""
    st.markdown("**Found**" if found.best else "**Nothing can be promised**")
    widgets.notice(found.sentences, "info" if found.best else "warning")
    if found.best:
        st.caption(
            "The sliders stand there now. Save as policy keeps these promises; moved sliders promise nothing. Promises "
            "count groups: a few groups of many items can make the share of items on the board larger."
        )


def policy_to_save(
    answer: Answer | None,
    table: pd.DataFrame,
    members: list[str],
    exits: Mapping[str, Exits],
    said: tuple[str, str, str],
    scores: str = "",
    seen: Sequence[str] = ("val_calib",),
) -> CascadePolicy:
    """The search's policy when the sliders stand where it left them, else one set by hand. said: name, author, why;
    scores: fingerprint of the table; seen: splits whose board was looked at, which chose what is set by hand.
    """
    name, author, reason = said
    if is_found(answer, exits):
        found, spec = answer.found, answer.spec.model_copy(  # type: ignore[union-attr]
            update={"name": name, "author": author, "reason": reason}
        )  # fmt: skip
        return policy_of(found, found.best, calibration_rows(table), members, spec, scores)  # type: ignore[arg-type]
    return manual_policy(table, [m for m in members if m != STACK], exits, name, author, reason, scores, seen)


def is_found(answer: Answer | None, exits: Mapping[str, Exits]) -> bool:
    """Whether these exits are those that the search found."""
    return answer is not None and answer.found.best is not None and dict(exits) == answer.found.exits
