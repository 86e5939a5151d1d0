"""Folders of labels: the words that name one, clips cut into numbered frames, and names that only count."""

import pytest

from core.artifacts.files import read_json
from core.artifacts.workspace import Workspace
from core.data.manifest.open import open_dataset
from core.data.prepare.prepare import prepare
from core.data.sources import find, recognised
from core.data.sources.folder import only_counts
from core.data.sources.label_folders import label_of_folder
from core.data.spec import PrepareSpec
from core.progress import Silent
from tests.support import layouts


def lay(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def frames(*clips, count=4):
    return [f"{clip}/{number:05d}.png" for clip in clips for number in range(count)]


def rows_of(root, **fields):
    return {item.name: item.row for item in find(PrepareSpec(path=str(root), **fields)).items}


def groups_of(root, **fields):
    groups = {}
    for name, row in rows_of(root, **fields).items():
        groups.setdefault(row["group"], set()).add(name.rsplit("/", 1)[0])
    return groups


def test_numbered_frames_stay_with_their_clip_and_its_fake(tmp_path):
    lay(tmp_path, *frames("real/anna", "real/ben", "fake/anna", "fake/carl"))
    assert groups_of(tmp_path) == {
        "anna": {"real/anna", "fake/anna"}, "ben": {"real/ben"}, "carl": {"fake/carl"}
    }  # fmt: skip
    rows = rows_of(tmp_path)
    fake = rows["fake/anna/00000.png"]
    assert (fake["video"], fake["original"], fake["method"]) == ("fake/anna", "real/anna", "unknown")
    assert {row["dataset"] for row in rows.values()} == {tmp_path.name}
    [warning] = find(PrepareSpec(path=str(tmp_path))).warnings
    assert "4 inner folders" in warning


def test_a_data_set_of_numbered_frames_has_every_clip_in_one_split_and_warns(tmp_path):
    root = tmp_path / "set"
    for label in ("real", "fake"):
        for clip in range(6):
            for number in range(3):
                layouts.picture(root / f"{label}/clip{clip}/{number:05d}.png")
    workspace = Workspace(tmp_path / "ws").create()
    folder = prepare(PrepareSpec(path=str(root), name="set", source_check=False), workspace, Silent())
    frame = open_dataset("set", workspace).frame
    assert (frame.groupby("video")["split"].nunique() == 1).all()
    assert frame["video"].nunique() == 12
    assert frame["group"].nunique() == 6
    assert any("names that are only numbers" in warning for warning in read_json(folder / "dataset.json")["warnings"])


@pytest.mark.parametrize("inner", ["000", "1", "frame_1"])
def test_a_group_never_only_counts(tmp_path, inner):
    lay(tmp_path, *frames(f"real/{inner}", "real/002", f"fake/swap/{inner}", "fake/swap/002"))
    groups = groups_of(tmp_path)
    assert groups == {
        f"clip {inner}": {f"real/{inner}", f"fake/swap/{inner}"}, "clip 002": {"real/002", "fake/swap/002"}
    }  # fmt: skip
    assert rows_of(tmp_path)[f"fake/swap/{inner}/00000.png"]["method"] == "swap"


def test_numbers_below_two_people_are_not_one_clip(tmp_path):
    lay(tmp_path, *frames("real/anna/1", "real/ben/1", "fake/anna/1", "fake/ben/1"))
    assert groups_of(tmp_path) == {
        "anna/1": {"real/anna/1", "fake/anna/1"}, "ben/1": {"real/ben/1", "fake/ben/1"}
    }  # fmt: skip


def test_folders_of_media_are_no_clips(tmp_path):
    lay(tmp_path, *frames("real/anna/frames", "real/ben/frames", "fake/swap/anna/frames", "fake/swap/ben/frames"))
    assert set(groups_of(tmp_path)) == {"anna", "ben"}


def test_names_that_repeat_below_people_make_the_folder_the_unit(tmp_path):
    views = ("left", "right")
    lay(tmp_path, *(f"{label}/{who}/{view}.png" for label in ("real", "fake") for who in "ab" for view in views))
    assert groups_of(tmp_path) == {"a": {"real/a", "fake/a"}, "b": {"real/b", "fake/b"}}


def test_fakes_named_after_their_real_stay_with_it_over_methods(tmp_path):
    lay(tmp_path, "real/anna.png", "real/ben.png", *(f"fake/{m}/{n}.png" for m in ("x", "y") for n in ("anna", "ben")))
    assert groups_of(tmp_path) == {"anna": {"real", "fake/x", "fake/y"}, "ben": {"real", "fake/x", "fake/y"}}
    assert find(PrepareSpec(path=str(tmp_path))).warnings == []


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ([*frames("real/ffhq"), *frames("fake/stylegan")], "all real files are in one folder, real/ffhq"),
        ([*frames("real"), *frames("fake/x", "fake/y")], "the number 00000 is a name in fake/x and outside of inner"),
    ],
)
def test_numbers_that_may_be_both_are_not_guessed_at(tmp_path, names, words):
    lay(tmp_path, *names)
    with pytest.raises(ValueError, match=words) as refused:
        find(PrepareSpec(path=str(tmp_path)))
    assert "--group-by folder" in str(refused.value)
    assert "--group-by file" in str(refused.value)
    by_file = groups_of(tmp_path, group_by="file")
    assert set(by_file) == {f"file {number:05d}" for number in range(4)}
    assert all(len({place.split("/")[0] for place in places}) == 2 for places in by_file.values())


