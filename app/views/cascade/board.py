"""Draw the sliders of the Cascade page: a component whose arithmetic runs in the browser over a joint table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st

from app.ui.components import component
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
class BoardAnswer:
    """What the board reports.

    Attributes:
        cuts: Where the sliders rest; None before the first move.
        saved: The cuts in the run in which `Save as policy` was pressed, else None.
        view: What the charts show; None before the first move.
    """

    cuts: Cuts | None
    saved: Cuts | None
    view: BoardView | None = None


def cascade_board(data: Mapping[str, Any], key: str = "board") -> BoardAnswer:
    """Draw the board of `cascade_data`. key: another one forgets where the sliders rested."""
    result = component("cascade_board")(data=data, key=key, on_saved_change=lambda: None, on_at_change=lambda: None)
    at, saved = getattr(result, "at", None), getattr(result, "saved", None)
    if not at:
        return BoardAnswer(None, _cuts(saved))
    stage, side = at["focus"]
    return BoardAnswer(_cuts(at["cuts"]), _cuts(saved), BoardView((int(stage), int(side)), at["unit"], at["risk"]))


def resting(key: str, members: int) -> Cuts | None:
    """Where the sliders of the board with this key rest, known before it is drawn; None before their first move."""
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
) -> dict[str, Any]:
    """JSON that the board draws from.

    titles: a member. units: each {"name": "GFLOP", "words": what it leaves out, "costs": one a member}. groups: of
    `core.policies.boards.effective_sizes.effective_sizes`. cuts: edge indices that the sliders start from; home: those
    of the policy in force, None without one. identity: when it changes the board starts anew; jump: when it changes the
    sliders go to `cuts`. fronts: by unit and by risk (leakage, auroc_loss), points (cost, risk, exits). front_note:
    what they were taken from. found: the cuts of the last search. view: what the charts show at first. about: what was
    judged, in words, for saved pictures.
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
        "view": {"focus": list(view.focus), "unit": names.index(view.unit), "risk": view.risk},
    }


def _cuts(value: Any) -> Cuts | None:
    return [(int(real), int(fake)) for real, fake in value] if value else None


def cuts_text(table: JointTable, cuts: Sequence[tuple[int, int]]) -> str:
    """Cuts for a link: `0.02~0.98_~0.95_...`, a member each, in thresholds, so that a finer table reads them too."""
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
    """Inverse of `cuts_text`, to the nearest edge; None for a text that does not fit this table."""
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
