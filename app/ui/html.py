"""Small pieces of HTML that every page uses. Every word from outside is escaped."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape


def prose(text: str) -> str:
    """Escaped text in which `words` in backticks are set as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def facts(pairs: Mapping[str, object] | Iterable[tuple[str, object]]) -> str:
    """A definition list of plain text."""
    rows = pairs.items() if isinstance(pairs, Mapping) else pairs
    inside = "".join(f"<dt>{escape(str(k))}</dt><dd>{escape(str(v))}</dd>" for k, v in rows)
    return f'<dl class="aw aw-facts">{inside}</dl>'


def tiles(rows: Iterable[tuple[str, str, str]]) -> str:
    """Figures in frames, as many abreast as there is room for: name, value, and its interval or why there is none."""
    inside = "".join(
        f"<div><em>{escape(name)}</em><b>{escape(value)}</b><small>{escape(below)}</small></div>"
        for name, value, below in rows
    )
    return f'<div class="aw aw-tiles">{inside}</div>'


def notes(sentences: Sequence[str]) -> str:
    """A plain list of sentences."""
    return f'<ul class="aw aw-notes">{"".join(f"<li>{prose(s)}</li>" for s in sentences)}</ul>'


def empty_state(title: str, next_step: str) -> str:
    """An empty state: what is not there yet, and what to do next."""
    return f'<div class="aw aw-empty"><b>{escape(title)}</b>{prose(next_step)}</div>'


def heading(title: str, lead: str) -> str:
    """A page's title and its one-sentence purpose."""
    return f'<div class="aw aw-head"><h1>{escape(title)}</h1><p>{escape(lead)}</p></div>'
