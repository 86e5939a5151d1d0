"""`aware scores`: imports the scores of any detector from a file, and lists them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from app import console
from app.cli.job_commands import enqueue, run_in_foreground
from app.console import with_plain_errors
from core.scores.spec import ImportScoresSpec
from jobs.kind import kinds
from jobs.settings import Settings

scores_app = typer.Typer(no_args_is_help=True, help="Scores of other detectors: import and list them.")
FIELDS = ImportScoresSpec.model_fields


def _help(name: str) -> str:
    return FIELDS[name].description or ""


@scores_app.command("import")
@with_plain_errors
def import_scores(
    file: Path = typer.Argument(help=_help("file")),
    name: str = typer.Option("", help=_help("name")),
    score: str = typer.Option("p_fake", help=_help("score")),
    larger: str = typer.Option("fake", help=_help("larger")),
    fake: list[str] = typer.Option(["1", "fake"], help=_help("fake_words") + " Repeat the option."),
    real: list[str] = typer.Option(["0", "real"], help=_help("real_words") + " Repeat the option."),
    id_column: str = typer.Option("id", help=_help("id_column")),
    label_column: str = typer.Option("label", help=_help("label_column")),
    score_column: str = typer.Option("score", help=_help("score_column")),
    group_column: str = typer.Option("group", help=_help("group_column")),
    data: str = typer.Option("", help=_help("data")),
    calib_share: float = typer.Option(FIELDS["calib_share"].default, help=_help("calib_share")),
    gflops: float = typer.Option(None, help=_help("gflops")),
    queue: bool = typer.Option(False, "--queue", help="Queue the job; a worker runs it."),
    as_json: bool = typer.Option(False, "--json", help="Print JSON, and nothing else, to stdout."),
) -> None:
    """Make a run of a CSV or Parquet file of scores; it is calibrated, evaluated and compared like any run.

    Args:
        file: The file.
        name: Name of the run.
        score: What the scores are.
        larger: Label that larger scores mean.
        fake: Words for the label fake.
        real: Words for the label real.
        id_column: Column of item ids.
        label_column: Column of labels.
        score_column: Column of scores.
        group_column: Column of groups.
        data: Data set that the items belong to.
        calib_share: Share of the groups for calibration.
        gflops: Cost of one item.
        queue: Queue the job.
        as_json: Print JSON.
    """
    given: dict[str, Any] = {
        "file": str(file), "name": name, "score": score, "larger": larger, "fake_words": fake, "real_words": real,
        "id_column": id_column, "label_column": label_column, "score_column": score_column,
        "group_column": group_column, "data": data, "calib_share": calib_share, "gflops": gflops,
    }  # fmt: skip
    spec, kind = ImportScoresSpec.model_validate(given), kinds.get("import_scores")
    if queue:
        enqueue(kind, spec, as_json)
    else:
        run_in_foreground(kind, spec, as_json)


@scores_app.command("list")
@with_plain_errors
def list_scores() -> None:
    """List imported scores: how many, of how many groups, in which splits."""
    from jobs.client import Workbench

    runs = [i for i in Workbench.open(Settings.read()).artifacts("run") if i.summary.get("kind") == "scores"]
    for item in runs:
        about = item.summary
        splits = ", ".join(f"{name} {part['items']:,}" for name, part in about["splits"].items())
        line = f"{item.name}: {about['items']:,} scores of {about['groups']:,} groups ({splits}), from {about['file']}"
        console.out.print(line, markup=False, soft_wrap=True)
    if not runs:
        console.out.print("No scores yet. `aware scores import FILE --name NAME` imports some.", markup=False)
