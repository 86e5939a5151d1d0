"""The verbs of artefacts and of what is in force."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from jobs.kind import Produced
from jobs.queue.models import ActiveChange, Artifact
from jobs.queue.sessions import Sessions


class ArtifactTable(Sessions):
    """Verbs of the tables of artefacts and promotions. Paths are stored as `Workspace.relative` gives them."""

    def _register(self, session: Session, item: Produced, job_id: str | None, now: float) -> None:
        values = {"path": item.path, "summary": item.summary, "job_id": job_id, "created_at": now}
        insert = self._insert(Artifact).values(kind=item.kind, name=item.name, **values)
        session.execute(insert.on_conflict_do_update(index_elements=["kind", "name"], set_=values))

    def register(self, item: Produced, now: float) -> None:
        """Register an artefact that no job made (an imported bundle); it replaces another of its name.

        Args:
            item: The artefact.
            now: Seconds since the epoch.
        """
        with self._write() as session, session.begin():
            self._register(session, item, None, now)

    def adopt(self, item: Produced, now: float, instead_of: str | None = None) -> bool:
        """Register an artefact that was found in a folder, unless its name is taken.

        Args:
            item: The artefact.
            now: Seconds since the epoch.
            instead_of: A path; a row of the same name is replaced while it has this path.

        Returns:
            False when the name is taken and nothing was changed.
        """
        values = {"path": item.path, "summary": item.summary, "job_id": None, "created_at": now}
        insert = self._insert(Artifact).values(kind=item.kind, name=item.name, **values)
        key = ["kind", "name"]
        if instead_of is None:
            insert = insert.on_conflict_do_nothing(index_elements=key)
        else:
            insert = insert.on_conflict_do_update(index_elements=key, set_=values, where=Artifact.path == instead_of)
        with self._write() as session, session.begin():
            return session.execute(insert.returning(Artifact.seq)).scalar() is not None

    def artifacts(self, kind: str, limit: int) -> list[Artifact]:
        """Return artefacts of one kind, newest first.

        Args:
            kind: dataset, run, bundle, policy, analysis or experts.
            limit: Most rows.

        Returns:
            Rows.
        """
        statement = select(Artifact).where(Artifact.kind == kind).order_by(Artifact.created_at.desc()).limit(limit)
        with self._read() as session:
            return list(session.scalars(statement))

    def artifact_paths(self, kind: str) -> list[str]:
        """Return the stored path of every artefact of one kind.

        Args:
            kind: dataset, run, bundle, policy, analysis or experts.

        Returns:
            Paths as `Workspace.relative` gives them.
        """
        with self._read() as session:
            return list(session.scalars(select(Artifact.path).where(Artifact.kind == kind)))

    def artifact(self, kind: str, name: str) -> Artifact:
        """Return one artefact.

        Args:
            kind: dataset, run, bundle, policy, analysis or experts.
            name: Its name.

        Returns:
            The row.

        Raises:
            LookupError: No artefact of this kind and name is registered.
        """
        with self._read() as session:
            row = session.scalars(select(Artifact).where(Artifact.kind == kind, Artifact.name == name)).one_or_none()
        if row is None:
            raise LookupError(f"no {kind} named {name!r} is registered")
        return row

    def promote(self, changes: Mapping[str, str], author: str, reason: str, now: float) -> None:
        """Put a bundle, a policy or both in force; the history keeps every row.

        Args:
            changes: "bundle" and "policy" -> stored path; empty: the shipped bundle, the bundle's own policy.
            author: Who decides.
            reason: Why.
            now: Seconds since the epoch.
        """
        with self._write() as session, session.begin():
            for what, value in changes.items():
                session.add(ActiveChange(what=what, value=value, author=author, reason=reason, at=now))

    def promotions(self, what: str | None = None, limit: int = 200) -> list[ActiveChange]:
        """Return promotions, newest first.

        Args:
            what: bundle or policy; None: both.
            limit: Most rows.

        Returns:
            Rows; the first of each `what` is in force.
        """
        statement = select(ActiveChange).order_by(ActiveChange.seq.desc()).limit(limit)
        if what is not None:
            statement = statement.where(ActiveChange.what == what)
        with self._read() as session:
            return list(session.scalars(statement))
