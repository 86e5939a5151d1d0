"""FaceForensics++: pairs share a group, official lists decide, and whatever joins two of them is refused by name."""

import json

import pytest

from core.data.manifest.tables import ManifestError
from core.data.sources import find
from core.data.spec import PrepareSpec
from tests.support import layouts

C23 = "manipulated_sequences/Deepfakes/c23/videos"


@pytest.fixture
def root(tmp_path):
    layouts.ffpp(tmp_path)
    return tmp_path


def rows_of(root, **fields):
    return {item.name: item.row for item in find(PrepareSpec(path=str(root), **fields)).items}


def test_pairs_share_group_and_official_split(root):
    rows = rows_of(root)
    real, fake = rows["original_sequences/youtube/c23/videos/033.mp4"], rows[f"{C23}/033_097.mp4"]
    other = rows["original_sequences/youtube/c23/videos/097.mp4"]
    assert real["group"] == fake["group"] == other["group"] == rows[f"{C23}/097_033.mp4"]["group"] == "033+097"
    assert {real["split"], fake["split"], other["split"]} == {"train"}
    assert (real["label"], fake["label"]) == (0, 1)
    assert (real["method"], fake["method"]) == ("none", "Deepfakes")
    assert (fake["identity"], fake["donor"]) == ("033", "097")
    assert (fake["original"], real["video"], fake["video"]) == ("youtube/033", "youtube/033", "Deepfakes/033_097")
    frame = rows["manipulated_sequences/FaceShifter/c23/frames/201_200/0000.png"]
    assert (frame["method"], frame["split"], frame["group"]) == ("FaceShifter", "test", "200+201")


def test_compressions_are_columns_and_a_filter(root):
    rows = rows_of(root)
    assert rows["original_sequences/youtube/c40/videos/033.mp4"]["compression"] == "c40"
    assert {row["compression"] for row in rows.values()} == {"c23", "c40"}
    assert {row["video"] for row in rows_of(root, compressions=["c40"]).values()} == {
        "youtube/033",
        "NeuralTextures/200_201",
    }
    with pytest.raises(ValueError, match="no file has the compression raw; there are: c23, c40"):
        rows_of(root, compressions=["raw"])


def test_methods_are_a_filter_that_keeps_the_real_ones(root):
    rows = rows_of(root, methods=["Deepfakes"])
    assert {row["method"] for row in rows.values()} == {"none", "Deepfakes"}
    assert sum(1 - row["label"] for row in rows.values()) == 6
    with pytest.raises(ValueError, match="no file has the method Deepfake; there are: DeepFakeDetection, Deepfakes"):
        rows_of(root, methods=["Deepfake"])


def test_actors_are_groups_without_official_split(root):
    rows = rows_of(root)
    real = rows["original_sequences/actors/c23/videos/01__exit_phone_room.mp4"]
    fake = rows["manipulated_sequences/DeepFakeDetection/c23/videos/01_02__exit_phone_room__YVGY8LOK.mp4"]
    assert real["group"] == fake["group"] == "actor 01"
    assert (fake["donor"], fake["original"]) == ("actor 02", real["video"])
    assert (real["split"], fake["split"], fake["dataset"]) == ("", "", "ffpp_dfd")


def test_what_is_left_out_is_named(root):
    listing = find(PrepareSpec(path=str(root)))
    assert [name for name, _ in listing.refusals] == [f"{C23}/final_cut.mp4"]
    assert listing.unlisted == ["manipulated_sequences/Deepfakes/masks/videos/033_097.mp4"]
    assert set(listing.lists) == {"splits/train.json", "splits/val.json", "splits/test.json"}
    assert all(len(digest) == 64 for digest in listing.lists.values())
    notes = " ".join(listing.notes)
    assert "2 ids of the official lists without an original clip here, e.g. 300, 301" in notes
    assert "DeepFakeDetection has no official list" in notes


def test_a_fake_that_joins_two_official_splits_is_refused_by_name(root):
    layouts.clip(root / C23 / "033_200.mp4")
    with pytest.raises(ManifestError, match=r"Deepfakes/c23/videos/033_200.mp4: joins 033 \(train\) with 200 \(test\)"):
        find(PrepareSpec(path=str(root)))
    rows = rows_of(root, keep_splits=False)
    assert rows["original_sequences/youtube/c23/videos/097.mp4"]["group"] == "033+097+200+201"
    assert {row["split"] for row in rows.values()} == {""}


def test_two_free_ids_that_chain_two_official_splits_are_refused(root):
    layouts.clip(root / C23 / "033_777.mp4")
    layouts.clip(root / C23 / "777_200.mp4")
    with pytest.raises(ManifestError, match=r"group 033\+4: fakes join ids of the official lists test and train"):
        find(PrepareSpec(path=str(root)))


def test_an_id_on_two_lists_is_refused_by_entry(root):
    (root / "splits/val.json").write_text(json.dumps([["300", "301"], ["097", "302"], "x"]))
    with pytest.raises(ManifestError) as refused:
        find(PrepareSpec(path=str(root)))
    assert refused.value.problems == [
        "splits/val.json entry 2: id '097' is in splits/train.json too",
        'splits/val.json entry 3: a pair of ids such as ["033", "097"] is expected',
    ]


def test_without_lists_pairs_still_share_a_group(root):
    for name in ("train", "val", "test"):
        (root / f"splits/{name}.json").unlink()
    listing = find(PrepareSpec(path=str(root)))
    assert "Official split lists that are not there" in " ".join(listing.notes)
    groups = {item.row["video"]: item.row["group"] for item in listing.items}
    assert groups["youtube/033"] == groups["Deepfakes/097_033"] == "033+097"
    assert {item.row["split"] for item in listing.items} == {""}


def test_frames_are_thinned_and_give_way_to_their_clip(root):
    for number in range(5):
        layouts.picture(root / f"manipulated_sequences/FaceShifter/c23/frames/200_201/{number}.png")
        layouts.picture(root / f"original_sequences/youtube/c23/frames/033/{number}.png")
    listing = find(PrepareSpec(path=str(root), max_faces=2))
    frames = [item.name.split("/")[-1] for item in listing.items if item.row["video"] == "FaceShifter/200_201"]
    assert frames == ["0.png", "2.png"]
    assert not [item for item in listing.items if "c23/frames/033" in item.name]
    assert "5 files left out: frames whose clip is there too." in listing.notes
    assert "3 files left out: frames beyond the 2 of a clip." in listing.notes


def test_ids_on_no_list_never_join_the_official_test(root):
    layouts.clip(root / "original_sequences/youtube/c23/videos/777.mp4")
    layouts.clip(root / C23 / "200_778.mp4")
    listing = find(PrepareSpec(path=str(root)))
    rows = {item.row["video"]: item.row for item in listing.items}
    assert rows["youtube/777"]["split"] == "train"
    assert rows["Deepfakes/200_778"]["split"] == rows["youtube/200"]["split"] == "test"
    assert any("1 id on no official list (777)" in note for note in listing.notes)
