"""Scales and parts that several charts share."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd

from app.ui.theme import ACCENT, INK, QUIET

LayeredChart = alt.LayerChart | alt.FacetChart
UNIT_SCALE = alt.Scale(domain=[0, 1], nice=False)
"""A share or a probability: the axis always shows all of it."""
ROW_PX = 30
"""Height of one row of an interval chart."""
CURVE_PX = 320
"""Height of a chart of curves."""
AUROC_COLOURS = alt.Scale(domain=[0.5, 1], range=["#f7e9df", ACCENT], clamp=True)
"""Cells from chance (pale) to perfect (dark)."""
DARK_FROM = 0.8
"""AUROC above which a cell is so dark that its text is white."""


def auroc_ink() -> Any:
    """Return the colour of the text in a cell of AUROC_COLOURS, as an Altair condition on the column `auroc`."""
    return alt.condition(f"datum.auroc > {DARK_FROM}", alt.value("white"), alt.value(INK))


def interval_tips(form: str, *columns: str) -> list[alt.Tooltip]:
    """Make the tooltips of value, low and high.

    Args:
        form: Format of d3, for example ".3f".
        columns: Names of the three columns; value, low and high where none is given.

    Returns:
        One tooltip for each column.
    """
    return [alt.Tooltip(f"{name}:Q", format=form) for name in columns or ("value", "low", "high")]


def diagonal(x: str, y: str) -> alt.Chart:
    """Draw the dashed line from (0, 0) to (1, 1).

    Args:
        x: Column of the horizontal axis of the chart that it is laid over.
        y: Column of its vertical axis.

    Returns:
        A layer.
    """
    line = pd.DataFrame({x: [0, 1], y: [0, 1]})
    return alt.Chart(line).mark_line(strokeDash=[4, 4], color=QUIET, clip=True).encode(x=f"{x}:Q", y=f"{y}:Q")


def marker(column: str, at: float) -> alt.Chart:
    """Draw a dashed vertical line at a value that means "no effect".

    Args:
        column: Column of the horizontal axis.
        at: Where the line stands, in the units of that axis.

    Returns:
        A layer.
    """
    return alt.Chart(pd.DataFrame({column: [at]})).mark_rule(strokeDash=[4, 4], color=QUIET).encode(x=f"{column}:Q")
