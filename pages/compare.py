"""Compare: two to six detectors side by side, on the very items that all of them scored."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from app.charts.scores import interval_text
from app.forms.import_scores import scores_form
from app.scores import calibration_items as fitted_on
from app.scores.detector import DetectorScores, detector_scores, stamp_of
from app.scores.view import reference
from app.ui import html, session, tables, widgets
from app.ui import page_state as links
from app.ui.chart import show_chart
from app.ui.formatting import p_text
from app.ui.navigation import PageInfo
from app.views.compare import charts as compare_charts
from app.views.compare import runs as compare_runs
from app.views.compare.data import (
    DRAWS,
    LETTERS,
    MOST,
    Comparison,
    NotComparable,
    Question,
    auroc_differences,
    compared,
    differences_of,
    levels_of,
    measured,
    reliabilities,
    roc_bands,
    titles,
)
from core.metrics.catalogue import FIGURES
from core.metrics.delong import AurocDifference
from core.metrics.levels import pooling
from jobs.client import Workbench

PAGE = PageInfo(section="Research", title="Compare", url="compare", icon=":material/compare_arrows:", order=42)
TABS = {"figures": "Figures", "curves": "Curves", "training": "Training and specs", "import": "Import scores"}
UNITS = {"frame": "items", "track": "tracks", "video": "videos"}
SHORT = ("auroc", "average_precision", "eer", "tpr_at_fpr_1", "balanced_accuracy", "mcc", "brier", "nll",
         "ece_binary_width", "ece_binary_mass", "ece_top_label_width", "ece_debiased_binary_mass", "augrc")  # fmt: skip


def render() -> None:
    workbench = session.workbench()
    widgets.page_header("Compare", "Detectors side by side, on the very items that all of them scored.")
    available = {reference(scores): scores for scores in detector_scores(workbench)}
    question = ask(available) if len(available) > 1 else None
    tabs = links.tabs("compare", TABS)
    for name, tab in tabs.items():
        if not tab.open:
            continue
        with tab:
            if name == "import":
                scores_form(workbench)
            elif len(available) < 2:
                widgets.empty(
                    "Nothing to compare yet", "Evaluate two runs, stack some, or import scores in the last tab."
                )
            elif question is None:
                widgets.empty("Choose two to six detectors", "They are compared on the items that all of them scored.")
            else:
                answer(workbench, name, question)
    links.share()


def ask(available: dict[str, DetectorScores]) -> Question | None:
    """Detectors, split, level and pooling, as the address or the reader asks; None with fewer than two, or where they
    have nothing in common (which is then said).
    """
    key, state = "compare-with", st.session_state
    if not set(state.get(key, ["?"])) <= set(available):
        linked = [name for name in st.query_params.get("with", "").split(",") if name in available]
        state[key] = (linked or matching(available))[:MOST]
    names = st.multiselect(
        "Detectors", list(available), format_func=lambda name: available[name].label, key=key, max_selections=MOST
    )
    st.query_params["with"] = ",".join(names)
    if len(names) < 2:
        return None
    chosen = tuple(available[name] for name in names)
    said: dict[str, list[str]] = {}
    for scores in chosen:
        for note in fitted_on.notes(scores.source, scores.member) if scores.source else ():
            said.setdefault(note, []).append(scores.label)
    if said:
        everyone = "Each of them" if len(names) > 2 else "Both"
        widgets.notice([f"{everyone if len(who) == len(names) else ', '.join(who)}: {note[0].lower()}{note[1:]}"
                        for note, who in said.items()], "info")  # fmt: skip
    splits = [s for s in chosen[0].splits() if all(s in other.splits() for other in chosen[1:])]
    if not splits:
        widgets.notice(["These detectors have no split in common; evaluate them on the same split."], "error")
        return None
    one, two, three = st.columns(3)
    split = links.choose(one, "Split", "split", {name: name for name in splits}, "compare")
    stamps = tuple(stamp_of(scores) for scores in chosen)
    try:
        levels = {name: UNITS[name] for name in levels_of(chosen, split, stamps)}
        level, rule = "frame", "mean_log_odds"
        if len(levels) > 1:
            level = links.choose(two, "Judged by", "level", levels, "compare")
        if level != "frame":
            rules = {name: name.replace("_", " ") for name in pooling.names()}
            rule = links.choose(three, "Frames of a clip become one score by", "pooling", rules, "compare")
        question = Question.of(chosen, split, level, rule)
        compared(question)
    except (NotComparable, ValueError) as error:
        widgets.notice([str(error)], "error")
        return None
    return question


def matching(available: dict[str, DetectorScores]) -> list[str]:
    """A first choice: up to three detectors that scored the same file, else the first two."""
    names = list(available)
    first = available[names[0]]
    same = [n for n in names if first.source is not None and available[n].source == first.source]
    return (same if len(same) > 1 else names)[: 3 if len(same) > 1 else 2]


def answer(workbench: Workbench, name: str, question: Question) -> None:
    """One tab of the comparison."""
    found = compared(question)
    caption(found)
    if name == "figures":
        figures_tab(question, found)
    elif name == "curves":
        curves_tab(question, found)
    else:
        training_tab(workbench, question)


def caption(found: Comparison) -> None:
    """What is compared, on how much, and what was left out."""
    how = "" if found.level == "frame" else f", each from its frames by {found.pooling.replace('_', ' ')}"
    y = found.labels
    st.html(html.facts(dict(name.split(": ", 1) for name in found.names)))
    st.caption(
        f"{len(y):,} {UNITS[found.level]}{how}, of {found.frame['group'].nunique():,} groups, that all of them scored; "
        f"{int(y.sum()):,} fake, {int((1 - y).sum()):,} real. Intervals: 95 %, {DRAWS} draws of whole groups."
    )
    lost = [f"{n:,} of {letter}" for letter, n in zip(LETTERS, found.left_out, strict=False) if n]
    if lost:
        widgets.notice([f"Left out, because another detector has no score of them: {', '.join(lost)} items."], "info")
    if not found.both_classes:
        widgets.notice(["Only one class is present: figures of ranking are undefined."], "info")


def figures_tab(question: Question, found: Comparison) -> None:
    """The table, one figure drawn with its differences, and DeLong's test of every pair."""
    values = measured(question)
    every = st.toggle("Every figure", key="compare-every")
    names = list(FIGURES) if every else [name for name in SHORT if name in FIGURES]
    table = pd.DataFrame(
        [
            {"figure": FIGURES[n].title, "better": FIGURES[n].better or "–"}
            | {letter: interval_text(v[n]) for letter, v in zip(LETTERS, values, strict=False)}
            for n in names
        ]
    )
    tables.show_table(table, "compared figures")
    st.caption("Overlapping intervals do not mean equal: the differences below use the same draws for both.")
    options = {n: FIGURES[n].title for n in FIGURES if any(v[n]["value"] is not None for v in values)}
    figure = links.choose(st, "Figure", "figure", options, "compare")
    rows = pd.DataFrame([{"detector": t, **v[figure]} for t, v in zip(found.names, values, strict=True)])
    left, right = widgets.halves()
    with left:
        st.subheader(FIGURES[figure].title, anchor=False)
        show_chart(
            compare_charts.figure_chart(rows.dropna(subset=["value"]), found.names, FIGURES[figure].title),
            f"compare {figure}",
            f"{FIGURES[figure].says} {better_words(figure)} {size(found)}",
        )
    with right:
        st.subheader("Difference", anchor=False)
        pairs = differences_of(question, figure)
        if pairs.empty:
            widgets.notice(
                ["There is no interval of a difference here: one group only, or an undefined figure."], "info"
            )
        else:
            show_chart(
                compare_charts.difference_chart(pairs, f"difference in {FIGURES[figure].title}"),
                f"differences {figure}",
                "A line that does not touch the dashed one: the two differ on items like these. Not adjusted for many "
                f"pairs. {size(found)}",
            )
    delong_table(question)


