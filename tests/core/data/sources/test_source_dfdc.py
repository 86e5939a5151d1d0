"""DFDC: labels from metadata.json, groups by original over all chunks, or plain real/ and fake/ folders."""

import pytest

from core.data.manifest.tables import ManifestError
from core.data.sources import find, recognised
from core.data.spec import PrepareSpec
from tests.support import layouts


@pytest.fixture
def root(tmp_path):
    layouts.dfdc(tmp_path)
    return tmp_path


def rows_of(root, **fields):
    return {item.name.split("/")[-1]: item.row for item in find(PrepareSpec(path=str(root), **fields)).items}


def test_a_fake_is_grouped_with_its_original_in_another_chunk(root):
    rows = rows_of(root)
    assert {name: row["label"] for name, row in rows.items()} == {
        "aaa.mp4": 0,
        "bbb.mp4": 1,
        "ccc.mp4": 1,
        "ddd.mp4": 0,
    }
    assert rows["aaa.mp4"]["group"] == rows["bbb.mp4"]["group"] == rows["ccc.mp4"]["group"] == "aaa"
    assert (rows["ccc.mp4"]["original"], rows["ccc.mp4"]["video"], rows["ddd.mp4"]["group"]) == ("aaa", "ccc", "ddd")
    assert {row["split"] for row in rows.values()} == {""}


def test_listed_and_lying_files_that_do_not_meet_are_named(root):
    listing = find(PrepareSpec(path=str(root)))
    assert [name for name, _ in listing.refusals] == ["dfdc_train_part_0/gone.mp4"]
    assert listing.unlisted == ["dfdc_train_part_1/stray.mp4"]
    assert set(listing.lists) == {"dfdc_train_part_0/metadata.json", "dfdc_train_part_1/metadata.json"}
    assert "Every clip says split 'train', so there is only one; a hash gives every group its split." in listing.notes


def test_splits_of_the_metadata_count_when_there_are_several(root):
    real = {"label": "REAL", "split": "validate"}
    layouts.write(root / "dfdc_train_part_1/metadata.json", {"ddd.mp4": real | {"split": "test"}})
    rows = rows_of(root)
    assert (rows["aaa.mp4"]["split"], rows["ddd.mp4"]["split"]) == ("train", "test")
    assert {row["split"] for row in rows_of(root, keep_splits=False).values()} == {""}


def test_a_fake_on_another_split_than_its_original_is_refused_by_name(root):
    said = {"label": "FAKE", "split": "test", "original": "aaa.mp4"}
    layouts.write(root / "dfdc_train_part_1/metadata.json", {"ccc.mp4": said})
    with pytest.raises(ManifestError, match=r"group 'aaa' is in two splits: .*part_0/aaa.mp4 \(train\) and .*ccc.mp4"):
        find(PrepareSpec(path=str(root)))


@pytest.mark.parametrize("said", [{"label": "Fakeish"}, {"is_fake": 2}, "FAKE", None, {"label": None}])
def test_a_label_that_is_none_is_refused_by_clip(root, said):
    layouts.write(root / "dfdc_train_part_1/metadata.json", {"ddd.mp4": said})
    with pytest.raises(
        ManifestError, match=r"part_1/metadata.json clip 'ddd.mp4': it has neither a label REAL or FAKE"
    ):
        find(PrepareSpec(path=str(root)))


def test_the_test_part_says_is_fake(root):
    said = {"ddd.mp4": {"is_fake": 0}, "ccc.mp4": {"is_fake": 1}}
    layouts.write(root / "dfdc_train_part_1/metadata.json", said)
    listing = find(PrepareSpec(path=str(root)))
    rows = {item.name.split("/")[-1]: item.row for item in listing.items}
    assert (rows["ddd.mp4"]["label"], rows["ccc.mp4"]["label"], rows["ccc.mp4"]["group"]) == (0, 1, "ccc")
    assert any("1 fake without a named original" in note for note in listing.notes)


@pytest.mark.parametrize("flags", [(0, 1), (False, True), ("0", "1"), (0.0, 1.0), ("false", "true")])
def test_the_preview_is_one_list_with_people(tmp_path, flags):
    for name in ("original_videos/7/7_A.mp4", "method_A/7_1_A.mp4", "original_videos/8/8_A.mp4"):
        layouts.clip(tmp_path / name)
    layouts.write(
        tmp_path / "dataset.json",
        {
            "original_videos/7/7_A.mp4": {"is_fake": flags[0], "set": "train", "target_id": 7, "swapped_id": None},
            "original_videos/8/8_A.mp4": {"is_fake": flags[0], "set": "test", "target_id": 8},
            "method_A/7_1_A.mp4": {"is_fake": flags[1], "set": "train", "target_id": 7, "swapped_id": 1},
        },
    )
    assert recognised(tmp_path) == ("dfdc", "recognised by dataset.json")
    rows = rows_of(tmp_path)
    assert {name: row["label"] for name, row in rows.items()} == {"7_A.mp4": 0, "8_A.mp4": 0, "7_1_A.mp4": 1}
    assert rows["7_1_A.mp4"]["group"] == rows["7_A.mp4"]["group"] == "actor 7" != rows["8_A.mp4"]["group"]
    assert (rows["7_1_A.mp4"]["split"], rows["7_1_A.mp4"]["donor"]) == ("train", "actor 1")
    assert rows["8_A.mp4"]["split"] == "test"


def test_the_card_of_our_own_data_set_is_no_list_of_clips(tmp_path):
    layouts.picture(tmp_path / "a.png")
    (tmp_path / "manifest.csv").write_text("path,label\na.png,0\n")
    layouts.write(tmp_path / "dataset.json", {"a.png": {"is_fake": 0}})
    assert recognised(tmp_path)[0] == "manifest"


def test_names_that_lead_out_are_not_followed(root):
    layouts.clip(root.parent / "outside.mp4")
    names = ["../../outside.mp4", str(root.parent / "outside.mp4"), "x/../../ddd.mp4"]
    layouts.write(root / "dfdc_train_part_1/metadata.json", {name: {"label": "FAKE"} for name in names})
    listing = find(PrepareSpec(path=str(root)))
    assert len([why for _, why in listing.refusals if "it is not there" in why]) == 4
    assert {item.name for item in listing.items} == {"dfdc_train_part_0/aaa.mp4", "dfdc_train_part_0/bbb.mp4"}


def test_two_folders_will_do(tmp_path):
    for name in ("REAL/a.mp4", "Fake/b.mp4"):
        layouts.clip(tmp_path / name)
    (tmp_path / "REAL/a.txt").write_text("about")
    listing = find(PrepareSpec(path=str(tmp_path), source="dfdc"))
    assert {item.name: item.row["label"] for item in listing.items} == {"REAL/a.mp4": 0, "Fake/b.mp4": 1}
    assert listing.unlisted == ["REAL/a.txt"]
    assert recognised(tmp_path)[0] == "folder"


def test_an_empty_place_says_what_is_expected(tmp_path):
    with pytest.raises(ValueError, match=r"neither a metadata.json that names clips nor real/ and fake/"):
        find(PrepareSpec(path=str(tmp_path), source="dfdc"))
