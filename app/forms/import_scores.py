"""Foreign scores in the browser: a file, what its columns and words mean, and a job that makes a run of it."""

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
USUAL = {
    "id_column": ("id", "sample_id", "file", "filename", "file_name", "image", "name"),
    "label_column": ("label", "target", "truth", "class", "y"),
    "score_column": ("score", "p_fake", "probability", "prob", "prediction", "pred", "log_odds", "logit"),
    "group_column": ("group", "video", "identity", "subject", "person", "clip"),
}
"""What the columns are often called, the likeliest first."""
WHAT_FOR = {"test": "To be judged (test)", "val_calib": "Set aside (val_calib)"}


def scores_form(workbench: Workbench) -> None:
    """Where the file comes from, then what its columns mean; once sent, its job opens."""
    st.caption(
        "The scores of any detector in the world, judged here without being run here. One row an item: id, label, "
        "score, group (the person or clip, which every interval counts); further columns such as dataset, method, "
        "split, video are kept to slice by. Every row is checked, and what is wrong is named with its row. Without a "
        "split column every item is judged; with a calibration share, so many of the groups are set aside to fit a "
        "calibrator and choose exits on, and the others are judged."
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
    shown = f"{size / 2**20:.1f} MiB" if size >= 2**20 else f"{size / 1024:.1f} KiB"
    st.html(html.facts({"File": path.name, "Size": shown, "Columns": ", ".join(names)}))
    job_form(
        "import_scores", workbench, key="scores", submit="Import scores", given={"file": str(path)},
        values=guessed(names, path),
        front=("name", "score", "larger", "fake_words", "real_words", "data", "calib_share"),
    )  # fmt: skip


def guessed(names: list[str], path: Path) -> dict[str, str]:
    """Starting values of the form: the usual columns that the file has, and its name as far as a run may be called."""
    found = {field: next((w for w in words if w in names), words[0]) for field, words in USUAL.items()}
    if found["score_column"] in ("log_odds", "logit"):
        found["score"] = "log_odds"
    stem = "".join(c if (c.isalnum() and c.isascii()) or c in "_.-" else "-" for c in path.stem.lower())
    return {**found, "name": stem.strip("-.")[:60]}


def draw_import_result(about: Mapping[str, Any]) -> None:
    """What an import brought, in words; what was decided for the reader; and the ways on. about: its run.json."""
    splits = {WHAT_FOR.get(name, name): f"{part['items']:,} items, {part['fake']:,} fake, {part['groups']:,} groups"
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
    if left.button("Judge it on Evaluate", type="primary", icon=":material/monitoring:", width="stretch"):
        navigation.go_to("evaluate", scores=scores)
    if right.button("Compare it", icon=":material/compare_arrows:", width="stretch"):
        navigation.go_to("compare", **{"with": scores})
    if "val_calib" in about["splits"]:
        st.caption("It has calibration items: fit a calibrator under Calibrate, choose exits under Cascade.")
