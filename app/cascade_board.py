"""The sliders of the Cascade page: a component whose arithmetic runs in the browser over a joint table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.boards import component
from core.cascade.joint import JointTable

Cuts = list[tuple[int, int]]


@dataclass(frozen=True)
class BoardAnswer:
    """cuts: where the sliders rest. saved: the cuts in the run in which `Save as policy` was pressed, else None."""

    cuts: Cuts | None
    saved: Cuts | None


def cascade_board(
    table: JointTable,
    titles: Sequence[str],
    units: Sequence[Mapping[str, Any]],
    groups: Mapping[str, float],
    cuts: Sequence[tuple[int, int]],
    home: Sequence[tuple[int, int]],
    identity: str,
    *,
    fronts: Mapping[str, Any] | None = None,
    front_note: str = "",
    found: Sequence[tuple[int, int]] | None = None,
    jump: str = "",
    key: str = "board",
) -> BoardAnswer:
    """Draw the board.

    titles: a member. units: each {"name": "GFLOP", "words": what it leaves out, "costs": one a member}. groups: of
    `group_counts`. cuts: edge indices that the sliders start from; home: those of the policy in force. identity: when
    it changes the board starts anew; jump: when it changes the sliders go to `cuts`. fronts: by unit and by risk
    (leakage, auroc_loss), points (cost, risk). found: the cuts of the last search."""
    data = {
        "table": table.to_document(),
        "titles": list(titles),
        "units": [dict(unit) for unit in units],
        "groups": dict(groups),
        "cuts": [list(c) for c in cuts],
        "home": [list(c) for c in home],
        "identity": identity,
        "jump": jump,
        "fronts": dict(fronts or {}),
        "front_note": front_note,
        "found": None if found is None else [list(c) for c in found],
    }
    result = component("cascade_board")(data=data, key=key, on_saved_change=lambda: None, on_cuts_change=lambda: None)
    return BoardAnswer(_cuts(getattr(result, "cuts", None)), _cuts(getattr(result, "saved", None)))


def _cuts(value: Any) -> Cuts | None:
    return [(int(real), int(fake)) for real, fake in value] if value else None


def cuts_text(table: JointTable, cuts: Sequence[tuple[int, int]]) -> str:
    """Cuts for a link: `0.02~0.98_~0.95_...`, a member each, in thresholds, so that a finer table reads them too."""
    parts = []
    for edges, (real, fake) in zip(table.edges, cuts, strict=True):
        below = f"{edges[real]:.8g}" if real > 0 else ""
        above = f"{edges[fake]:.8g}" if fake < edges.size - 1 else ""
        parts.append(f"{below}~{above}")
    return "_".join(parts)


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
