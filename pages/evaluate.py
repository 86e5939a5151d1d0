"""Evaluate: how well a detector ranks, decides and knows itself, on items it has not seen, source by source."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from app.charts import scores as score_charts
from app.charts import transfer as elsewhere_charts
from app.forms.job_forms import job_form
from app.scores import calibration_items as fitted_on
from app.scores import view as judging
from app.scores.detector import DRAWS, detector_scores
from app.scores.view import View
from app.ui import chart as chart_files
from app.ui import html, session, tables, widgets
from app.ui import page_state as links
from app.ui.navigation import PageInfo
from app.views.evaluate.threshold_board import CURVES, evidence_of, threshold_board
from core.evaluate.report import prevalence_note
from core.metrics.catalogue import BINNINGS, CONVENTIONS, FIGURES, names
from core.metrics.levels import pooling
from jobs.client import Workbench

PAGE = PageInfo(section="Research", title="Evaluate", url="evaluate", icon=":material/monitoring:", order=40)
HEADLINE = {"auroc": "AUROC", "average_precision": "Average precision", "f1": "F1", "accuracy": "Accuracy",
            "ece_binary_width": "ECE", "brier": "Brier"}  # fmt: skip
TABS = {"figures": "All figures", "curves": "Reliability", "slices": "Slices", "sources": "By source",
        "stage": "First stage", "run": "Evaluate"}  # fmt: skip
UNITS = {"frame": "items", "track": "tracks", "video": "videos"}
NEVER = float(np.nextafter(1.0, 2.0))


def render() -> None:
    workbench = session.workbench()
    widgets.page_header(
        "Evaluate", "How a detector does on items it has not seen. Intervals resample people and videos."
    )
    if not detector_scores(workbench):
        ready = bool(workbench.artifacts("run"))
        first = "Evaluate a run below" if ready else "Train a run under Train and evaluate it here"
        widgets.empty("Nothing is evaluated yet", f"{first}, import scores under Compare, or put a bundle in force.")
        if ready:
            launch(workbench)
        return
    view = chosen(workbench)
    if view is None:
        return
    top = st.container()
    with working(view, "The board and its figures"):
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
            with tab, working(view, TABS[name]):
                show[name]()
    links.share()


def working(view: View, what: str) -> Any:
    """While it is under way, a line that says what is being counted, over how much, and about how long; it stays away
    where that is a moment, as when the answer is kept from before.
    """
    seconds = judging.seconds(view)
    if seconds < 1:
        return nullcontext()
    return st.spinner(f"{what}: figures of {len(view.frame):,} items, about {seconds} s the first time", show_time=True)


def chosen(workbench: Workbench) -> View | None:
    """Detector, split, level and pooling, as the address or the reader asks; None, which is said, with nothing left."""
    available = {judging.reference(scores): scores for scores in detector_scores(workbench)}
    one, two = st.columns([3, 2])
    scores = available[links.choose(one, "Detector", "scores", {k: s.label for k, s in available.items()}, "evaluate")]
    if scores.source is not None and (said := fitted_on.notes(scores.source, scores.member)):
        widgets.notice(said, "info")
    if not scores.splits():
        widgets.empty("Nothing left to judge it on", "It failed on these, or was calibrated on them: score others.")
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
    y = view.labels
    how = "" if view.level == "frame" else f", each from its frames by {view.pooling.replace('_', ' ')}"
    st.caption(
        f"{y.size:,} {UNITS[view.level]}{how}, of {view.groups.max() + 1:,} groups; {int(y.sum()):,} fake, "
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
    st.html(html.tiles([widgets.figure_tile(title, found[name]) for name, title in HEADLINE.items()]))
    if notes := interval_notes(found):
        st.caption(" ".join(notes))


def interval_notes(found: dict[str, dict[str, Any]]) -> list[str]:
    """Why some figures have no interval, and how far to trust the others."""
    return sorted({of["note"] for of in found.values() if of["note"].startswith(("The interval may", "No interval"))})


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
    numbers = pd.DataFrame([
        {"figure": f.title, "value": found[name]["value"], "from": found[name]["low"], "to": found[name]["high"],
         "of the interval": found[name]["note"], "worst case": worst.get(name), "better": f.better,
         "what it says": f.says}
        for name, f in FIGURES.items()
    ])  # fmt: skip
    shown = pd.DataFrame([
        {"figure": f.title, "value, 95 %": score_charts.interval_text(found[name], 4)}
        | ({"worst case": "–" if worst.get(name) is None else f"{worst[name]:.4f}"} if worst else {})
        | {"better": f.better or "–", "what it says": f.says}
        for name, f in FIGURES.items()
    ])  # fmt: skip
    tables.show_table(shown, "all figures", wide=["what it says"], file=numbers)
    st.caption(
        f"Figures of a decision call fake from p_fake {threshold:.4g}. Beside or under each its 95 % interval over "
        "groups; why one is missing, or narrow where groups are few, stands above the board. A calibration error in 15 "
        "bins is positive by noise alone: read the debiased one too."
    )
    st.caption(f"Coverage {missing['coverage']:.1%} of {missing['expected']:,} items. {missing['rule']}")
    if missing["items"]:
        with st.expander(f"The {missing['failed']} items without a score"):
            st.dataframe(pd.DataFrame(missing["items"]), hide_index=True)


def curves(view: View) -> None:
    """Reliability by either convention, and risk against coverage."""
    left, right = widgets.halves()
    with left:
        st.subheader("Reliability", anchor=False)
        which = links.choose(st, "Convention", "convention", {k: k.replace("_", " ") for k in CONVENTIONS}, "evaluate")
        binning = links.choose(
            st, "Bins", "bins", {k: v.removesuffix(" bins") for k, v in BINNINGS.items()}, "evaluate"
        )
        r = judging.reliability_of(view, which, binning)  # type: ignore[arg-type]
        top, below = score_charts.reliability_charts(r, which)  # type: ignore[arg-type]
        lies = score_charts.reliability_words(r, which)  # type: ignore[arg-type]
        chart_files.show_chart(
            top, "reliability",
            f"{lies} Here {CONVENTIONS[which]}; 15 {BINNINGS[binning]}; "
            f"n = {len(view.frame):,}; bars: 95 % intervals over groups.",
        )  # fmt: skip
        chart_files.show_chart(
            below, "items a bin", f"Where the items are: a bin of few says little. Counts of n = {len(view.frame):,} "
            "items that are here, so without an interval.",
        )  # fmt: skip
    with right:
        st.subheader("Risk against coverage", anchor=False)
        band = judging.band(view)
        known = np.isfinite(band.low[-1])
        between = f" ({band.low[-1]:.1%} to {band.high[-1]:.1%})" if known else ", with no interval from so few groups"
        chart_files.show_chart(
            score_charts.risk_chart(band), "risk against coverage",
            "How often it errs when it may decline the items it is least sure of: a curve that falls to the left knows "
            f"when it does not know. Answering everything errs in {band.risk[-1]:.1%}{between}. n = "
            f"{len(view.frame):,}; the band is a 95 % interval over groups, drawn where enough of them are answered.",
        )  # fmt: skip


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
    notes = [f"A value far from the others is where the detector will surprise you. {FIGURES[figure].says}",
             f"Lines: 95 % intervals, {judging.SLICE_DRAWS} draws of groups; n = {table['n'].sum():,}."]  # fmt: skip
    if (table["against"] != "").any():
        notes.append("A slice of one class is ranked against all items of the other class.")
    if len(lost):
        notes.append(f"Undefined for {', '.join(lost['source'].astype(str))}: one class only.")
    if len(drawn):
        chart = score_charts.interval_chart(drawn, FIGURES[figure].title)
        chart_files.show_chart(chart, f"{figure} by {column}", " ".join(notes))
    else:
        widgets.notice(notes[-1:], "info")
    with st.expander("The numbers"):
        st.dataframe(table, hide_index=True)


def fakes_and_reals(view: View) -> None:
    """AUROC of every source of fakes against every source of reals, over the page's whole width."""
    cells = judging.sources(view)
    if not cells:
        widgets.notice(["Only one class is present: there are no pairs to tell apart."], "info")
        return
    mean = sum(cell.auroc for cell in cells) / len(cells)
    chart_files.show_chart(
        elsewhere_charts.matrix(cells), "fakes against reals",
        "AUROC of each source of fakes (rows) against each of reals (columns), its 95 % interval over groups below it; "
        f"plain mean {mean:.3f} over {len(cells)} pairs, n = {len(view.frame):,}. A pale cell is a pair that it cannot "
        "tell apart, whatever the pooled figure says; a cell without an interval has too few groups.",
    )  # fmt: skip


def as_first_stage(view: View) -> None:
    """Filtration and leakage at the customary confidences."""
    rows = judging.first_stage(view)
    table = [
        {"rate": name.replace("_", " ")}
        | {f"at {row['threshold']:.2f}": score_charts.interval_text(row[name]) for row in rows}
        for name in ("filtration", "leakage", "precision", "coverage", "filtration_of_reals", "group_leakage")
    ]
    tables.show_table(pd.DataFrame(table), "as a first stage")
    st.caption(
        "Columns: the confidence of real from which an item is released. Filtration: released as real / all. Leakage: "
        "fakes released / all fakes; group leakage: groups with a released fake / groups of fakes, with the exact "
        "interval. Intervals are 95 %, over draws of groups, exact for a share of 0 or 1, and there is none with under "
        f"five groups. n = {len(view.frame):,}, observed on these items; Cascade bounds them."
    )


def launch(workbench: Workbench) -> None:
    """The form of an `evaluate` job."""
    if not workbench.artifacts("run"):
        widgets.empty("No run yet", "Train one first; then calibrate it, then evaluate it here.")
        return
    job_form("evaluate", workbench, submit="Evaluate", front=("dataset", "split"))
