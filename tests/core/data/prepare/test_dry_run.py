"""A survey counts what `prepare` will make, names what it cannot take, and leaves nothing behind."""

import shutil

import pytest

from core.artifacts.workspace import Workspace
from core.data.manifest.open import open_dataset
from core.data.prepare.dry_run import estimates, surveyed, unreadable
from core.data.prepare.prepare import prepare
from core.data.spec import PrepareSpec
from core.progress import Silent
from tests.support import layouts


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path / "ws")


def snapshot(root):
    return {path.relative_to(root).as_posix(): path.stat().st_mtime_ns for path in root.rglob("*")}


@pytest.mark.parametrize("name", sorted(layouts.LAYOUTS))
def test_its_splits_are_those_that_prepare_gives(name, workspace, tmp_path):
    (tmp_path / name).mkdir()
    spec = PrepareSpec(**layouts.LAYOUTS[name](tmp_path / name), name="set", seed=4)
    before = snapshot(tmp_path)
    with surveyed(spec, workspace, Silent()) as survey:
        found = estimates(survey, spec, Silent())
        expected = dict(zip(survey.frame["path"], survey.frame["split"], strict=True))
        files = sum(row["files"] for row in survey.counts()["split"])
    assert snapshot(tmp_path) == before
    assert survey.folder == workspace.datasets / "set"
    prepare(spec, workspace.create(), Silent())
    frame = open_dataset("set", workspace).frame
    names = frame["source"] if "source" in frame else frame["path"]
    assert dict(zip(names, frame["split"], strict=True)) == expected
    assert files == len(survey.frame) == len(expected)
    if found:
        assert sum(one.files for one in found) == files
        assert sum(one.crops for one in found) == pytest.approx(len(frame), rel=0.5)
        on_disk = sum(path.stat().st_size for path in workspace.datasets.rglob("*.png"))
        assert sum(one.bytes for one in found) == pytest.approx(on_disk, rel=0.7)


def test_bad_files_are_named(tmp_path):
    layouts.folder(tmp_path)
    (tmp_path / "real/empty.jpg").touch()
    (tmp_path / "fake/page.png").write_text("<html>not found</html>")
    spec = PrepareSpec(path=str(tmp_path))
    with surveyed(spec, Workspace(tmp_path / "ws"), Silent()) as survey:
        (tmp_path / "real/b.png").unlink()
        bad = dict(unreadable(survey.listing.items, Silent()))
    assert set(bad) == {"real/empty.jpg", "fake/page.png", "real/b.png"}
    assert "0 bytes" in bad["real/empty.jpg"]
    assert "cannot be read" in bad["real/b.png"]


def test_a_sample_that_gives_nothing_says_what_became_of_it(tmp_path):
    for name in ("real/a.png", "fake/b.png"):
        layouts.picture(tmp_path / name)
        (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:60])
    spec = PrepareSpec(path=str(tmp_path))
    with surveyed(spec, Workspace(tmp_path / "ws"), Silent()) as survey:
        (one,) = estimates(survey, spec, Silent())
    assert (one.crops, one.lost) == (0, {"refused": 2})


def test_people_on_two_sides_are_told_before_anything_is_made(tmp_path):
    layouts.celebdf(tmp_path / "celeb")
    spec = PrepareSpec(path=str(tmp_path / "celeb"))
    with surveyed(spec, Workspace(tmp_path / "ws"), Silent()) as survey:
        leaks = survey.leaks()
    assert leaks == [
        "The person 'id0' is in val_calib and test: 4 rows, 1 of them fakes with this face put in.",
        "The person 'id1' is in val_calib and test: 4 rows, 2 of them fakes with this face put in.",
    ]
    apart = spec.model_copy(update={"keep_splits": False, "group_by": "identity"})
    with surveyed(apart, Workspace(tmp_path / "ws"), Silent()) as survey:
        assert [leak for leak in survey.leaks() if "face put in" not in leak] == []


def test_a_zip_is_looked_through_and_nothing_stays(workspace, tmp_path):
    layouts.folder(tmp_path / "raw")
    archive = shutil.make_archive(str(tmp_path / "raw"), "zip", tmp_path / "raw")
    before = snapshot(tmp_path)
    with surveyed(PrepareSpec(path=archive), workspace, Silent()) as survey:
        place = survey.listing.items[0].file
        assert place.is_file()
    assert len(survey.listing.items) == 5
    assert not place.exists()
    assert snapshot(tmp_path) == before


def test_the_demo_set_cannot_be_surveyed(workspace):
    with pytest.raises(ValueError, match="is drawn, not read"), surveyed(PrepareSpec(path="demo"), workspace, Silent()):
        pass
