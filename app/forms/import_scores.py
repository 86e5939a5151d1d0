"""Draw the form that imports scores of another detector: the file, the meaning of its columns, and the job."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from app.forms.file_input import incoming
from app.forms.job_forms import job_form
from app.ui import html, navigation, widgets
from core.scores.imported_file import column_names
from core.scores.imported_run import MEMBER
from jobs.client import Workbench

SCORE_FILE_ENDINGS = (".csv", ".parquet")
USUAL_COLUMNS = {
    "id_column": ("id", "sample_id", "file", "filename", "file_name", "image", "name"),
    "label_column": ("label", "target", "truth", "class", "y"),
    "score_column": ("score", "p_fake", "probability", "prob", "prediction", "pred", "log_odds", "logit"),
    "group_column": ("group", "video", "identity", "subject", "person", "clip"),
}
"""Usual names of the columns, the likeliest first."""
SPLIT_TITLES = {"test": "To be evaluated (test)", "val_calib": "To calibrate on (val_calib)"}


def scores_form(workbench: Workbench) -> None:
    """Draw the input of the file, then the meaning of its columns; the job opens once the form is sent."""
    st.caption(
        "Import the scores of any other detector, to evaluate it here without running it. The file has one row for "
        "each item: id, label, score, and group (the person or clip; every interval counts groups). Further columns, "
        "such as dataset, method, split or video, become slices. Every row is checked, and each error names its row. "
        "Without a split column all items are evaluated. With a calibration share, this share of the groups fits a "
        "calibrator and chooses exits, and the other groups are evaluated."
    )
    path = incoming(workbench, "CSV or Parquet", SCORE_FILE_ENDINGS, "scores")
    if path is None:
        return
    try:
        names = column_names(path)
    except ValueError as error:
        widgets.notice([str(error)], "error")
        return
    size = path.stat().st_size
    size_text = f"{size / 2**20:.1f} MiB" if size >= 2**20 else f"{size / 1024:.1f} KiB"
    st.html(html.facts({"File": path.name, "Size": size_text, "Columns": ", ".join(names)}))
    job_form(
        "import_scores", workbench, key="scores", submit="Import scores", given={"file": str(path)},
        values=guessed(names, path),
        front=("name", "score", "larger", "fake_words", "real_words", "data", "calib_share"),
    )  # fmt: skip


def guessed(names: list[str], path: Path) -> dict[str, str]:
    """Guess the starting values of the form.

    Args:
        names: The columns of the file.
        path: The file.

    Returns:
        Field of ImportScoresSpec -> value: the usual columns that the file has, and a name for the run.
    """
    values = {field: next((w for w in words if w in names), words[0]) for field, words in USUAL_COLUMNS.items()}
    if values["score_column"] in ("log_odds", "logit"):
        values["score"] = "log_odds"
    stem = "".join(c if (c.isalnum() and c.isascii()) or c in "_.-" else "-" for c in path.stem.lower())
    return {**values, "name": stem.strip("-.")[:60]}


def draw_import_result(about: Mapping[str, Any]) -> None:
    """Draw the result of an import: counts, notes, and buttons to the next pages.

    Args:
        about: run.json of the imported run.
    """
    splits = {SPLIT_TITLES.get(name, name): f"{part['items']:,} items, {part['fake']:,} fake, {part['groups']:,} groups"
              for name, part in about["splits"].items()}  # fmt: skip
    st.html(html.facts({
        "Scores": f"{about['items']:,}, {about['fake']:,} of fakes", "Groups": f"{about['groups']:,}",
        "Without a score": f"{about['failed']:,}", **splits, "From": about["file"], "Run": about["run"],
        **({"Cost": f"{about['gflops']:g} GFLOP an item"} if about["gflops"] else {}),
    }))  # fmt: skip
    if about["notes"]:
        widgets.notice([f"{note[:1].upper()}{note[1:]}." for note in about["notes"]], "info")
    scores = f"runs/{about['run']}/{MEMBER}"
    left, right, _ = st.columns([1, 1, 2])
    if left.button("Evaluate these scores", type="primary", icon=":material/monitoring:", width="stretch"):
        navigation.go_to("evaluate", scores=scores)
    if right.button("Compare them", icon=":material/compare_arrows:", width="stretch"):
        navigation.go_to("compare", **{"with": scores})
    if "val_calib" in about["splits"]:
        st.caption("The run has calibration items. Fit a calibrator under Calibrate, or choose exits under Cascade.")
