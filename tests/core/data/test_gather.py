"""Raw media to crops: clips that the tests encode themselves, one for each thing that goes wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import wave
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from core.artifacts.workspace import Workspace
from core.data import take_in as taking
from core.data.face_types import FaceDetection
from core.data.faces import find_faces
from core.data.gather import gather, summary, thresholds, workers_for
from core.data.hashes import perceptual_hash
from core.data.outcome import JOURNAL, Outcome
from core.data.prepare import prepare
from core.data.sources.base import SourceItem
from core.data.spec import PrepareSpec
from core.progress import Cancelled, Silent
from tests.core.data.test_pool import children, needs_proc
from tests.support.clips import QUARTER_TURNS, encode, people, turn

BIG, SMALL = 150.0, 95.0
FACES = PrepareSpec(path="raw", detect_faces=True, frames="seconds", every_seconds=0.4, max_faces=5, people="all")
PLAIN = PrepareSpec(path="raw", frames="nth", every_frames=2, max_faces=10)


def walk(count: int) -> list[np.ndarray]:
    """A large person who moves to the right, a smaller one who stands still."""
    return [people([(10 + 6 * n, 30, BIG), (430, 120, SMALL)]) for n in range(count)]


def items_of(root: Path) -> list[SourceItem]:
    """Everything below real/ and fake/."""
    return [
        SourceItem(
            file, file.relative_to(root).as_posix(), {"label": int(file.parent.name == "fake"), "group": file.stem}
        )
        for file in sorted(root.glob("*/*"))
    ]


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
        self.rows = gather(items_of(root), spec, folder, Silent())
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
    from core.data.faces import face_quality

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
        rows = gather([item], FACES.model_copy(update={"aligned": aligned}), tmp_path / str(aligned), Silent())
        crops.append(np.asarray(Image.open(tmp_path / str(aligned) / rows["path"][0])))
    left, right = find_faces(crops[1])[0].landmarks[:2]
    assert abs(left[1] - right[1]) < 8
    assert not np.array_equal(*crops)


def test_alignment_needs_landmarks_and_says_so_at_once(raw: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="lbp gives no landmarks to align by; use mtcnn"):
        gather(items_of(raw), FACES.model_copy(update={"aligned": True, "detector": "lbp"}), tmp_path, Silent())
    assert not list(tmp_path.iterdir())


# Policies and thresholds: boxes are given, nothing is searched for.


def found(*faces: tuple[float, float, float]) -> list[FaceDetection]:
    return [FaceDetection((x, y, side, side), 0.99) for x, y, side in faces]


@pytest.fixture
def scripted(tmp_path: Path, monkeypatch):
    """`scripted(label, faces of each frame, **spec)` -> (rows, outcome of the one clip)."""

    def make(label: int, frames: list[list[FaceDetection]], subject: str = "", **spec):
        rng = np.random.default_rng(0)
        noise = [rng.integers(60, 200, (200, 300, 3), dtype=np.uint8) for _ in frames]
        path = encode(tmp_path / "clip.avi", noise, rate=2, codec="mjpeg")
        answers = iter(frames)
        monkeypatch.setattr(taking, "find_faces", lambda *_, **__: next(answers))
        made = PrepareSpec(path="raw", detect_faces=True, frames="nth", every_frames=1, **spec)
        item = SourceItem(path, "clip.avi", {"label": label, "subject": subject})
        folder = tmp_path / "made"
        folder.mkdir()
        try:
            rows = gather([item], made, folder, Silent())
        except ValueError:
            rows = pd.DataFrame()
        return rows, Outcome.of((folder / JOURNAL).read_text())

    return make


A, B, TINY = (10.0, 10.0, 120.0), (180.0, 50.0, 90.0), (180.0, 50.0, 30.0)


@pytest.mark.parametrize(
    ("label", "policy", "subject", "tracks"),
    [
        (0, "largest", "", [0, 0, 0]),
        (1, "largest", "", [0, 0, 0]),
        (0, "all", "", [0, 1, 0, 1, 0, 1]),
        (1, "all", "", [0, 0, 0]),
        (1, "all", "1", [1, 1, 1]),
        (1, "all", "0 1", [0, 1, 0, 1, 0, 1]),
        (0, "all", "1", [0, 1, 0, 1, 0, 1]),
    ],
)
def test_who_is_kept(scripted, label: int, policy: str, subject: str, tracks: list[int]) -> None:
    rows, outcome = scripted(label, [found(A, B)] * 3, subject, people=policy)
    assert rows["track"].tolist() == tracks
    named = {int(word) for word in subject.split()} or {0}
    assert rows["bystander"].tolist() == [int(track not in named) for track in tracks]
    assert outcome.left_out.get("bystander", 0) == 6 - len(tracks)


def test_the_subject_fills_the_clip_even_if_others_are_seen_more_often(scripted) -> None:
    rows, _ = scripted(1, [found(B)] * 2 + [found(A, B)] * 6)
    assert rows["native_px"].tolist() == [120.0] * 6


def test_frontmost_goes_over_cuts(scripted) -> None:
    frames = [found(A, B), found((170.0, 60.0, 110.0), TINY), found(A)]
    rows, outcome = scripted(1, frames, people="frontmost", every_seconds=0.5)
    assert len(rows) == 3
    assert outcome.left_out == {"bystander": 2}
    assert set(rows["bystander"]) == {0}


def test_a_subject_that_is_no_track_number_is_an_error(scripted, tmp_path: Path) -> None:
    item = SourceItem(tmp_path / "x.mp4", "x.mp4", {"label": 1, "subject": "left"})
    with pytest.raises(ValueError, match=r"x\.mp4: column subject holds 'left'; give track numbers"):
        gather([item], PrepareSpec(path="raw"), tmp_path, Silent())


@pytest.mark.parametrize(
    ("option", "reason", "words"),
    [
        ({"min_face_px": 121}, "too_small", "120 pixels; at least 121"),
        ({"min_sharpness": 9000.0}, "blurred", "at least 9000 is asked for"),
        ({"min_brightness": 250.0}, "dark", "at least 250"),
        ({"max_brightness": 20.0}, "bright", "at most 20"),
    ],
)
def test_what_is_not_fit_is_left_out_and_counted_by_reason(scripted, option: dict, reason: str, words: str) -> None:
    rows, outcome = scripted(1, [found(A)] * 3, **option)
    assert rows.empty
    assert (outcome.outcome, outcome.code, outcome.left_out) == (reason, reason, {reason: 3})
    assert words in outcome.sentence


def test_heads_turned_too_far_are_left_out(scripted) -> None:
    points = np.array([[40, 50], [80, 50], [78, 70], [45, 90], [75, 90]], np.float32)
    faces = [[FaceDetection((*A[:2], 120.0, 120.0), 0.99, points)]]
    rows, outcome = scripted(1, faces * 2, max_yaw=30.0)
    assert rows.empty
    assert outcome.code == "turned"
    assert thresholds(PrepareSpec(path="x", detect_faces=True, max_yaw=30.0))["max_yaw_deg"] == 30.0


def test_faces_of_a_reduced_frame_count_in_pixels_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "big.png").write_bytes(b"")
    Image.fromarray(np.full((4000, 5000, 3), 90, np.uint8)).save(tmp_path / "big.png")
    item = SourceItem(tmp_path / "big.png", "big.png", {"label": 0})
    (tmp_path / "made").mkdir()
    assert gather([item], PLAIN, tmp_path / "made", Silent())["native_px"].tolist() == [5000.0]


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


# Resuming, stopping, memory.


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Forty pictures that take some 20 ms each."""
    root = tmp_path / "raw/real"
    root.mkdir(parents=True)
    noise = np.random.default_rng(1).integers(0, 256, (700, 700, 3), dtype=np.uint8)
    for n in range(40):
        Image.fromarray(np.roll(noise, 17 * n, 0)).save(root / f"{n:02d}.bmp")
    return tmp_path / "raw"


