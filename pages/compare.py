"""Compare: show two to six detectors side by side, on the items that all of them scored."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from app.charts.scores import interval_text
from app.forms.import_scores import scores_form
from app.scores import calibration_items
from app.scores.detector import DRAWS, DetectorScores, detector_scores, scores_written_at
from app.scores.view import LEVEL_UNITS, reference
from app.ui import page_state, session, tables, widgets
from app.ui.chart import show_chart
from app.ui.formatting import p_text
from app.ui.navigation import PageInfo
from app.ui.sentences import sentence, terms
from app.views.compare import charts as compare_charts
from app.views.compare import names as compare_names
from app.views.compare import runs as compare_runs
from app.views.compare.data import (
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
)
from app.views.compare.names import LETTERS, MOST_DETECTORS
from core.glossary import define
from core.metrics.catalogue import FIGURES
from core.metrics.delong import AurocDifference
from core.metrics.levels import pooling
from jobs.client import Workbench

PAGE = PageInfo(section="Research", title="Compare", url="compare", icon=":material/compare_arrows:", order=42)
TABS = {"figures": "Figures", "curves": "Curves", "training": "Training and settings", "import": "Import scores"}
HEADLINE = ("auroc", "average_precision", "eer", "balanced_accuracy", "brier", "nll", "ece_binary_width", "augrc")
SIGNIFICANT_P = 0.05
CHOSEN = "compare-with"
"""Key of the list of chosen detectors in the session."""


def render() -> None:
    """Draw the page."""
    workbench = session.workbench()
    widgets.page_header("Compare", "Choose two to six detectors to compare them on the items that all of them scored.")
    available = {reference(scores): scores for scores in detector_scores(workbench)}
    question = ask(available, workbench) if len(available) > 1 else None
    for name, tab in page_state.tabs("compare", TABS).items():
        if not tab.open:
            continue
        with tab:
            if name == "import":
                scores_form(workbench)
            elif len(available) < 2:
                widgets.empty(
                    "Fewer than two detectors have scores",
                    "Evaluate two runs, or import the scores of another program in the last tab.",
                    "Evaluate a run", "evaluate", tab="run",
                )  # fmt: skip
            elif question is None:
                widgets.empty(
                    "Choose two to six detectors", "Choose them in the list above; they need a split in common."
                )
            else:
                answer(workbench, name, question)
    page_state.share()


def ask(available: dict[str, DetectorScores], workbench: Workbench) -> Question | None:
    """Let the reader choose detectors, split, level and pooling, or take them from the address.

    Args:
        available: Detectors by their reference.
        workbench: Whose bundle in force is named without its source.

    Returns:
        What is compared; None with fewer than two detectors, or where they have nothing in common, which the page says.
    """
    state = st.session_state
    if not set(state.get(CHOSEN, ["?"])) <= set(available):
        linked = [name for name in st.query_params.get("with", "").split(",") if name in available]
        state[CHOSEN] = (linked or first_choice(available))[:MOST_DETECTORS]
    labels = compare_names.options(available, workbench.active().bundle)
    chosen_names = st.multiselect(
        "Detectors", list(available), format_func=lambda name: labels[name], key=CHOSEN, max_selections=MOST_DETECTORS,
        help="Detectors without a source are members of the bundle in force.",
    )  # fmt: skip
    st.query_params["with"] = ",".join(chosen_names)
    if len(chosen_names) < 2:
        return None
    chosen = tuple(available[name] for name in chosen_names)
    notes: dict[str, list[str]] = {}
    for letter, scores in zip(LETTERS, chosen, strict=False):
        for note in calibration_items.notes(scores.source, scores.member) if scores.source else ():
            notes.setdefault(note, []).append(letter)
    if notes:
        widgets.notice([f"{', '.join(letters)}: {note}" for note, letters in notes.items()], "info")
    splits = [s for s in chosen[0].splits() if all(s in other.splits() for other in chosen[1:])]
    if not splits:
        widgets.notice(["These detectors have no split in common. Evaluate them on the same split."], "error")
        return None
    one, two, three = st.columns(3)
    split = page_state.choose(one, "Split", "split", {name: name for name in splits}, "compare", help=define("split"))
    stamps = tuple(scores_written_at(scores) for scores in chosen)
    try:
        levels = {name: LEVEL_UNITS[name] for name in levels_of(chosen, split, stamps)}
        level, rule = "frame", "mean_log_odds"
        if len(levels) > 1:
            level = page_state.choose(two, "Unit", "level", levels, "compare", help="What counts as one item.")
        if level != "frame":
            rules = {name: name.replace("_", " ") for name in pooling.names()}
            rule = page_state.choose(three, "Pooling of the frames of a clip", "pooling", rules, "compare")
        question = Question.of(chosen, split, level, rule)
        compared(question)
    except (NotComparable, ValueError) as error:
        widgets.notice([sentence(str(error))], "error")
        return None
    return question


def first_choice(available: dict[str, DetectorScores]) -> list[str]:
    """Choose up to three detectors with scores in the same file, else the first two."""
    names = list(available)
    first = available[names[0]]
    same = [n for n in names if first.source is not None and available[n].source == first.source]
    return (same if len(same) > 1 else names)[: 3 if len(same) > 1 else 2]


def answer(workbench: Workbench, tab: str, question: Question) -> None:
    """Draw one tab of the comparison.

    Args:
        workbench: Whose runs are searched for training curves.
        tab: Key of TABS.
        question: What is compared.
    """
    comparison = compared(question)
    caption(question, comparison)
    if tab == "figures":
        figures_tab(question, comparison)
    elif tab == "curves":
        curves_tab(question, comparison)
    else:
        training_tab(workbench, question)


def caption(question: Question, comparison: Comparison) -> None:
    """Draw the legend, and say on which items the detectors are compared and which are left out.

    Args:
        question: What is compared.
        comparison: Its answer.
    """
    st.html(compare_names.legend_html(question.chosen))
    pooled = "" if comparison.level == "frame" else f" (frames pooled by {comparison.pooling.replace('_', ' ')})"
    y = comparison.labels
    st.caption(
        f"All of them scored {len(y):,} {LEVEL_UNITS[comparison.level]}{pooled} of "
        f"{comparison.frame['group'].nunique():,} groups: {int(y.sum()):,} fake, {int((1 - y).sum()):,} real. "
        f"Intervals are 95 %, from {DRAWS} draws of whole groups.",
        help=terms("group", "interval"),
    )
    lost = [f"{n:,} items of {letter}" for letter, n in zip(LETTERS, comparison.left_out, strict=False) if n]
    if lost:
        widgets.notice([f"Left out, because another detector has no score for them: {', '.join(lost)}."], "info")
    if not comparison.both_classes:
        widgets.notice(["There is one class only, so ranking figures are undefined. Choose another split."], "info")


def figure_rows(question: Question, figures: list[str]) -> pd.DataFrame:
    """Lay out figures as text, one column for each detector's letter.

    Args:
        question: What is compared.
        figures: Names in the catalogue.

    Returns:
        Columns figure, better, then the letters.
    """
    values = measured(question)
    return pd.DataFrame(
        [
            {"figure": FIGURES[n].title, "better": FIGURES[n].better or "–"}
            | {letter: interval_text(v[n]) for letter, v in zip(LETTERS, values, strict=False)}
            for n in figures
        ]
    )


def show_figures(question: Question, figures: list[str], name: str) -> None:
    """Draw a table of figures whose columns have the detectors' colours.

    Args:
        question: What is compared.
        figures: Names in the catalogue.
        name: Of the table.
    """
    tables.show_table(figure_rows(question, figures), name)
    compare_names.colour_headers(name, LETTERS[: len(question.chosen)], first=3)


def figures_tab(question: Question, comparison: Comparison) -> None:
    """Draw the tables, one figure with its differences, and DeLong's test of every pair.

    Args:
        question: What is compared.
        comparison: Its answer.
    """
    values, note = measured(question), compare_names.picture_note(question.chosen)
    show_figures(question, list(HEADLINE), "compared figures")
    st.caption(
        "Two detectors whose intervals overlap may still differ: the differences below use the same draws of groups "
        "for both.",
        help=terms("AUROC", "average precision", "EER", "Brier score", "NLL", "ECE"),
    )
    with st.expander("Every figure"):
        show_figures(question, [name for name in FIGURES if name not in HEADLINE], "every compared figure")
    options = {n: FIGURES[n].title for n in FIGURES if any(v[n]["value"] is not None for v in values)}
    figure = page_state.choose(st, "Figure in the charts", "figure", options, "compare")
    rows = pd.DataFrame([{"detector": t, **v[figure]} for t, v in zip(comparison.names, values, strict=True)])
    left, right = widgets.halves()
    with left:
        st.subheader(FIGURES[figure].title, anchor=False)
        show_chart(
            compare_charts.figure_chart(rows.dropna(subset=["value"]), comparison.names, FIGURES[figure].title),
            f"compare {figure}",
            f"{FIGURES[figure].says} {better_words(figure)} {size(comparison)}",
            only_saved=note,
        )
    with right:
        st.subheader("Differences", anchor=False)
        pairs = differences_of(question, figure)
        if pairs.empty:
            widgets.notice(
                ["No difference can be computed: there is one group only, or the figure is undefined."], "info"
            )
        else:
            show_chart(
                compare_charts.difference_chart(pairs, f"difference in {FIGURES[figure].title}"),
                f"differences {figure}",
                "A line that does not touch the dashed line at 0: the two detectors differ on such items. The "
                f"intervals are not adjusted for the number of pairs. {size(comparison)}",
                only_saved=note,
            )
    delong_table(question)


def size(comparison: Comparison) -> str:
    """Say on how many items a chart rests, as its last sentence."""
    groups = comparison.frame["group"].nunique()
    return f"n = {len(comparison.labels):,} of {groups:,} groups; lines and bands are 95 % intervals."


def better_words(figure: str) -> str:
    """Say which way a figure is better."""
    way = FIGURES[figure].better
    return f"{way.capitalize()} is better." if way else "Neither way is better."


def delong_table(question: Question) -> None:
    """List DeLong's test of the AUROC of every pair."""
    st.subheader("Tests of the AUROC differences", anchor=False)
    pairs = auroc_differences(question)
    if not pairs:
        widgets.notice(["DeLong's test needs two groups of each class."], "info")
        return
    rows = pd.DataFrame([
        {"pair": f"{d.a} - {d.b}",
         "AUROC difference": f"{d.difference:+.4f}" + ("" if d.low is None else f" ({d.low:+.4f} to {d.high:+.4f})"),
         "p": p_text(d.p), "p (Holm)": p_text(d.p_holm), "result": result(d)}
        for d in pairs
    ])  # fmt: skip
    tables.show_table(rows, "AUROC differences")
    notes = " ".join(sorted({d.note for d in pairs if d.note}))
    count = "1 pair" if len(pairs) == 1 else f"{len(pairs)} pairs"
    st.caption(
        f"DeLong's test for whole groups (Obuchowski 1997), with its own 95 % intervals: {pairs[0].groups:,} groups, "
        f"{pairs[0].n:,} scores of each detector. p (Holm) is adjusted for {count}: with many groups, the probability "
        f"of any false claim in this table is at most 5 %. {widgets.plain_markdown(notes)}"
    )


