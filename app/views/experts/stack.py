"""How stage 3 compares with simpler ways, what it leans on, and what its out-of-fold scores may flatter."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from app.charts.scores import interval_text
from app.ui import chart as chart_files
from app.ui import tables, widgets
from app.ui.formatting import p_text
from app.views.experts import charts as experts_charts

Report = dict[str, Any]


def draw_stack(name: str, report: Report) -> None:
    """One stack run's report."""
    rows = comparison_rows(report["comparison"])
    if rows.empty:
        widgets.notice(["The data set has no test split: there is nothing to compare on."], "info")
    else:
        st.subheader("Ways to combine the experts, on test", anchor=False)
        chart_files.show_chart(
            experts_charts.intervals(rows, "AUROC on test"), "ways to combine",
            "Each line is a 95 % interval over groups. Ways whose lines overlap may still differ: the paired "
            f"differences below are drawn on the same groups.{size(report)}",
        )  # fmt: skip
        tables.show_table(comparison_table(report["comparison"]), "ways to combine, table")
        if any("less_mean" in row for row in report["comparison"]):
            st.caption(
                "Less plain mean: AUROC of the way less that of plain averaging on the same draws of groups; an "
                "interval that holds 0 is no proof of a difference. p: DeLong's test, by group."
            )
    if unseen := report.get("left_out"):
        st.subheader("On sources left out of stage 3", anchor=False)
        unmet = experts_charts.intervals(comparison_rows(unseen), "AUROC on test, left-out sources only")
        chart_files.show_chart(
            unmet, "ways to combine, left-out sources",
            f"Items of {', '.join(report['exclude_datasets'])}, which it never met. Lines are 95 %.",
        )  # fmt: skip
    st.subheader("What stage 3 leans on", anchor=False)
    shares = pd.DataFrame([{"what": what, "value": value} for what, value in report["importance"].items()])
    chart_files.show_chart(
        experts_charts.importance_chart(shares, "share of gain"), "what stage 3 leans on",
        "LightGBM's gain counts how much a feature was used in fitting, not how much it helps on new items. One fit, "
        "so no interval.",
    )  # fmt: skip
    if permutation := report.get("permutation"):
        lost = pd.DataFrame(
            [
                {"source": what, "value": row["drop"], "low": row["low"], "high": row["high"]}
                for what, row in permutation.items()
            ]
        )
        chart_files.show_chart(
            experts_charts.intervals(lost, "AUROC lost on test", at=0.0), "shuffled features",
            "What it would lose: all of one expert's features shuffled over the test items; lines span the "
            f"repeats.{size(report)}",
        )  # fmt: skip
    leak(report)
    with st.expander(f"How {widgets.plain_markdown(name)} was fitted"):
        for note in report["notes"]:
            st.caption(widgets.plain_markdown(note))


def size(report: Report) -> str:
    """On how many test items a report's charts rest, as a last sentence; empty where it does not say."""
    row: dict[str, Any] = next(iter(report["comparison"]), {})
    return f" n = {row['items']:,} items of {row['groups']:,} groups." if "items" in row else ""


def leak(report: Report) -> None:
    """How much better stage 3 looks on what it learned from than on test."""
    found = report.get("leak")
    if not found:
        return
    st.subheader("What the rows it learns from flatter", anchor=False)
    rows = pd.DataFrame(
        [
            {"source": row["title"], **row["optimism"], "what": f"{row['items']} items learned from"}
            for row in found["rows"]
            if row["optimism"]["value"] is not None
        ]
    )
    if not rows.empty:
        chart = experts_charts.intervals(rows, "AUROC out-of-fold less on test", at=0.0)
        chart_files.show_chart(chart, "optimism of stacking", f"{found['reading']} Lines are 95 %.")
    else:
        st.caption(widgets.plain_markdown(found["reading"]))


def comparison_rows(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """For the interval chart: source, value, low, high, what."""
    return pd.DataFrame(
        [
            {
                "source": row["name"],
                "value": row["auroc"],
                "low": row["interval"][0] if row["interval"] else row["auroc"],
                "high": row["interval"][1] if row["interval"] else row["auroc"],
                "what": row.get("features", ""),
            }
            for row in rows
            if row["auroc"] is not None
        ],
        columns=["source", "value", "low", "high", "what"],
    )


def comparison_table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Figures of every way as text."""
    table = pd.DataFrame([_line(row) for row in rows])
    return table.loc[:, (table != "").any()]  # reports from before the paired differences have none


def _line(row: dict[str, Any]) -> dict[str, str]:
    line = {"way": row["name"]}
    for key, title, between in (
        ("auroc", "AUROC", "interval"),
        ("f1", "F1", "f1_interval"),
        ("ece", "ECE", "ece_interval"),
    ):
        low, high = row.get(between) or (None, None)
        line[title] = interval_text({"value": row[key], "low": low, "high": high})
    line |= {"less plain mean": "", "p (DeLong)": ""}
    if gap := row.get("less_mean"):
        low, high = gap["interval"] or (None, None)
        line["less plain mean"] = interval_text({"value": gap["value"], "low": low, "high": high})
        line["p (DeLong)"] = p_text(gap["p_value"])
    return line
