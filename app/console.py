"""How the command line speaks: errors as one sentence with an exit code, progress on stderr, JSON alone on stdout."""

from __future__ import annotations

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

from core.media.types import MediaRejected
from jobs.specs.checks import meant

DONE, FAILED, BAD_USE = 0, 1, 2
err = Console(stderr=True, highlight=False)
out = Console(highlight=False)


@dataclass
class Options:
    """What was said before the command's name."""

    debug: bool = False


options = Options()


def exit_code(error: BaseException) -> int:
    """2 for bad use or bad input, 1 for anything else."""
    if isinstance(error, KeyError):  # a LookupError, yet a fault of the program and not of its user
        return FAILED
    if isinstance(
        error, (MediaRejected, ValueError, LookupError, FileNotFoundError, FileExistsError, IsADirectoryError)
    ):
        return BAD_USE
    return FAILED


def explain(error: BaseException) -> str:
    """One paragraph for a person."""
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
    """One of pydantic's messages; a pattern that is a list of words is told as that list."""
    words = re.fullmatch(r"\^\(([\w.|-]+)\)\$", str(item.get("ctx", {}).get("pattern", "")))
    if words is None:
        return str(item["msg"]).removeprefix("Value error, ")
    known = words.group(1).split("|")
    return f"choose one of {', '.join(known)}.{meant(str(item['input']), known)}"


def complain(error: BaseException) -> int:
    """Say what went wrong on stderr; returns the exit code."""
    if options.debug:
        traceback.print_exception(error)
    err.print("[red]error:[/red]", end=" ")
    err.print(explain(error), markup=False, soft_wrap=True)
    return exit_code(error)


def told(command: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a command: its exceptions become a sentence and an exit code, never a stack trace."""

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

    return wrapper


class Bar:
    """A core.progress.Reporter that draws one line on stderr; on anything but a terminal it writes changed lines."""

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
        self.said = ""

    def __enter__(self) -> Bar:
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def progress(self, fraction: float, message: str) -> None:
        self.bar.update(self.task, completed=fraction, description=message)
        if self.bar.disable and message != self.said:
            err.print(f"{100 * fraction:3.0f} %  {message}", markup=False, soft_wrap=True)
            self.said = message

    def metric(self, step: int, values: Mapping[str, float]) -> None:
        line = ", ".join(f"{name} {value:.4g}" for name, value in values.items() if isinstance(value, (int, float)))
        self.bar.console.print(f"step {step}: {line}", markup=False)

    def part(self, document: Mapping[str, Any]) -> None:
        """A half-finished result is for pages."""


@contextmanager
def json_only(wanted: bool) -> Iterator[Callable[[Any], None]]:
    """Yield a printer of JSON lines. When wanted, whatever else writes to stdout (a library's C code too) goes to
    stderr until the block ends, so that stdout holds JSON alone.
    """
    if not wanted:
        yield lambda document: None
        return
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with os.fdopen(os.dup(kept), "w", encoding="utf-8") as stream:

            def say(document: Any) -> None:
                stream.write(json.dumps(document, ensure_ascii=False, allow_nan=False) + "\n")
                stream.flush()

            yield say
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)
