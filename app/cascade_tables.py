"""Joint tables of saved predictions, built once a version of the file."""

from __future__ import annotations

from functools import lru_cache

from app.boards import group_counts
from app.policies import exits_by_member
from app.score_sources import PREDICTIONS, ScoreSource, predictions_of, stages_of
from core.cascade.joint import JointTable
from core.cascade.types import CascadePolicy


def joint_of(source: ScoreSource, split: str, policy: CascadePolicy | None) -> tuple[JointTable, dict[str, float]]:
    """(table of one split, effective groups by `group_counts`). The exits of `policy` are exact in it."""
    stamp = (source.folder / PREDICTIONS).stat().st_mtime
    return _joint(source, split, policy.to_json() if policy else "", stamp)


@lru_cache(maxsize=8)
def _joint(source: ScoreSource, split: str, policy: str, stamp: float) -> tuple[JointTable, dict[str, float]]:
    table = predictions_of(source)
    rows, members = table[table["split"] == split], stages_of(table)
    exits = exits_by_member(CascadePolicy.model_validate_json(policy), members[0]) if policy else None
    return JointTable.of_frame(rows, members, exits=exits), group_counts(rows["label"], rows["group"])
