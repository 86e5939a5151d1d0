"""Experts: show each expert alone, what experts add to each other, the meta-model, and tests of heat maps."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pandas as pd
import streamlit as st

from app.charts.scores import interval_text
from app.forms.job_forms import job_form, stack_form
from app.scores.sources import source_in_force
from app.ui import chart as chart_files
from app.ui import html, page_state, session, tables, widgets
from app.ui.navigation import PageInfo
from app.ui.sentences import sentence, terms
from app.views.experts import bundle_report, evidence_report
from app.views.experts import charts as experts_charts
from app.views.experts import reports as experts_reports
from app.views.experts import samples as experts_samples
from app.views.experts import stack as experts_stack
from app.views.experts.reports import ExpertsReport
from core.evaluate.experts.complementarity import MEANING, TITLES
from core.glossary import define
from jobs.client import Workbench

PAGE = PageInfo(section="Research", title="Experts", url="experts", icon=":material/groups:", order=45)
TABS = {"experts": "Experts", "stacking": "Stacking", "maps": "Heat maps", "start": "Start a job"}
TAB_STATE = "experts-tab"
"""Key under which `page_state.tabs` keeps the open tab."""
BEST_COPY = {"mse": "0", "psnr": "a high value", "ssim": "1"}
MEASURES = {"mse": "mean squared error (0 to 1)", "psnr": "PSNR (dB)", "ssim": "SSIM (-1 to 1)"}


def render() -> None:
    """Draw the page."""
    workbench = session.workbench()
    widgets.page_header(
        "Experts", "See how each expert performs alone, what it adds to the others, and on which items they disagree."
    )
    tabs = page_state.tabs("experts", TABS)
    with tabs["experts"]:
        show_experts(workbench)
    with tabs["stacking"]:
        show_stacks(workbench)
    with tabs["maps"]:
        evidence_report.draw_evidence_report(workbench)
    with tabs["start"]:
        launch(workbench)


def job_button(label: str, key: str) -> None:
    """Draw a button that opens the tab with the forms.

    Args:
        label: Text of the button.
        key: Unique on the page.
    """

    def open_forms() -> None:
        st.session_state[TAB_STATE] = TABS["start"]

    st.button(label, icon=":material/arrow_forward:", key=f"experts.{key}", on_click=open_forms)


def _same(report: ExpertsReport) -> ExpertsReport:
    return report


def n_of(report: ExpertsReport) -> str:
    """Say on how many items a report's charts rest."""
    return f"n = {report.document['n']:,} items of {report.document['groups']:,} groups."


def show_experts(workbench: Workbench) -> None:
    """Draw the chosen report: of a job, or of the predictions of the bundle in force."""
    choices: dict[str, Callable[[], ExpertsReport]] = {
        report.title: partial(_same, report) for report in experts_reports.experts_reports(workbench)
    }
    source = source_in_force(workbench)
    if source is not None and bundle_report.experts_of(source):
        # Computed only when it is chosen.
        choices[bundle_report.title_of(source)] = partial(bundle_report.report_of, source)
    if not choices:
        widgets.empty(
            "No report on experts yet",
            "Start a report on a stack run, or on two or more runs, in the tab `Start a job`.",
        )
        job_button("Start a report", "first-report")
        return
    title = st.selectbox("Report", list(choices), help=define("expert"))
    with st.spinner("Reading the report"):
        report = choices[title]()
    document = report.document
    st.caption(
        f"{document['n']:,} items of {document['groups']:,} groups: {document['n_fake']:,} fake, "
        f"{document['n_real']:,} real. Intervals are 95 % over groups.",
        help=terms("group", "interval"),
    )
    if document["notes"]:
        widgets.notice([sentence(note) for note in document["notes"]], "info")
    alone(report)
    together(report)
    if report.from_scores_alone:
        st.subheader("Embeddings, reconstructions and pictures", anchor=False)
        widgets.empty(
            "They are not in the predictions of a bundle",
            "A job computes them from the weights and the pictures of a data set.",
        )
        job_button("Start a report", "bundle-report")
    else:
        embeddings(report)
        reconstructions(report)
    st.subheader("Items on which they disagree", anchor=False)
    experts_samples.draw_samples(report)


def alone(report: ExpertsReport) -> None:
    """Show each expert alone, on all items and by source."""
    st.subheader("Each expert alone", anchor=False, help=terms("AUROC", "F1", "ECE", "Brier score", "accuracy"))
    tables.show_table(experts_reports.alone_table(report), "each expert alone")
    with st.expander("By source"):
        table = experts_reports.source_table(report)
        chart_files.show_chart(
            experts_charts.source_matrix(experts_reports.source_rows(report)), "experts by source",
            "AUROC of each source's items against all items of the other class (most sources hold one label). A pale "
            "row is a source that no expert separates; a pale cell in a dark row is a source where another expert "
            "helps. "
            + ("Intervals stand in the table below. " if len(table) else "This report holds no intervals by source. ")
            + n_of(report),
        )  # fmt: skip
        if len(table):
            tables.show_table(table, "experts by source, table")


