"""Draw one analysis on a Streamlit page; the card grows as the stages finish."""

from __future__ import annotations

import json
import time
from pathlib import Path

import streamlit as st

from app.analysis import bundles, card_tables, cards
from app.analysis import requests as analyses
from app.charts import basic as charts
from app.ui import html, widgets
from app.ui.chart import show_chart
from core.analysis.spec import AnalyzeSpec
from core.documents.analysis import Analysis, Evidence
from core.glossary import define
from jobs.client import Workbench
from jobs.queue.views import JobView, progress_text


def draw_analysis(job: JobView, workbench: Workbench) -> None:
    """Draw the whole card of an analyze job in any state.

    Args:
        job: The job.
        workbench: Where it runs.
    """
    if not job.ended:
        draw_progress(job, workbench)
    if job.state in ("failed", "cancelled"):
        st.html(cards.file_head(analyses.file_name(job)))
        draw_failure(job, workbench)
    documents = analyses.documents(job, workbench)
    if rejected := analyses.rejected(job):
        draw_refusals(rejected, alone=not documents)
    if len(documents) > 1:
        names = [f"{i + 1}. {analysis.file_name}" for i, (analysis, _) in enumerate(documents)]
        chosen = st.selectbox("File", range(len(documents)), format_func=lambda i: names[i], key=f"file-{job.id}")
        documents = [documents[chosen]]
    for analysis, folder in documents:
        draw_document(analysis, folder, job, workbench)


def draw_document(analysis: Analysis, folder: Path, job: JobView, workbench: Workbench) -> None:
    """Draw verdict, stages, timeline, faces, evidence and facts of one document.

    Args:
        analysis: The document.
        folder: The folder of its pictures.
        job: The job that wrote it.
        workbench: Where the job runs.
    """
    bundle = analyses.bundle_of(job, workbench)
    titles = bundles.member_titles(bundle)
    picture = analyses.embedded(analyses.inside(folder, analysis.picture), "the file, its faces marked")
    st.html(cards.file_head(analysis.file_name, picture))
    st.html(cards.verdict_card(analysis))
    if analysis.warnings:
        widgets.notice(analysis.warnings)
    if analysis.verdict == "not_applicable" and analysis.complete:
        offer_whole_frame(job, workbench)
        draw_facts(analysis, job, titles)
        return
    st.subheader("Which stage decided, and why", anchor=False, help=f"{define('stage')} {define('exit')}")
    st.html(cards.stage_strip(analysis, titles, analysis.complete))
    draw_timeline(analysis)
    draw_faces(analysis, folder, titles)
    draw_evidence(analysis, folder, titles)
    draw_facts(analysis, job, titles)
    draw_limits(bundle)


def draw_progress(job: JobView, workbench: Workbench) -> None:
    """Draw the progress of a running job, or the place of a waiting one in the queue.

    Args:
        job: A job that has not ended.
        workbench: Where it runs.
    """
    if job.state == "running":
        text = f"{progress_text(job, time.time())} · {job.message or 'Starting'}"
        st.progress(min(1.0, job.fraction), text=widgets.plain_markdown(text))
        return
    st.progress(0.0, text=widgets.plain_markdown(workbench.queue_position(job)))


def draw_failure(job: JobView, workbench: Workbench) -> None:
    """Say why there is no verdict, and offer to try again.

    Args:
        job: A failed or cancelled job.
        workbench: Where it runs.
    """
    if job.state == "failed":
        widgets.notice([job.error or analyses.NO_REASON], "error")
    else:
        widgets.notice(["This analysis was cancelled."], "info")
    if st.button("Try again", key=f"again-{job.id}"):
        workbench.retry(job.id)
        st.rerun()


def draw_refusals(rejected: list[tuple[str, str]], alone: bool) -> None:
    """Say which files are not analysed, and why.

    A second try would give the same answer, so the button offers another file instead.

    Args:
        rejected: (file name, sentence) of each file.
        alone: Whether no other file of this job was judged.
    """
    for name, sentence in rejected:
        st.html(cards.file_head(name))
        widgets.notice([f"Not analysed. {sentence}"], "warning")
    if alone and st.button("Choose another file", key="another"):
        st.query_params.pop("job", None)
        st.rerun()


def offer_whole_frame(job: JobView, workbench: Workbench) -> None:
    """Offer to score the whole picture where no face was found.

    Args:
        job: A finished job without a face.
        workbench: Where it ran.
    """
    st.caption(
        "The cascade was trained on faces. It can score the whole frame, but its model card holds no figures for that."
    )
    if st.button("Score the whole frame anyway", key=f"whole-{job.id}"):
        spec = AnalyzeSpec.model_validate({**job.spec, "whole_frame": True})
        try:
            st.query_params["job"] = analyses.submit(spec, workbench)
        except (LookupError, FileNotFoundError) as error:  # the upload or the bundle was deleted
            widgets.notice([str(error)], "error")
            return
        st.rerun()


