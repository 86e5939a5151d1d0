"""Evaluate: show how well a detector ranks, decides and is calibrated on held-out items, source by source."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from app.charts import scores as score_charts
from app.charts import transfer as transfer_charts
from app.forms.job_forms import job_form
from app.scores import calibration_items
from app.scores import view as score_view
from app.scores.detector import DRAWS, detector_scores
from app.scores.view import LEVEL_UNITS, RELIABILITY_BINS, View
from app.ui import chart as chart_files
from app.ui import html, page_state, session, tables, widgets
from app.ui.navigation import PageInfo
from app.ui.sentences import sentence, terms
from app.views.evaluate.threshold_board import CURVES, evidence_of, threshold_board
from core.evaluate.report import prevalence_note
from core.glossary import define
from core.metrics.catalogue import BINNINGS, CONVENTIONS, FIGURES, names
from core.metrics.levels import pooling
from jobs.client import Workbench

PAGE = PageInfo(section="Research", title="Evaluate", url="evaluate", icon=":material/monitoring:", order=40)
HEADLINE = {"auroc": "AUROC", "average_precision": "Average precision", "eer": "EER",
            "ece_binary_width": "ECE", "brier": "Brier score", "nll": "NLL"}  # fmt: skip
"""The first figures of the page; none of them depends on a threshold."""
ON_BOARD = ("recall", "precision", "balanced_accuracy", "f1", "mcc", "accuracy")
"""Figures of the catalogue that the board shows at its threshold."""
TABS = {"curves": "Reliability and risk", "slices": "Slices", "sources": "By source", "stage": "First stage",
        "run": "Evaluate a run"}  # fmt: skip
NEVER_FAKE = float(np.nextafter(1.0, 2.0))
"""A threshold that no p_fake reaches."""


def render() -> None:
    """Draw the page."""
    workbench = session.workbench()
    widgets.page_header(
        "Evaluate",
        "Choose a detector to see how well it separates fakes from reals on items that it was not calibrated on.",
    )
    if not detector_scores(workbench):
        if workbench.artifacts("run"):
            widgets.empty("No run is evaluated yet", "Evaluate a run with the form below. It scores a held-out split.")
            launch(workbench)
        else:
            widgets.empty(
                "No detector has scores yet",
                "Train a detector first. Scores of another program can be imported on the page `Compare`.",
                "Train a detector", "train",
            )  # fmt: skip
        return
    view = chosen(workbench)
    if view is None:
        return
    top = st.container()
    with working(view, "Board and figures"):
        # The board is drawn first, because the figures need the threshold on which its slider rests.
        threshold = board(view)
        with top:
            headline(view, threshold)
        every_figure(view, threshold)
    show: dict[str, Any] = {
        "curves": lambda: curves(view),
        "slices": lambda: by_slice(view),
        "sources": lambda: fakes_and_reals(view),
        "stage": lambda: as_first_stage(view),
        "run": lambda: launch(workbench),
    }
    for name, tab in page_state.tabs("evaluate", TABS).items():
        if tab.open:
            with tab, working(view, TABS[name]):
                show[name]()
    page_state.share()


def working(view: View, what: str) -> Any:
    """Show what is computed, on how many items and about how long, where that takes a second or more.

    Args:
        view: What is evaluated.
        what: Which part of the page is computed.

    Returns:
        A context manager.
    """
    seconds = score_view.seconds(view)
    if seconds < 1:
        return nullcontext()
    return st.spinner(
        f"{what}: computing figures of {len(view.frame):,} items (about {seconds} s the first time)", show_time=True
    )


def chosen(workbench: Workbench) -> View | None:
    """Let the reader choose detector, split, level and pooling; None where no item is left, which the page says."""
    available = {score_view.reference(scores): scores for scores in detector_scores(workbench)}
    left, right = st.columns([3, 2])
    labels = {name: scores.label for name, scores in available.items()}
    scores = available[page_state.choose(left, "Detector", "scores", labels, "evaluate")]
    if scores.source is not None and (notes := calibration_items.notes(scores.source, scores.member)):
        widgets.notice(notes, "info")
    if not scores.splits():
        widgets.empty(
            "No item is left to evaluate it on",
            "Every saved item failed, or the calibrator was fitted on it. Score other items with this detector, or "
            "import their scores.",
            "Import scores", "compare", tab="import",
        )  # fmt: skip
        return None
    splits = {name: name for name in scores.splits()}
    split = page_state.choose(right, "Split", "split", splits, "evaluate", help=define("split"))
    levels = {name: LEVEL_UNITS[name] for name in score_view.levels_of(scores, split)}
    if left_out := score_view.levels_left_out(scores, split):
        widgets.notice(left_out, "info")
    if len(levels) == 1:
        return View.of(scores, split)
    level = page_state.choose(left, "Unit", "level", levels, "evaluate", help="What counts as one item.")
    if level == "frame":
        return View.of(scores, split)
    rules = {name: name.replace("_", " ") for name in pooling.names()}
    rule = page_state.choose(right, "Pooling of the frames of a clip", "pooling", rules, "evaluate")
    return View.of(scores, split, level, rule)


def headline(view: View, threshold: float) -> None:
    """Say what is evaluated and what failed, and show the first figures with their intervals.

    Args:
        view: What is evaluated.
        threshold: Items with p_fake at or above it are called fake.
    """
    y = view.labels
    pooled = "" if view.level == "frame" else f" (frames pooled by {view.pooling.replace('_', ' ')})"
    st.caption(
        f"{y.size:,} {LEVEL_UNITS[view.level]}{pooled} of {view.groups.max() + 1:,} groups: {int(y.sum()):,} fake, "
        f"{int((1 - y).sum()):,} real. Intervals are 95 %, from {DRAWS} draws of whole groups.",
        help=terms("group", "interval"),
    )
    missing = score_view.coverage(view)
    if missing["failed"]:
        widgets.notice([
            f"{missing['failed']} of {missing['expected']} items have no score ({missing['failed_fakes']} fake, of "
            f"{missing['failed_groups']} groups). The figures are computed without them. Every figure, below the "
            "board, shows the worst case: what the figures become if these items have the worst scores."
        ])  # fmt: skip
    if note := prevalence_note(y):
        widgets.notice([sentence(note)], "info")
    if (tied := score_view.rounded(view)) > 1:
        widgets.notice([
            f"p_fake is exactly 0 or 1 for {tied:,} items, so no threshold on p_fake separates them. Ranking figures "
            "use the log-odds, which differ; the curves of the board use p_fake. Calibrate the detector to separate "
            "these items."
        ], "info")  # fmt: skip
    figures = score_view.measured(view, threshold)
    st.html(html.tiles([widgets.figure_tile(title, figures[name]) for name, title in HEADLINE.items()]))
    st.caption(
        "These figures do not depend on a threshold. Figures of the decision stand on the board. "
        + " ".join(interval_notes(figures)),
        help=terms("AUROC", "average precision", "EER", "ECE", "Brier score", "NLL"),
    )


def interval_notes(figures: dict[str, dict[str, Any]]) -> list[str]:
    """List why some figures have no interval, and why some intervals are too narrow; exact intervals need no note."""
    notes = {of["note"] for of in figures.values() if of["note"]}
    return sorted(note for note in notes if not note.startswith("The interval is exact"))


def board(view: View) -> float:
    """Draw the threshold board and keep its state in the address.

    Args:
        view: What is evaluated.

    Returns:
        The threshold on which its slider rests.
    """
    name = f"{score_view.reference(view.scores)}|{view.split}|{view.level}|{view.pooling}|{view.stamp}"
    if st.session_state.get("evaluate-board", ("",))[0] != name:
        start = page_state.number("from", 0.5, high=1.01)
        rate = page_state.number("fakes", -1.0, low=0.0005, high=0.9999)
        curve = page_state.asked("curve", CURVES, "roc")
        st.session_state["evaluate-board"] = (name, min(start, NEVER_FAKE), None if rate < 0 else rate, curve)
    _, start, rate, curve = st.session_state["evaluate-board"]
    about = f"{view.scores.label}; {view.split}, by {view.level}."
    answer = threshold_board(
        evidence_of(view, min(start, 1.0)), start, rate, curve, identity=name, about=about, key=f"thresholds-{name}"
    )
    threshold = start if answer.threshold is None else answer.threshold
    st.query_params["curve"] = answer.curve
    st.query_params["from"] = "1.01" if threshold > 1 else f"{threshold:.10g}"
    if answer.prevalence is None:
        st.query_params.pop("fakes", None)
    else:
        st.query_params["fakes"] = f"{answer.prevalence:.6g}"
    return threshold


def every_figure(view: View, threshold: float) -> None:
    """List the figures that the page does not show above, and bound what items without a score could change.

    Args:
        view: What is evaluated.
        threshold: Items with p_fake at or above it are called fake.
    """
    figures, missing = score_view.measured(view, threshold), score_view.coverage(view)
    worst = missing["worst"] if view.level == "frame" else {}
    numbers = pd.DataFrame([
        {"figure": f.title, "value": figures[name]["value"], "from": figures[name]["low"], "to": figures[name]["high"],
         "note on the interval": figures[name]["note"], "worst case": worst.get(name), "better": f.better,
         "meaning": f.says}
        for name, f in FIGURES.items()
    ])  # fmt: skip
    above = (*HEADLINE, *ON_BOARD)
    shown = pd.DataFrame([
        {"figure": f.title, "value (95 % interval)": score_charts.interval_text(figures[name], 4)}
        | ({"worst case": worst_text(worst.get(name))} if worst else {})
        | {"better": f.better or "–", "meaning": f.says}
        for name, f in FIGURES.items() if name not in above
    ])  # fmt: skip
    with st.expander("Every figure"):
        tables.show_table(shown, "every figure", wide=["meaning"], file=numbers)
        st.caption(
            "The table leaves out the figures that stand above; the CSV holds all. Items with p_fake at or above "
            f"{threshold:.4g} are called fake. A calibration error in {RELIABILITY_BINS} bins is positive by noise "
            "alone, so compare it with the debiased one."
        )
        st.caption(
            f"{missing['coverage']:.1%} of {missing['expected']:,} items have a score. {missing['rule']}",
        )
        if worst and missing["failed"]:
            bounds = "; ".join(f"{FIGURES[name].title} {worst_text(worst.get(name))}" for name in above)
            st.caption(f"Worst case of the figures above: {bounds}.")
        if missing["items"]:
            st.caption(f"The {missing['failed']} items without a score:")
            st.dataframe(pd.DataFrame(missing["items"]), hide_index=True)


def worst_text(value: float | None) -> str:
    """Write the worst case of a figure; a dash where it has none."""
    return "–" if value is None else f"{value:.4f}"


def curves(view: View) -> None:
    """Draw reliability by either convention, and the error rate over coverage."""
    left, right = widgets.halves()
    with left:
        st.subheader("Reliability", anchor=False, help=define("reliability"))
        conventions = {k: k.replace("_", " ") for k in CONVENTIONS}
        which = page_state.choose(st, "Convention", "convention", conventions, "evaluate")
        kinds = {k: v.removesuffix(" bins") for k, v in BINNINGS.items()}
        binning = page_state.choose(st, "Bins", "bins", kinds, "evaluate")
        r = score_view.reliability_of(view, which, binning)  # type: ignore[arg-type]
        top, counts = score_charts.reliability_charts(r, which)  # type: ignore[arg-type]
        position = score_charts.reliability_words(r, which)  # type: ignore[arg-type]
        chart_files.show_chart(
            top, "reliability",
            f"{position} The chart shows {CONVENTIONS[which]} in {RELIABILITY_BINS} {BINNINGS[binning]}; "
            f"n = {len(view.frame):,}; lines are 95 % intervals over groups.",
        )  # fmt: skip
        chart_files.show_chart(
            counts, "items per bin",
            f"A bin with few items has a wide interval above. The bars are counts of the n = {len(view.frame):,} "
            "items, so they have no interval.",
        )  # fmt: skip
    with right:
        st.subheader("Risk over coverage", anchor=False, help=define("AURC"))
        risk = score_view.band(view)
        known = np.isfinite(risk.low[-1])
        between = f" ({risk.low[-1]:.1%} to {risk.high[-1]:.1%})" if known else " (too few groups for an interval)"
        chart_files.show_chart(
            score_charts.risk_chart(risk), "risk over coverage",
            "The error rate when the detector leaves out the items that it is least sure of. A curve that falls to the "
            "left: the detector is less sure where it errs. When it answers all items, the error rate is "
            f"{risk.risk[-1]:.1%}{between}. n = {len(view.frame):,}; the band is a 95 % interval over groups, drawn "
            "where enough groups are answered.",
        )  # fmt: skip


def by_slice(view: View) -> None:
    """Draw one figure over the values of a column."""
    columns = score_view.columns_of(view)
    if not columns:
        widgets.empty(
            "No column to slice by",
            "A slice needs a column with 2 to 50 values, such as data set or method. Prepare the data set with such a "
            "column and evaluate again.",
            "Go to Datasets", "datasets",
        )  # fmt: skip
        return
    left, right = st.columns(2)
    options = {name: name for name in columns}
    column = page_state.choose(left, "Slices of", "slice", options, "evaluate", help=define("slice"))
    titles = {name: FIGURES[name].title for name in names()}
    figure = page_state.choose(right, "Figure", "figure", titles, "evaluate")
    table = score_view.slice_rows(score_view.sliced(view, column), figure)
    drawn, undefined = table.dropna(subset=["value"]), table[table["value"].isna()]
    notes = [
        f"A slice whose line lies far from the others: expect other results there. {FIGURES[figure].says}",
        f"Lines are 95 % intervals from {score_view.SLICE_DRAWS} draws of groups; n = {table['n'].sum():,}.",
    ]
    if (table["against"] != "").any():
        notes.append("A slice of one class is ranked against all items of the other class.")
    if len(undefined):
        notes.append(f"Undefined, because there is one class only: {', '.join(undefined['source'].astype(str))}.")
    if len(drawn):
        chart = score_charts.interval_chart(drawn, FIGURES[figure].title)
        chart_files.show_chart(chart, f"{figure} by {column}", " ".join(notes))
    else:
        widgets.notice(notes[-1:], "info")
    with st.expander("Numbers of the chart"):
        st.dataframe(table, hide_index=True)


def fakes_and_reals(view: View) -> None:
    """Draw the AUROC of every source of fakes against every source of reals, over the page's whole width."""
    cells = score_view.sources(view)
    if not cells:
        widgets.notice(["There is one class only, so there are no pairs of sources. Choose another split."], "info")
        return
    mean = sum(cell.auroc for cell in cells) / len(cells)
    chart_files.show_chart(
        transfer_charts.matrix(cells), "fakes against reals",
        "AUROC of each source of fakes (rows) against each source of reals (columns), with its 95 % interval over "
        "groups. A pale cell is a pair that the detector does not separate, even where the AUROC over all items is "
        f"high. A cell without an interval has too few groups. The plain mean over {len(cells)} pairs is {mean:.3f}; "
        f"n = {len(view.frame):,}.",
    )  # fmt: skip


