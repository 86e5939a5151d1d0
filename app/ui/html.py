"""Make small pieces of HTML that every page uses; every word from outside is escaped."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, tzinfo
from html import escape

from app.ui.formatting import local_time, moment_of, when


class Markup(str):
    """HTML made by this project; it is placed as it is, every other text is escaped."""


def prose(text: str) -> str:
    """Escape a text, and set words in backticks as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def facts(pairs: Mapping[str, object] | Iterable[tuple[str, object]]) -> str:
    """Make a list of names and values; values are plain text, but for `Markup`."""
    rows = pairs.items() if isinstance(pairs, Mapping) else pairs
    inside = "".join(f"<dt>{escape(str(k))}</dt><dd>{_cell(v)}</dd>" for k, v in rows)
    return f'<dl class="aw aw-facts">{inside}</dl>'


def _cell(value: object) -> str:
    return value if isinstance(value, Markup) else escape(str(value))


def moment(at: datetime | str | float, zone: tzinfo) -> Markup:
    """Make a moment in the reader's time zone, with UTC as its tooltip.

    Args:
        at: A time, ISO 8601 text, or seconds since the epoch.
        zone: The reader's time zone.

    Returns:
        A `<time>` element.
    """
    stamp = moment_of(at).isoformat(timespec="seconds")
    return Markup(f'<time datetime="{stamp}" title="{when(at)}">{local_time(at, zone)}</time>')


def term(word: str, meaning: str) -> Markup:
    """Make a term of the field with its meaning as a tooltip that a keyboard and a screen reader reach.

    Args:
        word: The term as it stands on the card.
        meaning: One sentence, as `core.glossary.define` gives it.

    Returns:
        An `<abbr>` element that takes the focus.
    """
    return Markup(
        f'<abbr class="aw-term" tabindex="0" title="{escape(meaning)}" aria-label="{escape(word)}: {escape(meaning)}" '
        f'role="note">{escape(word)}</abbr>'
    )


def tiles(rows: Iterable[tuple[str, str, str]]) -> str:
    """Make figures in frames, as many side by side as the width allows.

    Args:
        rows: Name, value, and the interval of the value or the reason why it has none.

    Returns:
        The HTML.
    """
    inside = "".join(
        f"<div><em>{escape(name)}</em><b>{escape(value)}</b><small>{escape(below)}</small></div>"
        for name, value, below in rows
    )
    return f'<div class="aw aw-tiles">{inside}</div>'


def notes(sentences: Sequence[str]) -> str:
    """Make a plain list of sentences."""
    return f'<ul class="aw aw-notes">{"".join(f"<li>{prose(s)}</li>" for s in sentences)}</ul>'


def empty_state(title: str, next_step: str) -> str:
    """Make an empty state.

    Args:
        title: What is missing.
        next_step: What the reader does next; words in backticks are set as code.

    Returns:
        The HTML.
    """
    return f'<div class="aw aw-empty"><b>{escape(title)}</b>{prose(next_step)}</div>'


def heading(title: str, lead: str) -> str:
    """Make a page's title with one sentence on its purpose.

    Args:
        title: The title.
        lead: The sentence.

    Returns:
        The HTML.
    """
    return f'<div class="aw aw-head"><h1>{escape(title)}</h1><p>{escape(lead)}</p></div>'