def test_numbered_files_without_folders_are_warned_of(tmp_path):
    lay(tmp_path, *frames("real", "fake"))
    listing = find(PrepareSpec(path=str(tmp_path)))
    assert {item.row["group"] for item in listing.items} == {f"file {number:05d}" for number in range(4)}
    assert any("8 file names are only numbers" in warning for warning in listing.warnings)


def test_the_splits_of_folders_stand(tmp_path):
    lay(tmp_path, *frames("train/real/a", "train/fake/b", "val/real/c", "val/fake/d", "test/real/e", "test/fake/f"))
    rows = rows_of(tmp_path)
    assert {name.split("/")[0]: row["split"] for name, row in rows.items()} == {
        "train": "train", "val": "val", "test": "test"
    }  # fmt: skip
    assert {row["dataset"] for row in rows.values()} == {tmp_path.name}
    assert {row["split"] for row in rows_of(tmp_path, keep_splits=False).values()} == {""}


def test_one_number_in_two_official_splits_is_two_pictures(tmp_path):
    lay(tmp_path, *frames("train/real", "train/fake", "test/real", "test/fake"))
    assert set(groups_of(tmp_path)) == {f"{word} file {n:05d}" for word in ("train", "test") for n in range(4)}


def test_generators_above_the_labels_name_data_set_and_method(tmp_path):
    lay(tmp_path, "progan/0_real/a.png", "progan/1_fake/b.png", "sd/0_real/a.png", "sd/1_fake/c.png")
    assert recognised(tmp_path)[0] == "folder"
    rows = rows_of(tmp_path)
    assert (rows["progan/1_fake/b.png"]["label"], rows["progan/1_fake/b.png"]["method"]) == (1, "progan")
    assert rows["progan/0_real/a.png"]["group"] != rows["sd/0_real/a.png"]["group"]


@pytest.mark.parametrize(
    ("real", "fake"),
    [("REAL", "Fake"), ("0_real", "1_fake"), ("real_images", "fake_images"), ("RealFaces", "FakeFaces"),
     ("training_real", "training_fake"), ("original", "manipulated"), ("real-vs-fake/real", "real-vs-fake/fake"),
     ("set/train/real", "set/train/fake")],
)  # fmt: skip
def test_folders_that_name_a_label_are_read(tmp_path, real, fake):
    lay(tmp_path, f"{real}/a.png", f"{fake}/b.png")
    assert recognised(tmp_path)[0] == "folder"
    assert {name: row["label"] for name, row in rows_of(tmp_path).items()} == {f"{real}/a.png": 0, f"{fake}/b.png": 1}


@pytest.mark.parametrize(
    "name", ["Celeb-real", "original_sequences", "real_vs_fake", "realistic", "images", "fake_news", "2", "train"]
)
def test_names_that_say_more_or_less_are_no_labels(name):
    assert label_of_folder(name) is None


def test_one_label_alone_is_told(tmp_path):
    lay(tmp_path, "real/a.png")
    with pytest.raises(ValueError, match="has no folder fake; put"):
        find(PrepareSpec(path=str(tmp_path)))
    lay(tmp_path / "bare", "real/.x", "fake/.x")
    with pytest.raises(ValueError, match="has an empty folder real and an empty folder fake"):
        find(PrepareSpec(path=str(tmp_path / "bare")))


@pytest.mark.parametrize(("name", "counts"), [("00001", True), ("frame_12", True), ("IMG-7", True), ("033_097", False),
                                              ("anna", False), ("anna2", False), ("frame", False)])  # fmt: skip
def test_what_only_counts(name, counts):
    assert only_counts(name) == counts
