"""Clips: which frames come out, when, which way up, and what is refused. The peer is PyAV reading every frame."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from skimage import data

from core.media.clock import Clock
from core.media.decode import decode
from core.media.limits import Limits
from core.media.plan import FramePlan
from core.media.sniff import MOV
from core.media.types import MediaRejected
from core.media.video import decode_video
from tests.support.clips import QUARTER_TURNS, turn

CONTAINERS = [
    ("a.mp4", "libx264", {"gop": 12}),
    ("b.mp4", "libx264", {"gop": 250, "options": {"bf": "3"}}),
    ("c.mkv", "libx265", {"options": {"x265-params": "log-level=none:pools=1"}}),
    ("d.webm", "libvpx-vp9", {"options": {"cpu-used": "8", "deadline": "realtime"}}),
    ("e.webm", "libvpx", {"options": {"cpu-used": "8", "deadline": "realtime"}}),
    ("f.avi", "mpeg4", {}),
    ("g.avi", "mjpeg", {}),
    ("h.mov", "libx264", {"options": {"x264-params": "open-gop=1:bframes=3"}}),
]
OPEN_GOP = ("c.mkv", "h.mov")


def read_all(path: Path) -> list[tuple[float, np.ndarray]]:
    with av.open(str(path)) as container:
        frames = [(float(f.time or 0), f.to_ndarray(format="rgb24")) for f in container.decode(video=0)]
    start = min(time for time, _ in frames)
    return [(time - start, rgb) for time, rgb in frames]


def code(path: Path, **options) -> str:
    with pytest.raises(MediaRejected) as refused:
        decode(path, **options)
    assert refused.value.sentence.endswith(".")
    return refused.value.code


@pytest.mark.parametrize(("name", "codec", "options"), CONTAINERS)
def test_frames_are_those_of_a_full_reading(clip, numbered_frames, name: str, codec: str, options: dict) -> None:
    path = clip(name, numbered_frames(60), codec=codec, **options)
    media = decode(path, max_frames=7)
    peer = read_all(path)
    assert len(peer) == 60
    assert (media.kind, media.width, media.height, len(media.frames)) == ("video", 160, 96, 7)
    assert media.duration == pytest.approx(60 / 25, abs=0.05)
    assert media.fps == pytest.approx(25, rel=0.02)
    assert media.warnings == []
    for slot, frame in enumerate(media.frames):
        middle = (slot + 0.5) * media.duration / 7
        assert frame.time == pytest.approx(middle, abs=0.17 if name in OPEN_GOP else 0.041)
        assert frame.index == pytest.approx(frame.time * 25, abs=0.6)
        nearest = min(peer, key=lambda item: abs(item[0] - frame.time))
        assert np.array_equal(frame.rgb, nearest[1])


def test_every_frame_of_a_short_clip(clip, numbered_frames) -> None:
    path = clip("short.mp4", numbered_frames(5))
    media = decode(path, max_frames=16)
    assert [frame.index for frame in media.frames] == [0, 1, 2, 3, 4]
    for frame, (time, rgb) in zip(media.frames, read_all(path), strict=True):
        assert frame.time == pytest.approx(time)
        assert np.array_equal(frame.rgb, rgb)


def test_scout_takes_keyframes_alone(clip, numbered_frames) -> None:
    path = clip("scout.mp4", numbered_frames(100), gop=20, options={"sc_threshold": "0"})
    media = decode(path, max_frames=3, scout=True)
    assert len(media.frames) == 3
    assert all(frame.index % 20 == 0 for frame in media.frames)
    peer = read_all(path)
    assert all(np.array_equal(frame.rgb, peer[frame.index][1]) for frame in media.frames)


def test_variable_rate_goes_by_the_clock_not_by_the_count(clip, numbered_frames) -> None:
    stamps = [40 * n for n in range(50)] + [2000 + 400 * n for n in range(20)]
    path = clip("vfr.mkv", numbered_frames(70), stamps=stamps)
    media = decode(path, max_frames=10)
    assert media.duration == pytest.approx(9.6 + 0.04, abs=0.1)
    times = [frame.time for frame in media.frames]
    assert times == sorted(times)
    assert np.diff(times).max() < 1.5
    for frame in media.frames:
        assert frame.time == pytest.approx(stamps[frame.index] / 1000, abs=0.002)


@pytest.mark.parametrize("quarter", [1, 2, 3])
def test_the_display_matrix_turns_the_picture_upright(clip, quarter: int) -> None:
    still = np.ascontiguousarray(data.astronaut()[:200, 150:390])
    path = clip("turned.mp4", [still] * 5)
    plain = decode(path, max_frames=1).frames[0].rgb
    turn(path, QUARTER_TURNS[quarter])
    media = decode(path, max_frames=1)
    upright = np.rot90(plain, -quarter)
    assert (media.height, media.width) == upright.shape[:2]
    assert np.array_equal(media.frames[0].rgb, upright)


def test_large_frames_are_reduced_and_the_true_size_is_kept(clip) -> None:
    frames = [np.full((800, 1600, 3), 90, np.uint8)] * 2
    media = decode(clip("large.mp4", frames, options={"preset": "ultrafast"}))
    assert (media.width, media.height) == (1600, 800)
    assert media.frames[0].rgb.shape == (640, 1280, 3)


def test_sound_beside_the_picture_is_no_obstacle(clip, numbered_frames) -> None:
    assert len(decode(clip("both.mp4", numbered_frames(25), sound=True), max_frames=4).frames) == 4


def test_sound_alone_is_no_video(clip) -> None:
    assert code(clip("sound.mp4", [], sound=True)) == "no_video"


def test_a_cut_clip_gives_what_came_before_the_cut(clip, numbered_frames) -> None:
    path = clip("cut.mkv", numbered_frames(100))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 6 // 10])
    media = decode(path, max_frames=6)
    assert len(media.frames) >= 3
    assert media.duration < 3.9
    assert media.warnings


def test_a_cut_clip_without_index_is_damaged(clip, numbered_frames) -> None:
    path = clip("cut.mp4", numbered_frames(50))
    path.write_bytes(path.read_bytes()[:-3000])
    assert code(path) == "damaged"


def test_other_codecs_are_refused(clip, numbered_frames) -> None:
    assert code(clip("old.avi", numbered_frames(10), codec="flv")) == "unsupported"


def test_clips_have_limits(clip, numbered_frames) -> None:
    path = clip("long.mp4", numbered_frames(50))
    assert code(path, limits=Limits(video_seconds=1.0)) == "too_long"
    assert code(path, limits=Limits(video_pixels=10_000)) == "too_many_pixels"
    assert code(path, limits=Limits(video_wall=1e-6)) == "timeout"


def test_when_time_runs_out_the_beginning_is_used_and_that_is_said(clip, numbered_frames) -> None:
    path = clip("slow.mp4", numbered_frames(30))
    with path.open("rb") as stream:
        limits = Limits(video_wall=1e-6)
        opened = decode_video(stream, MOV, limits, FramePlan("even", 8), Clock(limits))
        assert len(list(opened.frames)) == 1
    assert "beginning" in opened.notes[0]


def test_memory_does_not_grow_with_the_length(clip) -> None:
    """Sixty 720p frames are 166 MB of RGB; the child handles them in an address space that could not hold those."""
    frames = [np.full((720, 1280, 3), n, np.uint8) for n in range(60)]
    path = clip("flat.mp4", frames, options={"preset": "ultrafast"})
    media = decode(path, max_frames=60, limits=Limits(memory_bytes=480 << 20, threads=1))
    assert len(media.frames) == 60
