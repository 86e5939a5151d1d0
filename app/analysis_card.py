"""One analysis on a Streamlit page: it fills in as stages finish, and says what it cannot show."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from app import cards, charts, session, widgets
from core.artifacts.files import read_json
from core.cascade.spec import AnalyzeSpec
from core.cascade.types import Analysis, Evidence
from core.spec import fingerprint
from jobs.client import Workbench
from jobs.views import JobView


def documents(job: JobView, workbench: Workbench) -> list[tuple[Analysis, Path]]:
    """The newest document of every file of an analyze job, with the folder of its pictures; partial while it runs."""
    if job.state != "done":
        return [(Analysis.model_validate(job.part), workbench.workspace.analyses / job.id)] if job.part else []
    folders = [Path(item["path"]) for item in (job.result or {}).get("produced", []) if item["kind"] == "analysis"]
    return [(Analysis.model_validate(read_json(folder / "analysis.json")), folder) for folder in folders]


def show(job: JobView, workbench: Workbench) -> None:
    """The whole card of one analyze job, whatever its state."""
    if not job.ended:
        waiting(job, workbench)
    if job.state in ("failed", "cancelled"):
        trouble(job, workbench)
    rejected = [item["sentence"] for item in ((job.result or {}).get("values") or {}).get("rejected", [])]
    if rejected:
        widgets.notice(rejected, "error")
    found = documents(job, workbench)
    if len(found) > 1:
        names = [f"{i + 1}. {analysis.file_name}" for i, (analysis, _) in enumerate(found)]
        chosen = st.selectbox("File", range(len(found)), format_func=lambda i: names[i], key=f"file-{job.id}")
        found = [found[chosen]]
    for analysis, folder in found:
        card(analysis, folder, job, workbench)


def card(analysis: Analysis, folder: Path, job: JobView, workbench: Workbench) -> None:
    """Verdict, stages, timeline, faces, evidence, facts of one document."""
    bundle = Path(job.spec.get("bundle") or workbench.active().bundle)
    titles = session.member_titles(bundle)
    st.html(cards.verdict_card(analysis))
    if analysis.warnings:
        widgets.notice(analysis.warnings)
    if analysis.verdict == "not_applicable" and analysis.complete:
        whole_frame(job, workbench)
        facts(analysis, job)
        return
    st.subheader("Which stage decided, and why", anchor=False)
    st.html(cards.stage_strip(analysis, titles, analysis.complete))
    timeline(analysis)
    faces(analysis, folder, titles)
    evidence(analysis, folder, titles)
    facts(analysis, job)
    limits(bundle)


def waiting(job: JobView, workbench: Workbench) -> None:
    """Progress, or the place in the queue and who could take it."""
    if job.state == "running":
        st.progress(min(1.0, job.fraction), text=widgets.plain_markdown(job.message or "Starting"))
        return
    if not any(worker.alive for worker in workbench.workers()):
        widgets.notice(
            ["No worker is running, so nothing will happen yet. Start one with `aware worker`; the file waits."]
        )
        return
    ahead = [j for j in workbench.jobs(kind="analyze", state="queued") if j.created_at < job.created_at]
    st.progress(
        0.0, text=f"Waiting: {len(ahead)} ahead in the queue" if ahead else "Waiting for the worker: next in line"
    )


def trouble(job: JobView, workbench: Workbench) -> None:
    """Why there is no verdict, and a way to try again."""
    if job.state == "failed":
        widgets.notice([job.error or "The analysis failed without a reason; its log is under Jobs."], "error")
    else:
        widgets.notice(["This analysis was cancelled."], "info")
    if st.button("Try again", key=f"again-{job.id}"):
        workbench.retry(job.id)
        st.rerun()


def whole_frame(job: JobView, workbench: Workbench) -> None:
    """No face: offer to score the whole picture, as the visitor's own choice."""
    st.caption(
        "The cascade was trained on faces. It can score the whole frame, but no figure on its card covers that case."
    )
    if st.button("Score the whole frame anyway", key=f"whole-{job.id}"):
        spec = AnalyzeSpec.model_validate({**job.spec, "whole_frame": True})
        st.query_params["job"] = submit(spec, workbench)
        st.rerun()


