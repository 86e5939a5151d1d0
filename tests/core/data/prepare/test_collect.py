"""Raw media to crops: clips that the tests encode themselves, one for each thing that goes wrong."""

from __future__ import annotations

import json
import wave
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from core.artifacts.workspace import Workspace
from core.data.faces.faces import find_faces
from core.data.manifest.hashes import perceptual_hash
from core.data.prepare import ingest as taking
from core.data.prepare.collect import collect, summary, thresholds
from core.data.prepare.prepare import prepare
from core.data.spec import PrepareSpec
from core.progress import Silent
from tests.support.clips import QUARTER_TURNS, encode, people, turn
from tests.support.raw_media import FACES, A, found, items_of

BIG, SMALL = 150.0, 95.0


def walk(count: int) -> list[np.ndarray]:
    """A large person who moves to the right, a smaller one who stands still."""
    return [people([(10 + 6 * n, 30, BIG), (430, 120, SMALL)]) for n in range(count)]


@pytest.fixture(scope="module")
def raw(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("raw")
    (root / "real").mkdir()
    (root / "fake").mkdir()
    quick = {"options": {"preset": "ultrafast"}, "rate": 10}
    two = walk(20)
    encode(root / "real/two.mp4", two, **quick)
    encode(root / "fake/two.mp4", two, **quick)
    upright = people([(40, 20, BIG)], 320, 320)
    encode(root / "real/turned.mp4", [np.ascontiguousarray(np.rot90(upright))] * 9, **quick)
    turn(root / "real/turned.mp4", QUARTER_TURNS[1])
    stamps = [100 * n for n in range(6)] + [600 + 500 * n for n in range(4)]
    alone = [people([(40 + 4 * n, 20, BIG)], 400, 320) for n in range(10)]
    encode(root / "real/variable.mkv", alone, stamps=stamps, options={"preset": "ultrafast"})
    encode(root / "fake/talk.mp4", alone, sound=True, **quick)
    encode(root / "fake/wall.mp4", [np.full((240, 320, 3), 90 + n, np.uint8) for n in range(10)], **quick)
    encode(root / "fake/far.mp4", [people([(100, 60, 40.0)], 320, 240)] * 6, **quick)
    encode(root / "real/cut.mkv", alone * 3, **quick)
    whole = (root / "real/cut.mkv").read_bytes()
    (root / "real/cut.mkv").write_bytes(whole[: len(whole) // 2])
    encode(root / "real/headless.mp4", alone, **quick)
    whole = (root / "real/headless.mp4").read_bytes()
    (root / "real/headless.mp4").write_bytes(whole[:-600])
    (root / "real/empty.mp4").write_bytes(b"")
    encode(root / "real/song.mp4", [], sound=True)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.ascontiguousarray(np.rot90(upright))).save(root / "real/phone.jpg", exif=exif, quality=95)
    return root


class Prepared:
    def __init__(self, root: Path, folder: Path, spec: PrepareSpec) -> None:
        self.folder = folder
        self.rows = collect(items_of(root), spec, folder, Silent())
        self.report = pd.read_csv(folder / "report.csv", keep_default_na=False).set_index("file")

    def of(self, name: str) -> pd.DataFrame:
        return self.rows[self.rows["source"] == name].reset_index(drop=True)

    def crop(self, path: str) -> np.ndarray:
        with Image.open(self.folder / path) as picture:
            assert (picture.format, picture.size) == ("PNG", (256, 256))
            return np.asarray(picture.convert("RGB"))


@pytest.fixture(scope="module")
def prepared(raw: Path, tmp_path_factory) -> Prepared:
    """With the real detector, by two workers."""
    return Prepared(raw, tmp_path_factory.mktemp("made"), FACES.model_copy(update={"workers": 2}))


def test_every_file_ends_in_the_report_with_its_reason(prepared: Prepared, raw: Path) -> None:
    said = prepared.report
    assert sorted(said.index) == sorted(path.relative_to(raw).as_posix() for path in raw.glob("*/*"))
    assert said["code"].to_dict() == {
        "real/two.mp4": "",
        "fake/two.mp4": "",
        "real/turned.mp4": "",
        "real/variable.mkv": "",
        "fake/talk.mp4": "",
        "real/cut.mkv": "",
        "real/phone.jpg": "",
        "fake/wall.mp4": "no_face",
        "fake/far.mp4": "too_small",
        "real/headless.mp4": "damaged",
        "real/empty.mp4": "empty",
        "real/song.mp4": "no_video",
    }
    assert (said["sentence"] != "").equals(said["code"] != "")
    assert "early" in said.loc["real/cut.mkv", "warnings"] or "damage" in said.loc["real/cut.mkv", "warnings"]
    lost = set(said.index[said["code"] != ""])
    assert not lost & set(prepared.rows["source"])
    total = summary(prepared.folder)
    assert total["files"] == {"kept": 7, "no_face": 1, "too_small": 1, "refused": 3}
    assert total["sound"] == {"none": 7, "kept": 1}
    assert {entry["code"] for entry in total["not_kept"]} == {"no_face", "too_small", "damaged", "empty", "no_video"}


def test_no_picture_is_left_that_no_row_names(prepared: Prepared) -> None:
    assert {f"pictures/{path.name}" for path in (prepared.folder / "pictures").iterdir()} == set(prepared.rows["path"])
    assert {f"sound/{path.name}" for path in (prepared.folder / "sound").iterdir()} == set(prepared.rows["audio"]) - {
        ""
    }
    for path in prepared.rows["path"]:
        assert prepared.crop(path).std() > 20  # a face, not a black picture


def test_each_person_of_a_real_clip_is_a_track_of_his_own(prepared: Prepared) -> None:
    rows = prepared.of("real/two.mp4")
    assert rows.groupby("track").size().to_dict() == {0: 5, 1: 5}
    assert rows.groupby("track")["bystander"].agg(set).to_dict() == {0: {0}, 1: {1}}
    assert rows.groupby("track")["native_px"].median().to_dict() == pytest.approx({0: BIG, 1: SMALL}, rel=0.15)
    assert rows["frame"].tolist() == [n for n in (0, 4, 8, 12, 16) for _ in range(2)]
    assert rows["time"].to_numpy() == pytest.approx(rows["frame"].to_numpy() / 10)
    assert set(rows["video"]) == {"real/two.mp4"}
    assert np.ptp(rows.loc[rows["track"] == 0, "native_px"]) < 20


def test_a_bystander_of_a_fake_clip_is_not_called_fake(prepared: Prepared) -> None:
    rows = prepared.of("fake/two.mp4")
    assert rows["track"].tolist() == [0] * 5
    assert prepared.report.loc["fake/two.mp4", ["faces", "tracks", "crops", "other_faces"]].tolist() == [10, 2, 5, 5]
    assert prepared.report.loc["fake/two.mp4", "left_out"] == "bystander 5"


def test_columns_are_measured_on_the_crop(prepared: Prepared, raw: Path) -> None:
    from core.data.faces.faces import face_quality

    row = prepared.of("real/two.mp4").iloc[0]
    crop = prepared.crop(row["path"])
    measured = face_quality(crop)
    assert row["phash"] == perceptual_hash(crop)
    for name in ("sharpness", "brightness", "contrast"):
        assert row[name] == pytest.approx(measured[name], abs=0.06)
    assert abs(row["yaw"]) < 45
    assert len(row["sha256"]) == 64


@pytest.mark.parametrize("name", ["real/turned.mp4", "real/phone.jpg"])
def test_rotation_is_respected(prepared: Prepared, name: str) -> None:
    """The crop is that of the upright picture: a face found in it stands on its chin."""
    row = prepared.of(name).iloc[0]
    face = find_faces(prepared.crop(row["path"]))[0]
    left, right, nose = face.landmarks[:3]
    assert left[0] < nose[0] < right[0]
    assert left[1] < nose[1] > right[1]
    assert row["native_px"] == pytest.approx(BIG, rel=0.15)


def test_times_of_a_variable_rate_are_the_clock_s(prepared: Prepared) -> None:
    rows = prepared.of("real/variable.mkv")
    assert rows["time"].tolist() == [0.0, 0.4, 0.6, 1.1, 1.6]  # on display at 0, .4, .8, 1.2, 1.6
    assert rows["frame"].tolist() == [0, 4, 6, 7, 8]


def test_sound_lies_beside_the_crops(prepared: Prepared) -> None:
    (audio,) = set(prepared.of("fake/talk.mp4")["audio"])
    with wave.open(str(prepared.folder / audio)) as wav:
        assert (wav.getframerate(), wav.getnchannels(), wav.getsampwidth()) == (16_000, 1, 2)
        assert wav.getnframes() / 16_000 == pytest.approx(1.0, abs=0.1)
    assert set(prepared.of("real/two.mp4")["audio"]) == {""}


def test_one_worker_and_two_make_the_same(raw: Path, prepared: Prepared, tmp_path: Path) -> None:
    alone = Prepared(raw, tmp_path, FACES.model_copy(update={"workers": 1}))
    pd.testing.assert_frame_equal(alone.rows, prepared.rows)
    files = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(prepared.folder) for path in prepared.folder.rglob("*") if path.is_file())
    for file in files:
        assert (tmp_path / file).read_bytes() == (prepared.folder / file).read_bytes(), file


def test_aligned_crops_differ_and_have_level_eyes(raw: Path, tmp_path: Path) -> None:
    item = next(item for item in items_of(raw) if item.name == "real/phone.jpg")
    crops = []
    for aligned in (False, True):
        (tmp_path / str(aligned)).mkdir()
        rows = collect([item], FACES.model_copy(update={"aligned": aligned}), tmp_path / str(aligned), Silent())
        crops.append(np.asarray(Image.open(tmp_path / str(aligned) / rows["path"][0])))
    left, right = find_faces(crops[1])[0].landmarks[:2]
    assert abs(left[1] - right[1]) < 8
    assert not np.array_equal(*crops)


def test_alignment_needs_landmarks_and_says_so_at_once(raw: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="lbp gives no landmarks to align by; use mtcnn"):
        collect(items_of(raw), FACES.model_copy(update={"aligned": True, "detector": "lbp"}), tmp_path, Silent())
    assert not list(tmp_path.iterdir())


def test_the_card_holds_every_threshold_and_every_reason(raw: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(taking, "find_faces", lambda *_, **__: found(A))
    spec = PrepareSpec(path=str(raw), name="set", detect_faces=True, min_sharpness=1.0, every_seconds=1.0)
    folder = prepare(spec, Workspace(tmp_path).create(), Silent())
    card = json.loads((folder / "dataset.json").read_text())
    assert card["thresholds"] == thresholds(spec)
    asked = {"min_face_px": 80, "crop_scale": 1.3, "min_sharpness": 1.0, "people": "largest", "detector": "mtcnn"}
    assert asked.items() <= card["thresholds"].items()
    assert card["sources"]["files"]["refused"] == 3
    assert {
        "source",
        "video",
        "frame",
        "time",
        "track",
        "native_px",
        "sharpness",
        "brightness",
        "contrast",
        "yaw",
    } <= set(pd.read_parquet(folder / "manifest.parquet").columns)
