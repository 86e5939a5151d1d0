"""Draw the sliders of the Cascade page: a component whose arithmetic runs in the browser over a joint table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st

from app.ui.components import component
from core.documents.policy import Exits
from core.policies.boards.joint_table import JointTable

Cuts = list[tuple[int, int]]


RISKS = ("leakage", "auroc_loss")


@dataclass(frozen=True)
class BoardView:
    """What the charts show.

    Attributes:
        focus: Stage and side (0 real, 1 fake) of the exit drawn.
        unit: Name of the unit of cost.
        risk: Of RISKS.
    """

    focus: tuple[int, int] = (0, 0)
    unit: str = ""
    risk: str = "leakage"

    def text(self) -> str:
        """Write the view for a link: `0r-leakage-GFLOP`."""
        return f"{self.focus[0]}{'rf'[self.focus[1]]}-{self.risk}-{self.unit}"

    @classmethod
    def of_text(cls, text: str, members: int, units: Sequence[str]) -> BoardView:
        """Read a view from a link, the inverse of `text`.

        Args:
            text: Of a link.
            members: Number of stages.
            units: Names of the units of cost.

        Returns:
            The view; the first of everything for a text that does not fit.
        """
        exit_, risk, unit = [*text.split("-", 2), "", ""][:3]
        fits = len(exit_) > 1 and exit_[:-1].isdecimal() and int(exit_[:-1]) < members and exit_[-1] in "rf"
        if not fits or risk not in RISKS or unit not in units:
            return cls(unit=units[0])
        return cls((int(exit_[:-1]), "rf".index(exit_[-1])), unit, risk)


@dataclass(frozen=True)
class TypedExit:
    """An exit that a person typed and at which the table has no step yet.

    Attributes:
        cuts: Where the sliders stand at that moment.
        stage: Position of the stage.
        side: 0 real, 1 fake.
        value: p_fake, in [0, 1].
        view: What the charts show at that moment: this exit.
    """

    cuts: Cuts
    stage: int
    side: int
    value: float
    view: BoardView

    def exits(self) -> Exits:
        """Return exits of the one side."""
        return Exits(fake_above=self.value) if self.side else Exits(real_below=self.value)


@dataclass(frozen=True)
class BoardAnswer:
    """What the board reports.

    Attributes:
        cuts: Where the sliders rest; None before the first move.
        saved: The cuts in the run in which `Save as policy` was pressed, else None.
        view: What the charts show; None before the first move.
        typed: The exit in the run in which a number between two steps was typed, else None.
    """

    cuts: Cuts | None
    saved: Cuts | None
    view: BoardView | None = None
    typed: TypedExit | None = None


def cascade_board(data: Mapping[str, Any], key: str = "board") -> BoardAnswer:
    """Draw the board.

    Args:
        data: Of `cascade_data`.
        key: Another one forgets where the sliders rested.

    Returns:
        What the board reports in this run.
    """
    result = component("cascade_board")(
        data=data, key=key, on_saved_change=lambda: None, on_at_change=lambda: None, on_typed_change=lambda: None
    )
    at, saved, asked = (getattr(result, name, None) for name in ("at", "saved", "typed"))
    typed = None
    if asked:
        cuts = _cuts(asked["cuts"]) or []
        stage, side = int(asked["stage"]), int(asked["side"])
        view = BoardView((stage, side), str(asked["unit"]), str(asked["risk"]))
        typed = TypedExit(cuts, stage, side, float(asked["value"]), view)
    if not at:
        return BoardAnswer(None, _cuts(saved), typed=typed)
    stage, side = at["focus"]
    view = BoardView((int(stage), int(side)), at["unit"], at["risk"])
    return BoardAnswer(_cuts(at["cuts"]), _cuts(saved), view, typed)


def resting(key: str, members: int) -> Cuts | None:
    """Return where the sliders of a board rest, known before it is drawn.

    Args:
        key: Of the board.
        members: Number of stages.

    Returns:
        The cuts; None before their first move.
    """
    at = st.session_state.get(key, {}).get("at")
    cuts = _cuts(at["cuts"]) if at else None
    return cuts if cuts is not None and len(cuts) == members else None


def cascade_data(
    table: JointTable,
    titles: Sequence[str],
    units: Sequence[Mapping[str, Any]],
    groups: Mapping[str, Any],
    cuts: Sequence[tuple[int, int]],
    home: Sequence[tuple[int, int]] | None,
    identity: str,
    *,
    fronts: Mapping[str, Any] | None = None,
    front_note: str = "",
    found: Sequence[tuple[int, int]] | None = None,
    jump: str = "",
    view: BoardView | None = None,
    about: str = "",
    typed: tuple[int, int] | None = None,
) -> dict[str, Any]:
    """Build the JSON that the board draws from.

    Args:
        table: Counts of the items.
        titles: Of each member.
        units: Each {"name": "GFLOP", "words": what it leaves out, "costs": one a member}.
        groups: Of `core.policies.boards.effective_sizes.effective_sizes`.
        cuts: Edge indices that the sliders start from.
        home: Those of the policy in force; None without one.
        identity: When it changes, the board starts anew.
        fronts: By unit and by risk (leakage, auroc_loss), points (cost, risk, exits).
        front_note: What they were taken from.
        found: The cuts of the last search.
        jump: When it changes, the sliders go to `cuts`.
        view: What the charts show at first.
        about: What was judged, in words, for saved pictures.
        typed: Stage and side of the field that was typed into and is to keep the focus.

    Returns:
        JSON.
    """
    names = [str(unit["name"]) for unit in units]
    view = view or BoardView(unit=names[0])
    return {
        "table": table.to_document(),
        "titles": list(titles),
        "units": [dict(unit) for unit in units],
        "groups": dict(groups),
        "cuts": [list(c) for c in cuts],
        "home": None if home is None else [list(c) for c in home],
        "identity": identity,
        "jump": jump,
        "about": about,
        "fronts": dict(fronts or {}),
        "front_note": front_note,
        "found": None if found is None else [list(c) for c in found],
        "typed": None if typed is None else list(typed),
        "view": {"focus": list(view.focus), "unit": names.index(view.unit), "risk": view.risk},
    }


def _cuts(value: Any) -> Cuts | None:
    return [(int(real), int(fake)) for real, fake in value] if value else None


def cuts_text(table: JointTable, cuts: Sequence[tuple[int, int]]) -> str:
    """Write cuts for a link: `0.02~0.98_~0.95_...`, a member each, in thresholds, so that a finer table reads them too.

    Args:
        table: Whose edges the cuts are.
        cuts: A pair of edge indices a member.

    Returns:
        The text.
    """
    parts = []
    for edges, (real, fake) in zip(table.edges, cuts, strict=True):
        below = _edge_text(edges, real) if real > 0 else ""
        above = _edge_text(edges, fake) if fake < edges.size - 1 else ""
        parts.append(f"{below}~{above}")
    return "_".join(parts)


def _edge_text(edges: np.ndarray, index: int) -> str:
    """Eight digits, or all of them where a neighbour is as near to these: "from 0.9 on" ends just below 0.9."""
    short = f"{edges[index]:.8g}"
    return short if int(abs(edges - float(short)).argmin()) == index else f"{edges[index]:.17g}"


def cuts_of_text(table: JointTable, text: str) -> Cuts | None:
    """Read cuts from a link, the inverse of `cuts_text`, to the nearest edge.

    Args:
        table: Whose edges the cuts shall be.
        text: Of a link.

    Returns:
        The cuts; None for a text that does not fit this table.
    """
    parts = [part.split("~") for part in text.split("_")]
    if len(parts) != len(table.members) or any(len(part) != 2 for part in parts):
        return None
    cuts: Cuts = []
    for edges, (below, above) in zip(table.edges, parts, strict=True):
        try:
            real = int(abs(edges - float(below)).argmin()) if below else 0
            fake = int(abs(edges - float(above)).argmin()) if above else edges.size - 1
        except ValueError:
            return None
        cuts.append((min(real, fake), fake))
    return cuts


def steps_of_text(table: JointTable, text: str) -> list[tuple[str, Exits]]:
    """Find the exits of a link at which a table has no edge, so that a finer table can stand exactly there.

    Args:
        table: A table without these edges.
        text: Of a link (`cuts_text`).

    Returns:
        Exits, each with its member; none for a text that does not fit this table.
    """
    parts = [part.split("~") for part in text.split("_")]
    if cuts_of_text(table, text) is None:
        return []
    steps = []
    for name, edges, (below, above) in zip(table.members, table.edges, parts, strict=True):
        for side, number in enumerate((below, above)):
            nearest = int(abs(edges - float(number)).argmin()) if number else 0
            if not number or not 0 < float(number) < 1 or _edge_text(edges, nearest) == number:
                continue
            value = float(number)
            if side and len(number) > len("0.12345678"):  # all digits of the double before the exit
                value = float(np.nextafter(value, 2.0))
            steps.append((name, Exits(fake_above=value) if side else Exits(real_below=value)))
    return steps
