"""Which features a way to combine the experts reads: a table of sets, compared on the same folds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

STAGE3 = "lightgbm"
"""The set that stage 3 is made of; the others are its rivals."""


@dataclass(frozen=True)
class FeatureSet:
    """log_odds: members whose calibrated log-odds are columns; blocks: embeddings, projected inside each fold."""

    name: str
    title: str
    log_odds: tuple[str, ...]
    blocks: tuple[str, ...]

    @property
    def features(self) -> str:
        """What it reads, in words."""
        scores = f"log-odds of {', '.join(self.log_odds)}" if self.log_odds else "no log-odds"
        return f"{scores}; embeddings of {', '.join(self.blocks)}" if self.blocks else f"{scores}; no embedding"


def part_block(expert: str, part: str) -> str:
    """Name of the block that holds one part of an expert's embedding."""
    return f"{expert}:{part}"


def feature_sets(
    stage1: str, experts: Sequence[str], parts: Sequence[str] = (), specialists: Sequence[str] = ()
) -> list[FeatureSet]:
    """Stage 3's own set first, then its rivals: fewer features, each expert alone, and more.

    parts: blocks of experts that give their embedding apart (`part_block`); specialists: further runs, which bring
    log-odds and an embedding under their own name.
    """
    members, own = (stage1, *experts), tuple(experts)
    found = [
        FeatureSet(STAGE3, "LightGBM on log-odds and embeddings (stage 3)", members, own),
        FeatureSet("lightgbm_log_odds", "LightGBM on log-odds", members, ()),
        FeatureSet("lightgbm_embeddings", "LightGBM on embeddings alone", (), own),
    ]
    if len(own) > 1:
        title = "both experts" if len(own) == 2 else "all experts"
        found.append(FeatureSet("lightgbm_experts", f"LightGBM on {title} without stage 1", own, own))
    found += [FeatureSet(f"lightgbm_{name}", f"LightGBM on {name} alone", (name,), (name,)) for name in own]
    if parts:
        title = "LightGBM on stage 3's features and the experts' parts"
        found.append(FeatureSet("lightgbm_parts", title, members, (*own, *parts)))
    if specialists:
        more = tuple(specialists)
        title = "LightGBM on stage 3's features and the specialists"
        found.append(FeatureSet("lightgbm_specialists", title, (*members, *more), (*own, *more)))
    return found
