"""The cascade itself over the rows of a predictions table: the reference for whatever counts a whole table fast.

run_rows(table, policy)     # columns p_<member> and, where there, p_stack; NaN: that member fails on this row
decide_rows(table, policy)  # the same as documents
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from core.cascade.cascade import Cascade
from core.cascade.units import Scores, Unit
from core.documents.decision import Decision
from core.documents.inputs import InputSpec
from core.documents.policy import CascadePolicy


class Column:
    """A member whose p_fake of a row is a column of the table, to the last digit: a limit can be met exactly."""

    def __init__(self, name: str, role: str, p: np.ndarray) -> None:
        self.name, self.title, self.role, self.input = name, name, role, InputSpec(size=16)
        self.p = p

    def score(self, crops: np.ndarray) -> Scores:
        row = row_of(crops)
        return Scores(self.p[[row]], np.array([[float(row)]]))

    def p_fake(self, log_odds: np.ndarray) -> np.ndarray:
        return np.asarray(log_odds)


class StackColumn:
    """Stage 3 whose p_fake of a row is the column p_stack; it finds the row in the embeddings."""

    def __init__(self, experts: Sequence[str], p: np.ndarray) -> None:
        self.experts, self.p = list(experts), p

    def p_fake(self, log_odds, embeddings) -> float:
        (row,) = {int(embedding[0]) for embedding in embeddings.values()}
        return float(self.p[row])


def row_of(crops: np.ndarray) -> int:
    """The row that a unit's first pixel names, least byte first."""
    return sum(int(byte) << 8 * place for place, byte in enumerate(crops[0, 0, 0]))


def row_unit(row: int) -> Unit:
    crop = np.zeros((1, 16, 16, 3), np.uint8)
    crop[0, 0, 0] = row & 255, row >> 8 & 255, row >> 16
    return Unit(lambda spec: crop, [0.0])


def decide_rows(table: pd.DataFrame, policy: CascadePolicy, stage1: str = "stage1") -> list[Decision]:
    """The decision on each row, with its trace."""
    experts = [expert.name for expert in policy.experts if f"p_{expert.name}" in table]
    columns = {name: table[f"p_{name}"].to_numpy(np.float64) for name in (stage1, *experts)}
    members = [Column(name, "stage1" if name == stage1 else "expert", p) for name, p in columns.items()]
    meta = StackColumn(experts, table["p_stack"].to_numpy(np.float64)) if "p_stack" in table else None
    results = Cascade(members, policy, meta).run([row_unit(row) for row in range(len(table))])
    return [result.current_decision() for result in results]


def run_rows(table: pd.DataFrame, policy: CascadePolicy, stage1: str = "stage1") -> pd.DataFrame:
    """One row an item, same index: verdict, decided_by ("" when no stage decides), p_fake (NaN then), asked (members of
    stages 1 and 2 that were run, whether they answered or failed)."""
    decisions = decide_rows(table, policy, stage1)
    return pd.DataFrame(
        {
            "verdict": [decision.verdict for decision in decisions],
            "decided_by": [decision.decided_by or "" for decision in decisions],
            "p_fake": np.array([decision.p_fake for decision in decisions], np.float64),
            "asked": [
                sum(step.stage != "stage3" and step.status in ("scored", "failed") for step in decision.trace)
                for decision in decisions
            ],
        },
        index=table.index,
    )
