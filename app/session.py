"""The workbench that the pages of one Streamlit process talk to."""

from __future__ import annotations

import getpass

import streamlit as st

from jobs.client import Workbench
from jobs.settings import Settings


@st.cache_resource(show_spinner=False)
def _open(settings_json: str) -> Workbench:
    return Workbench.open(Settings.model_validate_json(settings_json))


def workbench() -> Workbench:
    """The one Workbench of this process for the settings in force (environment variables AWARE_...)."""
    return _open(Settings.read().model_dump_json())


def author() -> str:
    """Who runs this process, to be offered as an author; empty where the system has no name for it."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""
