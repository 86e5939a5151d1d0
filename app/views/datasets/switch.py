"""A button that opens another view of the same data set."""

from __future__ import annotations

import streamlit as st

VIEW_STATE = "dataset-view"
"""Key of the session under which the page keeps its view."""


def switch_button(label: str, view: str) -> None:
    """Draw a button that leads to another view.

    Args:
        label: Text of the button.
        view: Key of the view, as in `VIEWS` of pages/datasets.py.
    """
    st.button(label, icon=":material/arrow_forward:", key=f"to-{view}", on_click=_open, args=(view,))


def _open(view: str) -> None:
    st.session_state[VIEW_STATE] = view
