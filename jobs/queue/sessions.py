"""Sessions over one database, shared by every table's verbs."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from jobs.queue.models import Base


class Sessions:
    """A writer and a reader of one database. A session lives for one call; rows are detached afterwards.

    Attributes:
        writer: Engine whose transactions may write.
        reader: Engine for reads; on SQLite another one, so that a read does not wait for a writer.
    """

    def __init__(self, writer: Engine, reader: Engine) -> None:
        self.writer = writer
        self.reader = reader

    def _write(self) -> Session:
        return Session(self.writer, expire_on_commit=False)

    def _read(self) -> Session:
        return Session(self.reader, expire_on_commit=False)

    def _insert(self, table: type[Base]) -> Any:
        if self.writer.dialect.name == "postgresql":  # imported here: each dialect takes a third of a second to load
            from sqlalchemy.dialects import postgresql as dialect
        else:
            from sqlalchemy.dialects import sqlite as dialect  # type: ignore[no-redef]
        return dialect.insert(table)

    def dispose(self) -> None:
        """Close every connection."""
        self.writer.dispose()
        self.reader.dispose()
