"""Database engines and schema migration. Writers on SQLite take the write lock at BEGIN; readers never do."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import Engine, create_engine, event, inspect, text
from sqlalchemy.engine import Connection, make_url

from core.artifacts.workspace import make_private

# The newest file in migrations/versions; a test holds the two together.
HEAD = "0003"
MIGRATION_LOCK = 4_727_001
BUSY_MILLISECONDS = 30_000


def connect(url: str, home: Path | None = None) -> tuple[Engine, Engine]:
    """Open a database and bring its schema up to date.

    On SQLite a deferred transaction that reads and then writes fails with SQLITE_BUSY_SNAPSHOT whatever the
    timeout, so the writer begins IMMEDIATE; a reader that did so would wait for every writer.

    Args:
        url: SQLAlchemy URL of SQLite (a file) or PostgreSQL.
        home: The workspace's folder, to which older paths are made relative; None: paths stay.

    Returns:
        (writer, reader), the same engine twice where the database is not SQLite.

    Raises:
        ValueError: SQLite without a file.
        RuntimeError: The database is newer than this program.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        engine = create_engine(parsed, pool_pre_ping=True)
        migrate(engine, None, home)
        return engine, engine
    if not parsed.database or parsed.database == ":memory:":
        raise ValueError("the job store needs a database file: several processes share it")
    file = Path(parsed.database)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))  # its journals take their mode from it
    make_private(file)
    writer, reader = _sqlite(url, "BEGIN IMMEDIATE"), _sqlite(url, "BEGIN")
    migrate(writer, file.with_name(f"{file.name}.lock"), home)
    return writer, reader


def _sqlite(url: str, begin: str) -> Engine:
    engine = create_engine(url, connect_args={"timeout": 30.0, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _configure(connection, _record):  # type: ignore[no-untyped-def]
        connection.isolation_level = None  # the driver must not begin transactions of its own
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute(f"PRAGMA busy_timeout={BUSY_MILLISECONDS}")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA secure_delete=ON")  # what is deleted is overwritten in the file

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def empty_log(engine: Engine) -> bool:
    """Move SQLite's log into the database and empty it, so that deleted rows are in neither; wait a second at most.

    Args:
        engine: Of a SQLite database.

    Returns:
        False when another process was reading: the log then keeps old pages until a later call.
    """
    with closing(engine.raw_connection()) as connection:  # in no transaction: a checkpoint waits for it
        cursor = connection.cursor()
        cursor.execute("PRAGMA busy_timeout=1000")
        try:
            busy, _, _ = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        finally:
            cursor.execute(f"PRAGMA busy_timeout={BUSY_MILLISECONDS}")
    return not busy


def revision(engine: Engine) -> str | None:
    """Return the schema's revision in a database.

    Args:
        engine: Of the database.

    Returns:
        The revision, or None when the database is empty.
    """
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def migrate(engine: Engine, lock_file: Path | None, home: Path | None = None) -> None:
    """Bring the schema to HEAD, one process at a time.

    Args:
        engine: Of the database.
        lock_file: File whose lock keeps other processes out (SQLite); None: an advisory lock of PostgreSQL.
        home: The workspace's folder, to which older paths are made relative; None: paths stay.

    Raises:
        RuntimeError: The database is newer than this program.
    """
    current = revision(engine)
    if current == HEAD:
        return
    if current is not None and current > HEAD:
        raise RuntimeError(
            f"the database is at schema {current}, this program knows {HEAD}: "
            "update the program, or use another workspace (AWARE_HOME)"
        )
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parents[1] / "migrations").replace("%", "%%"))
    with _alone(engine, lock_file):
        if revision(engine) == HEAD:  # another process was quicker
            return
        with engine.connect() as connection:
            config.attributes |= {"connection": connection, "home": home}
            command.upgrade(config, "head")


@contextmanager
def _alone(engine: Engine, lock_file: Path | None) -> Iterator[None]:
    if lock_file is not None:
        with open(lock_file, "w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        return
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:n)"), {"n": MIGRATION_LOCK})
        connection.commit()
        try:
            yield
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:n)"), {"n": MIGRATION_LOCK})
            connection.commit()
