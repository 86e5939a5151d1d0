"""Paths inside the workspace are kept relative to it, so that a workspace can be moved or copied.

Rows of a workspace that was moved before name its old place: what lies under the same name here is theirs."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import context, op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ROOMS = ("datasets", "runs", "bundles", "policies", "analyses", "experts")
SHIPPED = ("assets", "demo_bundle")
MARKS = ("dataset.json", "run.json", "bundle.json", "analysis.json", "experts.json")

artifact = sa.table("artifact", sa.column("seq", sa.Integer), sa.column("path", sa.Text))
job = sa.table("job", sa.column("seq", sa.Integer), sa.column("result", sa.JSON(none_as_null=True)))
active_change = sa.table(
    "active_change", sa.column("seq", sa.Integer), sa.column("what", sa.Text), sa.column("value", sa.Text)
)


def upgrade() -> None:
    home: Path | None = context.config.attributes.get("home")
    if home is None:
        return
    connection = op.get_bind()
    for seq, text in connection.execute(sa.select(artifact.c.seq, artifact.c.path)).all():
        connection.execute(artifact.update().where(artifact.c.seq == seq).values(path=relative(text, home)))
    rows = connection.execute(sa.select(active_change.c.seq, active_change.c.what, active_change.c.value)).all()
    for seq, what, text in rows:
        shipped = what == "bundle" and Path(text).parts[-2:] == SHIPPED and not Path(text).is_relative_to(home)
        value = "" if shipped else relative(text, home)  # nothing is the bundle of whatever installation reads it
        connection.execute(active_change.update().where(active_change.c.seq == seq).values(value=value))
    for seq, result in connection.execute(sa.select(job.c.seq, job.c.result).where(job.c.result.is_not(None))).all():
        made = [{**item, "path": relative(item["path"], home)} for item in result.get("produced", [])]
        if made != result.get("produced", []):
            connection.execute(job.update().where(job.c.seq == seq).values(result={**result, "produced": made}))


def relative(text: str, home: Path) -> str:
    """The text to keep for an absolute path; unchanged when it is of another place."""
    path = Path(text)
    if not text or not path.is_absolute():
        return text
    if path.is_relative_to(home):
        return path.relative_to(home).as_posix()
    rooms = [index for index, part in enumerate(path.parts) if part in ROOMS]
    here = home.joinpath(*path.parts[rooms[-1] :]) if rooms else None
    if here is None or not here.exists() or (path.exists() and _mark(path) != _mark(here)):
        return text
    return here.relative_to(home).as_posix()


def _mark(path: Path) -> bytes:
    """What tells one artefact from another of its name: its own document."""
    if path.is_file():
        return path.read_bytes()
    return b"".join((path / name).read_bytes() for name in MARKS if (path / name).is_file())


def downgrade() -> None:
    raise NotImplementedError("paths stay relative: version 0001 cannot read them; restore the database from a copy")
