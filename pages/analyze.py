"""Analyze: an upload becomes an explained verdict."""

from __future__ import annotations

from contextlib import suppress

import streamlit as st

from app.analysis import cards
from app.analysis import page_card as analysis_card
from app.analysis import requests as analyses
from app.analysis.delete_analysis import delete_button
from app.analysis.samples import samples
from app.ui import session, widgets
from app.ui.navigation import PageInfo
from core.analysis.spec import AnalyzeSpec
from core.explain.captions import METHOD_TITLES
from jobs.client import Workbench

PAGE = PageInfo(section="Analysis", title="Analyze", url="analyze", icon=":material/frame_inspect:", order=10)

KINDS = (
    "Pictures: JPEG, PNG, WebP, AVIF, BMP, TIFF, GIF. Clips: MP4, MOV, M4V, 3GP, MKV, WebM, AVI. HEIC, as telephones "
    "save it, is not read: save the picture as JPEG first."
)


def render() -> None:
    workbench = session.workbench()
    widgets.page_header(
        "Analyze",
        "Upload a picture or a clip with a face. Three stages judge it; the card says which one decided and why.",
    )
    with st.container(key="halves"):
        left, right = st.columns([1, 2], gap="large")
    with left:
        upload(workbench)
        history(workbench)
        sample_media(workbench)
    with right:
        card(workbench)


def upload(workbench: Workbench) -> None:
    """The uploader. Files go to disk at once; a new key empties it, so that nothing stays in memory."""
    turn = st.session_state.setdefault("upload_turn", 0)
    limit = workbench.settings.upload_mb
    # Any name is taken in: what a file is, its bytes say, and each refusal has a sentence of its own on the card.
    files = st.file_uploader(
        f"Picture or clip, up to {limit} MB each", accept_multiple_files=True, key=f"upload-{turn}",
        max_upload_size=limit,
    )  # fmt: skip
    st.caption(KINDS)
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
    else:  # the card of an earlier file would look like this one's
        st.query_params.pop("job", None)
    st.rerun()


def analysis_options() -> dict[str, object]:
    """The few options a visitor may want; everything else keeps the spec's own default."""
    fields = AnalyzeSpec.model_fields
    with st.popover("Options", width="stretch"):
        frames = st.slider("Frames of a clip", 4, 64, fields["frames"].default, 4, help=fields["frames"].description)
        explain = st.checkbox("Heat maps and reconstructions", True, help=fields["explain"].description)
        kind = st.selectbox(
            "Kind of heat map", ["", *METHOD_TITLES], format_func=lambda k: METHOD_TITLES.get(k, "each expert's own")
        )
        every = st.checkbox("Ask every expert", False, help=fields["all_members"].description)
    return {"frames": frames, "explain": explain, "all_members": every, "heat_maps": [kind] if kind else []}


def sample_media(workbench: Workbench) -> None:
    """Samples to click."""
    found = samples()
    if not found:
        return
    box = st.expander("Samples to try", expanded="job" not in st.query_params)
    for start in range(0, len(found), 3):
        for column, sample in zip(box.columns(3), found[start : start + 3], strict=False):
            with column:
                st.image(str(sample.thumbnail), width="stretch")
                if st.button(sample.title, key=f"sample-{sample.name}", help=sample.about, width="stretch"):
                    with open(sample.path, "rb") as stream:
                        path = workbench.store_upload(stream, sample.path.name)
                    st.query_params["job"] = analyses.submit(AnalyzeSpec(files=[str(path)]), workbench)
                    st.session_state.pop("batch", None)
                    st.rerun()


def history(workbench: Workbench) -> None:
    """Recent analyses, newest first."""
    recent = workbench.jobs(kind="analyze", limit=12)
    if not recent:
        return
    box = st.popover("Recent analyses", width="stretch").container(gap=None)
    for job in recent:
        name, word = analyses.file_name(job), analyses.outcome(job)
        word = cards.WORDS.get(word, word)
        if box.button(
            widgets.plain_markdown(f"{name[:32]} · {word}"), key=f"recent-{job.id}", type="tertiary",
            help=widgets.when(job.created_at),
        ):  # fmt: skip
            st.query_params["job"] = job.id
            st.session_state.pop("batch", None)
            st.rerun()


def card(workbench: Workbench) -> None:
    """The chosen analysis; live while it runs."""
    for problem in st.session_state.pop("upload_problems", []):
        widgets.notice([problem], "error")
    job_id = st.query_params.get("job", "")
    names = batch_names(workbench)
    batch = list(names)
    if len(batch) > 1 and job_id in batch:
        job_id = st.selectbox("File", batch, batch.index(job_id), format_func=lambda item: names[item])
    if not job_id:
        widgets.empty(
            "No analysis yet",
            "Upload a file, or click a sample. The verdict appears here in parts as the stages finish.",
        )
        return
    try:
        job = workbench.job(job_id)
    except LookupError:
        widgets.empty("This analysis is not in the workspace", "It may have been deleted. Upload the file again.")
        return
    if job.ended:
        analysis_card.show(job, workbench)
        delete_button(job, workbench)
    else:
        live(job_id)


def batch_names(workbench: Workbench) -> dict[str, str]:
    """File name of every job of the files sent together; what was deleted elsewhere meanwhile drops out."""
    names = {}
    for item in st.session_state.get("batch", []):
        with suppress(LookupError):
            names[item] = analyses.file_name(workbench.job(item))
    if "batch" in st.session_state:
        st.session_state["batch"] = list(names)
    return names


@st.fragment(run_every=0.7)
def live(job_id: str) -> None:
    """The card of a running analysis, drawn anew as its stages finish."""
    workbench = session.workbench()
    try:
        job = workbench.job(job_id)
    except LookupError:  # cancelled and deleted elsewhere: the page says so
        st.rerun()
    if job.ended:
        st.rerun()
    analysis_card.show(job, workbench)
