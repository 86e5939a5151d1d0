"""The card's baselines without a face: the table of pairs, the sentences, and what stands there without a check."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.views.datasets import shortcut_check as datasets_sources
from core.artifacts.files import read_json, write_json
from jobs.client import Workbench
from tests.support.face_set import face_set
from tests.support.page_text import texts

WORDS = ("real", "fake")
CHECK = {
    "items": 480,
    "unreadable": 0,
    "sources": ["alpha", "beta", "gamma"],
    "source": [
        {"label": 0, "features": "thumbnail", "sources": 2, "accuracy": 0.91, "chance": 0.5},
        {"label": 0, "features": "spectrum", "sources": 2, "accuracy": 0.6, "chance": 0.5},
    ],
    "read": {"thumbnail": 0.97, "spectrum": 0.55},
    "pairs": [
        {"real": "alpha", "fake": "gamma", "items": 320, "thumbnail": 0.98, "spectrum": 0.71},
        {"real": "beta", "fake": "gamma", "items": 320, "thumbnail": 0.52, "spectrum": None},
    ],
    "warning": "The label can be read from the source: a thumbnail alone guesses it.",
}


@pytest.fixture
def folder(workbench: Workbench) -> Path:
    return face_set(workbench)


def with_check(folder: Path, check: dict) -> None:
    write_json(folder / "dataset.json", {**read_json(folder / "dataset.json"), "source_check": check})


def test_pairs_and_sentences_are_shown(open_page, folder) -> None:
    with_check(folder, CHECK)
    test = open_page("datasets")
    said = texts(test)
    assert CHECK["warning"] in said
    assert "cross-validated by group" in said
    assert "The source of real pictures, one of 2, is named correctly for 91% by the 12x12 thumbnail" in said
    assert "reaches an AUROC of 0.97 by the 12x12 thumbnail and 0.55 by the radial spectrum" in said
    table = test.dataframe[-1].value
    assert list(table.columns) == ["Source of real", "Source of fake", "Pictures", "12x12 thumbnail", "radial spectrum"]
    assert table["12x12 thumbnail"].tolist() == [0.98, 0.52]
    assert table["radial spectrum"].isna().tolist() == [False, True]


def test_without_a_check_the_page_says_what_to_do(open_page, folder) -> None:
    assert "Prepare it again with the source check switched on" in texts(open_page("datasets"))


def test_too_little_to_ask_is_said(open_page, folder) -> None:
    with_check(folder, {"items": 0, "sources": [], "why": "no source has 20 readable pictures"})
    assert "Not measured: no source has 20 readable pictures." in texts(open_page("datasets"))


def test_one_source_has_pairs_but_nothing_to_tell_apart() -> None:
    alone = {**CHECK, "source": [], "read": {}, "warning": ""}
    assert datasets_sources.told(alone, WORDS) == []
    assert datasets_sources.warning({"source_check": alone}) == []
    assert datasets_sources.warning({}) == []
