"""Small parts that every page uses. No page prints text from a file as markdown: it goes through here."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from app.ui import html, navigation, theme
from app.ui.formatting import span as span
from app.ui.formatting import when as when
from app.ui.guide import guide_popover

STATE_WORDS = {"queued": "waiting", "running": "running", "done": "done", "failed": "failed", "cancelled": "cancelled"}
STATE_TONES = {
    "queued": theme.QUIET,
    "running": theme.ACCENT,
    "done": "#3f7d4e",
    "failed": theme.VERDICT_COLOURS["fake"],
    "cancelled": theme.QUIET,
}


def page_header(title: str, lead: str) -> None:
    """Draw a page's title, its purpose in one sentence, and its guide.

    Args:
        title: Title of the page; `assets/guide/TITLE.md` in lower case is its guide.
        lead: One sentence on what the page is for.
    """
    st.html(f"<style>{theme.style_sheet()}</style>")
    st.title(title, anchor=False)
    st.caption(lead)
    guide_popover(title)


def empty(title: str, next_step: str, label: str = "", page: str = "", **query: str) -> None:
    """Draw an empty state: what is missing, what to do next, and a button that leads there.

    Args:
        title: What is missing, a few words.
        next_step: What the reader does next; words in backticks are set as code.
        label: Text of the button; empty draws no button, for a state whose next step stands on the same screen.
        page: Address of the page that the button opens, as in `PageInfo.url`.
        **query: Query parameters of that page, for example `tab="import"`.

    Raises:
        ValueError: A label without a page, or a page without a label.
    """
    if bool(label) != bool(page):
        raise ValueError("an empty state needs both a label and a page for its button, or neither")
    st.html(html.empty_state(title, next_step))
    if label and st.button(label, icon=":material/arrow_forward:", key=f"empty-{title}-{label}-{page}"):
        navigation.go_to(page, **query)


def chip(text: str, colour: str) -> str:
    """A small outlined word, as HTML."""
    return f'<span class="aw-chip" style="--aw-tone: {colour}">{html.escape(text)}</span>'


def state_chip(state: str) -> str:
    """A job's state as a small outlined word."""
    return chip(STATE_WORDS.get(state, state), STATE_TONES.get(state, theme.QUIET))


def plain_markdown(text: str) -> str:
    """Markdown of a file with everything that could fetch, link or run taken out: pictures, links, HTML, formulas,
    and Streamlit's own `:word:` directives. Headings, lists, tables and emphasis stay.
    """
    text = re.sub(r"([\\\[\]<>!$@])", r"\\\1", text)
    return re.sub(r":(?=[A-Za-z])", r"\:", text.replace("://", ":\\//").replace("www.", "www\\."))


def figure(value: Any) -> str:
    """A figure of a summary, short."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "–"}[value]
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {figure(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(figure(item) for item in value)
    return str(value)


def figure_tile(title: str, found: Mapping[str, Any], digits: int = 3) -> tuple[str, str, str]:
    """A row of `html.tiles`. found: value, low, high, perhaps a note on its interval."""
    value = "–" if found["value"] is None else f"{found['value']:.{digits}f}"
    if found["low"] is None:
        return title, value, found.get("note") or ""
    return title, value, f"95 %: {found['low']:.{digits}f} to {found['high']:.{digits}f}"


def halves() -> Sequence[Any]:
    """Two columns for two charts, which stand under each other where the window is narrow. Once a page."""
    with st.container(key="halves"):
        return st.columns(2)


def notice(sentences: list[str], kind: str = "warning") -> None:
    """Sentences as text in one coloured box."""
    box = {"warning": st.warning, "error": st.error, "info": st.info}[kind]
    box("\n".join(f"- {plain_markdown(s)}" for s in sentences) if len(sentences) > 1 else plain_markdown(sentences[0]))
