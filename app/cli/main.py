"""`aware`: the command line. It starts fast: no torch, database or web server is loaded before it is needed."""

from __future__ import annotations

import logging
import sys

import typer

import core
import jobs.kinds
from app import console
from app.cli.detectors import detectors_app
from app.cli.examples import KindCommand
from app.cli.job_commands import command_for
from app.cli.manage import bundles_app, jobs_app
from app.cli.policies import policies_app, promote
from app.cli.scores import scores_app
from app.console import options, with_plain_errors
from jobs.kind import kinds
from jobs.settings import Settings

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(jobs_app, name="jobs")
app.add_typer(detectors_app, name="detectors")
app.add_typer(bundles_app, name="bundles")
app.add_typer(scores_app, name="scores")
app.add_typer(bundles_app, name="bundle", hidden=True)
app.add_typer(policies_app, name="policies")
app.command()(promote)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"aware {core.__version__}")
        raise typer.Exit


@app.callback()
@with_plain_errors
def start(
    debug: bool = typer.Option(False, "--debug", help="Show stack traces and the log."),
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    """A deepfake-analysis workbench: train, calibrate, evaluate and explain cascades of detectors.

    Args:
        debug: Show stack traces and the log.
        version: Print the version and exit.
    """
    options.debug = debug
    level = logging.DEBUG if debug else logging.WARNING
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")


@app.command()
@with_plain_errors
def up(
    web: bool = typer.Option(True, help="Start the workbench in the browser."),
    worker: bool = typer.Option(True, help="Start a worker."),
    demo: bool = typer.Option(True, help="Start the Gradio demo."),
) -> None:
    """Start workbench, worker and demo together; Ctrl-C ends all of them.

    Args:
        web: Start the workbench.
        worker: Start a worker.
        demo: Start the demo.

    Raises:
        typer.Exit: Always, with the exit code.
    """
    from app.server.up import run_all

    wanted = {"workbench": web, "worker": worker, "demo": demo}
    raise typer.Exit(run_all(Settings.read(), [name for name, asked in wanted.items() if asked]))


@app.command()
@with_plain_errors
def demo() -> None:
    """Start everything; a new workspace gets drawn demo portraits, in the background."""
    from app.server.up import prepare_workspace, run_all

    settings = Settings.read()
    prepare_workspace(settings)
    raise typer.Exit(run_all(settings))


@app.command()
@with_plain_errors
def worker(
    analyses: bool = typer.Option(True, help="Also run analyses, in a process that keeps the detectors loaded."),
) -> None:
    """Run jobs from the queue until stopped."""
    from jobs.client import Workbench
    from jobs.worker.worker import serve

    logging.getLogger().setLevel(logging.INFO)
    serve(Workbench.open(Settings.read()), analyses=analyses)


@app.command()
@with_plain_errors
def doctor(
    only: list[str] = typer.Option([], help="Only this check, for example database. Repeat the option for more."),
) -> None:
    """Check this machine and say what to do, one line for each check."""
    from app.server.doctor import examine

    findings = examine(Settings.read(), only)
    for finding in findings:
        console.out.print(finding.line, markup=False, soft_wrap=True)
    raise typer.Exit(console.FAILED if any(finding.state == "FAIL" for finding in findings) else console.DONE)


TWINS = ("import_scores", "import_detector")
"""Kinds whose command is `scores import` and `detectors import`; the help does not list the generated one."""


def register_kinds() -> None:
    """Add a command for every registered kind that has none yet."""
    existing = {command.name for command in app.registered_commands}
    for kind in kinds:
        if kind.name not in existing:
            app.command(kind.name, cls=KindCommand, hidden=kind.name in TWINS)(command_for(kind))


register_kinds()


def main() -> None:
    """Run the `aware` script."""
    try:
        jobs.kinds.load_plugins(Settings.read().plugins)
    except Exception as error:
        sys.exit(console.complain(error))
    register_kinds()
    app()


if __name__ == "__main__":
    main()
