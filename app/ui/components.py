"""Components whose arithmetic runs in the browser over a small table; the server is asked only to keep or to search."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import ArrayLike

from app.ui.theme import ASSETS

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