PROGRAM = """
import sys
from pathlib import Path
sys.path[:0] = {path!r}
from tests.core.data.test_gather import PLAIN, items_of
from core.data.gather import gather
from core.progress import Silent
gather(items_of(Path({root!r})), PLAIN.model_copy(update=dict(workers=2)), Path({folder!r}), Silent())
"""


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@needs_proc
def test_killed_work_is_resumed_to_the_same_result(pictures: Path, tmp_path: Path) -> None:
    folder, whole = tmp_path / "made", tmp_path / "whole"
    folder.mkdir()
    whole.mkdir()
    program = PROGRAM.format(path=sys.path, root=str(pictures), folder=str(folder))
    victim = subprocess.Popen([sys.executable, "-c", program])
    journal = folder / JOURNAL
    end = time.monotonic() + 120
    while not (journal.exists() and journal.read_text().count("\n") >= 5):
        assert victim.poll() is None
        assert time.monotonic() < end
        time.sleep(0.02)
    workers = [int(pid) for f in Path(f"/proc/{victim.pid}/task").glob("*/children") for pid in f.read_text().split()]
    os.kill(victim.pid, signal.SIGKILL)
    victim.wait()
    while any(alive(pid) for pid in workers):
        assert time.monotonic() < end, "a worker outlived its parent"
        time.sleep(0.02)
    done = journal.read_text().count("\n")
    assert len(workers) >= 2
    assert 5 <= done < 40
    with open(journal, "a") as torn:
        torn.write('{"name": "real/39.b')
    first = json.loads(journal.read_text().splitlines()[0])["crops"][0]["path"]
    (folder / first).write_bytes(b"")  # as after a power cut: listed, and empty
    untouched = {path: path.stat().st_mtime_ns for path in (folder / "pictures").iterdir() if path.stat().st_size}
    rows = gather(items_of(pictures), PLAIN, folder, Silent())
    pd.testing.assert_frame_equal(rows, gather(items_of(pictures), PLAIN, whole, Silent()))
    assert (folder / "report.csv").read_bytes() == (whole / "report.csv").read_bytes()
    kept = [path for path, changed in untouched.items() if path.stat().st_mtime_ns == changed]
    assert len(kept) >= done - 2
    assert (folder / first).stat().st_size > 0


