"""Every detector of the program on one page: size, cost, input, recipes, and what is published of it.

What takes a network to know is a stored table (`aware detectors count` writes it, a test counts again and compares), so
that the list needs neither torch nor a network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from core.artifacts.files import read_json, write_json
from core.models.weights.published_figures import CAVEAT, FIGURES, NETWORKS
from core.train.recipes import recipes

TABLE = Path(__file__).with_name("detectors.json")


@dataclass(frozen=True)
class DetectorFacts:
    """What a built network tells of itself.

    Attributes:
        name: Registered name.
        title: Its name for people.
        scale: full, small or tiny.
        parameter_count: Number of parameters.
        flops: Operations of one item's forward, two for each multiply-add.
        size: Side of the input in pixels.
        mean: Of the input's channels, subtracted.
        std: Of the input's channels, divided by.
        embedding: Length of the embedding.
    """

    name: str
    title: str
    scale: str
    parameter_count: int
    flops: int
    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    embedding: int


@dataclass(frozen=True)
class Row:
    """One line of the catalogue.

    Attributes:
        name: Registered name.
        title: Its name for people.
        scale: full, small or tiny.
        parameters: Millions.
        gflops: Of one item's forward, two for each multiply-add.
        size: Side of the input in pixels.
        mean: Of the input's channels, subtracted.
        std: Of the input's channels, divided by.
        embedding: Length of the embedding.
        recipes: Those that train it.
        published: See `published_words`.
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
    """Describe detectors from the stored table.

    Args:
        names: Registered names; empty: all.

    Returns:
        One row for each detector.

    Raises:
        LookupError: The table lacks a name.
    """
    facts = stored_facts()
    if missing := [name for name in names if name not in facts]:
        raise LookupError(f"{TABLE.name} lacks {', '.join(missing)}; `aware detectors count` writes it anew")
    return [_row(facts[name]) for name in (names or facts)]


@cache
def stored_facts() -> dict[str, DetectorFacts]:
    """Read the stored table.

    Returns:
        Registered name -> facts, in the order of registration.
    """
    rows = [{**row, "mean": tuple(row["mean"]), "std": tuple(row["std"])} for row in read_json(TABLE)]
    return {row["name"]: DetectorFacts(**row) for row in rows}


def store_facts(facts: Sequence[DetectorFacts]) -> None:
    """Write the stored table.

    Args:
        facts: Of every registered detector.
    """
    write_json(TABLE, [asdict(one) for one in facts])
    stored_facts.cache_clear()


def _row(facts: DetectorFacts) -> Row:
    return Row(
        name=facts.name,
        title=facts.title,
        scale=facts.scale,
        parameters=facts.parameter_count / 1e6,
        gflops=facts.flops / 1e9,
        size=facts.size,
        mean=facts.mean,
        std=facts.std,
        embedding=facts.embedding,
        recipes=tuple(recipe.name for recipe in recipes if recipe.detector == facts.name),
        published=published_words(facts.name),
    )


def published_words(detector: str) -> str:
    """Give the figures of the published network that a detector is, or is the hybrid of.

    Args:
        detector: Registered name.

    Returns:
        Millions of parameters stored / used, and GFLOP as counted here; empty for any other detector.
    """
    for network in NETWORKS:
        if detector in (network.detector, network.hybrid):
            flops = stored_facts()[network.detector].flops
            return f"{network.stored:g} / {network.live:g} / {flops / 1e9:.2f}"
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