def submit(spec: AnalyzeSpec, workbench: Workbench) -> str:
    """Queue an analysis. The same file, options, bundle and policy are the same job; one that failed runs again."""
    active = workbench.active()
    digest = Path(spec.files[0]).parent.name
    key = fingerprint([digest, spec.model_dump(mode="json"), str(active.bundle), str(active.policy or "")])
    job_id = workbench.submit("analyze", spec, key=f"analyze:{key}")
    if workbench.job(job_id).state in ("failed", "cancelled"):
        workbench.retry(job_id)
    return job_id


def timeline(analysis: Analysis) -> None:
    """Clips: p_fake over the seconds, with the deciding stage's exits."""
    series = {f"face {face.face + 1}": face.timeline for face in analysis.faces if len(face.timeline) > 1}
    if not series:
        return
    step = cards.decider(analysis)
    st.subheader("Over the clip", anchor=False)
    st.altair_chart(charts.timeline(series, step.exits if step else None), width="stretch")


def faces(analysis: Analysis, folder: Path, titles: dict[str, str]) -> None:
    """Every face with its own verdict; the strip of each opens below when there are several."""
    if not analysis.faces:
        return
    st.subheader("Faces" if len(analysis.faces) > 1 else "Face", anchor=False)
    for start in range(0, len(analysis.faces), 4):
        for column, face in zip(st.columns(4), analysis.faces[start : start + 4], strict=False):
            with column:
                crop = widgets.inside(folder, face.crop) if face.crop else None
                if crop:
                    st.image(str(crop), width=150)
                st.html(cards.face_line(face))
                for warning in face.warnings:
                    st.caption(widgets.plain_markdown(warning))
    if len(analysis.faces) > 1:
        with st.expander("The stages of every face"):
            for face in analysis.faces:
                st.html(cards.face_line(face))
                st.html(cards.stage_strip(face.decision, titles, analysis.complete))


def evidence(analysis: Analysis, folder: Path, titles: dict[str, str]) -> None:
    """A tab an expert: its maps, each with caption, caveat and sanity figures."""
    members = list(dict.fromkeys(item.member for item in analysis.evidence))
    if not members:
        return
    st.subheader("Evidence", anchor=False)
    for tab, member in zip(st.tabs([titles.get(m, m) for m in members]), members, strict=True):
        with tab:
            items = [item for item in analysis.evidence if item.member == member]
            for face in dict.fromkeys(item.face for item in items):
                if len(analysis.faces) > 1:
                    st.markdown(f"**Face {face + 1}**")
                evidence_row([item for item in items if item.face == face], folder)


def evidence_row(items: Sequence[Evidence], folder: Path) -> None:
    """Up to three maps side by side."""
    for start in range(0, len(items), 3):
        for column, item in zip(st.columns(3), items[start : start + 3], strict=False):
            with column:
                path = widgets.inside(folder, item.file) if item.file else None
                if path:
                    st.image(str(path), width=260, alt=item.title)
                st.markdown(f"**{widgets.plain_markdown(item.title)}**")
                st.markdown(widgets.plain_markdown(item.caption))
                st.caption(widgets.plain_markdown(item.caveat))
                if item.values:
                    st.html(cards.facts({k.replace("_", " "): widgets.figure(v) for k, v in item.values.items()}))


def facts(analysis: Analysis, job: JobView) -> None:
    """File, media, times, the document itself."""
    left, right = st.columns([3, 2], gap="large")
    with left:
        st.subheader("File", anchor=False)
        st.html(cards.facts(cards.media_facts(analysis)))
    with right:
        st.subheader("Time", anchor=False)
        st.html(cards.facts({name.replace("_", " "): f"{seconds:.2f} s" for name, seconds in analysis.timings.items()}))
    if analysis.complete:
        text = json.dumps(analysis.model_dump(mode="json"), indent=2, ensure_ascii=False)
        st.download_button(
            "Download JSON", text, file_name=f"analysis-{analysis.sha256[:12]}.json", mime="application/json",
            key=f"json-{job.id}", on_click="ignore",
        )  # fmt: skip


def limits(bundle: Path) -> None:
    """The bundle's own card: what it was trained on, its figures, what it gets wrong."""
    path = bundle / "card.md"
    if path.is_file():
        with st.expander("What this cannot show: the card of the bundle"):
            st.markdown(widgets.plain_markdown(path.read_text(encoding="utf-8")))
