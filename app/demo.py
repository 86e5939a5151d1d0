"""Run the Gradio demo, `python -m app.demo --port 7860`: it queues an analysis and shows the card as it grows.

The worker judges, not the demo. Pictures reach the browser inside the page (data URIs): every visitor can read
Gradio's file cache, so no part of an analysis goes there, and an upload leaves it as soon as the workbench has a copy.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import json
import os
import shutil
import time
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_OFFLINE"] = "1"

import gradio as gr
from starlette.middleware import Middleware

from app.analysis import bundles, card_tables, cards
from app.analysis import requests as analyses
from app.policies.exits import active_policy
from app.server.host_check import Guard, trusted_names
from app.ui import html, theme
from app.ui.html import prose
from core.analysis.spec import AnalyzeSpec
from core.documents.analysis import Analysis, Evidence
from jobs.client import Workbench
from jobs.queue.views import JobView, progress_text
from jobs.settings import Settings

POLL_SECONDS = 0.35
PATIENCE_SECONDS = 600.0
LEAD = "Upload a picture or a clip with a face. Three stages judge it. The stage that decided is marked."
EMPTY = html.empty_state("No analysis yet", "Upload a file and press Analyze. The card fills in as the stages finish.")


def build(workbench: Workbench) -> gr.Blocks:
    """Build the page; every event is private, so the demo has no programming interface."""
    with gr.Blocks(title="AWARE-NET demo", analytics_enabled=False, delete_cache=(300, 900)) as page:
        gr.HTML(html.heading("AWARE-NET demo", LEAD))
        with gr.Row():
            with gr.Column(scale=1, min_width=260):
                limit = workbench.settings.upload_mb
                upload = gr.File(label=f"Picture or clip, up to {limit} MB", height=150)
                whole = gr.Checkbox(label="Score the whole frame if no face is found")
                start = gr.Button("Analyze", variant="primary")
                gr.HTML(bundle_line(workbench))
            with gr.Column(scale=2, min_width=420):
                state = gr.HTML()
                verdict = gr.HTML(EMPTY)
                stages = gr.HTML()
                timeline = gr.HTML()
                tabs = gr.State([])
                gr.render(inputs=[tabs], show_progress="hidden")(draw_tabs)
                with gr.Accordion("The whole document as JSON", open=False):
                    document = gr.Code(language="json", lines=8, max_lines=24, show_label=False)

        def run(file: str | None, whole_frame: bool) -> Iterator[tuple[Any, ...]]:
            yield from answers(file, whole_frame, workbench)

        start.click(
            run,
            inputs=[upload, whole],
            outputs=[upload, state, verdict, stages, timeline, tabs, document],
            show_progress="hidden",
            api_visibility="private",
            concurrency_limit=16,
        )
    return page


def bundle_line(workbench: Workbench) -> str:
    """Name the bundle and the policy that judge."""
    policy = active_policy(workbench)
    by = (
        f"{policy.name}{f' v{policy.version}' if policy.version else ''} ({policy.policy_id[:12]})"
        if policy
        else "none"
    )
    title = bundles.bundle_title(workbench.active().bundle)
    return f'<p class="aw aw-quiet">Bundle: {escape(title)}<br>Policy: {escape(by)}</p>'


def answers(file: str | None, whole: bool, workbench: Workbench) -> Iterator[tuple[Any, ...]]:
    """Queue an analysis, and give every new state of it until it has ended.

    Args:
        file: Path of the upload in Gradio's cache; it is deleted from there. None: no file was chosen.
        whole: Whether to score the whole frame where no face is found.
        workbench: Where to queue it.

    Yields:
        Values of the page's components, as `page_of` gives them.
    """
    if file is None:
        yield page_of("Choose a file first.")
        return
    try:
        with open(file, "rb") as stream:
            stored = workbench.store_upload(stream, Path(file).name)
    except ValueError as error:
        yield page_of(f"The file is not accepted: {error}.")
        return
    except OSError as error:  # of the visitor's temporary file; the workspace's own come as ValueError
        yield page_of(f"The server cannot read the file ({error.strerror or error}). Choose it again.")
        return
    finally:
        with contextlib.suppress(OSError):  # Gradio deletes what is left of its cache
            Path(file).unlink(missing_ok=True)
    job_id = analyses.submit(AnalyzeSpec(files=[str(stored)], whole_frame=whole), workbench)
    end, seen = time.monotonic() + PATIENCE_SECONDS, None
    while True:
        job = workbench.job(job_id)
        if job.ended:
            yield view(job, workbench)
            return
        if time.monotonic() > end:
            yield page_of(
                f"The job is still {job.state} after {PATIENCE_SECONDS:.0f} s. It continues: read its state under Jobs."
            )
            return
        if (now := (job.state, job.message, job.part)) != seen:
            seen = now
            yield view(job, workbench)
        time.sleep(POLL_SECONDS)


def view(job: JobView, workbench: Workbench) -> tuple[Any, ...]:
    """Turn one state of a job into values of the page's components.

    Args:
        job: The job.
        workbench: Where it runs.

    Returns:
        The values, as `page_of` gives them.
    """
    documents = analyses.documents(job, workbench)
    if not documents:
        return page_of(state_sentence(job, workbench))
    analysis, folder = documents[0]
    titles = bundles.member_titles(analyses.bundle_of(job, workbench))
    return page_of(state_sentence(job, workbench), analysis, folder, titles)


def state_sentence(job: JobView, workbench: Workbench) -> str:
    """Say in a sentence what a job does or why it gave no verdict.

    Args:
        job: The job.
        workbench: Where it runs.

    Returns:
        The sentence; empty for a job that is done.
    """
    refused = [f"{name}: not analysed. {sentence} Choose another file." for name, sentence in analyses.rejected(job)]
    if refused:
        return refused[-1]
    if job.state == "queued":
        return workbench.queue_position(job)
    if job.state == "running":
        return f"{job.message or 'Starting'} ({progress_text(job, time.time())})"
    if job.state == "failed":
        return job.error or analyses.NO_REASON
    return "The analysis was cancelled." if job.state == "cancelled" else ""


def page_of(
    sentence: str = "", analysis: Analysis | None = None, folder: Path = Path(), titles: dict[str, str] | None = None
) -> tuple[Any, ...]:
    """Make the values of the page's components.

    Args:
        sentence: What the job does, or why it gave no verdict.
        analysis: The document so far; None before the first part.
        folder: The folder of its pictures.
        titles: Member name -> title.

    Returns:
        Values of (upload, state, verdict, stages, timeline, tabs, document).
    """
    note = f'<p class="aw aw-why" role="status">{prose(sentence)}</p>' if sentence else ""
    if analysis is None:
        return None, note, EMPTY if not sentence else "", "", "", [], ""
    warnings = html.notes(analysis.warnings)
    facts = html.facts(cards.media_facts(analysis)) + card_tables.guarantee_table(analysis.bundle, titles or {})
    head = cards.file_head(analysis.file_name, analyses.embedded(analyses.inside(folder, analysis.picture), "the file"))
    strip = cards.stage_strip(analysis, titles or {}, analysis.complete) if analysis.faces else ""
    text = json.dumps(analysis.model_dump(mode="json"), indent=2, ensure_ascii=False)
    return (
        None,
        note,
        head + cards.verdict_card(analysis) + warnings,
        strip + faces_html(analysis, folder) + facts,
        timeline_of(analysis),
        tabs_of(analysis, folder, titles or {}) if analysis.complete else [],
        text,
    )


def timeline_of(analysis: Analysis) -> str:
    """Draw p_fake over a clip as an SVG that fits any width; each point has its figures as a tooltip.

    Args:
        analysis: The document.

    Returns:
        The HTML; empty for a picture.
    """
    series = [face.timeline for face in analysis.faces if len(face.timeline) > 1]
    if not series:
        return ""
    last = max(time for points in series for time, _ in points) or 1.0
    step = cards.decider(analysis)
    exits = step.exits if step else None
    limits = [(exits.real_below, "real"), (exits.fake_above, "fake")] if exits else []
    drawn = "".join(level(at, theme.VERDICT_COLOURS[side]) for at, side in limits if at is not None)
    drawn += "".join(f'<text x="0" y="{height(at) + 4:.1f}">{at:g}</text>' for at in (0, 0.5, 1))
    for index, points in enumerate(series):
        places = [(40 + 640 * time / last, height(p), time, p) for time, p in points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y, *_ in places)
        colour = theme.SERIES[index % len(theme.SERIES)]
        drawn += f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
        drawn += "".join(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}">'
            f"<title>{time:.2f} s: p_fake {p:.3f}</title></circle>"
            for x, y, time, p in places
        )
    words = f'<text x="40" y="196">0 s</text><text x="690" y="196" text-anchor="end">{last:.1f} s</text>'
    return (
        '<div class="aw"><b>p_fake over the clip</b><svg class="aw-line" viewBox="0 0 700 200" role="img" '
        f'aria-label="p_fake over the seconds of the clip">{drawn}{words}</svg></div>'
    )


def height(p_fake: float) -> float:
    """Return the vertical place of a p_fake in the drawing, in pixels from the top."""
    return 175 - 160 * p_fake


def level(at: float, colour: str) -> str:
    """Draw a dashed line at one exit.

    Args:
        at: The exit, a p_fake.
        colour: Colour of its side.

    Returns:
        The SVG element.
    """
    y = f"{height(at):.1f}"
    return f'<line x1="40" x2="690" y1="{y}" y2="{y}" stroke="{colour}" stroke-width="1.5" stroke-dasharray="5 4"/>'


def data_uri(path: Path | None) -> str:
    """Return a PNG of an analysis as a data URI; empty when there is none."""
    return f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}" if path else ""


def picture(path: Path | None, words: str, width: int) -> str:
    """Make an HTML image that carries its own bytes.

    Args:
        path: The picture; None makes nothing.
        words: What it shows, for a screen reader.
        width: Width in pixels; a narrow window makes it smaller.

    Returns:
        The HTML; empty without a picture.
    """
    source = data_uri(path)
    return (
        f'<img src="{source}" alt="{escape(words)}" width="{width}" style="border-radius:6px;max-width:100%">'
        if source
        else ""
    )


def faces_html(analysis: Analysis, folder: Path) -> str:
    """Draw every face with its own verdict.

    Args:
        analysis: The document.
        folder: The folder of its pictures.

    Returns:
        The HTML.
    """
    inside = "".join(
        f"<div>{picture(analyses.inside(folder, face.crop), f'face {face.face + 1}', 120)}{cards.face_line(face)}</div>"
        for face in analysis.faces
    )
    return f'<div style="display:flex;flex-wrap:wrap;gap:1rem;margin:1rem 0">{inside}</div>'


def tabs_of(analysis: Analysis, folder: Path, titles: dict[str, str]) -> list[tuple[str, str]]:
    """Make one tab for each member that has evidence.

    Args:
        analysis: The document.
        folder: The folder of its pictures.
        titles: Member name -> title.

    Returns:
        (title, HTML) of each tab.
    """
    return [
        (
            titles.get(m, m),
            "".join(evidence_html(e, folder) for e in card_tables.in_order(analysis.evidence) if e.member == m),
        )
        for m in card_tables.members_in_order(analysis.evidence)
    ]


def evidence_html(item: Evidence, folder: Path) -> str:
    """Draw one map with its caption and its caveat.

    Args:
        item: The map.
        folder: The folder of its picture.

    Returns:
        The HTML.
    """
    path = analyses.inside(folder, item.file)
    dim = "" if card_tables.passed(item) else ' class="aw-dim"'
    return (
        '<div style="display:flex;flex-wrap:wrap;gap:1rem;margin:0 0 1rem">'
        f"<div{dim}>{picture(path, item.title, 240)}</div>"
        f'<div style="flex:1 1 240px">{cards.evidence_words(item)}</div></div>'
    )


def draw_tabs(tabs: list[tuple[str, str]]) -> None:
    """Draw one tab for each member, once its evidence exists."""
    if not tabs:
        return
    with gr.Tabs():
        for title, content in tabs:
            with gr.Tab(title):
                gr.HTML(content)


def demo_theme() -> gr.themes.Base:
    """Return the colours of the workbench with fonts of the system, so that nothing is fetched."""
    hue = gr.themes.Color(
        "#eef6f7", "#d5e8ea", "#aed2d6", "#7fb5bb", "#4b939b", theme.ACCENT, "#14555e", "#11474e", "#0e3a40", "#0b2d32",
        "#08262a",
    )  # fmt: skip
    fonts = ["Source Sans 3", "Segoe UI", "Helvetica Neue", "Arial", "sans-serif"]
    base = gr.themes.Base(primary_hue=hue, neutral_hue="slate", radius_size="sm", font=fonts, font_mono=["monospace"])
    return base.set(body_text_color_subdued="*neutral_500")  # Gradio's own choice has a contrast of 2.6 to white


def serve(settings: Settings, port: int | None = None, host: str | None = None) -> None:
    """Run the demo until it is stopped.

    Args:
        settings: The settings of the workbench.
        port: Port to listen on; None takes the one of the settings.
        host: Address to listen on; None takes the one of the settings.
    """
    cache = settings.workspace.demo_cache
    shutil.rmtree(cache, ignore_errors=True)  # uploads that a stopped demo left behind
    os.environ["GRADIO_TEMP_DIR"] = str(cache)
    page = build(Workbench.open(settings)).queue(api_open=False, max_size=64)
    # The style sheet goes into the head, because Gradio's own option `css` drops container queries.
    style = f"<style>{theme.style_sheet()}</style>"
    page.launch(
        server_name=host or settings.host,
        server_port=settings.demo_port if port is None else port,
        max_file_size=f"{settings.upload_mb}mb",
        theme=demo_theme(),
        head=style,
        favicon_path=theme.ICON,
        footer_links=[],
        share=False,
        enable_monitoring=False,
        ssr_mode=False,
        show_error=False,
        quiet=True,
        run_history=False,
        mcp_server=False,
        pwa=False,
        app_kwargs={"middleware": [Middleware(Guard, names=trusted_names(settings))]},
    )


def main() -> None:
    """Read the command line and run the demo."""
    parser = argparse.ArgumentParser(description="The Gradio demo of the AWARE-NET Workbench.")
    parser.add_argument("--host", help="address to listen on; default: AWARE_HOST")
    parser.add_argument("--port", type=int, help="port; default: AWARE_DEMO_PORT")
    args = parser.parse_args()
    serve(Settings.read(), args.port, args.host)


if __name__ == "__main__":
    main()
