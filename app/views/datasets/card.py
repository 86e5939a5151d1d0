"""The card of a data set: what it holds now, what its balance makes impossible, and its warnings."""

from __future__ import annotations

from collections import Counter

import pandas as pd
import streamlit as st

from app.charts import basic as charts
from app.ui import chart as chart_files
from app.ui import html, navigation, widgets
from app.views.datasets import shortcut_check as datasets_sources
from app.views.datasets.switch import switch_button
from app.views.datasets.table import QUALITIES, DatasetTable
from core.data.manifest.splits import SPLITS
from core.data.manifest.tables import csv_text
from core.task import FACES
from jobs.queue.views import ArtifactView

MOST_BARS = 12
MOST_LEAKS = 3
MOST_REASONS = 5
LONGEST = 80


def draw_data_set(item: ArtifactView, table: DatasetTable) -> None:
    """Show counts, warnings and charts of the rows in use, and the way on to training.

    Args:
        item: The data set in the store.
        table: Its rows.
    """
    kept = table.kept
    if kept.empty:
        widgets.empty("Every picture is excluded", "Take some of them back in.")
        switch_button("Open the exclusions", "exclusions")
        return
    summary = table.summary
    if warnings := [*summary.get("warnings", []), *datasets_sources.warning(table.card)]:
        widgets.notice(warnings)
    negative, positive = table.words
    tiles = (("items", "items in use"), ("real", negative), ("fake", positive), ("groups", "groups"))
    for column, (key, label) in zip(st.columns(4), tiles, strict=True):
        column.metric(label, f"{summary.get(key, 0):,}")
    if summary.get("ceiling"):
        st.caption(widgets.plain_markdown(summary["ceiling"]))
    if leaks := table.leaks():
        worst = [leak.sentence for leak in leaks[:MOST_LEAKS]]
        more_leaks = [f"{len(leaks) - MOST_LEAKS:,} more leaks."] if len(leaks) > MOST_LEAKS else []
        sure = any(leak.kind != "near" for leak in leaks)
        widgets.notice([*worst, *more_leaks], "error" if sure else "warning")
        switch_button("Open the leaks", "leaks")
    onward(item, table)
    counts(kept, table.words)
    qualities(table)
    datasets_sources.draw_shortcut_check(table.card, table.words)
    with st.expander("Place, fingerprint and how it was made"):
        made(item, table)


def onward(item: ArtifactView, table: DatasetTable) -> None:
    """Show the button to the Train page with this data set chosen, and the manifest as CSV.

    Args:
        item: The data set in the store.
        table: Its rows.
    """
    with st.container(horizontal=True):
        if st.button("Train on this data set", icon=":material/arrow_forward:", type="primary"):
            navigation.go_to("train", dataset=item.name)
        st.download_button(
            "Manifest as CSV", lambda: csv_text(table.kept), f"{table.folder.name}.csv", "text/csv",
            icon=":material/download:", help="The rows in use. Cells that a spreadsheet would run are quoted.",
            on_click="ignore",
        )  # fmt: skip


def counts(kept: pd.DataFrame, words: tuple[str, str]) -> None:
    """Draw bars of items by label over splits, sources, methods, identities.

    Args:
        kept: The rows in use.
        words: What label 0 and label 1 are called.
    """
    splits = [name for name in SPLITS if (kept["split"] == name).any()]
    made = "How the fakes were made" if words == FACES.classes else f"Kinds of {words[1]}"
    charts_of = [
        ("Splits", "No group is in two splits. Check that each split has enough of both labels.",
         by_label(kept, "split", "split", words, splits)),
        ("Sources", "Where a source has one label only, a detector can learn the source instead of the label.",
         by_label(kept, "dataset", "source", words)),
        (made, "A method with few items is learnt badly and measured imprecisely.",
         by_label(kept[kept["label"] == 1], "method", "method", words)),
        ("People", "A person with many items has much weight. Each person should be in one split only.",
         by_label(kept, "identity", "person", words)),
    ]  # fmt: skip
    drawn = [entry for entry in charts_of if len(entry[2])]
    with st.container(key="halves"):
        for start in range(0, len(drawn), 2):
            for column, (title, read, rows) in zip(st.columns(2, gap="large"), drawn[start : start + 2], strict=False):
                with column:
                    st.subheader(widgets.plain_markdown(title), anchor=False)
                    counted = f" n = {rows['items'].sum():,} items, all that are here: no interval."
                    chart = charts.counts(rows, str(rows.columns[0]), "label", words=words)
                    chart_files.show_chart(chart, title, read + more(rows) + counted)


