"""When the newest attempt of a job began and how much was done before it, for an estimate of the time left."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("job", sa.Column("attempt_at", sa.Double()))
    op.add_column("job", sa.Column("attempt_fraction", sa.Double(), nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("job", "attempt_fraction")
    op.drop_column("job", "attempt_at")
