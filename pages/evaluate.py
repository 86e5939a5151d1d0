"""Evaluate: how well a detector ranks, decides and knows itself, on items it has not seen, source by source."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from app import chart_files, fitted_on, judging, links, score_charts, session, widgets
from app.detector_scores import DRAWS, detector_scores
from app.job_forms import job_form
from app.judging import View
from app.navigation import PageInfo
from app.threshold_board import CURVES, evidence_of, threshold_board
from core.evaluate.catalogue import BINNINGS, CONVENTIONS, FIGURES, names
from core.evaluate.cross import cross_auroc
from core.evaluate.evaluate import prevalence_note
from core.evaluate.levels import pooling, ranks_of
from core.evaluate.metrics import probabilities
from core.evaluate.reliability_groups import grouped_reliability
from core.evaluate.thresholds import threshold_rows
from jobs.client import Workbench

PAGE = PageInfo(section="Research", title="Evaluate", url="evaluate", icon=":material/monitoring:", order=40)
HEADLINE = {"auroc": "AUROC", "average_precision": "Average precision", "f1": "F1", "accuracy": "Accuracy",
            "ece_binary_width": "ECE", "brier": "Brier"}  # fmt: skip
TABS = {"figures": "All figures", "curves": "Reliability and risk", "slices": "Slices", "sources": "Fakes and reals",
        "stage": "As a first stage", "run": "Evaluate a run"}  # fmt: skip
UNITS = {"frame": "items", "track": "tracks", "video": "videos"}
NEVER = float(np.nextafter(1.0, 2.0))


def render() -> None:
    workbench = session.workbench()
    widgets.page_header(
        "Evaluate", "How a detector does on items it has not seen. Intervals resample people and videos."
    )
    if not detector_scores(workbench):
        widgets.empty("Nothing is evaluated yet", "Evaluate a run below, import scores, or put a bundle in force.")
        launch(workbench)
        return
    view = chosen(workbench)
    if view is None:
        return
    top = st.container()
    threshold = board(view)
    with top:
        headline(view, threshold)
    show: dict[str, Any] = {
        "figures": lambda: all_figures(view, threshold),
        "curves": lambda: curves(view),
        "slices": lambda: by_slice(view),
        "sources": lambda: fakes_and_reals(view),
        "stage": lambda: as_first_stage(view),
        "run": lambda: launch(workbench),
    }
    for name, tab in links.tabs("evaluate", TABS).items():
        if tab.open:
            with tab:
                show[name]()
    links.share()


def chosen(workbench: Workbench) -> View | None:
    """Detector, split, level and pooling, as the address or the reader asks; None, which is said, with nothing left."""
    available = {judging.reference(scores): scores for scores in detector_scores(workbench)}
    one, two = st.columns([3, 2])
    scores = available[links.choose(one, "Detector", "scores", {k: s.label for k, s in available.items()}, "evaluate")]
    if scores.source is not None and (said := fitted_on.notes(scores.source, scores.member)):
        widgets.notice(said, "info")
    if not scores.splits():
        widgets.empty("Nothing left to judge it on", "Score it on items that its calibrator was not fitted on (test).")
        return None
    split = links.choose(two, "Split", "split", {name: name for name in scores.splits()}, "evaluate")
    levels = {name: UNITS[name] for name in judging.levels_of(scores, split)}
    if len(levels) == 1:
        return View.of(scores, split)
    level = links.choose(one, "Judged by", "level", levels, "evaluate")
    if level == "frame":
        return View.of(scores, split)
    rules = {name: name.replace("_", " ") for name in pooling.names()}
    rule = links.choose(two, "Frames of a clip become one score by", "pooling", rules, "evaluate")
    return View.of(scores, split, level, rule)


def headline(view: View, threshold: float) -> None:
    """What was judged, what failed, and six figures with their intervals."""
    frame, y = view.frame, view.labels
    how = "" if view.level == "frame" else f", each from its frames by {view.pooling.replace('_', ' ')}"
    st.caption(
        f"{len(frame):,} {UNITS[view.level]}{how}, of {frame['group'].nunique():,} groups; {int(y.sum()):,} fake, "
        f"{int((1 - y).sum()):,} real. Intervals: 95 %, {DRAWS} draws of whole groups."
    )
    missing = judging.coverage(view)
    if missing["failed"]:
        widgets.notice([
            f"{missing['failed']} of {missing['expected']} items have no score ({missing['failed_fakes']} fake, of "
            f"{missing['failed_groups']} groups): figures are of the rest, and what the worst scores would make of "
            "them stands under All figures."
        ])  # fmt: skip
    if note := prevalence_note(y):
        widgets.notice([note], "info")
    if (tied := judging.rounded(view)) > 1:
        widgets.notice([
            f"p_fake is 0 or 1 to the last digit for {tied:,} items, and no threshold on it parts them: ranking "
            "figures follow the log-odds behind it, the curves of the board p_fake. A calibrator brings them apart."
        ], "info")  # fmt: skip
    found = judging.measured(view, threshold)
    places = [*st.columns(3), *st.columns(3)]  # six abreast are cut off on a small screen
    for column, (name, title) in zip(places, HEADLINE.items(), strict=True):
        value = found[name]
        column.metric(title, "–" if value["value"] is None else f"{value['value']:.3f}", border=True)
        column.caption(value["note"] if value["low"] is None else f"{value['low']:.3f} to {value['high']:.3f}")
    if notes := interval_notes(found):
        st.caption(f"Of the intervals: {'; '.join(notes)}.")


def interval_notes(found: dict[str, dict[str, Any]]) -> list[str]:
    """Why some figures have no interval, and how far to trust the others."""
    return sorted({of["note"] for of in found.values() if of["note"].startswith(("few groups", "no interval"))})


def board(view: View) -> float:
    """The sliders; returns the threshold on which they rest. It stands in the address with the share of fakes."""
    name = f"{judging.reference(view.scores)}|{view.split}|{view.level}|{view.pooling}|{view.stamp}"
    if st.session_state.get("evaluate-board", ("",))[0] != name:
        start = links.number("from", 0.5, high=1.01)
        rate = links.number("fakes", -1.0, low=0.0005, high=0.9999)
        drawn = links.asked("curve", CURVES, "roc")
        st.session_state["evaluate-board"] = (name, min(start, NEVER), None if rate < 0 else rate, drawn)
    _, start, rate, drawn = st.session_state["evaluate-board"]
    about = f"{view.scores.label}; {view.split}, by {view.level}."
    answer = threshold_board(
        evidence_of(view, min(start, 1.0)), start, rate, drawn, identity=name, about=about, key=f"thresholds-{name}"
    )
    threshold = start if answer.threshold is None else answer.threshold
    st.query_params["curve"] = answer.curve
    st.query_params["from"] = "1.01" if threshold > 1 else f"{threshold:.10g}"
    if answer.prevalence is None:
        st.query_params.pop("fakes", None)
    else:
        st.query_params["fakes"] = f"{answer.prevalence:.6g}"
    return threshold


def all_figures(view: View, threshold: float) -> None:
    """The whole catalogue with intervals, and the bound that failed items leave."""
    found, missing = judging.measured(view, threshold), judging.coverage(view)
    worst = missing["worst"] if view.level == "frame" else {}
    noted = any(of["note"] for of in found.values())
    rows = [
        {"figure": f.title, "value": found[name]["value"], "from": found[name]["low"], "to": found[name]["high"]}
        | ({"of the interval": found[name]["note"]} if noted else {})
        | ({"worst case": worst.get(name)} if worst else {})
        | {"better": f.better or "–", "what it says": f.says}
        for name, f in FIGURES.items()
    ]
    number = st.column_config.NumberColumn(format="%.4f")
    st.dataframe(
        pd.DataFrame(rows), hide_index=True, height=35 * (len(rows) + 1) + 3,
        column_config=dict.fromkeys(("value", "from", "to", "worst case"), number)
        | {"figure": st.column_config.TextColumn(width=300), "better": st.column_config.TextColumn(width=70)},
    )  # fmt: skip
    st.caption(
        f"Figures of a decision call fake from p_fake {threshold:.4g}. From, to: 95 % interval over groups, empty "
        "where there is none; a figure without a value is undefined. A calibration error in 15 bins is positive by "
        "noise alone: read the debiased one too."
    )
    st.caption(f"Coverage {missing['coverage']:.1%} of {missing['expected']:,} items. {missing['rule']}")
    if missing["items"]:
        with st.expander(f"The {missing['failed']} items without a score"):
            st.dataframe(pd.DataFrame(missing["items"]), hide_index=True)


def curves(view: View) -> None:
    """Reliability by either convention, and risk against coverage."""
    left, right = st.columns(2)
    with left:
        st.subheader("Reliability", anchor=False)
        which = links.choose(st, "Convention", "convention", {k: k.replace("_", " ") for k in CONVENTIONS}, "evaluate")
        binning = links.choose(
            st, "Bins", "bins", {k: v.removesuffix(" bins") for k, v in BINNINGS.items()}, "evaluate"
        )
        r = grouped_reliability(view.p_fake, view.labels, view.groups, 15, which, binning)  # type: ignore[arg-type]
        top, below = score_charts.reliability_charts(r, which)  # type: ignore[arg-type]
        chart_files.show(top, "reliability")
        chart_files.show(below, "items a bin")
        st.caption(
            f"On the dashed line what is stated is what happens ({CONVENTIONS[which]}; 15 {BINNINGS[binning]}; n = "
            f"{len(view.frame):,}). Bars: 95 % intervals that count groups."
        )
    with right:
        st.subheader("Risk against coverage", anchor=False)
        band = judging.band(view)
        known = np.isfinite(band.low[-1])
        between = f" ({band.low[-1]:.1%} to {band.high[-1]:.1%})" if known else ", with no interval from so few groups"
        chart_files.show(score_charts.risk_chart(band), "risk against coverage")
        st.caption(
            "How often it errs when it may decline the items it is least sure of: a curve that falls to the left knows "
            f"when it does not know. Answering everything errs in {band.risk[-1]:.1%}{between}. n = "
            f"{len(view.frame):,}; the band is a 95 % interval over groups, drawn where enough of them are answered."
        )


def by_slice(view: View) -> None:
    """One figure over the values of a column."""
    columns = judging.columns_of(view)
    if not columns:
        widgets.empty("Nothing to slice by", "No column of these scores has 2 to 50 values (data set, method, ...).")
        return
    left, right = st.columns(2)
    column = links.choose(left, "Slices of", "slice", {name: name for name in columns}, "evaluate")
    figure = links.choose(right, "Figure", "figure", {name: FIGURES[name].title for name in names()}, "evaluate")
    table = judging.slice_rows(judging.sliced(view, column), figure)
    drawn, lost = table.dropna(subset=["value"]), table[table["value"].isna()]
    if len(drawn):
        chart_files.show(score_charts.interval_chart(drawn, FIGURES[figure].title), f"{figure} by {column}")
    notes = [f"A value far from the others is where the detector will surprise you. {FIGURES[figure].says}",
             f"Lines: 95 % intervals, {judging.SLICE_DRAWS} draws of groups; n = {table['n'].sum():,}."]  # fmt: skip
    if (table["against"] != "").any():
        notes.append("A slice of one class is ranked against all items of the other class.")
    if len(lost):
        notes.append(f"Undefined for {', '.join(lost['source'].astype(str))}: one class only.")
    st.caption(widgets.plain_markdown(" ".join(notes)))
    with st.expander("The numbers"):
        st.dataframe(table, hide_index=True)


def fakes_and_reals(view: View) -> None:
    """AUROC of every source of fakes against every source of reals, over the page's whole width."""
    _, y = probabilities(view.p_fake, view.labels)
    ranks = ranks_of(view.frame)
    of = view.frame["dataset"].astype(str).to_numpy()
    found = cross_auroc(view.p_fake if ranks is None else ranks, y, of)
    if found is None:
        widgets.notice(["Only one class is present: there are no pairs to tell apart."], "info")
        return
    chart_files.show(score_charts.cross_chart(found), "fakes against reals")
    st.caption(
        f"AUROC of each source of fakes (rows) against each of reals (columns); plain mean {found.macro:.3f} over "
        f"{found.auroc.size} pairs, n = {len(view.frame):,}. A pale cell is a pair that it cannot tell apart, "
        "whatever the pooled figure says; point at a cell for its items. Intervals by source stand under Slices."
    )


def as_first_stage(view: View) -> None:
    """Filtration and leakage at the customary confidences."""
    rows = threshold_rows(view.p_fake, view.labels, view.groups, (0.90, 0.95, 0.98, 0.99), draws=DRAWS)
    shown = ("filtration", "leakage", "precision", "coverage", "filtration_of_reals", "group_leakage")
    table = [
        {"confidence of real": f"{row['threshold']:.2f}"}
        | {name.replace("_", " "): score_charts.interval_text(row[name]) for name in shown}
        for row in rows
    ]
    st.dataframe(pd.DataFrame(table), hide_index=True)
    st.caption(
        "filtration: released as real / all. leakage: fakes released / all fakes; group leakage: groups with a "
        "released fake / groups of fakes, with the exact interval. Intervals are 95 %, over draws of groups, exact for "
        "a share of 0 or 1, and there is none with under five groups. Observed on these items; Cascade bounds them."
    )


def launch(workbench: Workbench) -> None:
    """The form of an `evaluate` job."""
    if not workbench.artifacts("run"):
        widgets.empty("No run yet", "Train one first; then calibrate it, then evaluate it here.")
        return
    job_form("evaluate", workbench, submit="Evaluate", front=("dataset", "split"))
