"""One analysis on a Streamlit page: it fills in as stages finish, and says what it cannot show."""

from __future__ import annotations

import json
from pathlib import Path

import streamlit as st

from app.analysis import bundles, card_tables, cards
from app.analysis import requests as analyses
from app.charts import basic as charts
from app.ui import chart as chart_files
from app.ui import html, widgets
from core.analysis.spec import AnalyzeSpec
from core.documents.analysis import Analysis, Evidence
from jobs.client import Workbench
from jobs.queue.views import JobView


def show(job: JobView, workbench: Workbench) -> None:
    """The whole card of one analyze job, whatever its state."""
    if not job.ended:
        waiting(job, workbench)
    if job.state in ("failed", "cancelled"):
        st.html(cards.file_head(analyses.file_name(job)))
        trouble(job, workbench)
    found = analyses.documents(job, workbench)
    if rejected := analyses.rejected(job):
        refused(rejected, alone=not found)
    if len(found) > 1:
        names = [f"{i + 1}. {analysis.file_name}" for i, (analysis, _) in enumerate(found)]
        chosen = st.selectbox("File", range(len(found)), format_func=lambda i: names[i], key=f"file-{job.id}")
        found = [found[chosen]]
    for analysis, folder in found:
        card(analysis, folder, job, workbench)


def card(analysis: Analysis, folder: Path, job: JobView, workbench: Workbench) -> None:
    """Verdict, stages, timeline, faces, evidence, facts of one document."""
    bundle = analyses.bundle_of(job, workbench)
    titles = bundles.member_titles(bundle)
    picture = analyses.embedded(analyses.inside(folder, analysis.picture), "the file, its faces marked")
    st.html(cards.file_head(analysis.file_name, picture))
    st.html(cards.verdict_card(analysis))
    if analysis.warnings:
        widgets.notice(analysis.warnings)
    if analysis.verdict == "not_applicable" and analysis.complete:
        whole_frame(job, workbench)
        facts(analysis, job, titles)
        return
    st.subheader("Which stage decided, and why", anchor=False)
    st.html(cards.stage_strip(analysis, titles, analysis.complete))
    timeline(analysis)
    faces(analysis, folder, titles)
    evidence(analysis, folder, titles)
    facts(analysis, job, titles)
    limits(bundle)


def waiting(job: JobView, workbench: Workbench) -> None:
    """Progress, or the place in the queue and who could take it."""
    if job.state == "running":
        st.progress(min(1.0, job.fraction), text=widgets.plain_markdown(job.message or "Starting"))
        return
    st.progress(0.0, text=widgets.plain_markdown(analyses.queue_sentence(job, workbench)))


def trouble(job: JobView, workbench: Workbench) -> None:
    """Why there is no verdict, and a way to try again."""
    if job.state == "failed":
        widgets.notice([job.error or "The analysis failed without a reason; its log is under Jobs."], "error")
    else:
        widgets.notice(["This analysis was cancelled."], "info")
    if st.button("Try again", key=f"again-{job.id}"):
        workbench.retry(job.id)
        st.rerun()


def refused(rejected: list[tuple[str, str]], alone: bool) -> None:
    """Files that are not analysed, and why; trying them again would say the same, so another file is offered.

    rejected: (file name, sentence). alone: nothing else of this job was judged.
    """
    for name, sentence in rejected:
        st.html(cards.file_head(name))
        widgets.notice([f"Not analysed. {sentence}"], "warning")
    if alone and st.button("Choose another file", key="another"):
        st.query_params.pop("job", None)
        st.rerun()


def whole_frame(job: JobView, workbench: Workbench) -> None:
    """No face: offer to score the whole picture, as the visitor's own choice."""
    st.caption(
        "The cascade was trained on faces. It can score the whole frame, but no figure on its card covers that case."
    )
    if st.button("Score the whole frame anyway", key=f"whole-{job.id}"):
        spec = AnalyzeSpec.model_validate({**job.spec, "whole_frame": True})
        try:
            st.query_params["job"] = analyses.submit(spec, workbench)
        except (LookupError, FileNotFoundError) as error:  # the upload or the bundle was cleared away
            widgets.notice([str(error)], "error")
            return
        st.rerun()


def timeline(analysis: Analysis) -> None:
    """Clips: p_fake over the seconds, with the deciding stage's exits."""
    series = {f"face {face.face + 1}": face.timeline for face in analysis.faces if len(face.timeline) > 1}
    if not series:
        return
    step = cards.decider(analysis)
    st.subheader("Over the clip", anchor=False)
    drawn = charts.timeline(series, step.exits if step else None)
    chart_files.show_chart(drawn, f"p_fake over {analysis.file_name}")
    st.caption("A dot is a frame of a face: above the upper dashed line it speaks for fake, below the lower for real.")


def faces(analysis: Analysis, folder: Path, titles: dict[str, str]) -> None:
    """Every face with its own verdict; the strip of each opens below when there are several."""
    if not analysis.faces:
        return
    st.subheader("Faces" if len(analysis.faces) > 1 else "Face", anchor=False)
    for start in range(0, len(analysis.faces), 4):
        for column, face in zip(st.columns(4), analysis.faces[start : start + 4], strict=False):
            with column:
                crop = analyses.inside(folder, face.crop)
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
    members = card_tables.members_in_order(analysis.evidence)
    if not members:
        return
    st.subheader("Evidence", anchor=False)
    for tab, member in zip(st.tabs([titles.get(m, m) for m in members]), members, strict=True):
        with tab:
            items = card_tables.in_order([item for item in analysis.evidence if item.member == member])
            for face in dict.fromkeys(item.face for item in items):
                if len(analysis.faces) > 1:
                    st.markdown(f"**Face {face + 1}**")
                for item in (item for item in items if item.face == face):
                    evidence_row(item, folder)


def evidence_row(item: Evidence, folder: Path) -> None:
    """One map on the left; beside it what it shows, what it cannot show, and how it was checked."""
    left, right = st.columns([2, 3], gap="medium")
    path = analyses.inside(folder, item.file)
    if path:
        dim = None if card_tables.passed(item) else f"dim-{folder.name}-{path.stem}"
        left.container(key=dim).image(str(path), width="stretch", alt=item.title)
    right.html(cards.evidence_words(item))


def facts(analysis: Analysis, job: JobView, titles: dict[str, str]) -> None:
    """File, media, policy and its promises, times, the document itself."""
    left, right = st.columns([3, 2], gap="large")
    with left:
        st.subheader("File", anchor=False)
        st.html(html.facts(cards.media_facts(analysis)))
    with right:
        st.subheader("Time", anchor=False)
        times = {titles.get(name) or name.replace("_", " "): f"{took:.2f} s" for name, took in analysis.timings.items()}
        st.html(html.facts(times))
    if table := card_tables.promise_table(analysis.bundle, titles):
        st.html(table)
    if analysis.complete:
        text = json.dumps(analysis.model_dump(mode="json"), indent=2, ensure_ascii=False)
        st.download_button(
            "Download JSON", text, file_name=f"analysis-{analysis.sha256[:12]}.json", mime="application/json",
            key=f"json-{job.id}", on_click="ignore",
        )  # fmt: skip


def limits(bundle: Path) -> None:
    """The bundle's own card: what it was trained on, its figures, what it gets wrong."""
    if text := bundles.card_text(bundle):
        with st.expander("What this cannot show: the card of the bundle"):
            st.markdown(widgets.plain_markdown(text))
