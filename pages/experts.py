"""Experts: what each is worth alone, what it adds to the others, and where they quarrel."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from app.charts.scores import interval_text
from app.forms.job_forms import job_form, stack_form
from app.ui import chart as chart_files
from app.ui import html, session, tables, widgets
from app.ui.navigation import PageInfo
from app.views.experts import charts as experts_charts
from app.views.experts import evidence_report
from app.views.experts import reports as experts_reports
from app.views.experts import samples as experts_samples
from app.views.experts import stack as experts_stack
from app.views.experts.reports import ExpertsReport
from core.evaluate.experts.complementarity import MEANING, TITLES
from jobs.client import Workbench

PAGE = PageInfo(section="Research", title="Experts", url="experts", icon=":material/groups:", order=45)
FAITHFUL = {"mse": "a low error", "psnr": "a high value", "ssim": "a value near 1"}
MEASURES = {"mse": "mean squared error (0 to 1)", "psnr": "PSNR (dB)", "ssim": "SSIM (-1 to 1)"}


def render() -> None:
    workbench = session.workbench()
    widgets.page_header("Experts", "What each expert is worth alone, what it adds to the others, where they quarrel.")
    judged, stacking, maps, start = st.tabs(["Experts", "Stacking", "Heat maps", "Judge or stack"])
    with judged:
        show_experts(workbench)
    with stacking:
        show_stacks(workbench)
    with maps:
        evidence_report.draw_evidence_report(workbench)
    with start:
        launch(workbench)


def n_of(report: ExpertsReport) -> str:
    """On how much a report's charts rest."""
    return f"n = {report.document['n']:,} items of {report.document['groups']:,} groups."


def show_experts(workbench: Workbench) -> None:
    """The chosen report, or what to do to get one."""
    reports = experts_reports.experts_reports(workbench)
    if not reports:
        widgets.empty("No experts are judged yet", "Choose a stack run or some runs in the last tab.")
        return
    report = st.selectbox("Report", reports, format_func=lambda r: r.title)
    document = report.document
    st.caption(
        f"{document['n']} items of {document['groups']} groups; {document['n_fake']} fake, {document['n_real']} real. "
        "Intervals are 95 % over resampled groups (people, videos)."
    )
    if document["notes"]:
        widgets.notice(document["notes"], "info")
    alone(report)
    together(report)
    embeddings(report)
    reconstructions(report)
    st.subheader("Where they quarrel", anchor=False)
    experts_samples.draw_samples(report)


def alone(report: ExpertsReport) -> None:
    """Each expert by itself, in all and by source."""
    st.subheader("Each alone", anchor=False)
    tables.show_table(experts_reports.alone_table(report), "each expert alone")
    with st.expander("By source"):
        table = experts_reports.source_table(report)
        chart_files.show_chart(
            experts_charts.source_matrix(experts_reports.source_rows(report)), "experts by source",
            "AUROC of each source's items against all items of the other class (a source mostly holds one label). A "
            "pale row is a source that nobody knows; a pale cell in a dark row is where another expert helps. "
            + ("Intervals stand in the table below. " if len(table) else "No intervals are kept in this report. ")
            + n_of(report),
        )  # fmt: skip
        if not table.empty:
            tables.show_table(table, "experts by source, table")
            st.caption(
                "On the same rows, 95 % in brackets. F1 and ECE depend on each row's share of fakes: compare experts."
            )


def together(report: ExpertsReport) -> None:
    """The matrix of pairs and what all of them could do at best."""
    if not report.document["pairs"]:
        return
    st.subheader("In pairs", anchor=False)
    figure = st.segmented_control(
        "Figure", list(TITLES), default="error_overlap", format_func=lambda f: TITLES[f], required=True
    )
    chart = experts_charts.pair_matrix(experts_reports.pair_rows(report, figure), figure)
    chart_files.show_chart(chart, f"pairs {figure}", f"{MEANING[figure]} {n_of(report)}")
    found = report.document["together"]
    left, right = st.columns(2, gap="large")
    with left:
        st.html(html.tiles([widgets.figure_tile("All together, at best", found["oracle"])]))
        st.caption("Share of items that at least one expert calls rightly: no way to combine them can do better.")
    with right:
        st.html(html.tiles([widgets.figure_tile("Gain over the best one", found["gain"])]))
        best = widgets.plain_markdown(report.title_of(found["best"]))
        st.caption(f"Best alone at p_fake 0.5: {best}, accuracy {interval_text(found['accuracy'])}.")


