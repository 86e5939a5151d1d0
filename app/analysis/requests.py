"""Analyze jobs as page and demo see them: how one is asked for, and the documents it has given so far."""

from __future__ import annotations

import base64
from html import escape
from pathlib import Path

from core.analysis.spec import AnalyzeSpec
from core.analysis.verdict import RULES
from core.artifacts.files import read_json
from core.artifacts.finding import find_bundle
from core.documents.analysis import Analysis
from core.spec import fingerprint
from jobs.client import Workbench
from jobs.queue.views import JobView

DOCUMENT = "analysis.json"


def submit(spec: AnalyzeSpec, workbench: Workbench) -> str:
    """Queue an analysis. The same file, options, bundle, policy and rules are the same job; a failed one runs again."""
    active = workbench.active()
    stamp = (active.bundle / "bundle.json").stat().st_mtime_ns if (active.bundle / "bundle.json").is_file() else 0
    key = fingerprint([spec.model_dump(mode="json"), str(active.bundle), stamp, str(active.policy or ""), RULES])
    job_id = workbench.submit("analyze", spec, key=f"analyze:{key}")
    job = workbench.job(job_id)
    if job.state in ("failed", "cancelled"):
        workbench.retry(job_id)
    elif job.state == "done" and any(not (folder / DOCUMENT).is_file() for folder in _folders(job)):
        return workbench.submit("analyze", spec)  # its pictures were cleared away: judge it again
    return job_id


def _folders(job: JobView) -> list[Path]:
    return [Path(item["path"]) for item in (job.result or {}).get("produced", []) if item["kind"] == "analysis"]


def documents(job: JobView, workbench: Workbench) -> list[tuple[Analysis, Path]]:
    """The newest document of every file of an analyze job, with the folder of its pictures; partial while it runs."""
    if job.state != "done":
        return [(Analysis.model_validate(job.part), workbench.analysis_folder(job.id))] if job.part else []
    kept = [folder for folder in _folders(job) if (folder / DOCUMENT).is_file()]
    return [(Analysis.model_validate(read_json(folder / DOCUMENT)), folder) for folder in kept]


def rejected(job: JobView) -> list[tuple[str, str]]:
    """(file name, why it was not analysed) of every refused file of a job."""
    items = ((job.result or {}).get("values") or {}).get("rejected", [])
    return [(Path(item["file"]).name, item["sentence"]) for item in items]


def file_name(job: JobView) -> str:
    """Name of the file that a job is about, of several the first."""
    return Path(job.spec["files"][0]).name


def outcome(job: JobView) -> str:
    """What became of a job, for a list: the verdict's name in `app.analysis.cards.WORDS`, `not analysed`, or the job's
    state.
    """
    if job.state != "done":
        return job.state
    return (job.part or {}).get("verdict", "") or "not analysed"


def embedded(path: Path | None, words: str) -> str:
    """An HTML image that carries the bytes of one of our own PNGs; empty when there is none."""
    if path is None:
        return ""
    return f'<img src="data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}" alt="{escape(words)}">'


def bundle_of(job: JobView, workbench: Workbench) -> Path:
    """Folder of the bundle that judges or judged a job; the active one when its own is gone."""
    try:
        return find_bundle(job.spec.get("bundle", ""), workbench.workspace)
    except FileNotFoundError:
        return workbench.active().bundle


def queue_sentence(job: JobView, workbench: Workbench) -> str:
    """Where a queued job stands, or that nobody works."""
    if not any(worker.alive for worker in workbench.workers()):
        return "No worker is running, so nothing happens yet. Start one with `aware worker`; the file waits."
    ahead = [j for j in workbench.jobs(kind="analyze", state="queued") if j.created_at < job.created_at]
    return f"Waiting: {len(ahead)} ahead in the queue." if ahead else "Waiting for the worker: next in line."


def inside(folder: Path, name: str | None) -> Path | None:
    """`folder / name` when it is a file inside that folder, else None: a document never points outside of itself."""
    if not name:
        return None
    path = (folder / name).resolve()
    return path if path.is_relative_to(folder.resolve()) and path.is_file() else None
