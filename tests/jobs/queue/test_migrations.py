"""The schema comes up from nothing, once, whoever opens it first."""

import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

import jobs.migrations.versions
from jobs.queue.database import HEAD, connect, migrate, revision
from jobs.queue.models import Base
from tests.support.queueing import ROOT


def test_an_empty_database_gets_every_table(tmp_path):
    writer, reader = connect(f"sqlite:///{tmp_path / 'new' / 'w.db'}")
    assert revision(reader) == HEAD
    assert set(Base.metadata.tables) < set(inspect(reader).get_table_names())
    with reader.connect() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
    writer.dispose()
    reader.dispose()


def test_head_is_the_newest_file():
    folder = Path(jobs.migrations.versions.__file__).parent
    newest = sorted(folder.glob("v*.py"))[-1]
    assert f'revision = "{HEAD}"' in newest.read_text()


OPENERS = """
import os, sys
from jobs.queue.database import connect
for _ in range(4):
    if os.fork() == 0:
        connect(sys.argv[1])
        os._exit(0)
print([os.waitstatus_to_exitcode(os.wait()[1]) for _ in range(4)])
"""


def test_processes_that_open_at_once_do_not_collide(tmp_path):
    race = subprocess.run(
        [sys.executable, "-c", OPENERS, f"sqlite:///{tmp_path / 'w.db'}"], cwd=ROOT, capture_output=True, text=True
    )
    assert race.stdout.strip() == "[0, 0, 0, 0]", race.stderr


def test_a_newer_database_is_refused(tmp_path):
    writer, reader = connect(f"sqlite:///{tmp_path / 'w.db'}")
    with writer.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(RuntimeError, match="update the program"):
        migrate(writer, tmp_path / "lock")
    writer.dispose()
    reader.dispose()


def test_a_database_in_memory_is_refused():
    with pytest.raises(ValueError, match="database file"):
        connect("sqlite://")
