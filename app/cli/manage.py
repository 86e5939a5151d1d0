"""`aware jobs` and `aware bundles`: commands for the queue and the bundles."""

from __future__ import annotations

import getpass
import json
import time
from datetime import datetime
from pathlib import Path

import typer

from app import console
from app.console import with_plain_errors
from jobs.settings import Settings

jobs_app = typer.Typer(no_args_is_help=True, help="Jobs: list, show, cancel, retry and delete them.")
bundles_app = typer.Typer(no_args_is_help=True, help="Bundles: list them, put one in force, import one.")


def _workbench():  # type: ignore[no-untyped-def]
    from jobs.client import Workbench

    return Workbench.open(Settings.read())


def _ago(moment: datetime | None) -> str:
    """Return how long ago it was, in one short word."""
    if moment is None:
        return "-"
    seconds = max(0.0, time.time() - moment.timestamp())
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f}{unit}"
    return f"{seconds:.0f}s"


@jobs_app.command("list")
@with_plain_errors
def list_jobs(
    kind: str = typer.Option(None, help="Only this kind."),
    state: str = typer.Option(None, help="Only this state: queued, running, done, failed or cancelled."),
    limit: int = typer.Option(20, min=1, help="Most rows that are shown."),
) -> None:
    """List the newest jobs.

    Args:
        kind: Only this kind.
        state: Only this state.
        limit: Most rows.
    """
    from rich.table import Table
    from rich.text import Text

    from jobs.queue.views import progress_text

    workbench, now = _workbench(), time.time()
    table = Table("id", "state", "done", "age", "message", box=None)
    for job in workbench.jobs(kind=kind, state=state, limit=limit):
        text = job.error or (workbench.queue_position(job) if job.state == "queued" else job.message) or ""
        line = Text(text.splitlines()[0] if text else "")
        table.add_row(job.id, job.state, progress_text(job, now), _ago(job.created_at), line)
    console.out.print(table if table.row_count else "No jobs. `aware prepare demo --queue` makes one.", markup=False)


@jobs_app.command()
@with_plain_errors
def show(job_id: str) -> None:
    """Show one job as JSON, with its place in the queue and the seconds that it still needs."""
    from jobs.queue.views import time_left

    workbench = _workbench()
    job = workbench.job(job_id)
    document = {k: v.isoformat() if isinstance(v, datetime) else v for k, v in vars(job).items()}
    seconds = time_left(job, time.time())
    document["seconds_left"] = None if seconds is None else round(seconds)
    document["queue_position"] = workbench.queue_position(job)
    typer.echo(json.dumps(document, indent=2, ensure_ascii=False))


@jobs_app.command()
@with_plain_errors
def logs(
    job_id: str,
    n_bytes: int = typer.Option(16384, "--bytes", min=1, help="Most bytes that are shown."),
) -> None:
    """Print the end of a job's log.

    Args:
        job_id: Id of the job.
        n_bytes: Most bytes.
    """
    workbench = _workbench()
    workbench.job(job_id)
    typer.echo(workbench.log_tail(job_id, n_bytes), nl=False)


@jobs_app.command()
@with_plain_errors
def cancel(job_id: str) -> None:
    """Cancel a job; its process is killed when it does not stop by itself."""
    workbench = _workbench()
    workbench.cancel(job_id)
    console.out.print(f"{job_id}: {workbench.job(job_id).state}, cancel requested", markup=False)


@jobs_app.command()
@with_plain_errors
def retry(job_id: str) -> None:
    """Queue a failed or cancelled job again; it goes on where it stopped."""
    _workbench().retry(job_id)
    console.out.print(f"{job_id}: queued", markup=False)


@jobs_app.command()
@with_plain_errors
def delete(job_id: str, yes: bool = typer.Option(False, "--yes", help="Do not ask for confirmation.")) -> None:
    """Delete an analysis: its verdict, pictures and log, and the uploaded file unless another job uses it.

    Args:
        job_id: Id of an analysis.
        yes: Do not ask.
    """
    workbench = _workbench()
    workbench.job(job_id)
    if not yes:
        typer.confirm(f"Delete {job_id} and its upload permanently?", abort=True)
    uploads = workbench.delete_analysis(job_id)
    number = f"{len(uploads)} upload{'' if len(uploads) == 1 else 's'}"
    console.out.print(f"{job_id} and {number} are deleted", markup=False)


@bundles_app.command("list")
@with_plain_errors
def list_bundles() -> None:
    """List the bundles; a star marks the one in force."""
    workbench = _workbench()
    active = workbench.active()
    known = {
        item.path: f"{item.name}, version {item.summary.get('version', '?')}" for item in workbench.artifacts("bundle")
    }
    known.setdefault(active.bundle, active.bundle.name)
    for path, name in known.items():
        mark = "*" if path == active.bundle else " "
        console.out.print(f"{mark} {name}: {path}", markup=False, soft_wrap=True)
    if active.policy is not None:
        from app.policies.changes import title
        from core.documents.read import read_policy

        policy = read_policy(active.policy)
        console.out.print(f"  policy in force: {title(policy)} ({policy.policy_id})", markup=False, soft_wrap=True)


@bundles_app.command()
@with_plain_errors
def use(
    bundle: str = typer.Argument(help="Name in the workspace, or folder."),
    policy: str = typer.Option("", help="Policy id or file; empty: the bundle's own."),
    author: str = typer.Option("", help="Name of the person who decides; empty: the user of this machine."),
    reason: str = typer.Option("", help="Reason; the history shows it."),
) -> None:
    """Put a bundle in force for page, demo and command, after checking its hashes.

    Args:
        bundle: Name or folder.
        policy: Policy id or file.
        author: Who decides.
        reason: Why.
    """
    from core.artifacts.finding import find_bundle, find_policy
    from core.bundles.bundle import open_bundle

    workbench = _workbench()
    path = find_bundle(bundle, workbench.workspace)
    opened = open_bundle(path)
    chosen = find_policy(policy, workbench.workspace) if policy else None
    workbench.set_active(bundle=path, policy=chosen, author=author or getpass.getuser(), reason=reason)
    console.out.print(f"in force: {opened.manifest.name} {opened.manifest.version}", markup=False)


@bundles_app.command("import")
@with_plain_errors
def import_zip(
    archive: Path = typer.Argument(help="Zip made by `aware export --zip`."),
    name: str = typer.Option("", help="Folder name in the workspace; empty: the zip's."),
) -> None:
    """Unpack a bundle into the workspace, after checking every name and hash.

    Args:
        archive: The zip.
        name: Name of the bundle's folder.

    Raises:
        ValueError: The name is no name for a folder.
    """
    from core.bundles.archive import import_bundle
    from jobs.workspace.bundles import produced_bundle

    workbench = _workbench()
    target = workbench.workspace.bundles / (name or archive.stem)
    if target.parent != workbench.workspace.bundles or target.name.startswith("."):
        raise ValueError(f"{name!r} cannot name a bundle's folder; use letters, digits and dashes")
    import_bundle(archive, target)
    workbench.register(produced_bundle(target))
    console.out.print(
        f"imported as {target.name}; put it in force with `aware bundles use {target.name}`", markup=False
    )
