"""Streamlit components that run in the browser over a small table; the server only saves results or searches."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import ArrayLike

from app.ui.theme import ASSETS

COMPONENTS = ASSETS / "components"


def board_files(name: str) -> tuple[str, str]:
    """Read the script and the style sheet of a component.

    Args:
        name: Stem of its file in assets/components.

    Returns:
        (script, style sheet); the script starts with the tools that all components share, and the style sheet with
        the shared one, followed by the component's own where there is one.
    """
    tools, script, style = (
        (COMPONENTS / file).read_text(encoding="utf-8") for file in ("board_tools.js", f"{name}.js", "boards.css")
    )
    own = COMPONENTS / f"{name}.css"
    return tools + script, style + (own.read_text(encoding="utf-8") if own.is_file() else "")


@cache
def component(name: str) -> Any:
    """Register a script of assets/components as a component of Streamlit.

    Args:
        name: Stem of its file.

    Returns:
        The function that draws it; it takes `data`, `key` and a callback for each event.
    """
    script, style = board_files(name)
    return st.components.v2.component(f"aware_net_{name}", html='<div class="board"></div>', css=style, js=script)


def pairs(limits: ArrayLike) -> list[list[float] | None]:
    """Return interval limits as JSON values.

    Args:
        limits: (T, 2) lower and upper limits; NaN where there is no interval.

    Returns:
        T pairs [low, high]; None where there is no interval.
    """
    return [None if np.isnan(low) else [float(low), float(high)] for low, high in np.asarray(limits, np.float64)]
