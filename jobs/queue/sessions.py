"""Sessions over one database, shared by every table's verbs."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine
from sqlalchemy.dialects import postgresql, sqlite
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
        dialect = postgresql if self.writer.dialect.name == "postgresql" else sqlite
        return dialect.insert(table)

    def dispose(self) -> None:
        """Close every connection."""
        self.writer.dispose()
        self.reader.dispose()
