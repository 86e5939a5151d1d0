"""The workbench that the pages of one Streamlit process talk to."""

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
    """The one Workbench of this process for the settings in force (environment variables AWARE_...)."""
    return _open(Settings.read().model_dump_json())


def author() -> str:
    """Who sits at the page: the name of the person signed in, where the server has people sign in; else what was last
    typed as an author in this browser session; else empty. Never the account that the server runs under.
    """
    if st.user.get("is_logged_in"):
        return str(st.user.get("name") or st.user.get("email") or "")
    return str(st.session_state.get(AUTHOR, ""))


def author_input(**options: Any) -> str:
    """The input "Author", stripped, with `author()` in it at first; what is typed is offered again. options: of
    `st.text_input`.
    """
    said = st.text_input("Author", author(), max_chars=80, placeholder="your name", **options).strip()
    if said:
        st.session_state[AUTHOR] = said
    return said
