"""List the feature sets that a combination of experts may read; they are compared on the same folds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

STAGE3 = "lightgbm"
"""The set that stage 3 is made of; the others are its rivals."""


@dataclass(frozen=True)
class FeatureSet:
    """Columns of a model that combines the experts.

    Attributes:
        name: Its key in reports.
        title: As people read it.
        log_odds: Members whose calibrated log-odds are columns.
        blocks: Embeddings, projected inside each fold.
    """

    name: str
    title: str
    log_odds: tuple[str, ...]
    blocks: tuple[str, ...]

    @property
    def features(self) -> str:
        """What the set reads, in words."""
        scores = f"log-odds of {', '.join(self.log_odds)}" if self.log_odds else "no log-odds"
        return f"{scores}; embeddings of {', '.join(self.blocks)}" if self.blocks else f"{scores}; no embedding"


def part_block(expert: str, part: str) -> str:
    """Name the block that holds one part of an expert's embedding.

    Args:
        expert: Name of the expert.
        part: Name of the part.

    Returns:
        `expert:part`.
    """
    return f"{expert}:{part}"


def feature_sets(
    stage1: str, experts: Sequence[str], parts: Sequence[str] = (), specialists: Sequence[str] = ()
) -> list[FeatureSet]:
    """List stage 3's own set first, then its rivals: fewer features, each expert alone, and more.

    Args:
        stage1: Name of the stage-1 member.
        experts: Names of the experts.
        parts: Blocks of experts that give their embedding in parts (`part_block`).
        specialists: Further runs, which bring log-odds and an embedding under their own name.

    Returns:
        The sets, each with a name of its own.
    """
    members, own = (stage1, *experts), tuple(experts)
    sets = [
        FeatureSet(STAGE3, "LightGBM on log-odds and embeddings (stage 3)", members, own),
        FeatureSet("lightgbm_log_odds", "LightGBM on log-odds", members, ()),
        FeatureSet("lightgbm_embeddings", "LightGBM on embeddings alone", (), own),
    ]
    if len(own) > 1:
        title = "both experts" if len(own) == 2 else "all experts"
        sets.append(FeatureSet("lightgbm_experts", f"LightGBM on {title} without stage 1", own, own))
    sets += [FeatureSet(f"lightgbm_{name}", f"LightGBM on {name} alone", (name,), (name,)) for name in own]
    if parts:
        title = "LightGBM on stage 3's features and the experts' parts"
        sets.append(FeatureSet("lightgbm_parts", title, members, (*own, *parts)))
    if specialists:
        more = tuple(specialists)
        title = "LightGBM on stage 3's features and the specialists"
        sets.append(FeatureSet("lightgbm_specialists", title, (*members, *more), (*own, *more)))
    return sets
