"""The page Datasets: card, pictures, exclusions, files, ways in; with a data set that has every column of faces."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from app.ui import navigation
from app.views.datasets import card as datasets_card
from app.views.datasets import table as datasets_table
from app.views.datasets.switch import VIEW_STATE
from app.views.datasets.table import BOTH, OUT, DatasetTable, Filter
from core.data.manifest.exclusions import Exclusion, exclude, excluded, history
from core.data.manifest.open import open_dataset
from core.data.manifest.pin import pin_protocols
from core.data.manifest.protocol_spec import ProtocolSpec
from jobs.client import Workbench
from tests.support.face_set import PEOPLE, face_set
from tests.support.page_text import button, by_label, texts


@pytest.fixture
def folder(workbench: Workbench) -> Path:
    return face_set(workbench)


@pytest.fixture
def table(workbench: Workbench, folder: Path) -> DatasetTable:
    loaded = datasets_table.load(workbench.artifact("dataset", "clips"))
    assert loaded is not None
    return loaded


# ---- the card ------------------------------------------------------------------------------------------------------
def test_the_card_counts_what_is_in_use(open_page, folder) -> None:
    before = {item.label: item.value for item in open_page("datasets").metric}
    assert before == {"items in use": "40", "real": "20", "fake": "20", "groups": "20"}
    exclude(folder, ["id001", "id003"], "blurred", "me")
    after = {item.label: item.value for item in open_page("datasets").metric}
    assert (after["items in use"], after["fake"]) == ("38", "18")


def test_the_card_says_what_prevalence_makes_impossible_and_what_to_beware_of(open_page, folder) -> None:
    test = open_page("datasets")
    said = texts(test)
    assert "no filter can exit more than" in said
    assert "cannot be certified" in said
    assert len(test.get("vega_lite_chart")) == 5  # splits, sources, methods, people, one quality


def test_train_opens_with_the_data_set_chosen(open_page, folder, monkeypatch) -> None:
    opened = []
    monkeypatch.setattr(navigation, "go_to", lambda name, **query: opened.append((name, query)))
    button(open_page("datasets", dataset="clips"), "Train on this data set").click().run()
    assert opened == [("train", {"dataset": "clips"})]
    assert by_label(open_page("train", dataset="clips").selectbox, "Dataset").value == "clips"


def test_no_click_on_a_view_is_lost_and_the_address_follows(open_page, folder) -> None:
    test = open_page("datasets")
    for view in ("pictures", "files", "card", "leaks", "exclusions", "card", "pictures"):
        next(item for item in test.segmented_control if item.key == "dataset-view").set_value(view).run()
        assert not test.exception
        assert view in test.query_params["view"]
    assert len(test.image) == 24


def test_a_lost_manifest_is_said_and_not_a_trace(open_page, folder) -> None:
    (folder / "manifest.parquet").unlink()
    assert "manifest is gone" in texts(open_page("datasets"))


def test_a_set_of_another_task_is_spoken_of_in_its_own_words(open_page, folder) -> None:
    card = json.loads((folder / "dataset.json").read_text())
    card["task"] = {"name": "roadwork", "classes": ["no roadwork", "roadwork"], "item": "picture"}
    (folder / "dataset.json").write_text(json.dumps(card))
    assert [item.label for item in open_page("datasets").metric][1:3] == ["no roadwork", "roadwork"]
    test = open_page("datasets", view="pictures")
    assert by_label(test.selectbox, "Label").options == ["all", "no roadwork", "roadwork"]
    by_label(test.selectbox, "Label").select_index(2).run()
    assert {box.label for box in test.checkbox if (box.key or "").startswith("tick-")} == {"roadwork"}


# ---- filters -------------------------------------------------------------------------------------------------------
def test_every_part_of_a_filter_narrows_by_its_own_column(table: DatasetTable) -> None:
    frame = table.frame
    cases = [
        (Filter(split="train"), frame["split"] == "train"),
        (Filter(label=1), frame["label"] == 1),
        (Filter(methods=("FaceSwap",)), frame["method"] == "FaceSwap"),
        (Filter(sources=("beta",)), frame["dataset"] == "beta"),
        (Filter(text="PERSON-03"), frame["group"] == "person-03"),
        (Filter(text="clip3.mp4 id006"), frame["sample_id"] == "id006"),
        (Filter(quality="sharpness", low=70.0, high=80.0), frame["sharpness"].between(70, 80)),
        (Filter(label=0, sources=("alpha",)), (frame["label"] == 0) & (frame["dataset"] == "alpha")),
    ]
    for wanted, expected in cases:
        assert 0 < expected.sum() < len(frame)
        assert list(table.chosen(wanted)["sample_id"]) == list(frame[expected]["sample_id"])
    assert table.chosen(Filter(text=".*")).empty, "text is text, not a pattern"


def test_sorting_is_stable_and_puts_what_was_not_measured_last(table: DatasetTable) -> None:
    frame = table.frame.assign(sharpness=[np.nan, 5.0, 5.0, 1.0] * (PEOPLE // 2))
    changed = DatasetTable(table.folder, table.root, frame, {})
    up = changed.chosen(Filter(sort="sharpness"))["sharpness"].to_numpy()
    down = changed.chosen(Filter(sort="sharpness", descending=True))["sharpness"].to_numpy()
    assert np.array_equal(up, np.sort(up), equal_nan=True)
    assert np.isnan(down[-PEOPLE // 2 :]).all()
    assert list(changed.chosen(Filter(sort="sharpness"))["sample_id"])[:2] == ["id003", "id007"]


def test_a_set_without_measures_offers_none(workbench, table: DatasetTable) -> None:
    bare = DatasetTable(table.folder, table.root, table.frame.drop(columns=list(datasets_table.QUALITIES)), {})
    assert bare.qualities == []
    assert len(bare.chosen(Filter())) == 2 * PEOPLE


# ---- pictures and exclusions ---------------------------------------------------------------------------------------
def test_ticked_pictures_are_excluded_with_a_reason_and_the_fingerprint_changes(open_page, folder, workbench) -> None:
    before = open_dataset("clips", workbench.workspace)
    test = open_page("datasets", view="pictures")
    assert len(test.image) == 24
    ticks = [box for box in test.checkbox if (box.key or "").startswith("tick-")]
    assert len(ticks) == 24
    ticks[0].check()
    ticks[2].check()
    button(test, "Exclude").click().run()
    assert "needs a reason" in texts(test)
    assert excluded(folder) == {}
    by_label(test.text_input, "Reason").input("two people in one crop")
    by_label(test.text_input, "Author").input("Ada")
    button(test, "Exclude").click().run()
    assert not test.exception
    out = excluded(folder)
    assert set(out) == {"id000", "id002"}
    assert {(item.reason, item.author) for item in out.values()} == {("two people in one crop", "Ada")}
    after = open_dataset("clips", workbench.workspace)
    assert len(after) == len(before) - 2
    assert after.fingerprint() != before.fingerprint()
    assert "2 pictures excluded" in str([item.value for item in test.success])
    by_label(test.selectbox, "State").select(OUT).run()
    assert "out: two people" in texts(test)
    button(test, "Take back in").click().run()
    assert "Tick at least one" in texts(test)


def test_all_that_a_filter_shows_can_go_at_once(open_page, folder) -> None:
    test = open_page("datasets", view="pictures")
    by_label(test.selectbox, "Label").select(1).run()
    by_label(test.selectbox, "Sort by").select("sharpness").run()
    low, _ = test.slider[0].value
    test.slider[0].set_range(low, low + 5).run()
    choice = by_label(test.selectbox, "Exclude")
    choice.select(choice.options[1])
    by_label(test.text_input, "Reason").input("too soft")
    button(test, "Exclude").click().run()
    assert not test.exception
    frame = pd.read_parquet(folder / "manifest.parquet")
    soft = frame[(frame["label"] == 1) & frame["sharpness"].between(low, low + 5)]
    assert 0 < len(soft) < 10
    assert set(excluded(folder)) == set(soft["sample_id"])


def test_the_card_counts_exclusions_by_reason(table: DatasetTable) -> None:
    ids = table.frame["sample_id"][:4]
    reasons = ["two faces", "blurred", "blurred", "x" * 300]
    out = {name: Exclusion(reason, "Ada", "") for name, reason in zip(ids, reasons, strict=True)}
    said = datasets_card.excluded(DatasetTable(table.folder, table.root, table.frame, out))
    assert said == f"4 of {len(table.frame)}; blurred: 2; two faces: 1; {79 * 'x'}…: 1"
    assert datasets_card.excluded(table) == f"0 of {len(table.frame)}"


def test_exclusions_are_listed_undone_and_taken_back(open_page, folder, workbench) -> None:
    whole = open_dataset("clips", workbench.workspace).fingerprint()
    exclude(folder, ["id001"], "blurred", "Ada")
    exclude(folder, ["id002", "id003"], "mirror", "Ben")
    test = open_page("datasets", view="exclusions")
    said = texts(test)
    assert "changes the data set's fingerprint" in said
    assert whole[:16] in said
    assert list(test.dataframe[0].value["reason"]) == ["blurred", "mirror", "mirror"]
    button(test, "Undo the last act").click().run()
    assert set(excluded(folder)) == {"id001"}
    button(test, "Take all 1 back in").click().run()
    assert excluded(folder) == {}
    assert [act.action for act in history(folder)] == ["exclude", "exclude", "undo", "restore"]
    assert open_dataset("clips", workbench.workspace).fingerprint() == whole


def test_every_picture_can_be_out_without_a_trace(open_page, folder) -> None:
    exclude(folder, [f"id{i:03d}" for i in range(2 * PEOPLE)], "all", "me")
    for view in ("card", "pictures", "exclusions", "files"):
        open_page("datasets", view=view)
    assert "Every picture is excluded" in texts(open_page("datasets"))


def test_names_from_a_manifest_are_text_and_foreign_bytes_are_never_shown(open_page, folder, workbench) -> None:
    frame = pd.read_parquet(folder / "manifest.parquet")
    evil = "![x](http://h.example/p.png)<b>:red[boo]"
    frame["method"] = frame["method"].where(frame["label"] == 0, evil)
    frame.to_parquet(folder / "manifest.parquet", index=False)
    for path in frame["path"][:3]:
        (folder / path).write_bytes(b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>")
    test = open_page("datasets", view="pictures")
    assert len(test.image) == 21
    said = "\n".join(item.value for item in test.caption)
    assert "not a picture or video of a kind" in said
    assert "](http://" not in said
    assert "<b>" not in said.replace("\\<b\\>", "").replace("\\<b", "")


# ---- leaks ---------------------------------------------------------------------------------------------------------
def planted(folder: Path) -> None:
    """One person on both sides, and two pictures that look alike across train and test."""
    frame = pd.read_parquet(folder / "manifest.parquet")
    train, test = (frame.index[frame["split"] == name] for name in ("train", "test"))
    frame["phash"] = [f"{np.random.default_rng(i).integers(1 << 62):016x}" for i in range(len(frame))]
    frame.loc[test[0], "phash"] = frame.loc[train[0], "phash"]
    frame.loc[test[1], "identity"] = frame.loc[train[-1], "identity"]
    frame.to_parquet(folder / "manifest.parquet", index=False)


def test_planted_leaks_are_shown_with_their_pictures_and_can_be_excluded(open_page, folder) -> None:
    planted(folder)
    said = texts(open_page("datasets"))
    assert "is in train and test" in said
    test = open_page("datasets", view="leaks")
    assert "same file" in texts(test), "what could not be looked for is said"
    kinds = test.segmented_control[-1]
    assert kinds.options == ["Same person: 1", "Near-duplicate: 1"]
    kinds.set_value("near").run()
    assert len(test.image) == 2
    assert "0 of 64 bits differ between their perceptual hashes" in texts(test)
    next(box for box in test.checkbox if (box.key or "").startswith("tick-")).check()
    button(test, "Exclude the ticked pictures").click().run()
    assert not test.exception
    assert [item.reason for item in excluded(folder).values()] == ["near-duplicate in another split"]
    assert test.segmented_control[-1].options == ["Same person: 1"]


def test_a_clean_set_says_that_nothing_crosses(open_page, folder) -> None:
    assert "No leaks" in texts(open_page("datasets", view="leaks"))


# ---- protocols -----------------------------------------------------------------------------------------------------
def test_a_protocol_is_asked_for_shown_and_known_to_have_changed(open_page, folder, workbench, monkeypatch) -> None:
    test = open_page("datasets", view="protocols")
    assert "No protocol yet" in texts(test)
    box = by_label(test.multiselect, "Left out together")
    assert box.options == ["Blend", "FaceSwap"]
    box.select("FaceSwap")
    button(test, "Pin").click().run()
    assert not test.exception
    job = workbench.jobs(kind="protocol")[0]
    assert (job.spec["dataset"], job.spec["kind"], job.spec["left_out"]) == ("clips", "method", ["FaceSwap"])
    made, _ = pin_protocols(ProtocolSpec.model_validate(job.spec), workbench.workspace)
    test = open_page("datasets", view="protocols")
    row = test.dataframe[0].value.iloc[0]
    assert (row["use as"], row["state"]) == (f"clips@{made[0].name}", "holds")
    assert row["train"].endswith(str(made[0].items["train"]["fake"]))
    exclude(folder, [open_dataset("clips", workbench.workspace).frame["sample_id"].iloc[0]], "blurred", "me")
    test = open_page("datasets", view="protocols")
    assert test.dataframe[0].value.iloc[0]["state"] == "rows have changed"
    assert "has changed since" in texts(test)


# ---- files ---------------------------------------------------------------------------------------------------------
def test_refused_files_are_named_with_their_reason_and_the_thresholds_shown(open_page, folder) -> None:
    test = open_page("datasets", view="files")
    lost = test.dataframe[0].value
    assert list(lost["file"]) == ["clip1.mp4", "wall.jpg"]
    assert "damaged" in lost["sentence"].iloc[0]
    assert "min face px" in texts(test)
    assert any("Report of all files" in item.label for item in test.get("download_button"))


def test_a_set_that_opened_no_file_says_so(open_page, folder) -> None:
    (folder / "report.csv").unlink()
    assert "Every picture stayed where it was" in texts(open_page("datasets", view="files"))


def test_the_state_of_both_shows_everything(table: DatasetTable, folder, workbench) -> None:
    exclude(folder, ["id001"], "blurred", "me")
    again = datasets_table.load(workbench.artifact("dataset", "clips"))
    assert again is not None
    assert len(again.chosen(Filter(state=BOTH))) == 2 * PEOPLE
    assert list(again.chosen(Filter(state=OUT))["sample_id"]) == ["id001"]


def test_an_empty_view_has_a_button_that_leads_on(open_page, folder, workbench) -> None:
    test = open_page("datasets", view="exclusions")
    button(test, "Open the pictures").click().run()
    assert test.session_state[VIEW_STATE] == "pictures"
    exclude(folder, list(open_dataset("clips", workbench.workspace).frame["sample_id"]), "all", "me")
    test = open_page("datasets")
    assert "Every picture is excluded" in texts(test)
    button(test, "Open the exclusions").click().run()
    assert not test.exception
    assert "Excluded now" in texts(test)
