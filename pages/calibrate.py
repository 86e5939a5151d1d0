"""Calibrate: make p_fake mean what it says, see by how much it did, and which method does it best."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from app.charts import scores as score_charts
from app.forms.job_forms import job_form
from app.scores.detector import calibrated_runs
from app.ui import chart as chart_files
from app.ui import html, session, tables, widgets
from app.ui import page_state as links
from app.ui.navigation import PageInfo
from app.views.calibrate import run as calibrated
from app.views.calibrate.board import LOSSES, Look, calibration_board
from app.views.calibrate.run import Calibrated
from core.metrics.catalogue import BINNINGS, CONVENTIONS, FIGURES
from jobs.client import Workbench

PAGE = PageInfo(section="Research", title="Calibrate", url="calibrate", icon=":material/balance:", order=30)
TABS = {"figures": "Before and after", "methods": "All methods", "run": "Calibrate a run"}
PARTS = {
    "probabilities": ("nll", "brier", "auroc"),
    "calibration error": ("ece_binary_width", "ece_binary_mass", "ece_debiased_binary_mass", "ece_top_label_width",
                          "ece_top_label_mass", "mce_binary_width"),
}  # fmt: skip
SHOWN = ("nll", "brier", "ece_binary_width", "ece_binary_mass", "ece_debiased_binary_mass", "ece_top_label_width",
         "ece_top_label_mass", "mce_binary_width", "auroc")  # fmt: skip


def render() -> None:
    workbench = session.workbench()
    widgets.page_header(
        "Calibrate", "A calibrated 0.8 is right eight times in ten. It never changes who is ranked first."
    )
    runs = {item.name: item for item in calibrated_runs(workbench)}
    if not runs:
        ready = bool(workbench.artifacts("run"))
        below = "Calibrate one below; it takes seconds once it is scored."
        widgets.empty(
            "No run is calibrated yet", below if ready else "Train one under Train first, then calibrate it here."
        )
        if ready:
            launch(workbench)
        return
    name = links.choose(st, "Run", "run", {name: name for name in runs}, "calibrate")
    found = calibrated.read(runs[name].path)
    about(found)
    board(name, found)
    show: dict[str, Any] = {"figures": lambda: figure_table(found.document), "methods": lambda: methods(name, found),
                            "run": lambda: launch(workbench)}  # fmt: skip
    for word, tab in links.tabs("calibrate", TABS).items():
        if tab.open:
            with tab:
                show[word]()
    links.share()


def about(found: Calibrated) -> None:
    """Method, data, parameters; and what the fit ran into: a bound, one class, too few items."""
    document = found.document
    st.html(html.facts({"Method": calibrated.title(document["method"]), "Fitted on": f"{document['split']}, "
                         f"{document['n']:,} items of {document['groups']:,} groups, {document['n_fake']:,} fake",
                         **{k: widgets.figure(v) for k, v in found.parameters.items()}}))  # fmt: skip
    if document["warnings"]:
        widgets.notice(document["warnings"])
    if document.get("n_failed"):
        widgets.notice([f"{document['n_failed']} items had no score; nothing here counts them."])
    st.caption(" ".join(f"{s[0].upper()}{s[1:]}." for s in (document["how"], document["note"]) if s))


def board(name: str, found: Calibrated) -> None:
    """The sliders over the items that were held out; where they rest stands in the address."""
    identity = f"{name}|{found.stamp}"
    if st.session_state.get("calibrate-board", ("",))[0] != identity:
        st.session_state["calibrate-board"] = (identity, Look(
            links.number("t", 1.0, 0.1, 10.0), int(links.number("n_bins", found.document["n_bins"], 2, 50)),
            links.asked("convention", list(CONVENTIONS), "binary"), links.asked("bins", list(BINNINGS), "width"),
            links.asked("curve", LOSSES, "nll"),
        ))  # fmt: skip
    start = st.session_state["calibrate-board"][1]
    document = found.document
    about = f"Run {name}, {document['split']}, calibrated by {document['method'].replace('_', ' ')}."
    look = calibration_board(
        calibrated.scale_evidence(found), start, identity, key=f"calibration-{identity}", about=about
    )
    st.query_params.update({"t": f"{look.temperature:.4g}", "n_bins": str(look.bins), "convention": look.which,
                            "bins": look.binning, "curve": look.loss})  # fmt: skip


def figure_table(document: dict[str, Any]) -> None:
    """One row a figure, before and after, each with its interval."""
    rows = [
        (FIGURES[name].title, *(score_charts.interval_text(document[when][name], 4) for when in ("before", "after")),
         FIGURES[name].better or "–", FIGURES[name].says)
        for name in SHOWN if name in document["before"]
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["figure", "before", "after", "better", "what it says"])
    tables.show_table(table, "before and after", wide=["what it says"])
    measured = f"{document.get('n_measured', document['n']):,} items of {document['groups']:,} groups"
    st.caption(
        f"With 95 % intervals that resample people and videos, over {measured}, in {document['n_bins']} bins. "
        "AUROC is never pooled over folds, whose maps differ: a method that keeps the order of the scores leaves it as "
        "it was, and one that maps in steps is ranked inside each fold."
    )


def methods(name: str, found: Calibrated) -> None:
    """Every calibrator on the same held-out groups."""
    comparison = found.document.get("comparison") or calibrated.compared(found, ask=False)
    if comparison is None:
        widgets.empty("The methods are not compared yet", "It takes some seconds: every method is fitted in 5 folds.")
        if st.button("Compare all methods", type="primary"):
            with st.spinner("Fitting every method on held-out groups"):
                calibrated.compared(found)
            st.rerun()
        return
    fitted = {method: of for method, of in comparison["methods"].items() if "metrics" in of}
    gains = pd.DataFrame([{"source": calibrated.title(m), **of["gain"]["nll"], "n": comparison["n"]}
                          for m, of in fitted.items() if m != "none"])  # fmt: skip
    gains = gains.astype({"value": np.float64, "low": np.float64, "high": np.float64})
    ends = score_charts.frame_of(gains)
    chart = score_charts.interval_chart(gains, "NLL saved (nats an item), against no calibration", True, ends)
    best = calibrated.title(str(comparison["best"] or "none"))
    says = (
        f"Right of 0 a method helps; an interval that reaches 0 may be luck. Lowest NLL here: {best}, of {len(fitted)} "
        "methods; the intervals are not adjusted for choosing the best, so its gain is a little flattered. n = "
        f"{comparison['n']:,} items of {comparison['groups']:,} groups; {comparison['how']}; 95 % intervals. "
    )
    chart_files.show_chart(chart, "calibrators compared", says + score_charts.clipped_words(gains, ends))
    known = next(iter(fitted.values()))["metrics"]
    for name, shown in PARTS.items():
        rows = [
            {"method": calibrated.title(method)}
            | {FIGURES[f].title: score_charts.interval_text(of["metrics"][f], 4) for f in shown if f in known}
            for method, of in fitted.items()
        ]
        tables.show_table(pd.DataFrame(rows), f"all methods, {name}")
    said = {
        (method, re.sub(r"\d+", "", text)): f"{calibrated.title(method)}: {text}"
        for method, of in comparison["methods"].items()
        for text in ([of["refused"]] if "refused" in of else of["warnings"])
    }  # one of each kind: the folds say the same with other numbers
    if said:
        with st.expander("What the methods say of these items"):
            st.html(html.notes(list(said.values())))


def launch(workbench: Workbench) -> None:
    """The form of a `calibrate` job."""
    if not workbench.artifacts("run"):
        widgets.empty("No run yet", "Train one first; then it can be calibrated here.")
        return
    job_form("calibrate", workbench, submit="Calibrate", front=("method", "optimize_metric", "split"))
