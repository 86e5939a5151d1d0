"""Evaluate: how well a detector ranks, decides and knows itself, on items it has not seen, source by source."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from app import forms, navigation, score_charts, session, widgets
from app.detector_scores import DetectorScores, detector_scores, judged, stamp_of
from app.navigation import PageInfo
from core.evaluate.cross import cross_auroc
from core.evaluate.evaluate import prevalence_note
from core.evaluate.metrics import confusion
from core.evaluate.spec import EvaluateSpec
from core.evaluate.sweep import sweep
from core.evaluate.thresholds import threshold_rows
from jobs.client import Workbench

PAGE = PageInfo(section="Research", title="Evaluate", url="evaluate", icon=":material/monitoring:", order=40)
HEADLINE = {"auroc": "AUROC", "average_precision": "Average precision", "f1": "F1", "accuracy": "Accuracy",
            "ece_binary_width": "ECE", "brier": "Brier"}  # fmt: skip


def render() -> None:
    workbench = session.workbench()
    widgets.page_header(
        "Evaluate", "How a detector does on items it has not seen. Intervals resample people and videos."
    )
    available = detector_scores(workbench)
    show, start = st.tabs(["Figures", "Evaluate a run"])
    with show:
        if not available:
            widgets.empty("Nothing is evaluated yet", "Evaluate a run in the next tab, or put a bundle in force.")
        else:
            figures_of(available)
    with start:
        launch(workbench)


def launch(workbench: Workbench) -> None:
    if not workbench.artifacts("run"):
        widgets.empty("No run yet", "Train one first; then calibrate it, then evaluate it here.")
        return
    spec = forms.spec_form(EvaluateSpec, workbench, key="evaluate", submit="Evaluate", front=("dataset", "split"))
    if spec is not None:
        navigation.go_to("jobs", job=workbench.submit("evaluate", spec))


def figures_of(available: list[DetectorScores]) -> None:
    """The chosen detector's figures and charts at the chosen threshold."""
    one, two, three = st.columns([5, 2, 3])
    scores = one.selectbox("Detector", available, format_func=lambda s: s.label)
    split = two.selectbox("Split", scores.splits())
    threshold = three.slider("Called fake from p_fake", 0.01, 0.99, 0.5, 0.01)
    frame = scores.frame(split)
    p, y = frame["p_fake"].to_numpy(np.float64), frame["label"].to_numpy(np.int64)
    st.caption(
        f"{len(frame)} items of {frame['group'].nunique()} groups; {int(y.sum())} fake, {int((1 - y).sum())} real."
    )
    if note := prevalence_note(y):
        widgets.notice([note], "info")
    found = judged(scores, split, "", threshold, stamp_of(scores))
    places = [*st.columns(3), *st.columns(3)]  # six abreast are cut off on a small screen
    for column, (name, title) in zip(places, HEADLINE.items(), strict=True):
        value = found[name]
        column.metric(title, "–" if value["value"] is None else f"{value['value']:.3f}", border=True)
        column.caption("" if value["low"] is None else f"{value['low']:.3f} to {value['high']:.3f}")
    if len(set(y)) == 2:
        charts(p, y, threshold)
    else:
        widgets.notice(["Only one class is present: there is no ROC curve to draw."], "info")
    reliability_and_sources(frame, p, y)
    by_source(scores, split, threshold, frame)
    cascade_rows(frame, p, y)


def charts(p: np.ndarray, y: np.ndarray, threshold: float) -> None:
    """Four charts, each with what to read off it."""
    s, point = sweep(p, y), confusion(p, y, threshold)
    left, right = st.columns(2)
    with left:
        st.subheader("ROC", anchor=False)
        st.altair_chart(score_charts.roc_chart(s, point))
        st.caption("The nearer the curve to the upper left, the better it ranks; the dot is the chosen threshold.")
        st.subheader("Confusion", anchor=False)
        st.altair_chart(score_charts.confusion_chart(point))
        st.caption("Rows are the truth: the share off the diagonal is what the chosen threshold gets wrong.")
    with right:
        st.subheader("Precision and recall", anchor=False)
        st.altair_chart(score_charts.pr_chart(s, point))
        st.caption("How many of those called fake are; the dashed line is what calling everything fake would give.")
        st.subheader("Scores", anchor=False)
        st.altair_chart(score_charts.histogram(p, y, threshold))
        st.caption("Where the colours overlap the detector cannot tell; the dashed line is the chosen threshold.")


def reliability_and_sources(frame: pd.DataFrame, p: np.ndarray, y: np.ndarray) -> None:
    """Reliability beside the table of fake sources against real sources."""
    left, right = st.columns(2)
    with left:
        st.subheader("Reliability", anchor=False)
        for chart in score_charts.reliability_charts(p, y):
            st.altair_chart(chart)
        st.caption(
            "Dots on the dashed line: of faces given this p_fake, just this share is fake. Bars: 95 % intervals."
        )
    found = cross_auroc(p, y, frame["dataset"].astype(str).to_numpy())
    with right:
        st.subheader("Which fakes from which reals", anchor=False)
        if found is None:
            widgets.notice(["Only one class is present."], "info")
            return
        st.altair_chart(score_charts.cross_chart(found))
        st.caption(
            f"AUROC of each source of fakes against each of reals; plain mean {found.macro:.3f}. A pale cell is "
            "a pair that the detector cannot tell apart, whatever the pooled figure says."
        )


def by_source(scores: DetectorScores, split: str, threshold: float, frame: pd.DataFrame) -> None:
    """Figures by data set; sources of one class have no AUROC of their own."""
    st.subheader("By source", anchor=False)
    rows = []
    for name, part in frame.groupby("dataset"):
        found = judged(scores, split, str(name), threshold, stamp_of(scores))
        fakes = int(part["label"].sum())
        figure = "auroc" if 0 < fakes < len(part) else "accuracy"
        rows.append({"source": str(name), "figure": figure, "n": len(part), "fake": fakes, **found[figure]})
    table = pd.DataFrame(rows)
    for figure, words in (("auroc", "AUROC"), ("accuracy", "share called rightly (one class only)")):
        part = table[table["figure"] == figure]
        if len(part):
            st.altair_chart(score_charts.interval_chart(part, words))
    st.caption("A source far from the others is where the detector will surprise you; lines are 95 % intervals.")


def cascade_rows(frame: pd.DataFrame, p: np.ndarray, y: np.ndarray) -> None:
    """Filtration and leakage at the customary confidences."""
    st.subheader("As a first stage", anchor=False)
    rows = threshold_rows(p, y, frame["group"].astype(str).to_numpy(), (0.90, 0.95, 0.98, 0.99), draws=500)
    names = ("filtration", "leakage", "precision", "coverage", "filtration_of_reals")
    table = [
        {"confidence of real": f"{row['threshold']:.2f}"}
        | {name.replace("_", " "): score_charts.interval_text(row[name]) for name in names}
        for row in rows
    ]
    st.dataframe(pd.DataFrame(table), hide_index=True)
    st.caption(
        "filtration: released as real / all. leakage: fakes released / all fakes. Observed on these items; the Cascade "
        "page bounds them."
    )
