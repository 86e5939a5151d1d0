"""`aware prepare --validate-only` and `--dry-run`: check a source before a data set is made of it."""

from __future__ import annotations

import shutil
from typing import Any

import typer
from rich.table import Table

from app import console
from app.console import Bar
from core.data.manifest.tables import ManifestError
from core.data.prepare.dry_run import Estimate, Survey, estimates, surveyed, unreadable
from core.data.sources.base import counted
from core.data.spec import PrepareSpec
from jobs.settings import Settings

MAX_SHOWN = 20
MAX_LEAKS = 5


def validate_only(spec: PrepareSpec, as_json: bool) -> None:
    """Check lists, names, labels, splits and the first bytes of every file.

    Args:
        spec: Of `prepare`.
        as_json: Print a JSON document.

    Raises:
        typer.Exit: The manifest or a file is bad.
    """
    with console.json_only(as_json) as say:
        try:
            with Bar() as bar, surveyed(spec, Settings.read().workspace, bar) as survey:
                faults = [*survey.faults, *unreadable(survey.listing.items, bar)]
        except ManifestError as error:
            say({"valid": False, "problems": error.problems})
            console.err.print(str(error), markup=False, soft_wrap=True)
            raise typer.Exit(console.FAILED) from error
        faulty = [{"file": name, "sentence": sentence} for name, sentence in faults]
        say({**survey.document(), "valid": not faults, "faults": faulty})
    if not as_json:
        show(survey)
        show_faults(faults)
        if not faults:
            console.out.print(f"valid: {len(survey.frame):,} files, nothing written", markup=False)
    if faults:
        raise typer.Exit(console.FAILED)


def dry_run(spec: PrepareSpec, as_json: bool) -> None:
    """Count what would be made, and measure size and time on a few files. Nothing is stored.

    Args:
        spec: Of `prepare`.
        as_json: Print a JSON document.
    """
    with console.json_only(as_json) as say:
        with Bar() as bar, surveyed(spec, Settings.read().workspace, bar) as survey:
            by_kind = estimates(survey, spec, bar)
        say({**survey.document(), "estimates": [vars(estimate) for estimate in by_kind]})
    if as_json:
        return
    show(survey)
    show_faults(survey.faults)
    show_estimates(by_kind, spec, survey)
    for warning in survey.document()["warnings"]:
        console.out.print(f"would warn: {warning}", markup=False, soft_wrap=True)
    console.out.print(
        f"dry run: nothing is written; the data set would be {survey.folder}", markup=False, soft_wrap=True
    )


def show(survey: Survey) -> None:
    """Print the source, its counts, notes and leaks."""
    listing = survey.listing
    frame = survey.frame
    labels = f"{int((frame['label'] == 0).sum()):,} real, {int((frame['label'] == 1).sum()):,} fake"
    line = f"{listing.source} ({listing.how}): {len(frame):,} files, {labels}, {frame['group'].nunique():,} groups"
    console.out.print(line, markup=False, soft_wrap=True)
    if listing.group:
        console.out.print(f"group: {listing.group}", markup=False, soft_wrap=True)
    for rows in survey.counts().values():
        console.out.print(counts_table(rows))
    for name, digest in listing.lists.items():
        console.out.print(f"official list: {name} ({digest[:12]})", markup=False, soft_wrap=True)
    for note in listing.notes:
        console.out.print(f"note: {note}", markup=False, soft_wrap=True)
    leaks = survey.leaks()
    for leak in leaks[:MAX_SHOWN]:
        console.out.print(f"leak: {leak}", markup=False, soft_wrap=True)
    if len(leaks) > MAX_SHOWN:
        console.out.print(f"... and {len(leaks) - MAX_SHOWN:,} more leaks (all of them with --json)", markup=False)


def show_card(card: dict[str, Any]) -> None:
    """Print the counts, notes, leaks and warnings of a finished data set, from its card."""
    rows = [{"split": name, **counts} for name, counts in card["splits"].items()]
    console.out.print(counts_table(rows))
    for note in card.get("listing", {}).get("notes", []):
        console.out.print(f"note: {note}", markup=False, soft_wrap=True)
    leaks = card.get("leaks", {"worst": [], "counts": {}})
    for leak in leaks["worst"][:MAX_LEAKS]:
        console.out.print(f"leak: {leak['sentence']} {', '.join(leak['rows'])}", markup=False, soft_wrap=True)
    if (rest := sum(leaks["counts"].values()) - MAX_LEAKS) > 0:
        console.out.print(f"... and {counted(rest, 'more leak')}, on the card and the Datasets page", markup=False)
    for warning in card["warnings"]:
        console.out.print(f"warning: {warning}", markup=False, soft_wrap=True)


def counts_table(rows: list[dict[str, Any]]) -> Table:
    """Return a table of counts, numbers aligned to the right."""
    table = Table(box=None, padding=(0, 2))
    for number, column in enumerate(rows[0]):
        table.add_column(column, justify="right" if number else "left")
    for row in rows:
        table.add_row(*(f"{value:,}" if isinstance(value, int) else str(value) for value in row.values()))
    return table


def show_faults(faults: list[tuple[str, str]]) -> None:
    """Print the first faults to stderr: (file, sentence) each."""
    for name, sentence in faults[:MAX_SHOWN]:
        console.err.print(f"{name}: {sentence}", markup=False, soft_wrap=True)
    if len(faults) > MAX_SHOWN:
        console.err.print(f"... and {len(faults) - MAX_SHOWN:,} more (all of them with --json)", markup=False)
    if faults:
        console.err.print(f"{counted(len(faults), 'file')} cannot be used", markup=False)


def show_estimates(by_kind: list[Estimate], spec: PrepareSpec, survey: Survey) -> None:
    """Print what the whole source would need, estimated from the sampled files.

    Args:
        by_kind: One estimate for each kind of media; empty: no crops are made.
        spec: Of `prepare`.
        survey: Knows the number of files and the folder.
    """
    if not by_kind:
        console.out.print("the pictures stay where they are; no crops are made and no files copied", markup=False)
        return
    from core.data.prepare.collect import workers_for

    workers = workers_for(spec, len(survey.frame))
    for one in by_kind:
        lost = "".join(f", {count} of them {name.replace('_', ' ')}" for name, count in one.lost.items())
        console.out.print(
            f"{one.kind}: about {one.crops:,.0f} crops, {size(one.bytes)}, {duration(one.seconds / workers)} with "
            f"{workers} worker{'s' if workers > 1 else ''} (from {one.sample} of {one.files:,}{lost})",
            markup=False, soft_wrap=True,
        )  # fmt: skip
    needed = sum(one.bytes for one in by_kind)
    place = next(folder for folder in (survey.folder, *survey.folder.parents) if folder.exists())
    free = shutil.disk_usage(place).free
    if needed > free:
        console.err.print(f"{size(needed)} needed, {size(free)} free at {place}", markup=False, soft_wrap=True)


def size(count: float) -> str:
    """Return bytes as text: 1.5 MiB."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def duration(seconds: float) -> str:
    """Return seconds as text: 40 s, 5 min, 2.1 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
