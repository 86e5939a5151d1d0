"""Give the pages of one Streamlit process their workbench, and the author of what they save."""

from __future__ import annotations

from typing import Any

import streamlit as st

from jobs.client import Workbench
from jobs.settings import Settings

AUTHOR = "author-of-this-session"


@st.cache_resource(show_spinner=False)
def _open(settings_json: str) -> Workbench:
    return Workbench.open(Settings.model_validate_json(settings_json))


def workbench() -> Workbench:
    """Return the one Workbench of this process for the settings in force (environment variables AWARE_...)."""
    return _open(Settings.read().model_dump_json())


def author() -> str:
    """Return the name of the person at the page.

    This is the person signed in, where the server asks people to sign in; else the author last typed in this browser
    session; else empty. It is never the account that the server runs under.
    """
    if st.user.get("is_logged_in"):
        return str(st.user.get("name") or st.user.get("email") or "")
    return str(st.session_state.get(AUTHOR, ""))


def author_input(**options: Any) -> str:
    """Draw the input "Author"; it starts with `author()`, and what is typed is offered again.

    Args:
        **options: Further options of `st.text_input`.

    Returns:
        The name, without spaces around it; empty when none was typed.
    """
    name = st.text_input("Author", author(), max_chars=80, placeholder="your name", **options).strip()
    if name:
        st.session_state[AUTHOR] = name
    return name
