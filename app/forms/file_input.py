"""Draw the input of a file for a job: an upload in the browser, or a file in a folder that the server may read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from app.forms.allowed_paths import allowed
from app.ui import widgets
from jobs.client import Workbench

MAX_FILES_LISTED = 100


def incoming(workbench: Workbench, what: str, endings: Sequence[str], key: str) -> Path | None:
    """Draw both inputs, and return the file.

    Args:
        workbench: The workbench, with its limits and allowed folders.
        what: What the form calls the file.
        endings: Accepted endings, each with its dot.
        key: Tells the forms of one page apart.

    Returns:
        The file that the reader uploaded or chose; None before that.
    """
    return uploaded(workbench, what, endings, key) or chosen(workbench, endings, key)


def uploaded(workbench: Workbench, what: str, endings: Sequence[str], key: str) -> Path | None:
    """Draw the uploader, and return the last upload.

    The file is stored under its hash. A refusal stays on the screen until the next upload.

    Args:
        workbench: The workbench, with its limit.
        what: What the form calls the file.
        endings: Accepted endings, each with its dot.
        key: Tells the forms of one page apart.

    Returns:
        The stored file; None before an upload.
    """
    turn, limit = st.session_state.setdefault(f"{key}_turn", 0), workbench.settings.upload_mb
    sent = st.file_uploader(
        f"{what}, up to {limit} MB", type=[ending[1:] for ending in endings], key=f"{key}-{turn}",
        max_upload_size=limit,
    )  # fmt: skip
    if sent is not None:
        st.session_state.pop(f"{key}_problem", None)
        try:
            st.session_state[f"{key}_file"] = str(workbench.store_upload(sent, sent.name))
        except ValueError as error:
            st.session_state[f"{key}_problem"] = f"{sent.name}: {error}"
        st.session_state[f"{key}_turn"] = turn + 1  # a new key empties the uploader, so that no file stays in memory
        st.rerun()
    if problem := st.session_state.get(f"{key}_problem", ""):
        widgets.notice([problem], "error")
    stored = Path(st.session_state.get(f"{key}_file", ""))
    return stored if stored.is_file() else None


def chosen(workbench: Workbench, endings: Sequence[str], key: str) -> Path | None:
    """Draw a list of the files in the folders that the server may read, and return the chosen one.

    Args:
        workbench: The workbench, with its allowed folders.
        endings: Accepted endings, each with its dot.
        key: Tells the forms of one page apart.

    Returns:
        The chosen file; None without a choice and for a refused path.
    """
    roots = workbench.settings.readable_roots()
    named = st.selectbox(
        "Or a larger file on the server", listed(roots, endings), index=None, accept_new_options=True,
        key=f"{key}-on-server", placeholder=f"Put the file into {roots[0]}, then choose it here",
    )  # fmt: skip
    if not named:
        return None
    try:
        return allowed(named, roots)
    except ValueError as error:
        widgets.notice([str(error)], "error")
        return None


def listed(roots: Sequence[Path], endings: Sequence[str]) -> list[str]:
    """List the files with one of the endings that lie directly in some folders.

    Args:
        roots: The folders.
        endings: Accepted endings, in lower case, each with its dot.

    Returns:
        At most MAX_FILES_LISTED paths.
    """
    files = [str(file) for root in roots if root.is_dir() for file in sorted(root.iterdir())]
    return [name for name in files if name.lower().endswith(tuple(endings))][:MAX_FILES_LISTED]
