"""Calibrate: make p_fake mean what it says, and see by how much it did."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from app import cards, forms, navigation, score_charts, session, widgets
from app.detector_scores import calibrated_runs
from app.navigation import PageInfo
from core.artifacts.files import read_json
from core.calibrate.spec import CalibrateSpec
from jobs.client import Workbench
from jobs.views import ArtifactView

PAGE = PageInfo(section="Research", title="Calibrate", url="calibrate", icon=":material/balance:", order=30)
ROWS = {
    "ece_binary_width": "ECE, p_fake, equal width",
    "ece_binary_mass": "ECE, p_fake, equal mass",
    "ece_top_label_width": "ECE, top label, equal width",
    "mce_binary_width": "MCE, p_fake, equal width",
    "nll": "NLL",
    "brier": "Brier",
    "auroc": "AUROC",
}


def render() -> None:
    workbench = session.workbench()
    widgets.page_header(
        "Calibrate", "A calibrated 0.8 is right eight times in ten. It never changes who is ranked first."
    )
    runs = calibrated_runs(workbench)
    show, start = st.tabs(["Before and after", "Calibrate a run"])
    with show:
        if not runs:
            widgets.empty(
                "No run is calibrated yet", "Calibrate one in the next tab; it takes seconds once it is scored."
            )
        else:
            before_after(runs)
    with start:
        launch(workbench)


def launch(workbench: Workbench) -> None:
    if not workbench.artifacts("run"):
        widgets.empty("No run yet", "Train one first; then it can be calibrated here.")
        return
    spec = forms.spec_form(
        CalibrateSpec, workbench, key="calibrate", submit="Calibrate", front=("method", "optimize_metric", "split")
    )
    if spec is not None:
        navigation.go_to("jobs", job=workbench.submit("calibrate", spec))


def before_after(runs: list[ArtifactView]) -> None:
    """The chosen run's figures and diagrams before and after."""
    item = st.selectbox("Run", runs, format_func=lambda run: run.name)
    document = read_json(item.path / "calibration_metrics.json")
    parameters = {k: widgets.figure(v) for k, v in parameters_of(document).items()}
    st.html(cards.facts({"Method": document["method"], "Fitted on": f"{document['split']}, {document['n']} items of "
                         f"{document['groups']} groups, {document['n_fake']} fake", **parameters}))  # fmt: skip
    if document["warnings"]:
        widgets.notice(document["warnings"])
    st.caption(" ".join(f"{s[0].upper()}{s[1:]}." for s in (document["how"], document["note"]) if s))
    table = pd.read_csv(item.path / "calibrated_predictions.csv").dropna(subset=["p_fake_cross_fitted"])
    y = table["label"].to_numpy(np.int64)
    left, right = st.columns(2)
    for column, title, name in ((left, "Before", "p_fake_uncalibrated"), (right, "After", "p_fake_cross_fitted")):
        with column:
            st.subheader(title, anchor=False)
            stated = table[name].to_numpy(np.float64)
            for chart in score_charts.reliability_charts(stated, y, document["n_bins"]):
                st.altair_chart(chart)
    st.caption("Dots on the dashed line: of faces given this p_fake, just this share is fake. Bars are 95 % intervals.")
    st.dataframe(figure_table(document), hide_index=True)
    st.caption("Intervals (95 %) resample people and videos. Lower is better for all but AUROC.")


def parameters_of(document: dict[str, Any]) -> dict[str, Any]:
    """The calibrator's own numbers, whatever the method."""
    calibrator = document["calibrator"]
    inside = calibrator.get("parameters", calibrator)
    return {k.replace("_", " ").capitalize(): v for k, v in inside.items() if isinstance(v, float)}


def figure_table(document: dict[str, Any]) -> pd.DataFrame:
    """One row a figure, before and after."""
    rows = [
        (title, *(score_charts.interval_text(document[when][name], 4) for when in ("before", "after")))
        for name, title in ROWS.items()
    ]
    return pd.DataFrame(rows, columns=["figure", "before", "after"])
