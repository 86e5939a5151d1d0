"""Whose face is kept, and which is not fit: boxes are given, nothing is searched for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from core.data.faces.types import FaceDetection
from core.data.prepare import ingest as taking
from core.data.prepare.collect import collect, thresholds
from core.data.prepare.journal import JOURNAL, Outcome
from core.data.sources.base import SourceItem
from core.data.spec import PrepareSpec
from core.progress import Silent
from tests.support.clips import encode
from tests.support.raw_media import PLAIN, TINY, A, B, found


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
            rows = collect([item], made, folder, Silent())
        except ValueError:
            rows = pd.DataFrame()
        return rows, Outcome.of((folder / JOURNAL).read_text())

    return make


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
        collect([item], PrepareSpec(path="raw"), tmp_path, Silent())


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
    assert collect([item], PLAIN, tmp_path / "made", Silent())["native_px"].tolist() == [5000.0]


@pytest.mark.parametrize("detect", [True, False])
def test_a_face_in_the_missing_part_of_a_picture_is_left_out(tmp_path: Path, monkeypatch, detect: bool) -> None:
    file = tmp_path / "cut.png"
    noise = np.random.default_rng(0).integers(0, 255, (300, 300, 3), dtype=np.uint8)
    Image.fromarray(noise).save(file)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    monkeypatch.setattr(taking, "find_faces", lambda *_, **__: found((20, 20, 100), (20, 120, 90)))
    spec = PrepareSpec(path="raw", detect_faces=detect, people="all", min_face_px=20)
    outcome = taking.ingest(SourceItem(file, "cut.png", {"label": 0}), spec, tmp_path / "made")
    assert outcome.left_out == {"cut_off": 1}
    assert len(outcome.crops) == (1 if detect else 0)
    assert any("ends early" in note for note in outcome.warnings)
    if not detect:
        assert outcome.code == "cut_off"
        assert "lies in the part that is missing" in outcome.sentence
