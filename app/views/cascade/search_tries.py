"""Count how often policies were searched for on the same scores: a guarantee is for a search that was made once."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from app.scores.sources import ScoreSource
from core.artifacts.finding import find_source
from jobs.client import Workbench
from jobs.queue.store import Store

TRIES_STATE = "cascade_tries"
KINDS = ("search", "policy")
_asked_by_store: dict[str, tuple[tuple[int, float], Counter[str]]] = {}


@dataclass(frozen=True)
class Tries:
    """Searches on the same scores.

    Attributes:
        jobs: Jobs of the kinds `search` and `policy` over these scores.
        on_page: Searches on the page in this session.
    """

    jobs: int
    on_page: int

    @property
    def all(self) -> int:
        return self.jobs + self.on_page

    def sentence(self) -> str:
        """Say how so many tries weaken a guarantee."""
        if self.all < 2:
            return ""
        return (
            f"{self.all} searches for a policy ran on these scores so far ({self.jobs} by jobs, {self.on_page} on this "
            "page in this session): after trying seeds, limits or methods until one passes, the stated "
            f"confidence no longer holds. To have confidence c after {self.all} tries, ask for 1 - (1 - c) / "
            f"{self.all} in each, or judge the last policy on test."
        )


def count(workbench: Workbench, source: ScoreSource) -> Tries:
    """Count the tries on the scores of a source that this workspace and session know, whatever became of them.

    Args:
        workbench: The workbench.
        source: Scores.

    Returns:
        The counts.
    """
    asked = _asked(workbench.store, workbench.store.tally(KINDS))
    same = sum(n for ref, n in asked.items() if _folder(ref, workbench) == source.folder.resolve())
    return Tries(same, st.session_state.get(TRIES_STATE, {}).get(source.ref, 0))


def _asked(store: Store, stamp: tuple[int, float]) -> Counter[str]:
    """Jobs of KINDS by the source that they name, read anew only where some came or went (`stamp`)."""
    url = str(store.writer.url)
    if url not in _asked_by_store or _asked_by_store[url][0] != stamp:
        _asked_by_store[url] = stamp, Counter(str((job.spec or {}).get("source", "")) for job in store.specs(KINDS))
    return _asked_by_store[url][1]


def add(source: ScoreSource) -> None:
    """Count one more search on this page."""
    made = dict(st.session_state.get(TRIES_STATE, {}))
    st.session_state[TRIES_STATE] = made | {source.ref: made.get(source.ref, 0) + 1}


def _folder(ref: str, workbench: Workbench) -> Path | None:
    try:
        return find_source(ref, workbench.workspace).resolve()
    except FileNotFoundError:
        return None
