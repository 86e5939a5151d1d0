"""`aware detectors`: lists the networks with their cost, and makes a run of published weights."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import typer

from app import console
from app.cli.job_commands import enqueue, run_in_foreground
from app.console import with_plain_errors
from core.models.spec import ImportSpec
from core.models.weights.published_figures import CAVEAT, FIGURES
from jobs.kind import kinds

detectors_app = typer.Typer(no_args_is_help=True, help="Detectors: list their cost, import published weights.")


@detectors_app.command("list")
@with_plain_errors
def list_detectors(
    scale: str = typer.Option("", help="Only this scale: full, small or tiny."),
    as_json: bool = typer.Option(False, "--json", help="Print JSON, and nothing else, to stdout."),
    as_markdown: bool = typer.Option(False, "--markdown", help="Print the catalogue as a Markdown document."),
) -> None:
    """List every detector with its parameters, GFLOP, input and recipes, and the published figures.

    Args:
        scale: Only this scale; empty: all.
        as_json: Print JSON.
        as_markdown: Print a document in Markdown.
    """
    from core.train.detector_catalogue import catalogue, markdown

    rows = [row for row in catalogue() if scale in ("", row.scale)]
    if as_json:
        typer.echo(json.dumps([asdict(row) for row in rows]))
        return
    if as_markdown:
        typer.echo(markdown(rows), nl=False)
        return
    from rich.table import Table

    table = Table(box=None)
    for title in ("detector", "scale", "params M", "GFLOP", "input", "recipes", "published: M stored / used / GFLOP"):
        table.add_column(title, overflow="fold", no_wrap=title == "detector")
    for row in rows:
        figures = f"{row.parameters:.1f}", f"{row.gflops:.2f}", str(row.size)
        table.add_row(row.name, row.scale, *figures, ", ".join(row.recipes) or row.otherwise, row.published)
    console.out.print(table)
    figures_of = ", ".join(f"{f.dataset} {f.accuracy:.3f} / {f.auroc:.4g}" for f in FIGURES)
    console.out.print(f"GenConViT, accuracy / AUROC: {figures_of}. {CAVEAT}", markup=False)


@detectors_app.command("count")
@with_plain_errors
def count_all() -> None:
    """Build every detector, count it, and write the table that `detectors list` reads (after a change of a network)."""
    from core.train.count_detectors import count_detectors
    from core.train.detector_catalogue import TABLE, store_facts

    facts = count_detectors()
    store_facts(facts)
    console.out.print(f"{len(facts)} detectors are counted: {TABLE}", markup=False, soft_wrap=True)


@detectors_app.command("import")
@with_plain_errors
def import_weights(
    layout: str = typer.Argument(help="genconvit-ed or genconvit-vae."),
    file: Path = typer.Argument(help="The published file: .pth or .safetensors."),
    name: str = typer.Option("", help="Name of the run; empty: layout and time."),
    crop_scale: float = typer.Option(1.3, help="Enlargement of the face box for the crops that the network gets."),
    queue: bool = typer.Option(False, "--queue", help="Queue the job; a worker runs it."),
    as_json: bool = typer.Option(False, "--json", help="Print JSON, and nothing else, to stdout."),
) -> None:
    """Make a run of published weights. A confined process reads the file, and every tensor is checked by name.

    Args:
        layout: Which published network it is.
        file: The file.
        name: Name of the run.
        crop_scale: Enlargement of face boxes for the network's input.
        queue: Queue the job.
        as_json: Print JSON.
    """
    spec = ImportSpec.model_validate({"layout": layout, "file": str(file), "name": name, "crop_scale": crop_scale})
    kind = kinds.get("import_detector")
    if queue:
        enqueue(kind, spec, as_json)
    else:
        run_in_foreground(kind, spec, as_json)
