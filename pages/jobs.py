"""Jobs: what runs, what waits, what went wrong; a live view of one."""

from __future__ import annotations

from datetime import UTC, datetime

import pandas as pd
import streamlit as st

from app.charts import basic as charts
from app.forms.fields import describe, label_of
from app.forms.import_scores import import_result
from app.ui import chart as chart_files
from app.ui import html, navigation, session, widgets
from app.ui.navigation import PageInfo
from jobs.client import Workbench
from jobs.kind import kinds
from jobs.queue.views import STATES, JobView, WorkerView

PAGE = PageInfo(section="System", title="Jobs", url="jobs", icon=":material/checklist:", order=10)


def render() -> None:
    workbench = session.workbench()
    widgets.page_header("Jobs", "Everything the worker does. Closing the browser stops nothing.")
    job_id = st.query_params.get("job", "")
    if job_id:
        one(job_id, workbench)
        return
    left, right = st.columns(2)
    kind = left.selectbox("Kind", ["", *kinds.names()], format_func=lambda k: kind_title(k) if k else "all")
    state = right.selectbox("State", ["", *STATES], format_func=lambda s: widgets.STATE_WORDS.get(s, "all"))
    table(kind, state)


@st.fragment(run_every=3)
def table(kind: str, state: str) -> None:
    """The newest jobs; a row opens."""
    found = session.workbench().jobs(kind=kind or None, state=state or None, limit=100)
    if not found:
        if kind or state:
            widgets.empty("No such job", "Choose another kind or state above.")
        else:
            widgets.empty("Nothing has run yet", "Analyze a picture, or start a training under Train; it appears here.")
        return
    rows = pd.DataFrame(
        {
            "state": [widgets.STATE_WORDS[job.state] for job in found],
            "kind": [job.kind for job in found],
            "what": [subject(job) for job in found],
            "progress": [1.0 if job.state == "done" else job.fraction for job in found],
            "message": [job.error or job.message for job in found],
            "started": [widgets.when(job.started_at or job.created_at) for job in found],
            "took": [widgets.span(took(job)) for job in found],
        }
    )
    config = {"progress": st.column_config.ProgressColumn("progress", format="percent", min_value=0, max_value=1)}
    chosen = st.dataframe(
        rows, hide_index=True, column_config=config, on_select="rerun", selection_mode="single-row", key="jobs-table"
    )
    st.caption("Select a row to open the job.")
    if chosen.selection.rows:
        st.query_params["job"] = found[chosen.selection.rows[0]].id
        st.rerun(scope="app")


def kind_title(kind: str) -> str:
    """A kind's title; the bare word for a kind that this version no longer knows."""
    return kinds.get(kind).title if kind in kinds else kind


def subject(job: JobView) -> str:
    """What a job works on, from its spec, in a few words."""
    spec = job.spec
    named = (spec.get(key) for key in ("name", "run", "stack", "path", "source"))
    first = spec.get("files") or [next((value for value in named if value), "")]
    return str(first[0]).rsplit("/", 1)[-1] or str(spec.get("recipe", ""))


def took(job: JobView) -> float | None:
    """Seconds that a job ran, so far or in all."""
    if job.started_at is None:
        return None
    return ((job.ended_at or datetime.now(UTC)) - job.started_at).total_seconds()


def one(job_id: str, workbench: Workbench) -> None:
    """One job, live while it runs."""
    if st.button("All jobs", icon=":material/arrow_back:", type="tertiary"):
        del st.query_params["job"]
        st.session_state.pop("jobs-table", None)
        st.rerun()
    try:
        job = workbench.job(job_id)
    except LookupError:
        widgets.empty("No such job", "Go back to all jobs.")
        return
    if job.ended:
        whole(job, workbench)
    else:
        live(job_id)


@st.fragment(run_every=1.5)
def live(job_id: str) -> None:
    """A running job, drawn anew until it ends."""
    workbench = session.workbench()
    try:
        job = workbench.job(job_id)
    except LookupError:  # cancelled and deleted elsewhere: the page says so
        st.rerun()
    if job.ended:
        st.rerun()
    whole(job, workbench)


def whole(job: JobView, workbench: Workbench) -> None:
    """Title line and everything below it, of one and the same moment."""
    actions(job, workbench)
    details(job, workbench)


def actions(job: JobView, workbench: Workbench) -> None:
    """Title line with the state, and cancel (asked twice) or retry."""
    left, right = st.columns([4, 1], vertical_alignment="center")
    title, quiet = html.escape(kind_title(job.kind)), html.escape(" ".join([job.id, attempt_words(job)]))
    left.html(
        f'<div class="aw"><b>{title}</b> {widgets.state_chip(job.state)} <span class="aw-quiet">{quiet}</span></div>'
    )
    with right:
        if not job.ended:
            with st.popover("Cancel", width="stretch", disabled=job.cancel_requested, key=f"cancel-{job.id}"):
                st.write("Stop this job? What it has saved stays, and a retry goes on from there.")
                if st.button("Yes, stop it", type="primary", key=f"stop-{job.id}"):
                    workbench.cancel(job.id)
                    st.rerun()
        elif job.state in ("failed", "cancelled") and st.button("Retry", width="stretch", key=f"retry-{job.id}"):
            workbench.retry(job.id)
            st.rerun()