def result(pair: AurocDifference) -> str:
    """Say what a test shows for a pair."""
    if pair.p_holm is None or pair.p_holm > SIGNIFICANT_P:
        return "no clear difference"
    return f"{pair.a if pair.difference > 0 else pair.b} ranks better"


def curves_tab(question: Question, comparison: Comparison) -> None:
    """Draw ROC and reliability curves in one frame each.

    Args:
        question: What is compared.
        comparison: Its answer.
    """
    note = compare_names.picture_note(question.chosen)
    left, right = widgets.halves()
    with left:
        st.subheader("ROC", anchor=False, help=define("ROC curve"))
        if comparison.both_classes:
            show_chart(
                compare_charts.roc_overlay(roc_bands(question), comparison.names), "compare roc",
                f"The higher curve finds more fakes at the same rate of false alarms. {size(comparison)}",
                only_saved=note,
            )  # fmt: skip
        else:
            widgets.notice(["A ROC curve needs both classes."], "info")
    with right:
        st.subheader("Reliability", anchor=False, help=define("reliability"))
        show_chart(
            compare_charts.reliability_overlay(reliabilities(question), comparison.names), "compare reliability",
            "Above the dashed line more items are fake than stated, below it fewer. Ten bins of equal mass. "
            f"{size(comparison)}",
            only_saved=note,
        )  # fmt: skip