def size(found: Comparison) -> str:
    """On how much a chart rests, as its last sentence."""
    return f"n = {len(found.labels):,} of {found.frame['group'].nunique():,} groups; lines and shades are 95 %."


def better_words(figure: str) -> str:
    """Which way a figure is better, as a sentence."""
    way = FIGURES[figure].better
    return f"{way.capitalize()} is better." if way else "Neither way is better."


def delong_table(question: Question) -> None:
    """AUROC of every pair, tested."""
    st.subheader("Do their AUROCs differ?", anchor=False)
    pairs = auroc_differences(question)
    if not pairs:
        widgets.notice(["DeLong's test needs two groups of each class."], "info")
        return
    table = pd.DataFrame([
        {"pair": f"{d.a} less {d.b}",
         "AUROC difference": f"{d.difference:+.4f}" + ("" if d.low is None else f" ({d.low:+.4f} to {d.high:+.4f})"),
         "p": p_text(d.p), "p, Holm": p_text(d.p_holm), "says": says(d)}
        for d in pairs
    ])  # fmt: skip
    tables.show_table(table, "AUROC differences")
    notes = " ".join(sorted({d.note for d in pairs if d.note}))
    st.caption(
        f"DeLong for whole groups (Obuchowski 1997): {pairs[0].groups:,} groups, {pairs[0].n:,} scores each. p, Holm: "
        f"adjusted for the {len(pairs)} pair(s) shown, so that the chance of any false claim among them is 5 % where "
        f"groups are many, which is what DeLong's test is for. {widgets.plain_markdown(notes)}"
    )


