"""Letters, names and colours of compared detectors: one owner for every legend, chart and table of the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import altair as alt
import streamlit as st

from app.scores.detector import DetectorScores
from app.ui.chart import slug
from app.ui.html import escape
from app.ui.theme import SERIES

LETTERS = "ABCDEF"
MOST_DETECTORS = len(LETTERS)
COLOURS = dict(zip(LETTERS, SERIES, strict=True))
LETTER_OF = "split(datum.label, ':')[0]"
"""Vega expression: the letter of a label such as `A: Stage 1`, for axes and legends."""


def title_of(scores: DetectorScores) -> str:
    """Return the detector's name without where its scores are from."""
    return scores.title or scores.label


def options(available: Mapping[str, DetectorScores], in_force: Path) -> dict[str, str]:
    """Name every detector that can be chosen.

    Args:
        available: Detectors by their reference.
        in_force: Folder of the bundle in force; its members are named without it.

    Returns:
        Texts by reference.
    """
    return {name: title_of(s) if s.folder == in_force else s.label for name, s in available.items()}


def common_source(chosen: Sequence[DetectorScores]) -> str:
    """Return the label of the source that all detectors share; empty where their sources differ."""
    labels = {scores.source.label if scores.source else "" for scores in chosen}
    return labels.pop() if len(labels) == 1 else ""


def lettered(chosen: Sequence[DetectorScores]) -> tuple[str, ...]:
    """Name each detector with its letter, `A: Stage 1: filter`; with its source only where the sources differ."""
    shared = common_source(chosen)
    return tuple(
        f"{letter}: {title_of(scores) if shared else scores.label}"
        for letter, scores in zip(LETTERS, chosen, strict=False)
    )


def picture_note(chosen: Sequence[DetectorScores]) -> str:
    """Say what the letters stand for: the sentence that saved pictures carry."""
    shared = common_source(chosen)
    return "; ".join(lettered(chosen)) + (f" (all from {shared})." if shared else ".")


def legend_html(chosen: Sequence[DetectorScores]) -> str:
    """Draw the page's one legend: the colour, the letter and the name of each detector, then their common source."""
    rows = []
    for name in lettered(chosen):
        letter, title = name.split(": ", 1)
        rows.append(
            f'<dt style="border-left:12px solid {COLOURS[letter]};padding-left:8px;opacity:1"><b>{letter}</b></dt>'
            f"<dd>{escape(title)}</dd>"
        )
    shared = common_source(chosen)
    below = f'<p class="aw-quiet" style="margin:4px 0 0">All scores come from {escape(shared)}.</p>' if shared else ""
    return f'<dl class="aw aw-facts">{"".join(rows)}</dl><div class="aw">{below}</div>'


def colour_scale(names: Sequence[str]) -> alt.Scale:
    """Make the colour scale of lettered names: the same letter has the same colour in every chart.

    Args:
        names: As `lettered` returns them, perhaps only some of them.

    Returns:
        A scale with these names as its domain.
    """
    return alt.Scale(domain=list(names), range=[COLOURS[name[0]] for name in names])


def colour_headers(table: str, letters: Sequence[str], first: int) -> None:
    """Draw a bar in the letter's colour above the columns of a table of `app.ui.tables.show_table`.

    Args:
        table: Name that the table was shown under.
        letters: One for each coloured column.
        first: Position of the first coloured column, counted from 1.
    """
    header = f".st-key-table-box-{slug(table)} th"
    rules = "".join(
        f"{header}:nth-child({first + i}){{opacity:1;box-shadow:inset 0 4px 0 {COLOURS[letter]}}}"
        for i, letter in enumerate(letters)
    )
    st.html(f"<style>{rules}</style>")
