"""How fast the command line starts, against Python that loads no more than Typer and Rich. `-m benchmark`.

User and system CPU seconds of the whole process, the best of alternating runs, with the bytecode that an install has.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys

import pytest

from tests.support.queueing import ROOT, open_workbench

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(900)]

PEER = "import typer, rich.console"
# Command, seconds of CPU on a quiet core that are allowed, most times the peer's.
STARTS = [
    ("--help", 0.5, 8.0),
    ("jobs list", 1.0, 16.0),
    ("detectors list", 2.0, 10.0),
]


def cpu_seconds(arguments: list[str], environment: dict[str, str]) -> float:
    """CPU seconds of one process, from its start to its end."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], cwd=ROOT, env=environment, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.parametrize(("command", "seconds", "most"), STARTS, ids=[command for command, *_ in STARTS])
def test_a_command_starts_in_a_few_times_the_bare_libraries(command, seconds, most, tmp_path, record):
    open_workbench(tmp_path / "home").close()  # the schema is there, as in every run but the first
    environment = {**os.environ, "AWARE_HOME": str(tmp_path / "home"), "PYTHONPYCACHEPREFIX": str(tmp_path / "pyc")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    ours, peer = ["-m", "app.cli.main", *command.split()], ["-c", PEER]
    cpu_seconds(ours, environment)  # writes the bytecode
    cpu_seconds(peer, environment)
    runs = [(cpu_seconds(ours, environment), cpu_seconds(peer, environment)) for _ in range(5)]
    mine, theirs = (min(column) for column in zip(*runs, strict=True))
    print(f"aware {command}: {mine:.2f} s, {PEER!r}: {theirs:.2f} s, {mine / theirs:.1f} times; goal {seconds} s")
    record(f"start of aware {command}", PEER, mine, theirs, 1 / most)
    assert mine <= most * theirs