def attempt_words(job: JobView) -> str:
    """Which attempt this is; nothing while there was only one."""
    if job.state == "queued":
        return f"waits for attempt {job.attempt + 1}" if job.attempt else ""
    return f"attempt {job.attempt}" if job.attempt > 1 else ""


def progress_words(job: JobView, workers: list[WorkerView]) -> str:
    """What a job that has not ended is doing, or what keeps it."""
    alive = {worker.id for worker in workers if worker.alive}
    if job.state == "queued":
        return job.message or "Waiting." if alive else "No worker is running: start one with `aware worker`"
    owner = next((worker for worker in workers if worker.id == job.worker), None)
    if owner is None or owner.dead or (owner.state == "up" and not owner.alive):
        then = "the next one looks after it within seconds" if alive else "start another with `aware worker`"
        return f"Its worker has stopped without a word; {then}."
    return job.message or "Starting."


def details(job: JobView, workbench: Workbench) -> None:
    """Progress, curves, result, spec, log."""
    if job.cancel_requested and not job.ended:
        st.caption("Stopping as soon as the current step allows.")
    if not job.ended:
        words = widgets.plain_markdown(progress_words(job, workbench.workers()))
        st.progress(min(1.0, job.fraction), text=words)
    if job.error:
        widgets.notice([job.error], "error")
    rows = workbench.metrics(job.id)
    if rows:
        curves(rows)
    result(job)
    left, right = st.columns([2, 3], gap="large")
    with left:
        st.subheader("Times", anchor=False)
        times = {"queued": job.created_at, "started": job.started_at, "ended": job.ended_at}
        shown = {name: widgets.when(moment) for name, moment in times.items() if moment}
        st.html(html.facts({**shown, "took": widgets.span(took(job)) or "–", "worker": job.worker or "–"}))
        with st.expander("Input"):
            st.dataframe(input_rows(job), hide_index=True)
    with right:
        st.subheader("Log", anchor=False)
        log = workbench.log_tail(job.id).strip()
        st.code(log or "nothing written", language=None, height=280 if log else "content")


def input_rows(job: JobView) -> pd.DataFrame:
    """One row a field of the spec: its name, its value, and whether that is not the default; those first."""
    fields = {field.name: field for field in describe(kinds.get(job.kind).spec)} if job.kind in kinds else {}
    rows = []
    for name, value in job.spec.items():
        chosen = name not in fields or fields[name].required or value != fields[name].default
        words = widgets.figure(value) if value not in (None, "", []) else "–"
        rows.append({"field": label_of(name), "value": words, "chosen": "chosen" if chosen else "default"})
    return pd.DataFrame(sorted(rows, key=lambda row: row["chosen"]), columns=["field", "value", "chosen"])


QUIET_CURVES = ("lr", "seconds")


def curves(rows: list[dict]) -> None:
    """Every family of figures as a chart; those that say nothing of quality are folded away."""
    drawn = charts.training_curves(rows)
    chart_grid({name: chart for name, chart in drawn.items() if name not in QUIET_CURVES})
    rest = {name: chart for name, chart in drawn.items() if name in QUIET_CURVES}
    if rest:
        with st.expander("Learning rate and time"):
            chart_grid(rest)


def chart_grid(drawn: dict) -> None:
    """Charts by name, two a row."""
    names = list(drawn)
    for start in range(0, len(names), 2):
        for column, name in zip(st.columns(2), names[start : start + 2], strict=False):
            with column:
                chart_files.show_chart(drawn[name], f"training {name}")


def result(job: JobView) -> None:
    """What a finished job gave: a sentence, plain figures, artefacts; the rest as JSON."""
    if not job.result:
        return
    st.subheader("Result", anchor=False)
    st.text(job.result.get("message", ""))
    values = job.result.get("values") or {}
    if job.kind == "import_scores" and "splits" in values:
        import_result(values)
        return
    plain = {name: value for name, value in values.items() if not isinstance(value, dict | list)}
    made = {item["kind"]: f"{item['name']}, in {item['path']}" for item in job.result.get("produced", [])}
    st.html(html.facts({name.replace("_", " "): widgets.figure(value) for name, value in plain.items()} | made))
    if len(plain) < len(values):
        with st.expander("Everything it gave"):
            st.json(values, expanded=1)
    if job.kind == "analyze" and st.button("Show the verdict", icon=":material/arrow_forward:"):
        navigation.go_to("analyze", job=job.id)
