"""Draw small parts that every page uses; text from a file is never printed as markdown without `plain_markdown`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Any

import streamlit as st

from app.ui import html, navigation, theme
from app.ui.formatting import span as span
from app.ui.formatting import when as when
from app.ui.formatting import zone_of
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


def reader_zone() -> tzinfo:
    """Return the time zone of the browser; UTC where the browser does not tell."""
    return zone_of(st.context.timezone)


def chip(text: str, colour: str) -> str:
    """Make a small outlined word.

    Args:
        text: The word.
        colour: A CSS colour with a contrast of at least 4.5 to white.

    Returns:
        The HTML.
    """
    return f'<span class="aw-chip" style="--aw-tone: {colour}">{html.escape(text)}</span>'


def state_chip(state: str) -> str:
    """Make a job's state as a small outlined word."""
    return chip(STATE_WORDS.get(state, state), STATE_TONES.get(state, theme.QUIET))


def plain_markdown(text: str) -> str:
    """Take everything out of the markdown of a file that could fetch, link or run.

    These are pictures, links, HTML, formulas, and Streamlit's own `:word:` directives. Headings, lists, tables and
    emphasis stay.

    Args:
        text: The markdown.

    Returns:
        Markdown that shows the same words.
    """
    text = re.sub(r"([\\\[\]<>!$@])", r"\\\1", text)
    return re.sub(r":(?=[A-Za-z])", r"\:", text.replace("://", ":\\//").replace("www.", "www\\."))


def figure(value: Any) -> str:
    """Write a figure of a summary: four digits, yes and no, lists with commas, `–` for none."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "–"}[value]
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {figure(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(figure(item) for item in value)
    return str(value)


def figure_tile(title: str, figures: Mapping[str, Any], digits: int = 3) -> tuple[str, str, str]:
    """Make one row of `html.tiles` from a figure with its interval.

    Args:
        title: Name of the figure.
        figures: `value`, `low` and `high` (None where there is none), and perhaps a `note` on the interval.
        digits: Decimal places.

    Returns:
        (title, value, interval or note).
    """
    value = "–" if figures["value"] is None else f"{figures['value']:.{digits}f}"
    if figures["low"] is None:
        return title, value, figures.get("note") or ""
    return title, value, f"95 %: {figures['low']:.{digits}f} to {figures['high']:.{digits}f}"


def halves() -> Sequence[Any]:
    """Return two columns that stand under each other where the window is narrow; call it once on a page."""
    with st.container(key="halves"):
        return st.columns(2)


def notice(sentences: list[str], kind: str = "warning") -> None:
    """Draw sentences as text in one coloured box.

    Args:
        sentences: At least one; several become a list.
        kind: "warning", "error" or "info".
    """
    box = {"warning": st.warning, "error": st.error, "info": st.info}[kind]
    box("\n".join(f"- {plain_markdown(s)}" for s in sentences) if len(sentences) > 1 else plain_markdown(sentences[0]))