def together(report: ExpertsReport) -> None:
    """Show every pair of experts: how much their errors overlap, and what a combination can gain."""
    pairs = report.document["pairs"]
    if not pairs:
        return
    st.subheader("Pairs of experts", anchor=False)
    figure = st.segmented_control(
        "Figure", list(TITLES), default="error_overlap", format_func=lambda name: TITLES[name], required=True
    )
    chart = experts_charts.pair_matrix(experts_reports.pair_rows(report, figure), figure)
    chart_files.show_chart(chart, f"pairs {figure}", f"{MEANING[figure]} {n_of(report)}")
    overall = report.document["together"]
    left, right = st.columns(2, gap="large")
    with left:
        st.html(html.tiles([widgets.figure_tile("At least one expert is right", overall["oracle"])]))
        st.caption("Share of items that at least one expert calls rightly: no choice among them can do better.")
    with right:
        st.html(html.tiles([widgets.figure_tile("Possible gain over the best expert", overall["gain"])]))
        best = widgets.plain_markdown(report.title_of(overall["best"]))
        st.caption(f"Best expert at p_fake 0.5: {best}, accuracy {interval_text(overall['accuracy'])}.")


def embeddings(report: ExpertsReport) -> None:
    """Draw how well a linear probe reads the embeddings, and which items lie close together in them."""
    rows = experts_reports.embedding_rows(report)
    st.subheader("Embeddings", anchor=False, help=define("embedding"))
    sizes = [f"{d} dimensions, {n} items" for d, n in zip(rows["dimensions"], rows["n"], strict=True)]
    probes = rows.assign(what=sizes).dropna(subset=["value"])
    if probes.empty:
        widgets.notice(["A linear probe needs more groups of both classes than this split has."], "info")
    else:
        chart_files.show_chart(
            experts_charts.intervals(probes, "AUROC of a linear probe"), "linear probes",
            "A logistic regression on the embedding alone, with folds by group. A higher AUROC: the embedding holds "
            f"more about the label. Lines are 95 % intervals over groups. {n_of(report)}",
        )  # fmt: skip
    chart_files.show_chart(
        experts_charts.silhouettes(rows), "silhouettes",
        "Above 0, items of one label (or of one source) lie close together. A long second bar: the embedding separates "
        f"sources. It describes these items, so it has no interval. {n_of(report)}",
    )  # fmt: skip


def reconstructions(report: ExpertsReport) -> None:
    """Draw how well the experts reconstruct real and fake faces, and whether the error separates them."""
    qualities = report.document["reconstructions"]
    if not qualities:
        return
    st.subheader("Reconstructions", anchor=False, help=define("reconstruction"))
    for measure, title in MEASURES.items():
        rows = pd.DataFrame(
            [
                {"expert": report.title_of(name), "truth": truth, **quality[truth][measure]}
                for name, quality in qualities.items()
                for truth in ("real", "fake")
            ]
        )
        chart_files.show_chart(
            experts_charts.rebuilt_chart(rows.dropna(subset=["value"]), title), f"reconstruction {measure}",
            f"Mean over real and over fake faces with its 95 % interval; an exact copy has {BEST_COPY[measure]}. "
            f"{n_of(report)}",
        )  # fmt: skip
    separate = pd.DataFrame(
        [
            {"source": f"{report.title_of(name)}: {words}", **quality["separates"][key]}
            for name, quality in qualities.items()
            for key, words in (("mse", "squared error"), ("ssim", "1 - SSIM"))
            if quality["separates"][key]
        ]
    )
    if not separate.empty:
        chart = experts_charts.intervals(separate, "AUROC of the reconstruction error", at=0.5)
        chart_files.show_chart(
            chart, "errors as detectors",
            "Right of the dashed line the error is larger on fakes, so it separates them by itself. Lines are 95 % "
            f"intervals over groups. {n_of(report)}",
        )  # fmt: skip
    for name, quality in qualities.items():
        st.caption(f"{widgets.plain_markdown(report.title_of(name))}: {widgets.plain_markdown(quality['reading'])}")


def show_stacks(workbench: Workbench) -> None:
    """Draw the report of the chosen stack run."""
    reports = experts_reports.stack_reports(workbench)
    if not reports:
        widgets.empty(
            "No stack run in this workspace",
            "Stack a stage-1 run and its experts in the tab `Start a job`. The bundle in force brings its meta-model, "
            "but not the report of its fit.",
        )
        job_button("Stack experts", "first-stack")
        return
    name = st.selectbox("Stack run", list(reports), help=define("stack"))
    experts_stack.draw_stack(name, reports[name])


def launch(workbench: Workbench) -> None:
    """Draw the forms of both jobs."""
    if not workbench.artifacts("run"):
        widgets.empty(
            "No run in this workspace",
            "Train and calibrate a stage-1 run and an expert first. Then start a report or stack them here.",
            "Train a detector", "train",
        )  # fmt: skip
        return
    st.subheader("Start a report on experts", anchor=False)
    st.caption(
        "The job scores the members of a stack, or any runs, on one split. It reports each expert, pairs, embeddings "
        "and reconstructions."
    )
    job_form("experts", workbench, submit="Start the report", front=("stack", "runs", "dataset", "split"))
    st.subheader("Stack experts", anchor=False, help=define("meta-model"))
    stack_form(workbench)
