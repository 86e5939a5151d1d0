"""Small parts that every page uses. No page prints text from a file as markdown: it goes through here."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from app.ui import html, theme
from app.ui.formatting import span as span
from app.ui.formatting import when as when

STATE_WORDS = {"queued": "waiting", "running": "running", "done": "done", "failed": "failed", "cancelled": "cancelled"}
STATE_TONES = {
    "queued": theme.QUIET,
    "running": theme.ACCENT,
    "done": "#3f7d4e",
    "failed": theme.VERDICT_COLOURS["fake"],
    "cancelled": theme.QUIET,
}


def page_header(title: str, lead: str) -> None:
    """The page's title and its one-sentence purpose."""
    st.html(f"<style>{theme.style_sheet()}</style>")
    st.title(title, anchor=False)
    st.caption(lead)


def empty(title: str, next_step: str) -> None:
    """An empty state: what is not there yet and what to do next."""
    st.html(html.empty(title, next_step))


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
