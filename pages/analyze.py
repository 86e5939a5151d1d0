"""Analyze: an upload becomes an explained verdict."""

from __future__ import annotations

from contextlib import suppress

import streamlit as st

from app.analysis import cards
from app.analysis import requests as analyses
from app.analysis.delete_analysis import delete_button
from app.analysis.page_card import draw_analysis
from app.analysis.samples import samples
from app.ui import session, widgets
from app.ui.formatting import local_time
from app.ui.navigation import PageInfo
from core.analysis.spec import AnalyzeSpec
from core.explain.captions import METHOD_TITLES
from core.glossary import define
from jobs.client import Workbench
from jobs.queue.views import JobView

PAGE = PageInfo(section="Analysis", title="Analyze", url="analyze", icon=":material/frame_inspect:", order=10)

FILE_KINDS = "Pictures: JPEG, PNG, WebP, AVIF, HEIC, BMP, TIFF, GIF. Clips: MP4, MOV, M4V, 3GP, MKV, WebM, AVI."


def render() -> None:
    workbench = session.workbench()
    widgets.page_header(
        "Analyze",
        "Upload a picture or a clip with a face. Three stages judge it. The card says which stage decided, and why.",
    )
    with st.container(key="halves"):
        left, right = st.columns([1, 2], gap="large")
    with left:
        upload(workbench)
        history(workbench)
        sample_media(workbench)
    with right:
        draw_chosen(workbench)


def upload(workbench: Workbench) -> None:
    """Draw the uploader, and queue an analysis for each file.

    Files go to disk at once. A new key then empties the uploader, so that no file stays in memory.
    """
    turn = st.session_state.setdefault("upload_turn", 0)
    limit = workbench.settings.upload_mb
    # Every ending is accepted: the bytes tell what a file is, and each refusal has its own sentence on the card.
    files = st.file_uploader(
        f"Picture or clip, up to {limit} MB each", accept_multiple_files=True, key=f"upload-{turn}",
        max_upload_size=limit,
    )  # fmt: skip
    st.caption(FILE_KINDS)
    options = analysis_options()
    if not files:
        return
    submitted, problems = [], []
    for file in files:
        try:
            path = workbench.store_upload(file, file.name)
            submitted.append(analyses.submit(AnalyzeSpec(files=[str(path)], **options), workbench))
        except ValueError as error:
            problems.append(f"{file.name}: {error}")
    st.session_state["upload_turn"] = turn + 1
    st.session_state["upload_problems"] = problems
    st.session_state["batch"] = submitted
    if submitted:
        st.query_params["job"] = submitted[0]
    else:  # without this, the card of an earlier file would look like the card of the refused one
        st.query_params.pop("job", None)
    st.rerun()


def analysis_options() -> dict[str, object]:
    """Draw the few options that a visitor may want; all others keep the default of the spec.

    Returns:
        Field of AnalyzeSpec -> value.
    """
    fields = AnalyzeSpec.model_fields
    with st.popover("Options", width="stretch"):
        frames = st.slider("Frames of a clip", 4, 64, fields["frames"].default, 4, help=fields["frames"].description)
        explain = st.checkbox("Heat maps and reconstructions", True, help=fields["explain"].description)
        kind = st.selectbox(
            "Kind of heat map",
            ["", *METHOD_TITLES],
            format_func=lambda k: METHOD_TITLES.get(k, "the default of each expert"),
            help=define("heat map"),
        )
        every = st.checkbox("Score with every expert", False, help=fields["all_members"].description)
    return {"frames": frames, "explain": explain, "all_members": every, "heat_maps": [kind] if kind else []}