def more(rows: pd.DataFrame) -> str:
    """Say how many bars were left out."""
    left = rows.attrs.get("left", 0)
    return f" The {MOST_BARS} largest are drawn; {left:,} more are in the manifest." if left else ""


def by_label(
    kept: pd.DataFrame, column: str, title: str, words: tuple[str, str], order: list[str] | None = None
) -> pd.DataFrame:
    """Count items by a column and label.

    Args:
        kept: The rows in use.
        column: What to count by.
        title: Name of the column in the result.
        words: What label 0 and label 1 are called.
        order: Categories in order; None: largest first.

    Returns:
        Rows (title, label, items), at most MOST_BARS categories; `attrs["left"]` says how many were left out.
    """
    named = kept[kept[column].astype(str) != ""]
    order = order or [str(name) for name in named[column].value_counts().index]
    table = pd.crosstab(named[column].astype(str), named["label"])
    rows = [
        (name, words[label], int(table.at[name, label]) if label in table.columns else 0)
        for name in order[:MOST_BARS]
        for label in (0, 1)
    ]
    result = pd.DataFrame([row for row in rows if row[2]], columns=[title, "label", "items"])
    result.attrs["left"] = max(0, len(order) - MOST_BARS)
    return result


def qualities(table: DatasetTable) -> None:
    """Draw how measured quality is distributed over the two labels."""
    names = [name for name in table.qualities if name not in ("time", "track")]
    if not names:
        return
    st.subheader("Quality", anchor=False)
    name = st.segmented_control("Measure", names, default=names[0], format_func=lambda n: QUALITIES[n], required=True)
    chart_files.show_chart(
        charts.spread(table.kept, name, QUALITIES[name], table.words), f"quality {name}",
        "Two curves that differ are a shortcut: this number alone predicts the label. Under Pictures "
        f"you can sort and filter by it. n = {table.kept[name].notna().sum():,}, all that are here: no interval.",
    )  # fmt: skip


def made(item: ArtifactView, table: DatasetTable) -> None:
    """List folder, root, fingerprints, and the spec that the set was prepared by.

    Args:
        item: The data set in the store.
        table: Its rows.
    """
    card = table.card
    facts = {
        "Folder": item.path,
        "Pictures below": table.root,
        "Made": widgets.when(item.created_at),
        "By job": item.job_id or "–",
        "Fingerprint now": table.fingerprint,
        "When prepared": card.get("fingerprint", "–"),
        "Excluded": excluded(table),
        "Columns": ", ".join(table.frame.columns),
    }
    st.html(html.facts(facts))
    if spec := card.get("spec"):
        st.caption("Prepared by these options")
        st.html(html.facts({name.replace("_", " "): widgets.figure(value) for name, value in spec.items() if value}))


def excluded(table: DatasetTable) -> str:
    """Say how many rows are out, and for which reasons, the commonest first."""
    said = f"{len(table.out):,} of {len(table.frame):,}"
    reasons = Counter(item.reason for item in table.out.values())
    words = [f"{short(reason)}: {n:,}" for reason, n in reasons.most_common(MOST_REASONS)]
    left = len(reasons) - len(words)
    return "; ".join([said, *words, *([f"{left:,} more reasons"] if left else [])])


def short(words: str) -> str:
    """Cut a reason at LONGEST characters."""
    return words if len(words) <= LONGEST else words[: LONGEST - 1] + "…"
