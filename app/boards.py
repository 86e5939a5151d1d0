"""Components whose arithmetic runs in the browser over a small table; the server is asked only to keep or to search."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import ArrayLike

from app.theme import ASSETS

COMPONENTS = ASSETS / "components"


def board_files(name: str) -> tuple[str, str]:
    """(script, style sheet) of the board `name` of assets/components, with the tools that all boards share."""
    read = [(COMPONENTS / file).read_text(encoding="utf-8") for file in ("board_tools.js", f"{name}.js", "boards.css")]
    return read[0] + read[1], read[2]


@cache
def component(name: str) -> Any:
    """The board `name` of assets/components as a component of Streamlit."""
    script, style = board_files(name)
    return st.components.v2.component(f"aware_net_{name}", html='<div class="board"></div>', css=style, js=script)


def pairs(limits: ArrayLike) -> list[list[float] | None]:
    """(T, 2) low and high -> JSON; None where there is no interval (NaN)."""
    return [None if np.isnan(low) else [float(low), float(high)] for low, high in np.asarray(limits, np.float64)]


def effective_groups(groups: ArrayLike) -> float:
    """Independent groups that a share over these items is worth when the items of one group agree wholly: (sum m)^2 /
    sum m^2 over group sizes m (Kish 1965); groups of one size give their number. 0 without items."""
    _, sizes = np.unique(np.asarray(groups), return_counts=True)
    return float(sizes.sum() ** 2 / np.square(sizes).sum()) if sizes.size else 0.0


def group_counts(labels: ArrayLike, groups: ArrayLike) -> dict[str, float]:
    """Effective groups of the fakes, the reals and all items: what the boards' intervals count."""
    y, of = np.asarray(labels), np.asarray(groups)
    return {
        "fake": effective_groups(of[y == 1]),
        "real": effective_groups(of[y == 0]),
        "all": effective_groups(of),
    }
