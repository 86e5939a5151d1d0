"""Calibrate: show what a calibrator changes, compare the methods, and start a calibration."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from app.charts import scores as score_charts
from app.forms.job_forms import job_form
from app.scores.detector import calibrated_runs
from app.scores.sources import source_in_force
from app.ui import chart as chart_files
from app.ui import html, page_state, session, tables, widgets
from app.ui.navigation import PageInfo
from app.ui.sentences import sentence, terms
from app.views.calibrate import run as calibrations
from app.views.calibrate.board import LOSSES, BoardState, calibration_board
from app.views.calibrate.run import Calibrated
from core.glossary import define
from core.metrics.catalogue import BINNINGS, CONVENTIONS, FIGURES
from jobs.client import Workbench

PAGE = PageInfo(section="Research", title="Calibrate", url="calibrate", icon=":material/balance:", order=30)
TABS = {"figures": "Before and after", "methods": "All methods", "run": "Calibrate a run"}
METHOD_TABLES = {
    "probabilities": ("nll", "brier", "auroc"),
    "calibration error": ("ece_binary_width", "ece_binary_mass", "ece_debiased_binary_mass", "ece_top_label_width",
                          "ece_top_label_mass", "mce_binary_width"),
}  # fmt: skip
BEFORE_AND_AFTER = ("nll", "brier", "ece_binary_width", "ece_binary_mass", "ece_debiased_binary_mass",
                    "ece_top_label_width", "ece_top_label_mass", "mce_binary_width", "auroc")  # fmt: skip


def render() -> None:
    """Draw the page."""
    workbench = session.workbench()
    widgets.page_header(
        "Calibrate",
        "Calibration turns raw scores into probabilities: of all items with p_fake 0.8, about 80 % are fake.",
    )
    available = calibrations_of(workbench)
    if not available:
        if workbench.artifacts("run"):
            widgets.empty(
                "No run is calibrated yet", "Calibrate a run with the form below. It scores the split `val_calib`."
            )
            launch(workbench)
        else:
            widgets.empty(
                "Nothing to calibrate yet", "Train a detector first. Then calibrate its run here.",
                "Train a detector", "train",
            )  # fmt: skip
        return
    labels = {key: calibrated.name for key, calibrated in available.items()}
    key = page_state.choose(st, "Calibrated detector", "run", labels, "calibrate", help=define("calibration"))
    calibrated = available[key]
    with st.spinner(f"Computing figures of {len(calibrated.rows):,} items"):
        about(calibrated)
        board(key, calibrated)
    show: dict[str, Any] = {
        "figures": lambda: figure_table(calibrated.document),
        "methods": lambda: methods(calibrated),
        "run": lambda: launch(workbench),
    }
    for word, tab in page_state.tabs("calibrate", TABS).items():
        if tab.open:
            with tab:
                show[word]()
    page_state.share()


def calibrations_of(workbench: Workbench) -> dict[str, Calibrated]:
    """List the calibrated runs, then the members of the bundle in force, by their word in the address."""
    available: dict[str, Calibrated] = {item.name: calibrations.read(item.path) for item in calibrated_runs(workbench)}
    if source := source_in_force(workbench):
        for member in calibrations.members(source):
            available[f"bundle/{member.member}/{member.split}"] = member
    return available


def about(calibrated: Calibrated) -> None:
    """List method, data and parameters, and what the fit reports: a bound, one class, too few items."""
    document = calibrated.document
    groups = f" of {document['groups']:,} groups" if document["groups"] else ""
    fitted_on = f"{document['split']}: {document['n']:,} items{groups}, {document['n_fake']:,} fake"
    facts = {"Method": calibrations.title(document["method"]), "Fitted on": fitted_on}
    facts |= {k: widgets.figure(v) for k, v in calibrations.parameters(document).items()}
    st.html(html.facts(facts))
    if document["warnings"]:
        widgets.notice([sentence(warning) for warning in document["warnings"]])
    if document.get("n_failed"):
        widgets.notice([f"{document['n_failed']} items have no score. The figures are computed without them."])
    st.caption(" ".join(sentence(note) for note in (document["how"], document["note"])))


def board(key: str, calibrated: Calibrated) -> None:
    """Draw the sliders over the held-out items, and keep their state in the address.

    Args:
        key: Word of the address for this calibration.
        calibrated: What is drawn.
    """
    identity = f"{key}|{calibrated.stamp}"
    if st.session_state.get("calibrate-board", ("",))[0] != identity:
        st.session_state["calibrate-board"] = (identity, BoardState(
            page_state.number("t", 1.0, 0.1, 10.0),
            int(page_state.number("n_bins", calibrated.document["n_bins"], 2, 50)),
            page_state.asked("convention", list(CONVENTIONS), "binary"),
            page_state.asked("bins", list(BINNINGS), "width"), page_state.asked("curve", LOSSES, "nll"),
        ))  # fmt: skip
    start = st.session_state["calibrate-board"][1]
    split = calibrated.rows["split"].iloc[0] if "split" in calibrated.rows else calibrated.document["split"]
    title = f"{calibrated.name}; {split}, calibrated by {calibrations.title(calibrated.document['method'])}."
    state = calibration_board(
        calibrations.scale_evidence(calibrated), start, identity, key=f"calibration-{identity}", about=title
    )
    st.query_params.update({"t": f"{state.temperature:.4g}", "n_bins": str(state.bins), "convention": state.which,
                            "bins": state.binning, "curve": state.loss})  # fmt: skip


def figure_table(document: dict[str, Any]) -> None:
    """List each figure before and after calibration, with its interval."""
    rows = [
        (FIGURES[name].title, *(score_charts.interval_text(document[when][name], 4) for when in ("before", "after")),
         FIGURES[name].better or "–", FIGURES[name].says)
        for name in BEFORE_AND_AFTER if name in document["before"]
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["figure", "before", "after", "better", "meaning"])
    tables.show_table(table, "before and after", wide=["meaning"])
    groups = document.get("groups_measured") or document["groups"]
    before, after = (document[when]["nll"]["value"] for when in ("before", "after"))
    if after > before:
        widgets.notice(
            [
                f"On these items the calibrator makes the probabilities worse: NLL is {before:.4f} before and "
                f"{after:.4f} after. Compare the methods in the next tab, or calibrate on items that resemble these."
            ]
        )
    st.caption(
        "Check in each row whether the interval after lies on the better side of the value before. Measured on "
        f"{document.get('n_measured', document['n']):,} items of {groups:,} groups, in {document['n_bins']} bins; "
        "intervals are 95 % over groups. AUROC is not pooled over folds, because their maps differ: a method that "
        "keeps the order of the scores does not change it, and a method in steps is ranked within each fold.",
        help=terms("NLL", "Brier score", "ECE", "AUROC"),
    )


def methods(calibrated: Calibrated) -> None:
    """Compare every calibration method on the same held-out groups."""
    comparison = calibrated.document.get("comparison") or calibrations.compared(calibrated, compute=False)
    if comparison is None:
        widgets.empty(
            "The methods are not compared yet",
            f"Each method is fitted in {calibrations.FOLDS} folds; it takes seconds.",
        )
        if st.button("Compare all methods", type="primary"):
            with st.spinner("Fitting each method on the other folds"):
                calibrations.compared(calibrated)
            st.rerun()
        return
    fitted = {method: of for method, of in comparison["methods"].items() if "metrics" in of}
    gains = pd.DataFrame([{"source": calibrations.title(m), **of["gain"]["nll"], "n": comparison["n"]}
                          for m, of in fitted.items() if m != "none"])  # fmt: skip
    gains = gains.astype({"value": np.float64, "low": np.float64, "high": np.float64})
    ends = score_charts.readable_ends(gains)
    chart = score_charts.interval_chart(gains, "gain in NLL over no calibration (nats per item)", True, ends)
    best = calibrations.title(str(comparison["best"] or "none"))
    reading = (
        "Right of 0 a method improves the probabilities; an interval that contains 0 does not show an improvement. Of "
        f"{len(fitted)} methods, {best} has the lowest NLL; its gain is slightly too high, because it was chosen as "
        "the "
        f"best. n = {comparison['n']:,} items of {comparison['groups']:,} groups; {comparison['how']}; 95 % intervals "
        "over groups. "
    )
    chart_files.show_chart(chart, "calibrators compared", reading + score_charts.clipped_words(gains, ends))
    known = next(iter(fitted.values()))["metrics"]
    for name, figures in METHOD_TABLES.items():
        rows = [
            {"method": calibrations.title(method)}
            | {FIGURES[f].title: score_charts.interval_text(of["metrics"][f], 4) for f in figures if f in known}
            for method, of in fitted.items()
        ]
        tables.show_table(pd.DataFrame(rows), f"all methods, {name}")
    # Folds give the same warning with other numbers: one of each kind is shown.
    warnings = {
        (method, re.sub(r"\d+", "", text)): f"{calibrations.title(method)}: {text}"
        for method, of in comparison["methods"].items()
        for text in ([of["refused"]] if "refused" in of else of["warnings"])
    }
    if warnings:
        with st.expander("Warnings of the methods"):
            st.html(html.notes(list(warnings.values())))


def launch(workbench: Workbench) -> None:
    """Draw the form of a `calibrate` job."""
    if not workbench.artifacts("run"):
        widgets.empty(
            "No run in this workspace",
            "Train a detector first. Then calibrate its run here.",
            "Train a detector",
            "train",
        )
        return
    job_form("calibrate", workbench, submit="Calibrate", front=("method", "optimize_metric", "split"))