def draw_timeline(analysis: Analysis) -> None:
    """Draw p_fake over the seconds of a clip, with the exits of the deciding stage."""
    series = {f"face {face.face + 1}": face.timeline for face in analysis.faces if len(face.timeline) > 1}
    if not series:
        return
    step = cards.decider(analysis)
    st.subheader("Over the clip", anchor=False)
    drawn = charts.timeline(series, step.exits if step else None)
    show_chart(
        drawn,
        f"p_fake over {analysis.file_name}",
        "Each dot is one frame of a face. A dot above the upper dashed line counts as fake, a dot below the lower one "
        "as real.",
    )


def draw_faces(analysis: Analysis, folder: Path, titles: dict[str, str]) -> None:
    """Draw every face with its own verdict; with several faces, the stages of each can be opened.

    Args:
        analysis: The document.
        folder: The folder of its pictures.
        titles: Member name -> title.
    """
    if not analysis.faces:
        return
    st.subheader("Faces" if len(analysis.faces) > 1 else "Face", anchor=False)
    for start in range(0, len(analysis.faces), 4):
        for column, face in zip(st.columns(4), analysis.faces[start : start + 4], strict=False):
            with column:
                crop = analyses.inside(folder, face.crop)
                if crop:
                    st.image(str(crop), width=150, alt=f"Face {face.face + 1}, as the detectors saw it")
                st.html(cards.face_line(face))
                for warning in face.warnings:
                    st.caption(widgets.plain_markdown(warning))
    if len(analysis.faces) > 1:
        with st.expander("The stages of every face"):
            for face in analysis.faces:
                st.html(cards.face_line(face))
                st.html(cards.stage_strip(face.decision, titles, analysis.complete))


def draw_evidence(analysis: Analysis, folder: Path, titles: dict[str, str]) -> None:
    """Draw one tab for each member with its maps, captions, caveats and sanity figures.

    Args:
        analysis: The document.
        folder: The folder of its pictures.
        titles: Member name -> title.
    """
    members = card_tables.members_in_order(analysis.evidence)
    if not members:
        return
    st.subheader("Evidence", anchor=False, help=f"{define('heat map')} {define('sanity check')}")
    for tab, member in zip(st.tabs([titles.get(m, m) for m in members]), members, strict=True):
        with tab:
            items = card_tables.in_order([item for item in analysis.evidence if item.member == member])
            for face in dict.fromkeys(item.face for item in items):
                if len(analysis.faces) > 1:
                    st.markdown(f"**Face {face + 1}**")
                for item in (item for item in items if item.face == face):
                    draw_map(item, folder)


def draw_map(item: Evidence, folder: Path) -> None:
    """Draw one map; beside it what it shows, what it cannot show, and how it was checked.

    Args:
        item: The map.
        folder: The folder of its picture.
    """
    left, right = st.columns([2, 3], gap="medium")
    path = analyses.inside(folder, item.file)
    if path:
        dim = None if card_tables.passed(item) else f"dim-{folder.name}-{path.stem}"
        left.container(key=dim).image(str(path), width="stretch", alt=item.title)
    right.html(cards.evidence_words(item))


def draw_facts(analysis: Analysis, job: JobView, titles: dict[str, str]) -> None:
    """Draw the facts on file, policy and times, and a button that saves the document.

    Args:
        analysis: The document.
        job: The job that wrote it.
        titles: Member name -> title.
    """
    left, right = st.columns([3, 2], gap="large")
    with left:
        st.subheader("File", anchor=False)
        st.html(html.facts(cards.media_facts(analysis)))
    with right:
        st.subheader("Time", anchor=False)
        times = {titles.get(name) or name.replace("_", " "): f"{took:.2f} s" for name, took in analysis.timings.items()}
        st.html(html.facts(times))
    if table := card_tables.guarantee_table(analysis.bundle, titles):
        st.html(table)
    if analysis.complete:
        text = json.dumps(analysis.model_dump(mode="json"), indent=2, ensure_ascii=False)
        st.download_button(
            "Download JSON", text, file_name=f"analysis-{analysis.sha256[:12]}.json", mime="application/json",
            key=f"json-{job.id}", on_click="ignore",
        )  # fmt: skip


def draw_limits(bundle: Path) -> None:
    """Draw the model card of a bundle: training data, figures, known errors."""
    if text := bundles.card_text(bundle):
        with st.expander("Limits of this verdict: the model card of the bundle"):
            st.markdown(widgets.plain_markdown(text))
