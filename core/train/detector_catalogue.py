"""Every registered detector on one page: size, cost, input, recipes, and what is published of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch
from torch.utils.flop_counter import FlopCounterMode

from core.models.detector import Detector
from core.models.registry import DetectorEntry, build_detector, detectors
from core.models.weights.published_figures import CAVEAT, FIGURES, NETWORKS
from core.train.recipes import recipes


@dataclass(frozen=True)
class Row:
    """parameters: millions. gflops: of one item's forward, 2 x multiply-adds. size: side of the input, pixels.

    recipes: those that train it. published: see `published_words`.
    """

    name: str
    title: str
    scale: str
    parameters: float
    gflops: float
    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    embedding: int
    recipes: tuple[str, ...]
    published: str

    @property
    def otherwise(self) -> str:
        """How its weights come to be where no recipe trains it."""
        return "imported" if any(self.name == network.detector for network in NETWORKS) else ""


def catalogue(names: Sequence[str] = ()) -> list[Row]:
    """Describe detectors, counted on networks without memory: no weights are made.

    Args:
        names: Registered names; empty: all.

    Returns:
        One row for each detector.
    """
    return [_row(detectors.get(name)) for name in (names or detectors.names())]


def _row(entry: DetectorEntry) -> Row:
    detector, gflops = _counted(entry.name)
    spec = detector.input_spec
    return Row(
        name=entry.name,
        title=entry.title,
        scale=entry.scale,
        parameters=sum(p.numel() for p in detector.parameters()) / 1e6,
        gflops=gflops,
        size=spec.size,
        mean=spec.mean,
        std=spec.std,
        embedding=detector.embedding_size,
        recipes=tuple(recipe.name for recipe in recipes if recipe.detector == entry.name),
        published=published_words(entry.name),
    )


@cache
def _counted(name: str) -> tuple[Detector, float]:
    """A detector without memory, and the GFLOP of one item's forward."""
    with torch.device("meta"):
        detector = build_detector(name).eval()
        size = detector.input_spec.size
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            detector(torch.empty(1, 3, size, size))
    return detector, counter.get_total_flops() / 1e9


def published_words(detector: str) -> str:
    """Give the figures of the published network that a detector is, or is the hybrid of.

    Args:
        detector: Registered name.

    Returns:
        Millions of parameters stored / used, and GFLOP as counted here; empty for any other detector.
    """
    for network in NETWORKS:
        if detector in (network.detector, network.hybrid):
            gflops = _counted(network.detector)[1]
            return f"{network.stored:g} / {network.live:g} / {gflops:.2f}"
    return ""


def markdown(rows: Sequence[Row]) -> str:
    """Write the catalogue as a document: a table, and the published figures marked as published.

    Args:
        rows: Rows of `catalogue`.

    Returns:
        Markdown.
    """
    lines = [
        "# Detectors",
        "",
        "Counted from the code by `aware detectors list --markdown`: parameters in millions, GFLOP of one item's",
        "forward (two a multiply-add), side of the input in pixels. The last column is the published network (its",
        "GFLOP counted here): a `_published` detector runs exactly the live part of it; its hybrid sibling is trained",
        "here.",
        "",
        "| detector | scale | parameters, M | GFLOP | input | embedding | recipes "
        "| published: M stored / M used / GFLOP |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        made_by = ", ".join(f"`{name}`" for name in row.recipes) or row.otherwise
        lines.append(
            f"| `{row.name}` | {row.scale} | {row.parameters:.1f} | {row.gflops:.2f} | {row.size} | {row.embedding} | "
            f"{made_by} | {row.published} |"
        )
    lines += [
        "",
        "## Published figures of GenConViT",
        "",
        CAVEAT,
        "",
        "| data set | accuracy | AUROC |",
        "|---|---|---|",
    ]
    lines += [f"| {f.dataset} | {f.accuracy:.3f} | {f.auroc:.4g} |" for f in FIGURES]
    return "\n".join(lines) + "\n"
