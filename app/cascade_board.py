"""The sliders of the Cascade page: a component whose arithmetic runs in the browser over a joint table."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import streamlit as st

from app.theme import ASSETS
from core.cascade.joint import JointTable

COMPONENTS = ASSETS / "components"


@cache
def _component() -> Any:
    return st.components.v2.component(
        "aware_net_cascade_board",
        html='<div class="board"></div>',
        css=(COMPONENTS / "cascade_board.css").read_text(encoding="utf-8"),
        js=(COMPONENTS / "cascade_board.js").read_text(encoding="utf-8"),
    )


def cascade_board(
    table: JointTable,
    titles: Sequence[str],
    costs: Sequence[float],
    cuts: Sequence[tuple[int, int]],
    identity: str,
    key: str = "board",
) -> list[tuple[int, int]] | None:
    """Draw the board. titles, costs (GFLOP): a member. cuts: edge indices that the sliders start from and return to.

    identity: when it changes the sliders start anew. Returns the cuts in the run in which `Save as policy` was
    pressed, else None."""
    document = table.to_document(costs, titles)
    data = {"table": document, "cuts": [list(c) for c in cuts], "identity": identity}
    result = _component()(data=data, key=key, on_saved_change=lambda: None)
    saved = getattr(result, "saved", None)
    return [(int(real), int(fake)) for real, fake in saved] if saved else None