def says(pair: AurocDifference) -> str:
    """What a test tells of a pair, in words."""
    if pair.p_holm is None or pair.p_holm > 0.05:
        return "cannot tell"
    return f"{pair.a if pair.difference > 0 else pair.b} ranks better"


def curves_tab(question: Question, found: Comparison) -> None:
    """ROC and reliability, laid over each other."""
    left, right = widgets.halves()
    with left:
        st.subheader("ROC", anchor=False)
        if found.both_classes:
            show_chart(
                compare_charts.roc_overlay(roc_bands(question), found.names), "compare roc",
                f"The higher curve finds more fakes at the same false alarms. {size(found)}",
            )  # fmt: skip
        else:
            widgets.notice(["There is no ROC curve of one class."], "info")
    with right:
        st.subheader("Reliability", anchor=False)
        show_chart(
            compare_charts.reliability_overlay(reliabilities(question), found.names), "compare reliability",
            "p_fake against the share of fakes, ten bins of equal mass: above the dashed line more is fake than was "
            f"stated. {size(found)}",
        )  # fmt: skip


def training_tab(workbench: Workbench, question: Question) -> None:
    """Curves and specs of the runs behind the scores."""
    names = titles(question.chosen)
    folders = [compare_runs.run_folder(scores, workbench.workspace.runs) for scores in question.chosen]
    columns = compare_runs.curve_columns(folders)
    st.subheader("Training curves", anchor=False)
    if columns:
        column = links.choose(st, "Figure", "curve", {c: c.replace("_", " ") for c in columns}, "compare")
        rows = compare_runs.curves(names, folders, column)
        show_chart(
            compare_charts.curve_chart(rows, names, column.replace("_", " ")), f"training {column}",
            "Each on its own data and split: the shape is to be compared, not the height, unless these agree. One "
            "training each, so no interval.",
        )  # fmt: skip
    else:
        widgets.notice(["None of these has a training log here: bundles and imported scores bring none."], "info")
    st.subheader("What differs", anchor=False)
    documents = [compare_runs.known(s, f) for s, f in zip(question.chosen, folders, strict=True)]
    table = compare_runs.differing(LETTERS[: len(names)], documents)
    without = [name for name, folder in zip(names, folders, strict=True) if folder is None]
    if table.empty:
        widgets.notice(["The runs were asked the same and are of the same kind: no field differs."], "info")
    else:
        tables.show_table(table, "what differs")
        st.caption(
            "What the bundle says of its detectors, and the fields of spec.json and run.json where a run is kept; what "
            "agrees is left out."
        )
    if without:
        widgets.notice([f"No run is kept here for {', '.join(name[0] for name in without)}."], "info")