def training_tab(workbench: Workbench, question: Question) -> None:
    """Draw the training curves of the runs behind the scores, and list the settings that differ.

    Args:
        workbench: Whose runs are searched.
        question: What is compared.
    """
    names, note = compare_names.lettered(question.chosen), compare_names.picture_note(question.chosen)
    folders = [compare_runs.run_folder(scores, workbench.workspace.runs) for scores in question.chosen]
    columns = compare_runs.curve_columns(folders)
    st.subheader("Training curves", anchor=False)
    if columns:
        titles = {c: c.replace("_", " ") for c in columns}
        column = page_state.choose(st, "Curve", "curve", titles, "compare")
        rows = compare_runs.curves(names, folders, column)
        show_chart(
            compare_charts.curve_chart(rows, names, titles[column]), f"training {column}",
            "Compare the shapes; compare the heights only where the runs used the same data and split. Each curve is "
            "one training run, so there is no interval.",
            only_saved=note,
        )  # fmt: skip
    else:
        widgets.notice(
            ["There is no training log for these detectors: bundles and imported scores do not bring one."], "info"
        )
    st.subheader("Settings that differ", anchor=False)
    documents = [compare_runs.known(s, f) for s, f in zip(question.chosen, folders, strict=True)]
    letters = LETTERS[: len(names)]
    table = compare_runs.differing(letters, documents)
    without = [letter for letter, folder in zip(letters, folders, strict=True) if folder is None]
    if table.empty:
        widgets.notice(["No setting differs."], "info")
    else:
        tables.show_table(table, "settings that differ")
        compare_names.colour_headers("settings that differ", letters, first=2)
        st.caption(
            "The table holds what the bundle records, and the fields of spec.json and run.json of runs in this "
            "workspace. Equal fields are left out."
        )
    if without:
        widgets.notice([f"The training run of {', '.join(without)} is not in this workspace."], "info")
