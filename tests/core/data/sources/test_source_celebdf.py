"""Celeb-DF-v2: the official list is turned round, honoured, and nothing tested is trained on unless asked for."""

import pytest

from core.artifacts.workspace import Workspace
from core.data.manifest.open import open_dataset
from core.data.manifest.tables import ManifestError
from core.data.prepare.prepare import prepare
from core.data.sources import find
from core.data.spec import PrepareSpec
from core.progress import Silent
from tests.support import layouts


@pytest.fixture
def root(tmp_path):
    layouts.celebdf(tmp_path / "celeb")
    return tmp_path / "celeb"


def rows_of(root, **fields):
    return {item.row["video"]: item.row for item in find(PrepareSpec(path=str(root), **fields)).items}


def test_labels_are_ours_and_the_list_is_the_test(root):
    rows = rows_of(root)
    assert {video for video, row in rows.items() if row["split"] == "test"} == {
        "YouTube-real/00170",
        "Celeb-synthesis/id0_id1_0000",
    }
    assert rows["YouTube-real/00170"]["label"] == 0
    assert rows["Celeb-synthesis/id0_id1_0000"]["label"] == 1
    fake = rows["Celeb-synthesis/id0_id1_0001"]
    assert fake["group"] == rows["Celeb-real/id0_0001"]["group"] == fake["original"] == "Celeb-real/id0_0001"
    assert (fake["identity"], fake["donor"], fake["split"]) == ("id0", "id1", "train")


def test_footage_that_is_tested_is_not_trained_on(root):
    listing = find(PrepareSpec(path=str(root)))
    assert "Celeb-real/id0_0000" not in {item.row["video"] for item in listing.items}
    notes = " ".join(listing.notes)
    assert "1 file left out: footage that List_of_testing_videos.txt tests" in notes
    assert "1 of 1 tested celebrities also seen outside the official test" in notes
    assert "2 pairs of celebrities with faces swapped" in notes
    assert listing.refusals == [
        ("Celeb-real/id9_0009.mp4", "List_of_testing_videos.txt line 3 names it, and it is not there.")
    ]
    kept = rows_of(root, siblings="keep")["Celeb-real/id0_0000"]
    assert (kept["split"], kept["group"]) == ("train", "Celeb-real/id0_0000 (training side)")


def test_the_test_split_of_the_data_set_is_the_official_one(root, tmp_path):
    workspace = Workspace(tmp_path / "ws").create()
    prepare(PrepareSpec(path=str(root), name="celeb"), workspace, Silent())
    frame = open_dataset("celeb", workspace).frame
    tested = set(frame.loc[frame["split"] == "test", "video"])
    assert tested == {"YouTube-real/00170", "Celeb-synthesis/id0_id1_0000"}


def test_people_can_be_groups_without_the_list(root):
    rows = rows_of(root, keep_splits=False, group_by="identity")
    assert {rows[f"Celeb-{v}"]["group"] for v in ("real/id0_0000", "real/id0_0001", "synthesis/id0_id1_0000")} == {
        "id0"
    }
    assert rows["YouTube-real/00000"]["group"] == "YouTube-real/00000"
    with pytest.raises(ValueError, match="no one is left for training"):
        rows_of(root, group_by="identity")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (
            "0 YouTube-real/00000.mp4",
            r"line 4: YouTube-real/00000.mp4 is called fake \(its 1 = real\) but lies in YouTube",
        ),
        ("1 Celeb-synthesis/id0_id1_0001.mp4", r"is called real \(its 1 = real\) but lies in Celeb-synthesis"),
        ("YouTube-real/00000.mp4", "is no `1 YouTube-real/00170.mp4`"),
        ("1 ../../etc/passwd", "is no `1 YouTube-real/00170.mp4`"),
    ],
)
def test_a_list_that_contradicts_the_folders_is_refused(root, line, words):
    with open(root / "List_of_testing_videos.txt", "a") as stream:
        stream.write(line + "\n")
    with pytest.raises(ManifestError, match=words):
        rows_of(root)


def test_names_that_tell_nothing_and_a_missing_list_are_said(root):
    layouts.clip(root / "Celeb-synthesis/best_fake.mp4")
    (root / "List_of_testing_videos.txt").unlink()
    listing = find(PrepareSpec(path=str(root)))
    assert [name for name, _ in listing.refusals] == ["Celeb-synthesis/best_fake.mp4"]
    assert "List_of_testing_videos.txt is not there" in " ".join(listing.notes)
    assert len(listing.items) == 8
