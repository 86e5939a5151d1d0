"""A file for a job: uploaded in the browser, or chosen from a folder that the server may read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from app.forms.allowed_paths import allowed
from app.ui import widgets
from jobs.client import Workbench

MOST_LISTED = 100


def incoming(workbench: Workbench, what: str, endings: Sequence[str], key: str) -> Path | None:
    """The file that the reader uploaded or chose; None so far. what: its name on the screen; key: tells forms apart."""
    return uploaded(workbench, what, endings, key) or chosen(workbench, endings, key)


def uploaded(workbench: Workbench, what: str, endings: Sequence[str], key: str) -> Path | None:
    """The file that was uploaded last, kept on disk by its hash."""
    turn, limit = st.session_state.setdefault(f"{key}_turn", 0), workbench.settings.upload_mb
    sent = st.file_uploader(
        f"{what}, up to {limit} MB", type=[ending[1:] for ending in endings], key=f"{key}-{turn}",
        max_upload_size=limit,
    )  # fmt: skip
    if sent is not None:
        try:
            st.session_state[f"{key}_file"] = str(workbench.store_upload(sent, sent.name))
        except ValueError as error:
            st.session_state[f"{key}_problem"] = f"{sent.name}: {error}"
        st.session_state[f"{key}_turn"] = turn + 1  # an empty uploader holds nothing in memory
        st.rerun()
    if problem := st.session_state.pop(f"{key}_problem", ""):
        widgets.notice([problem], "error")
    kept = Path(st.session_state.get(f"{key}_file", ""))
    return kept if kept.is_file() else None


def chosen(workbench: Workbench, endings: Sequence[str], key: str) -> Path | None:
    """A file below one of the folders that the server may read."""
    roots = workbench.settings.readable_roots()
    named = st.selectbox(
        "Or a larger file on the server", listed(roots, endings), index=None, accept_new_options=True,
        key=f"{key}-on-server", placeholder=f"put it into {roots[0]}, then choose it here",
    )  # fmt: skip
    if not named:
        return None
    try:
        return allowed(named, roots)
    except ValueError as error:
        widgets.notice([str(error)], "error")
        return None


def listed(roots: Sequence[Path], endings: Sequence[str]) -> list[str]:
    """Files with one of the endings that lie directly in the roots."""
    found = [str(file) for root in roots if root.is_dir() for file in sorted(root.iterdir())]
    return [name for name in found if name.lower().endswith(tuple(endings))][:MOST_LISTED]
