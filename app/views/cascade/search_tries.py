"""How often policies were searched for on the same scores: a promise is for a search that was made once."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from app.scores.sources import ScoreSource
from core.artifacts.finding import find_source
from jobs.client import Workbench
from jobs.queue.store import Store

HERE = "cascade_tries"
KINDS = ("search", "policy")
_kept: dict[str, tuple[tuple[int, float], Counter[str]]] = {}


@dataclass(frozen=True)
class Tries:
    """jobs: of the kinds `search` and `policy` over these scores; here: searches on the page in this session."""

    jobs: int
    here: int

    @property
    def all(self) -> int:
        return self.jobs + self.here

    def sentence(self) -> str:
        """What so many tries do to a promise."""
        if self.all < 2:
            return ""
        return (
            f"{self.all} policies were looked for on these scores so far ({self.jobs} by jobs, {self.here} on this "
            "page in this session): whoever tries seeds, limits or methods until one passes no longer has the "
            f"confidence stated. For a confidence c in spite of {self.all} tries ask each at 1 - (1 - c) / {self.all}, "
            "or judge the last one on test."
        )


def count(workbench: Workbench, source: ScoreSource) -> Tries:
    """Tries on the scores of `source` known to this workspace and session, whatever became of them."""
    asked = _asked(workbench.store, workbench.store.tally(KINDS))
    same = sum(n for ref, n in asked.items() if _folder(ref, workbench) == source.folder.resolve())
    return Tries(same, st.session_state.get(HERE, {}).get(source.ref, 0))


def _asked(store: Store, stamp: tuple[int, float]) -> Counter[str]:
    """Jobs of KINDS by the source that they name, read anew only where some came or went (`stamp`)."""
    url = str(store.writer.url)
    if url not in _kept or _kept[url][0] != stamp:
        _kept[url] = stamp, Counter(str((job.spec or {}).get("source", "")) for job in store.specs(KINDS))
    return _kept[url][1]


def add(source: ScoreSource) -> None:
    """One more on this page."""
    made = dict(st.session_state.get(HERE, {}))
    st.session_state[HERE] = made | {source.ref: made.get(source.ref, 0) + 1}


def _folder(ref: str, workbench: Workbench) -> Path | None:
    try:
        return find_source(ref, workbench.workspace).resolve()
    except FileNotFoundError:
        return None
