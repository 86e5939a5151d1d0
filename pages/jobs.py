"""Jobs: the list of what runs, waits or failed, and a live view of one job."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from html import escape
from typing import Any

import pandas as pd
import streamlit as st

from app.charts import basic as charts
from app.forms.fields import describe, label_of
from app.forms.import_scores import draw_import_result
from app.ui import html, navigation, session, widgets
from app.ui.chart import show_chart
from app.ui.components import component
from app.ui.formatting import local_time
from app.ui.navigation import PageInfo
from app.ui.tables import as_html
from core.glossary import define
from jobs.client import Workbench
from jobs.kind import kinds
from jobs.queue.views import STATES, JobView, WorkerView, job_title, progress_text

PAGE = PageInfo(section="System", title="Jobs", url="jobs", icon=":material/checklist:", order=10)

FILTER_KEYS = ("jobs-kind", "jobs-state")
LOG_HEIGHT_PX = 280
LONG_LOG_LINES = 10
"""A log with more lines scrolls."""
MAX_QUEUE_PLACES = 10
"""So many waiting jobs tell their place in the list; each place asks the database."""


def render() -> None:
    workbench = session.workbench()
    widgets.page_header("Jobs", "The work of the background worker. A job continues when you close the browser.")
    job_id = st.query_params.get("job", "")
    if job_id:
        draw_chosen(job_id, workbench)
        return
    left, right = st.columns(2)
    kind = left.selectbox(
        "Kind", ["", *kinds.names()], format_func=lambda k: kind_title(k) if k else "all", key=FILTER_KEYS[0],
        help=define("job"),
    )  # fmt: skip
    state = right.selectbox(
        "State", ["", *STATES], format_func=lambda s: widgets.STATE_WORDS.get(s, "all"), key=FILTER_KEYS[1]
    )
    draw_list(kind, state)


@st.fragment(run_every=3)
def draw_list(kind: str, state: str) -> None:
    """Draw the newest jobs; the name of a job opens it.

    Args:
        kind: Kind of the jobs; empty lists all.
        state: State of the jobs; empty lists all.
    """
    workbench = session.workbench()
    jobs = workbench.jobs(kind=kind or None, state=state or None, limit=100)
    if not jobs:
        if not (kind or state):
            widgets.empty(
                "Nothing has run yet",
                "Analyze a picture, or start a training under Train. The job appears here.",
                label="Analyze a picture",
                page="analyze",
            )
            return
        widgets.empty("No job of this kind and state", "Choose another kind or state above, or show all jobs.")
        if st.button("Show all jobs", on_click=show_all_kinds):
            st.rerun(scope="app")
        return
    rows = job_rows(jobs, workbench, widgets.reader_zone())
    chosen = component("job_list")(data={"rows": rows}, key="job-list", on_open_change=lambda: None)
    if chosen.open:
        st.query_params["job"] = chosen.open
        st.rerun(scope="app")


def show_all_kinds() -> None:
    """Set the filters of the list back to all kinds and states."""
    for key in FILTER_KEYS:
        st.session_state[key] = ""


def job_rows(jobs: Sequence[JobView], workbench: Workbench, zone: tzinfo) -> list[dict[str, Any]]:
    """Write jobs as rows of the list.

    Args:
        jobs: The jobs, in the order of the list.
        workbench: Where they run.
        zone: The reader's time zone.

    Returns:
        One row for each job, as `assets/components/job_list.js` draws it: `share` in [0, 1], all else text.
    """
    workers, now = workbench.workers(), time.time()
    waiting = [job.id for job in jobs if job.state == "queued"][-MAX_QUEUE_PLACES:]  # the oldest: they begin next
    return [
        {
            "id": job.id,
            "title": " · ".join(filter(None, [job_title(job), subject(job)])),
            "state": widgets.STATE_WORDS[job.state],
            "tone": widgets.STATE_TONES[job.state],
            "share": min(1.0, job.fraction),
            "percent": progress_text(job, now),
            "message": plain_text(job.error or (job.message if job.ended else progress_words(job, workers))),
            "before": "" if job.started_at else "queued ",
            "local": local_time(job.started_at or job.created_at, zone),
            "utc": widgets.when(job.started_at or job.created_at),
            "took": widgets.span(took(job)) or "–",
        }
        | ({"message": plain_text(workbench.queue_position(job))} if job.id in waiting else {})
        for job in jobs
    ]


def plain_text(sentence: str) -> str:
    """Return a sentence without the backticks that mark code elsewhere; the list shows plain text."""
    return sentence.replace("`", "")


def kind_title(kind: str) -> str:
    """Return the title of a kind; its bare name for a kind that this version does not know."""
    return kinds.get(kind).title if kind in kinds else kind


def subject(job: JobView) -> str:
    """Say in a few words what a job works on, from its spec."""
    spec = job.spec
    named = (spec.get(key) for key in ("name", "run", "stack", "path", "source"))
    first = spec.get("files") or [next((value for value in named if value), "")]
    return str(first[0]).rsplit("/", 1)[-1] or str(spec.get("recipe", ""))


def took(job: JobView) -> float | None:
    """Return the seconds that a job ran, so far or in all; None before its start."""
    if job.started_at is None:
        return None
    return ((job.ended_at or datetime.now(UTC)) - job.started_at).total_seconds()


def draw_chosen(job_id: str, workbench: Workbench) -> None:
    """Draw the job of the address; it is redrawn while it runs.

    Args:
        job_id: Id of the job.
        workbench: Where it runs.
    """
    if st.button("All jobs", icon=":material/arrow_back:", type="tertiary"):
        del st.query_params["job"]
        st.rerun()
    try:
        job = workbench.job(job_id)
    except LookupError:
        widgets.empty("No such job", "It may have been deleted. Look for it among all jobs.", "Show all jobs", "jobs")
        return
    if job.ended:
        draw_job(job, workbench)
    else:
        draw_live(job_id)


@st.fragment(run_every=1.5)
def draw_live(job_id: str) -> None:
    """Draw a running job, again and again until it has ended."""
    workbench = session.workbench()
    try:
        job = workbench.job(job_id)
    except LookupError:  # it was cancelled and deleted elsewhere; the whole page then says so
        st.rerun()
    draw_job(job, workbench)
    if job.ended:  # drawn first: if another click overtakes this request, the ended job stands on the screen anyway
        st.rerun()


def draw_job(job: JobView, workbench: Workbench) -> None:
    """Draw the title line of a job and everything below it, from one and the same state.

    Args:
        job: The job.
        workbench: Where it runs.
    """
    draw_title_line(job, workbench)
    draw_details(job, workbench)


def draw_title_line(job: JobView, workbench: Workbench) -> None:
    """Draw the title line with the state, and the button that cancels (it asks for a confirmation) or retries.

    Args:
        job: The job.
        workbench: Where it runs.
    """
    left, right = st.columns([4, 1], vertical_alignment="center")
    title, quiet = escape(job_title(job)), escape(" ".join([job.id, attempt_words(job)]))
    left.html(
        f'<div class="aw"><b>{title}</b> {widgets.state_chip(job.state)} <span class="aw-quiet">{quiet}</span></div>'
    )
    with right:
        if not job.ended:
            with st.popover("Cancel", width="stretch", disabled=job.cancel_requested, key=f"cancel-{job.id}"):
                st.write("Stop this job? What it has saved stays, and a retry continues from there.")
                if st.button("Yes, stop it", type="primary", key=f"stop-{job.id}"):
                    workbench.cancel(job.id)
                    st.rerun()
        elif job.state in ("failed", "cancelled") and st.button("Retry", width="stretch", key=f"retry-{job.id}"):
            workbench.retry(job.id)
            st.rerun()


def attempt_words(job: JobView) -> str:
    """Say which attempt this is; empty while there was only one."""
    if job.state == "queued":
        return f"waits for attempt {job.attempt + 1}" if job.attempt else ""
    return f"attempt {job.attempt}" if job.attempt > 1 else ""


def progress_words(job: JobView, workers: list[WorkerView]) -> str:
    """Say what a job that has not ended does, or what it waits for.

    Args:
        job: The job.
        workers: All workers.

    Returns:
        One or two sentences.
    """
    alive = {worker.id for worker in workers if worker.alive}
    if job.state == "queued":
        return "Waiting in the queue."
    owner = next((worker for worker in workers if worker.id == job.worker), None)
    if owner is None or owner.dead or (owner.state == "up" and not owner.alive):
        then = "Another worker takes the job within seconds." if alive else "Start another one with `aware worker`."
        return f"Its worker has stopped and sent no message. {then}"
    return job.message or "Starting."


def draw_details(job: JobView, workbench: Workbench) -> None:
    """Draw progress, curves, result, times, input and log.

    Args:
        job: The job.
        workbench: Where it runs.
    """
    if job.cancel_requested and not job.ended:
        st.caption("The job stops after its current step.")
    if not job.ended:
        if job.state == "queued":
            words = workbench.queue_position(job)
        else:
            words = f"{progress_text(job, time.time())} · {progress_words(job, workbench.workers())}"
        st.progress(min(1.0, job.fraction), text=widgets.plain_markdown(words))
    if job.error:
        widgets.notice([job.error], "error")
    rows = workbench.metrics(job.id)
    if rows:
        draw_curves(rows)
    draw_result(job)
    left, right = st.columns([2, 3], gap="large")
    with left:
        st.subheader("Times", anchor=False)
        times = {"queued": job.created_at, "started": job.started_at, "ended": job.ended_at}
        zone = widgets.reader_zone()
        shown = {name: html.moment(moment, zone) for name, moment in times.items() if moment}
        st.html(html.facts({**shown, "took": widgets.span(took(job)) or "–", "worker": job.worker or "–"}))
        with st.expander("Input"):
            st.html(as_html(input_rows(job), wide=["value"], label="Input of the job"))
    with right:
        st.subheader("Log", anchor=False)
        draw_log(workbench.log_tail(job.id).strip())


def draw_log(text: str) -> None:
    """Draw a log that opens at its newest lines and follows them; older lines are above."""
    # The style sheet turns this container round (column-reverse): its resting place is the end of the text.
    with st.container(
        height=LOG_HEIGHT_PX if text.count("\n") >= LONG_LOG_LINES else "content", border=True, key="job-log"
    ):
        st.html(
            f'<pre class="aw aw-log" tabindex="0" role="region" aria-label="Log, newest lines at the end">'
            f"{escape(text or 'The log is empty.')}</pre>"
        )


def input_rows(job: JobView) -> pd.DataFrame:
    """Return one row for each field of the spec: name, value, and whether the value was chosen; chosen ones first."""
    fields = {field.name: field for field in describe(kinds.get(job.kind).spec)} if job.kind in kinds else {}
    rows = []
    for name, value in job.spec.items():
        chosen = name not in fields or fields[name].required or value != fields[name].default
        words = widgets.figure(value) if value not in (None, "", []) else "–"
        rows.append({"field": label_of(name), "value": words, "chosen": "chosen" if chosen else "default"})
    return pd.DataFrame(sorted(rows, key=lambda row: row["chosen"]), columns=["field", "value", "chosen"])


FOLDED_CURVES = ("lr", "seconds")
"""Curves that say nothing about quality."""


def draw_curves(rows: list[dict]) -> None:
    """Draw one chart for each family of figures; charts that say nothing about quality are folded."""
    drawn = charts.training_curves(rows)
    chart_grid({name: chart for name, chart in drawn.items() if name not in FOLDED_CURVES})
    rest = {name: chart for name, chart in drawn.items() if name in FOLDED_CURVES}
    if rest:
        with st.expander("Learning rate and time"):
            chart_grid(rest)


def chart_grid(drawn: dict) -> None:
    """Draw charts by name, two in a row."""
    names = list(drawn)
    for start in range(0, len(names), 2):
        for column, name in zip(st.columns(2), names[start : start + 2], strict=False):
            with column:
                show_chart(drawn[name], f"training {name}")


def draw_result(job: JobView) -> None:
    """Draw the result of a finished job: a sentence, plain figures, artefacts, and the rest as JSON."""
    if not job.result:
        return
    st.subheader("Result", anchor=False)
    st.text(job.result.get("message", ""))
    values = job.result.get("values") or {}
    if job.kind == "import_scores" and "splits" in values:
        draw_import_result(values)
        return
    plain = {name: value for name, value in values.items() if not isinstance(value, dict | list)}
    made = {item["kind"]: f"{item['name']}, in {item['path']}" for item in job.result.get("produced", [])}
    st.html(html.facts({name.replace("_", " "): widgets.figure(value) for name, value in plain.items()} | made))
    if len(plain) < len(values):
        with st.expander("All figures of the result"):
            st.json(values, expanded=1)
    if job.kind == "analyze" and st.button("Show the verdict", icon=":material/arrow_forward:"):
        navigation.go_to("analyze", job=job.id)