def as_first_stage(view: View) -> None:
    """List filtration and leakage at the confidences FIRST_STAGE_CONFIDENCES."""
    rates = score_view.first_stage(view)
    rows = [
        {"rate": name.replace("_", " ")}
        | {f"at {row['threshold']:.2f}": score_charts.interval_text(row[name]) for row in rates}
        for name in ("filtration", "leakage", "precision", "coverage", "filtration_of_reals", "group_leakage")
    ]
    tables.show_table(pd.DataFrame(rows), "as a first stage")
    st.caption(
        "Columns: an item is released as real when the confidence in real reaches this value. Filtration: items "
        "released / all items. Leakage: fakes released / all fakes. Group leakage: groups with a released fake / "
        "groups of fakes, with the exact interval. Intervals are 95 %, from draws of groups; they are exact for a "
        f"share of 0 or 1, and missing with fewer than five groups. n = {len(view.frame):,}. These are observed rates; "
        "the page Cascade computes bounds.",
        help=terms("filtration", "leakage", "coverage", "bound"),
    )


def launch(workbench: Workbench) -> None:
    """Draw the form of an `evaluate` job."""
    if not workbench.artifacts("run"):
        widgets.empty(
            "No run in this workspace", "Train a detector first. Then calibrate it, and evaluate it here.",
            "Train a detector", "train",
        )  # fmt: skip
        return
    job_form("evaluate", workbench, submit="Evaluate", front=("dataset", "split"))
