"""The guide of a page: its file in assets/guide, shown on the page itself without its pictures."""

from __future__ import annotations

import re

import streamlit as st

from app.ui.theme import ASSETS

FOLDER = ASSETS / "guide"
_PICTURE = re.compile(r"^!\[.*\]\(.*\)\n*", re.MULTILINE)
_LINK = re.compile(r"\[([^\]]+)\]\([^)]*\)")


def guide_text(page: str) -> str:
    """Read the guide of a page as Markdown without its title, its pictures and its links, which have no target here.

    Args:
        page: Title of the page, for example `Calibrate`.

    Returns:
        Markdown text; empty where the page has no guide.
    """
    file = FOLDER / f"{page.lower()}.md"
    if not file.is_file():
        return ""
    _, _, body = file.read_text(encoding="utf-8").partition("\n")
    return _LINK.sub(r"\1", _PICTURE.sub("", body)).strip()


def guide_popover(page: str) -> None:
    """Offer the guide of a page below its title.

    Args:
        page: Title of the page. A page without a guide gets nothing.
    """
    if text := guide_text(page):
        with st.popover("How to use this page", icon=":material/help:", type="tertiary"):
            st.markdown(text)
