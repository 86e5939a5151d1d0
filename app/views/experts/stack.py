"""Show how the meta-model of stage 3 compares with simpler ways, which features it uses, and its optimism."""

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
    """Draw the report of one stack run.

    Args:
        name: Of the run.
        report: stack_report.json, with the members' titles.
    """
    rows = comparison_rows(report["comparison"])
    if rows.empty:
        widgets.notice(
            ["The data set has no test split, so the ways are not compared. Add a test split and stack again."], "info"
        )
    else:
        st.subheader("Ways to combine the experts, on test", anchor=False)
        chart_files.show_chart(
            experts_charts.intervals(rows, "AUROC on test"), "ways to combine",
            "Lines are 95 % intervals over groups. Ways with overlapping lines may still differ: read the paired "
            f"differences in the table.{size(report)}",
        )  # fmt: skip
        tables.show_table(comparison_table(report["comparison"]), "ways to combine, table")
        if any("less_mean" in row for row in report["comparison"]):
            st.caption(
                "Gain over the mean: AUROC of the way minus AUROC of the plain mean, on the same draws of groups. An "
                "interval that contains 0 does not show a difference. p: DeLong's test for whole groups."
            )
    if unseen := report.get("left_out"):
        st.subheader("Sources left out of the training of stage 3", anchor=False)
        unmet = experts_charts.intervals(comparison_rows(unseen), "AUROC on test, left-out sources only")
        chart_files.show_chart(
            unmet, "ways to combine, left-out sources",
            f"Only items of {', '.join(report['exclude_datasets'])}, which stage 3 did not train on. Lines are 95 % "
            "intervals over groups.",
        )  # fmt: skip
    st.subheader("Features that stage 3 uses", anchor=False)
    shares = pd.DataFrame([{"what": what, "value": value} for what, value in report["importance"].items()])
    chart_files.show_chart(
        experts_charts.importance_chart(shares, "share of the total gain in fitting"), "features of stage 3",
        "A longer bar: the fit of LightGBM used the feature more. The gain does not say how much the feature helps on "
        "new items. There is one fit, so there is no interval.",
    )  # fmt: skip
    if permutation := report.get("permutation"):
        lost = pd.DataFrame(
            [
                {"source": what, "value": row["drop"], "low": row["low"], "high": row["high"]}
                for what, row in permutation.items()
            ]
        )
        chart_files.show_chart(
            experts_charts.intervals(lost, "loss of AUROC on test", at=0.0), "shuffled features",
            "The loss when all features of one expert are shuffled over the test items. A line that crosses 0: stage 3 "
            f"may not need this expert. Lines span the repeats.{size(report)}",
        )  # fmt: skip
    optimism(report)
    with st.expander(f"Notes on the fit of {widgets.plain_markdown(name)}"):
        for note in report["notes"]:
            st.caption(widgets.plain_markdown(note))


def size(report: Report) -> str:
    """Say how many test items a report is computed from; empty where the report does not hold the number."""
    row: dict[str, Any] = next(iter(report["comparison"]), {})
    return f" n = {row['items']:,} items of {row['groups']:,} groups." if "items" in row else ""


def optimism(report: Report) -> None:
    """Draw how much higher the AUROC is on the rows that stage 3 was fitted on than on test."""
    measured = report.get("leak")
    if not measured:
        return
    st.subheader("Optimism of the fitting rows", anchor=False)
    rows = pd.DataFrame(
        [
            {"source": row["title"], **row["optimism"], "what": f"{row['items']} items in the fit"}
            for row in measured["rows"]
            if row["optimism"]["value"] is not None
        ]
    )
    if not rows.empty:
        chart = experts_charts.intervals(rows, "AUROC out of fold minus AUROC on test", at=0.0)
        chart_files.show_chart(
            chart, "optimism of stacking", f"{measured['reading']} Lines are 95 % intervals over groups."
        )
    else:
        st.caption(widgets.plain_markdown(measured["reading"]))


def comparison_rows(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Lay out the ways for the interval chart: columns source, value, low, high, what."""
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
    """Lay out the figures of every way as text; empty columns are left out."""
    table = pd.DataFrame([_line(row) for row in rows])
    return table.loc[:, (table != "").any()]  # early reports hold no paired differences


def _line(row: dict[str, Any]) -> dict[str, str]:
    line = {"way": row["name"]}
    for key, title, between in (
        ("auroc", "AUROC", "interval"),
        ("f1", "F1", "f1_interval"),
        ("ece", "ECE", "ece_interval"),
    ):
        low, high = row.get(between) or (None, None)
        line[title] = interval_text({"value": row[key], "low": low, "high": high})
    line |= {"gain over the mean": "", "p (DeLong)": ""}
    if gap := row.get("less_mean"):
        low, high = gap["interval"] or (None, None)
        line["gain over the mean"] = interval_text({"value": gap["value"], "low": low, "high": high})
        line["p (DeLong)"] = p_text(gap["p_value"])
    return line
