"""Alembic's entry: runs the migrations on the connection that `jobs.queue.database.migrate` hands over."""

from __future__ import annotations

from alembic import context

from jobs.queue.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
