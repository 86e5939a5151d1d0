"""Submit analyze jobs and read the documents that they have written so far, for the page and the demo."""

from __future__ import annotations

import base64
from html import escape
from pathlib import Path

from core.analysis.spec import AnalyzeSpec
from core.analysis.verdict import RULES
from core.artifacts.files import read_json
from core.artifacts.finding import find_bundle
from core.documents.analysis import DOCUMENT, Analysis
from core.spec import fingerprint
from jobs.client import Workbench
from jobs.queue.views import JobView

NO_REASON = "The analysis failed and gave no reason. Read its log under Jobs."


def submit(spec: AnalyzeSpec, workbench: Workbench) -> str:
    """Queue an analysis.

    The same file, options, bundle, policy and rules are the same job. A failed or cancelled job runs again, and so
    does one whose pictures were deleted.

    Args:
        spec: What to analyze.
        workbench: Where to queue it.

    Returns:
        The id of the job.

    Raises:
        LookupError: No bundle of this name exists.
        FileNotFoundError: The upload or the bundle was deleted.
    """
    active = workbench.active()
    stamp = (active.bundle / "bundle.json").stat().st_mtime_ns if (active.bundle / "bundle.json").is_file() else 0
    key = fingerprint([spec.model_dump(mode="json"), str(active.bundle), stamp, str(active.policy or ""), RULES])
    job_id = workbench.submit("analyze", spec, key=f"analyze:{key}")
    job = workbench.job(job_id)
    if job.state in ("failed", "cancelled"):
        workbench.retry(job_id)
    elif job.state == "done" and any(not (folder / DOCUMENT).is_file() for folder in _folders(job)):
        return workbench.submit("analyze", spec)  # its pictures were deleted, so it is judged again
    return job_id


def _folders(job: JobView) -> list[Path]:
    return [Path(item["path"]) for item in (job.result or {}).get("produced", []) if item["kind"] == "analysis"]


def documents(job: JobView, workbench: Workbench) -> list[tuple[Analysis, Path]]:
    """Read the newest document of every file of an analyze job.

    Args:
        job: The job.
        workbench: Where it runs.

    Returns:
        Pairs of the document and the folder of its pictures; a partial document while the job runs, none before the
        first part.
    """
    if job.state != "done":
        return [(Analysis.model_validate(job.part), workbench.analysis_folder(job.id))] if job.part else []
    folders = [folder for folder in _folders(job) if (folder / DOCUMENT).is_file()]
    return [(Analysis.model_validate(read_json(folder / DOCUMENT)), folder) for folder in folders]


def rejected(job: JobView) -> list[tuple[str, str]]:
    """Return (file name, reason) of every file of a job that was not analysed."""
    items = ((job.result or {}).get("values") or {}).get("rejected", [])
    return [(Path(item["file"]).name, item["sentence"]) for item in items]


def file_name(job: JobView) -> str:
    """Return the name of a job's file; of several files, the first."""
    return Path(job.spec["files"][0]).name


def outcome(job: JobView) -> str:
    """Return the result of a job for a list.

    Returns:
        The name of the verdict as in `app.analysis.cards.WORDS`, `not analysed`, or the state of the job.
    """
    if job.state != "done":
        return job.state
    return (job.part or {}).get("verdict", "") or "not analysed"


def embedded(path: Path | None, words: str) -> str:
    """Make an HTML image that carries its own bytes.

    Args:
        path: A PNG made by this project; None makes nothing.
        words: What the picture shows, for a screen reader.

    Returns:
        The HTML; empty without a picture.
    """
    if path is None:
        return ""
    return f'<img src="data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}" alt="{escape(words)}">'


def bundle_of(job: JobView, workbench: Workbench) -> Path:
    """Return the folder of the bundle that judges or judged a job.

    Args:
        job: An analyze job.
        workbench: Where it runs.

    Returns:
        The folder; that of the active bundle when the job's own bundle no longer exists.
    """
    try:
        return find_bundle(job.spec.get("bundle", ""), workbench.workspace)
    except FileNotFoundError:
        return workbench.active().bundle


def inside(folder: Path, name: str | None) -> Path | None:
    """Return a file that a document names, if it lies inside the document's folder.

    Args:
        folder: The folder of the document.
        name: Relative path of the file; None when the document names none.

    Returns:
        The resolved path; None when there is no such file inside the folder, so that a document never points outside.
    """
    if not name:
        return None
    path = (folder / name).resolve()
    return path if path.is_relative_to(folder.resolve()) and path.is_file() else None