class Stop(Silent):
    """Cancels once `after` files are done, and hears what is said."""

    def __init__(self, after: int) -> None:
        self.after, self.said = after, []

    def progress(self, fraction: float, message: str) -> None:
        self.said.append(message)
        if fraction * 40 >= self.after:
            raise Cancelled


@needs_proc
def test_cancelled_work_stops_at_once_and_leaves_no_process(pictures: Path, tmp_path: Path) -> None:
    folder = tmp_path / "made"
    folder.mkdir()
    stop = Stop(after=4)
    with pytest.raises(Cancelled):
        gather(items_of(pictures), PLAIN.model_copy(update={"workers": 2}), folder, stop)
    assert not children()
    assert 4 <= (folder / JOURNAL).read_text().count("\n") <= 6
    assert stop.said[0].startswith("0 of 40 files")


def test_progress_says_how_far_and_how_long(monkeypatch) -> None:
    from core.data import gather as gathering

    now = iter([100.0, 110.0, 150.0])
    monkeypatch.setattr(gathering.time, "monotonic", lambda: next(now))
    pace = gathering._Pace(total=100, done=20)
    pace.done = 40
    assert pace.said("real/a.mp4") == "40 of 100 files, 2.0 files/s, 30 s left: real/a.mp4"
    assert pace.said() == "40 of 100 files, 2.5 s a file, 3 min left"


def test_workers_are_started_where_they_pay() -> None:
    one = workers_for(PLAIN, 7)
    assert one == 1
    assert workers_for(PLAIN.model_copy(update={"workers": 3}), 2) == 2
    assert workers_for(PLAIN, 10_000) >= 1


PEAK = """
import sys
sys.path[:0] = {path!r}
from tests.core.data.test_gather import PLAIN
from core.data.sources.base import SourceItem
from core.data.take_in import take_in
from pathlib import Path
spec = PLAIN.model_copy(update=dict(every_frames=1, max_faces=1000))
outcome = take_in(SourceItem(Path({file!r}), "clip", {{"label": 0}}), spec, Path({folder!r}))
status = Path("/proc/self/status").read_text()
print(len(outcome.crops), status.split("VmHWM:")[1].split()[0])
"""


@needs_proc
def test_memory_is_flat_over_a_long_clip(tmp_path: Path) -> None:
    """Four times the frames, the same peak: held, the 120 more would be 110 MB."""
    peaks = []
    for count in (40, 160):
        frames = [np.full((480, 640, 3), n % 250, np.uint8) for n in range(count)]
        file = encode(tmp_path / f"{count}.mp4", frames, options={"preset": "ultrafast"})
        program = PEAK.format(path=sys.path, file=str(file), folder=str(tmp_path / str(count)))
        said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
        crops, kilobytes = map(int, said.split())
        assert crops == count
        peaks.append(kilobytes / 1024)
    assert peaks[1] == pytest.approx(peaks[0], abs=16)