def sample_media(workbench: Workbench) -> None:
    """Draw the samples; a click on one queues its analysis."""
    listed = samples()
    if not listed:
        return
    box = st.expander("Samples to try", expanded="job" not in st.query_params)
    for start in range(0, len(listed), 3):
        for column, sample in zip(box.columns(3), listed[start : start + 3], strict=False):
            with column:
                st.image(str(sample.thumbnail), width="stretch", alt=sample.about)
                if st.button(sample.title, key=f"sample-{sample.name}", help=sample.about, width="stretch"):
                    with open(sample.path, "rb") as stream:
                        path = workbench.store_upload(stream, sample.path.name)
                    st.query_params["job"] = analyses.submit(AnalyzeSpec(files=[str(path)]), workbench)
                    st.session_state.pop("batch", None)
                    st.rerun()


def history(workbench: Workbench) -> None:
    """Draw the recent analyses, newest first; a click opens one."""
    recent = workbench.jobs(kind="analyze", limit=12)
    if not recent:
        return
    zone = widgets.reader_zone()
    box = st.popover("Recent analyses", width="stretch").container(gap=None)
    for job in recent:
        name, word = analyses.file_name(job), analyses.outcome(job)
        word = cards.WORDS.get(word, word)
        if box.button(
            widgets.plain_markdown(f"{name[:32]} · {word}"), key=f"recent-{job.id}", type="tertiary",
            help=f"{local_time(job.created_at, zone)} ({widgets.when(job.created_at)})",
        ):  # fmt: skip
            st.query_params["job"] = job.id
            st.session_state.pop("batch", None)
            st.rerun()


def draw_refused_uploads() -> None:
    """Say which files of the last upload were refused; the sentences stay until they are hidden or files are sent."""
    problems = st.session_state.get("upload_problems", [])
    if not problems:
        return
    widgets.notice(problems, "error")
    if st.button("Hide this message", key="hide-upload-problems", type="tertiary"):
        st.session_state["upload_problems"] = []
        st.rerun()


def draw_chosen(workbench: Workbench) -> None:
    """Draw the chosen analysis; it is redrawn while it runs."""
    draw_refused_uploads()
    job_id = st.query_params.get("job", "")
    names = batch_names(workbench)
    batch = list(names)
    if len(batch) > 1 and job_id in batch:
        job_id = st.selectbox("File", batch, batch.index(job_id), format_func=lambda item: names[item])
    if not job_id:
        widgets.empty(
            "No analysis yet",
            "Upload a file, or click a sample. The card fills in here as the stages finish.",
        )
        return
    try:
        job = workbench.job(job_id)
    except LookupError:
        widgets.empty(
            "This analysis is not in the workspace",
            "It may have been deleted. Upload the file again.",
            label="Start a new analysis",
            page="analyze",
        )
        return
    if job.ended:
        draw_ended(job, workbench)
    else:
        draw_live(job_id)


def draw_ended(job: JobView, workbench: Workbench) -> None:
    """Draw an ended analysis and the button that deletes it.

    Args:
        job: The ended job.
        workbench: Where it ran.
    """
    draw_analysis(job, workbench)
    delete_button(job, workbench)


def batch_names(workbench: Workbench) -> dict[str, str]:
    """Return the file name of every job of the last upload; jobs that were deleted meanwhile are left out."""
    names = {}
    for item in st.session_state.get("batch", []):
        with suppress(LookupError):
            names[item] = analyses.file_name(workbench.job(item))
    if "batch" in st.session_state:
        st.session_state["batch"] = list(names)
    return names


@st.fragment(run_every=0.7)
def draw_live(job_id: str) -> None:
    """Draw a running analysis, again and again until it has ended."""
    workbench = session.workbench()
    try:
        job = workbench.job(job_id)
    except LookupError:  # it was cancelled and deleted elsewhere; the whole page then says so
        st.rerun()
    if not job.ended:
        draw_analysis(job, workbench)
        return
    # The ended card is drawn before the whole page is asked for: a request that another click overtakes leaves a
    # complete card on the screen, and the next tick of this fragment asks again.
    draw_ended(job, workbench)
    st.rerun()