def embeddings(report: ExpertsReport) -> None:
    """What a simple reader gets out of the embeddings, and what lies together in them."""
    rows = experts_reports.embedding_rows(report)
    st.subheader("What the embeddings hold", anchor=False)
    said = [f"{d} dimensions, {n} items" for d, n in zip(rows["dimensions"], rows["n"], strict=True)]
    probes = rows.assign(what=said).dropna(subset=["value"])
    if probes.empty:
        widgets.notice(["Too few groups of either class for a linear probe."], "info")
    else:
        chart_files.show_chart(
            experts_charts.intervals(probes, "AUROC of a linear probe"), "linear probes",
            "A logistic regression on the embedding alone, folds by group: what a simple reader still gets out. Lines "
            f"are 95 %. {n_of(report)}",
        )  # fmt: skip
    chart_files.show_chart(
        experts_charts.silhouettes(rows), "silhouettes",
        "Above 0, items of one label (of one source) lie together. A long second bar: it knows sources. A description "
        f"of these items, so without an interval. {n_of(report)}",
    )  # fmt: skip


def reconstructions(report: ExpertsReport) -> None:
    """How faithfully the experts rebuild real and fake faces, and whether the error tells them apart."""
    found = report.document["reconstructions"]
    if not found:
        return
    st.subheader("What they rebuild", anchor=False)
    for measure, title in MEASURES.items():
        rows = pd.DataFrame(
            [
                {"expert": report.title_of(name), "truth": truth, **quality[truth][measure]}
                for name, quality in found.items()
                for truth in ("real", "fake")
            ]
        )
        chart_files.show_chart(
            experts_charts.rebuilt_chart(rows.dropna(subset=["value"]), title), f"rebuilt {measure}",
            f"Mean over real and over fake faces with its 95 % line: {FAITHFUL[measure]} is a faithful copy. "
            f"{n_of(report)}",
        )  # fmt: skip
    separate = pd.DataFrame(
        [
            {"source": f"{report.title_of(name)}: {words}", **quality["separates"][key]}
            for name, quality in found.items()
            for key, words in (("mse", "squared error"), ("ssim", "1 - SSIM"))
            if quality["separates"][key]
        ]
    )
    if not separate.empty:
        chart = experts_charts.intervals(separate, "AUROC of the error as a detector", at=0.5)
        chart_files.show_chart(
            chart, "errors as detectors",
            "Right of the dashed line the error is larger on fakes: it tells them apart by itself. Lines are 95 %. "
            f"{n_of(report)}",
        )  # fmt: skip
    for name, quality in found.items():
        st.caption(f"{widgets.plain_markdown(report.title_of(name))}: {quality['reading']}")


def show_stacks(workbench: Workbench) -> None:
    """The chosen stack run's comparison."""
    reports = experts_reports.stack_reports(workbench)
    if not reports:
        widgets.empty("No stack yet", "Stack a stage-1 run and its experts in the last tab.")
        return
    name = st.selectbox("Stack run", list(reports))
    experts_stack.draw_stack(name, reports[name])


def launch(workbench: Workbench) -> None:
    """The forms of both jobs."""
    if not workbench.artifacts("run"):
        widgets.empty("No run yet", "Train and calibrate a stage-1 run and an expert first; then judge or stack them.")
        return
    st.subheader("Judge experts", anchor=False)
    st.caption("A stack's members, or any runs: alone, in pairs, by embeddings and reconstructions.")
    job_form("experts", workbench, submit="Judge", front=("stack", "runs", "dataset", "split"))
    st.subheader("Stack experts", anchor=False)
    stack_form(workbench)
