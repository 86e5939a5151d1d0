"""Output of the command line: an error is one sentence and an exit code, progress goes to stderr, JSON to stdout."""

from __future__ import annotations

import inspect
import json
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any

import typer
from pydantic import ValidationError
from rich.console import Console

from jobs.specs.checks import suggestion

DONE, FAILED, BAD_USE = 0, 1, 2
err = Console(stderr=True, highlight=False)
out = Console(highlight=False)


@dataclass
class Options:
    """Options before the command's name.

    Attributes:
        debug: Show stack traces and the log.
    """

    debug: bool = False


options = Options()


def exit_code(error: BaseException) -> int:
    """Return 2 for bad use or bad input, 1 for any other error."""
    from core.media.types import MediaRejected  # loads numpy

    if isinstance(error, KeyError):  # a LookupError, yet a fault of the program and not of its user
        return FAILED
    if isinstance(
        error, (MediaRejected, ValueError, LookupError, FileNotFoundError, FileExistsError, IsADirectoryError)
    ):
        return BAD_USE
    return FAILED


def explain(error: BaseException) -> str:
    """Return what a person reads about an error, one paragraph."""
    from core.media.types import MediaRejected

    if isinstance(error, ValidationError):
        lines = []
        for item in error.errors():
            where = "--" + str(item["loc"][0]).replace("_", "-") if item["loc"] else "the spec"
            given = "" if item["type"] == "missing" else f" (given: {item['input']!r})"
            lines.append(f"{where}: {_complaint(item)}{given}")
        return "\n".join(lines)
    if isinstance(error, MediaRejected):
        return f"{error.sentence} [{error.code}]"
    if exit_code(error) == BAD_USE:
        return str(error) or type(error).__name__
    return f"{type(error).__name__}: {error}\n(`aware --debug ...` shows where)"


def _complaint(item: Any) -> str:
    """Return one of pydantic's messages; a pattern that is a list of words is shown as that list."""
    words = re.fullmatch(r"\^\(([\w.|-]+)\)\$", str(item.get("ctx", {}).get("pattern", "")))
    if words is None:
        return str(item["msg"]).removeprefix("Value error, ")
    known = words.group(1).split("|")
    return f"choose one of {', '.join(known)}.{suggestion(str(item['input']), known)}"


def complain(error: BaseException) -> int:
    """Write an error to stderr and return its exit code."""
    if options.debug:
        traceback.print_exception(error)
    err.print("[red]error:[/red]", end=" ")
    err.print(explain(error), markup=False, soft_wrap=True)
    return exit_code(error)


def with_plain_errors(command: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a command: an exception becomes a sentence and an exit code, and the help ends before the docstring's Args.

    Args:
        command: A function that Typer calls.

    Returns:
        A function with the same signature.
    """

    @wraps(command)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except (typer.Exit, typer.Abort):
            raise
        except KeyboardInterrupt:
            err.print("stopped")
            raise typer.Exit(FAILED) from None
        except Exception as error:
            raise typer.Exit(complain(error)) from error

    wrapper.__doc__ = (inspect.getdoc(command) or "").split("\n\nArgs:")[0]
    return wrapper


class Bar:
    """A core.progress.Reporter that draws a bar on stderr; without a terminal it writes each new message as a line."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

        columns = (
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.description}", markup=False),
        )
        self.bar = Progress(*columns, console=err, disable=not err.is_terminal, transient=True)
        self.task = self.bar.add_task("", total=1.0)
        self.last_message = ""

    def __enter__(self) -> Bar:
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def progress(self, fraction: float, message: str) -> None:
        self.bar.update(self.task, completed=fraction, description=message)
        if self.bar.disable and message != self.last_message:
            err.print(f"{int(100 * fraction):3d} %  {message}", markup=False, soft_wrap=True)
            self.last_message = message

    def metric(self, step: int, values: Mapping[str, float]) -> None:
        line = ", ".join(f"{name} {value:.4g}" for name, value in values.items() if isinstance(value, (int, float)))
        self.bar.console.print(f"step {step}: {line}", markup=False)

    def part(self, document: Mapping[str, Any]) -> None:
        """Ignore a partial result; only pages show it."""


@contextmanager
def json_only(wanted: bool) -> Iterator[Callable[[Any], None]]:
    """Yield a printer of JSON lines that keeps stdout free of anything else.

    Args:
        wanted: Whether JSON is asked for. Then everything else that writes to stdout (C code of a library too) goes to
            stderr until the block ends. Otherwise the printer does nothing.

    Yields:
        A function that writes one document as one line.
    """
    if not wanted:
        yield lambda document: None
        return
    sys.stdout.flush()
    own_stdout = os.dup(1)
    os.dup2(2, 1)
    try:
        with os.fdopen(os.dup(own_stdout), "w", encoding="utf-8") as stream:

            def say(document: Any) -> None:
                stream.write(json.dumps(document, ensure_ascii=False, allow_nan=False) + "\n")
                stream.flush()

            yield say
    finally:
        sys.stdout.flush()
        os.dup2(own_stdout, 1)
        os.close(own_stdout)
