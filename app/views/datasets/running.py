"""Jobs on data sets that run or have just ended, live on the page that asked for them."""

from __future__ import annotations

import os

import streamlit as st

from app.ui import html, navigation, session, widgets
from jobs import process as processes
from jobs.client import Workbench
from jobs.kind import kinds
from jobs.queue.views import JobView

WORK = ("prepare", "protocol")
"""Job kinds that make or change data sets."""


def under_way(workbench: Workbench) -> list[JobView]:
    """Return the jobs on data sets that wait or run, oldest first."""
    jobs = [job for kind in WORK for job in workbench.jobs(kind=kind, limit=50) if not job.ended]
    return sorted(jobs, key=lambda job: job.created_at)


def draw_running_jobs(workbench: Workbench) -> None:
    """Show what runs, live, and how the job of `?job=` ended."""
    if running := under_way(workbench):
        live([job.id for job in running])
    job_id = st.query_params.get("job", "")
    if not job_id:
        return
    try:
        job = workbench.job(job_id)
    except LookupError:
        del st.query_params["job"]
        return
    if job.ended:
        ended(job, workbench)


@st.fragment(run_every=1.5)
def live(job_ids: list[str]) -> None:
    """Show the progress of jobs. When one ends, the whole page is drawn anew."""
    workbench = session.workbench()
    jobs = [workbench.job(job_id) for job_id in job_ids]
    if any(job.ended for job in jobs):
        st.rerun()
    idle = not any(worker.alive for worker in workbench.workers())
    for job in jobs:
        progress(job, workbench, idle)


def progress(job: JobView, workbench: Workbench, idle: bool) -> None:
    """Show one job: what it makes, how far it is, and a button that cancels it.

    Args:
        job: The job.
        workbench: Cancels it.
        idle: No worker is alive.
    """
    with st.container(border=True):
        left, right = st.columns([3, 1], vertical_alignment="center")
        words = widgets.plain_markdown(job.message) or (
            "Starting" if job.state == "running" else "Waiting for the worker"
        )
        if job.state == "queued" and idle:
            words = "No worker is running: start one with `aware worker`"
        elif job.state == "running" and deserted(job, workbench):
            words = "The command that ran this job has ended; a worker (`aware worker`) continues where it stopped"
        left.html(
            f'<div class="aw"><b>{html.escape(subject(job))}</b> {widgets.state_chip(job.state)} '
            f'<span class="aw-quiet">{html.escape(job.id)}</span></div>'
        )
        left.progress(min(1.0, job.fraction), text=words)
        with right.popover("Cancel", width="stretch", disabled=job.cancel_requested):
            st.write("Stop this job? Files that are done stay, and a retry continues from there.")
            if st.button("Yes, stop it", type="primary", key=f"stop-{job.id}"):
                workbench.cancel(job.id)
                st.rerun()


def deserted(job: JobView, workbench: Workbench) -> bool:
    """Return whether the job ran in a command on this machine whose process has ended.

    Args:
        job: A running job.
        workbench: Knows the workers.

    Returns:
        True when the process is gone.
    """
    runners = [one for one in workbench.workers() if one.id == job.worker and one.host == processes.host()]
    told = processes.start_time(os.getpid()) is not None  # not every system says which processes live
    return told and any(processes.start_time(one.pid) is None for one in runners)


def subject(job: JobView) -> str:
    """Name the data set that a job makes or works on, in a few words."""
    spec = job.spec
    source = str(spec.get("path") or spec.get("dataset") or "")
    return f"{kinds.get(job.kind).title}: {spec.get('name') or source.rstrip('/').rsplit('/', 1)[-1]}"


def ended(job: JobView, workbench: Workbench) -> None:
    """Show how a job ended, until it is dismissed.

    Args:
        job: An ended job.
        workbench: Retries it.
    """
    sentence = job.error if job.state == "failed" else (job.result or {}).get("message", "") or "The job was cancelled."
    kind = {"failed": "error", "cancelled": "warning"}.get(job.state, "info")
    widgets.notice([f"{subject(job)}. {sentence}"], kind)
    with st.container(horizontal=True):
        if job.state in ("failed", "cancelled") and st.button("Retry", key="retry-dataset"):
            workbench.retry(job.id)
            st.rerun()
        if st.button("Open the job", key="open-dataset-job"):
            navigation.go_to("jobs", job=job.id)
        if st.button("Hide", key="put-away", type="tertiary"):
            del st.query_params["job"]
            st.rerun()


def made(job_id: str, workbench: Workbench) -> str:
    """Return the name of the data set that a job made.

    Args:
        job_id: The job; may be "".
        workbench: Knows the jobs.

    Returns:
        "" when it made none.
    """
    try:
        produced = (workbench.job(job_id).result or {}).get("produced", []) if job_id else []
    except LookupError:
        return ""
    return next((str(item["name"]) for item in produced if item["kind"] == "dataset"), "")
