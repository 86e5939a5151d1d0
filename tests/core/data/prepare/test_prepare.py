"""`prepare` ends every file in its report, goes on where it stopped, and leaves whole folders or none."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from core.artifacts.workspace import Workspace
from core.data.faces.types import FaceDetection
from core.data.manifest.manifest import ManifestError
from core.data.manifest.open import open_dataset
from core.data.prepare import collect as gather
from core.data.prepare import ingest as take_in
from core.data.prepare.prepare import dataset_name, prepare
from core.data.spec import PrepareSpec
from core.data.synth.clip import make_clip
from core.progress import Cancelled, Silent


class Stop(Silent):
    """Cancels at the n-th word of progress."""

    def __init__(self, after):
        self.left = after

    def progress(self, fraction, message):
        assert 0 <= fraction <= 1
        self.left -= 1
        if self.left < 0:
            raise Cancelled


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path / "ws").create()


@pytest.fixture
def media(tmp_path):
    root = tmp_path / "raw"
    rng = np.random.default_rng(0)
    for name, shape in {"real/a.png": (90, 120, 3), "real/b.png": (300, 200, 3), "fake/b.png": (300, 200, 3)}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, shape, dtype=np.uint8)).save(root / name)
    (root / "fake/swap").mkdir()
    Image.fromarray(np.full((64, 64, 3), 128, np.uint8)).save(root / "fake/swap/c.jpg")
    (root / "fake/notes.txt").write_text("no picture")
    return root


def test_folder_of_pictures(workspace, media):
    folder = prepare(PrepareSpec(path=str(media)), workspace, Silent())
    manifest = open_dataset("raw", workspace)
    frame = manifest.frame.set_index("source")
    assert frame["label"].to_dict() == {"real/a.png": 0, "real/b.png": 0, "fake/b.png": 1, "fake/swap/c.jpg": 1}
    assert frame.loc["real/b.png", "group"] == frame.loc["fake/b.png", "group"] == "b"
    assert (frame.loc["fake/swap/c.jpg", ["dataset", "method"]] == "swap").all()
    for path in frame["path"]:
        with Image.open(manifest.file(path)) as picture:
            assert (picture.format, picture.size) == ("PNG", (256, 256))
    report = pd.read_csv(folder / "report.csv", keep_default_na=False).set_index("file")
    assert report["outcome"].to_dict() == {**dict.fromkeys(frame.index, "kept"), "fake/notes.txt": "refused"}
    assert report.loc["fake/notes.txt", "code"] == "unsupported"
    card = json.loads((folder / "dataset.json").read_text())
    assert card["root"] == "."
    assert card["sources"]["files"] == {"kept": 4, "refused": 1}


def test_clips_become_spaced_frames_of_one_group(workspace, tmp_path):
    root = tmp_path / "clips"
    for place, donor in (("real/p3.mp4", None), ("fake/p3.mp4", 8)):
        make_clip(root / place, 0, 3, donor, seconds=2.0, fps=4, width=160, height=120, side=64)
    prepare(PrepareSpec(path=str(root), every_seconds=0.5, max_faces=50), workspace, Silent())
    frame = open_dataset("clips", workspace).frame
    assert frame.groupby("source").size().to_dict() == {"real/p3.mp4": 4, "fake/p3.mp4": 4}
    assert frame.loc[frame["label"] == 0, "time"].tolist() == [0.25, 0.75, 1.25, 1.75]
    assert set(frame["group"]) == {"p3"}
    prepare(PrepareSpec(path=str(root), name="few", every_seconds=0.1, max_faces=3), workspace, Silent())
    assert open_dataset("few", workspace).frame.groupby("source").size().max() == 3


def test_folders_can_be_groups(workspace, media):
    folder = prepare(PrepareSpec(path=str(media), group_by="folder"), workspace, Silent())
    frame = open_dataset(folder.name, workspace).frame.set_index("source")
    assert frame.loc["fake/swap/c.jpg", "group"] == "swap"


def test_cancelled_work_is_resumed(workspace, media, monkeypatch):
    spec = PrepareSpec(path=str(media), name="set")
    with pytest.raises(Cancelled):
        prepare(spec, workspace, Stop(after=4))
    assert not (workspace.datasets / "set").exists()
    taken = []
    original = gather.ingest
    monkeypatch.setattr(gather, "ingest", lambda s, **rest: (taken.append(s.name), original(s, **rest))[1])
    folder = prepare(spec, workspace, Silent())
    assert len(taken) == 2
    assert len(open_dataset("set", workspace)) == 4
    assert prepare(spec, workspace, Silent()) == folder
    with pytest.raises(FileExistsError, match="choose another name"):
        prepare(spec.model_copy(update={"seed": 1}), workspace, Silent())
    assert [path.name for path in workspace.datasets.iterdir()] == ["set"]


def test_another_spec_does_not_resume(workspace, media):
    with pytest.raises(Cancelled):
        prepare(PrepareSpec(path=str(media), name="set"), workspace, Stop(after=3))
    prepare(PrepareSpec(path=str(media), name="set", seed=5), workspace, Silent())
    assert len(open_dataset("set", workspace)) == 4


def test_faces_are_cropped_counted_and_missed_by_name(workspace, media, monkeypatch):
    sizes = {(90, 120): [20.0], (300, 200): [120.0, 40.0], (64, 64): []}

    def fake_faces(rgb, detector, min_px):
        assert detector == "mtcnn"
        return [FaceDetection((10.0, 10.0, s, s), 0.9, None) for s in sizes[rgb.shape[:2]]]

    monkeypatch.setattr(take_in, "find_faces", fake_faces)
    folder = prepare(PrepareSpec(path=str(media), detect_faces=True), workspace, Silent())
    report = pd.read_csv(folder / "report.csv", keep_default_na=False).set_index("file")
    assert report["outcome"].to_dict() == {
        "real/a.png": "too_small",
        "real/b.png": "kept",
        "fake/b.png": "kept",
        "fake/notes.txt": "refused",
        "fake/swap/c.jpg": "no_face",
    }
    assert report.loc["real/b.png", "other_faces"] == 1
    assert "20 pixels; at least 80" in report.loc["real/a.png", "sentence"]


def test_nothing_kept_says_why(workspace, media, monkeypatch):
    monkeypatch.setattr(take_in, "find_faces", lambda *_, **__: [])
    with pytest.raises(ValueError, match=r"none of 5 files gave a picture: 4 x no_face"):
        prepare(PrepareSpec(path=str(media), detect_faces=True), workspace, Silent())


def test_folder_without_fake(workspace, tmp_path):
    (tmp_path / "odd" / "real").mkdir(parents=True)
    with pytest.raises(ValueError, match="has no folder fake"):
        prepare(PrepareSpec(path=str(tmp_path / "odd")), workspace, Silent())
    with pytest.raises(FileNotFoundError, match="`demo` draws the demo set"):
        prepare(PrepareSpec(path=str(tmp_path / "gone")), workspace, Silent())


def test_manifest_pictures_stay_where_they_are(workspace, media):
    (media / "manifest.csv").write_text("path,label\nreal/a.png,real\nfake/b.png,fake\n")
    spec = PrepareSpec(path=str(media / "manifest.csv"), label_map="real=0,fake=1")
    folder = prepare(spec, workspace, Silent())
    assert folder.name == "raw"
    manifest = open_dataset("raw", workspace)
    assert manifest.root == media
    assert manifest.frame["label"].tolist() == [0, 1]
    assert not list(folder.glob("**/*.png"))
    with pytest.raises(ManifestError, match="neither 0 nor 1"):
        prepare(spec.model_copy(update={"label_map": "", "name": "other"}), workspace, Silent())
    assert not (workspace.datasets / "other").exists()


def test_an_uploaded_manifest_names_nothing_outside(workspace, media):
    upload = workspace.uploads / "m.csv"
    upload.write_text(f"path,label\n{media / 'real/a.png'},0\n{media / 'fake/b.png'},1\n")
    with pytest.raises(ManifestError, match="leads out of the manifest's folder"):
        prepare(PrepareSpec(path=str(upload)), workspace, Silent())
    (media / "same.csv").write_text(upload.read_text())
    assert prepare(PrepareSpec(path=str(media / "same.csv")), workspace, Silent()).name == "same"


@pytest.mark.parametrize(
    ("source", "name"), [("/x/faces.csv", "faces"), ("/x/My Set/manifest.csv", "my-set"), ("demo", "demo")]
)
def test_names_come_from_the_source(source, name):
    assert dataset_name(PrepareSpec(path=source)) == name


@pytest.mark.parametrize("name", [".", "..", ".hidden"])
def test_names_that_hide_are_refused(name):
    with pytest.raises(ValueError, match="no name for a data set"):
        dataset_name(PrepareSpec(path="demo", name=name))


def test_a_spec_stored_before_the_rename_is_read_as_it_was_meant(workspace, media):
    """Cards and queued jobs of before say `source` for what is `path` now."""
    spec = PrepareSpec(path=str(media), name="set")
    folder = prepare(spec, workspace, Silent())
    card = json.loads((folder / "dataset.json").read_text())
    old = {k: v for k, v in card["spec"].items() if k not in ("path", "out")} | {"source": str(media)}
    assert PrepareSpec.model_validate(old) == spec
    (folder / "dataset.json").write_text(json.dumps({**card, "spec": old}))
    assert prepare(spec, workspace, Silent()) == folder
    with pytest.raises(ValueError, match="path"):
        PrepareSpec.model_validate({"source": "ffpp"})


def test_out_names_the_folder_to_write(workspace, media, tmp_path):
    folder = prepare(PrepareSpec(path=str(media), out=str(tmp_path / "there" / "set")), workspace, Silent())
    assert folder == tmp_path / "there" / "set"
    assert len(open_dataset(folder, workspace)) == 4
    assert [path.name for path in folder.parent.iterdir()] == ["set"]
