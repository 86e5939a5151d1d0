"""Clips that are sound and odd: time stamps that jump, mirrored matrices, several tracks, HDR, interlacing."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import data

from core.media.decode import decode
from core.media.hdr import standard_range, table
from core.media.limits import Limits
from core.media.plan import FramePlan, Timeline, plan_frames
from core.media.types import MediaRejected
from tests.support.clips import DISPLAY_MATRICES, turn

STILL = np.ascontiguousarray(data.astronaut()[:200, 150:390])


def test_a_last_frame_stamped_at_three_hours_refuses_no_clip_of_two_seconds(clip, numbered_frames) -> None:
    path = clip("late.mkv", numbered_frames(50), stamps=[40 * n for n in range(49)] + [3 * 3600 * 1000])
    media = decode(path, max_frames=8)
    assert media.duration == pytest.approx(3.0, abs=0.1)
    assert len({frame.index for frame in media.frames}) == 8
    assert media.frames[-1].time == pytest.approx(3 * 3600), "a person finds the frame by its stamp"
    assert "leave a gap of 10798.1 s" in media.warnings[0]
    assert "3.0 s long" in media.warnings[0]
    assert len(media.warnings) == 1


@pytest.mark.parametrize("place", [1, 30, 59])
def test_a_gap_takes_no_frames_away(clip, numbered_frames, place: int) -> None:
    stamps = [40 * n + (600_000 if n >= place else 0) for n in range(60)]
    media = decode(clip("gap.mkv", numbered_frames(60), stamps=stamps), max_frames=16)
    numbers = [frame.index for frame in media.frames]
    assert len(set(numbers)) == 16
    assert max(np.diff(numbers)) <= 10, "they are spread over the whole clip"
    assert "gap of 600.0 s" in media.warnings[0]


def test_steps_that_are_long_all_the_time_are_no_gaps(clip, numbered_frames) -> None:
    media = decode(clip("slides.mkv", numbered_frames(8), stamps=[5000 * n for n in range(8)]), max_frames=4)
    assert media.duration == pytest.approx(40, abs=0.1)
    assert media.warnings == []


steps = st.lists(st.sampled_from([0.04, 0.04, 0.04, 0.5, 3.0, 900.0]), min_size=1, max_size=60)


@settings(deadline=None)
@given(steps, st.lists(st.booleans(), min_size=60, max_size=60), st.integers(1, 40), st.sampled_from([0.0, 1e9]))
def test_as_many_frames_as_asked_where_the_clip_has_them(gaps, keys, count: int, budget: float) -> None:
    stamps = np.concatenate([[0.0], np.cumsum(gaps)]).tolist()
    timeline = Timeline.of(stamps, [True, *keys[: len(gaps)]], 25.0)
    wanted = plan_frames(timeline, FramePlan("even", count), budget)
    assert sum(map(len, wanted.values())) == min(count, len(stamps))
    assert timeline.duration <= timeline.span + 1e-6
    assert all(b - a <= timeline.step + 1e-6 for a, b in zip(timeline.steady, timeline.steady[1:], strict=False))


@pytest.mark.parametrize("name", DISPLAY_MATRICES)
def test_the_whole_display_matrix_is_used(clip, name: str) -> None:
    path = clip("turned.mp4", [STILL] * 3)
    plain = decode(path, max_frames=1).frames[0].rgb
    matrix, upright = DISPLAY_MATRICES[name]
    turn(path, matrix)
    media = decode(path, max_frames=1)
    wanted = upright(plain)
    assert (media.height, media.width) == wanted.shape[:2]
    assert np.array_equal(media.frames[0].rgb, wanted)


def several(path: Path, tracks: list[tuple[str, list[np.ndarray], str, Disposition | None]]) -> Path:
    """A file of several picture tracks: (codec, frames, pixel format, flags)."""
    with av.open(str(path), "w") as container:
        streams = []
        for codec, frames, pixels, flags in tracks:
            stream = container.add_stream(codec, rate=25)
            stream.height, stream.width = frames[0].shape[:2]
            stream.pix_fmt = pixels
            if flags is not None:
                stream.disposition = flags
            streams.append((stream, frames))
        for stream, frames in streams:
            for number, rgb in enumerate(frames):
                frame = av.VideoFrame.from_ndarray(rgb, "rgb24")
                frame.pts, frame.time_base = number, Fraction(1, 25)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    return path


PLAIN = "yuv420p"


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("a.mp4", ("libx264", 1, PLAIN, None)),
        ("b.mov", ("png", 1, "rgb24", None)),
        ("c.mov", ("prores_ks", 3, "yuv422p10le", None)),
        ("d.mkv", ("libx264", 2, PLAIN, Disposition.default)),
        ("e.mkv", ("libx264", 40, PLAIN, Disposition(0))),
    ],
)
def test_the_film_is_chosen_whatever_stands_before_it(tmp_path, numbered_frames, name: str, first: tuple) -> None:
    codec, count, pixels, flags = first
    second = Disposition.default if flags == Disposition(0) else Disposition(0) if flags else None
    tracks = [(codec, [STILL] * count, pixels, flags), ("libx264", numbered_frames(30), PLAIN, second)]
    media = decode(several(tmp_path / name, tracks), max_frames=3)
    assert (media.width, media.height, len(media.frames)) == (160, 96, 3)
    assert media.warnings == ["The file holds 2 picture tracks. Track 2 is analysed (h264, 160 x 96, 30 frames)."], (
        "which track is analysed is said"
    )


def test_a_track_that_is_too_large_gives_way_to_one_that_is_not(tmp_path, numbered_frames) -> None:
    path = several(
        tmp_path / "a.mp4", [("libx264", [STILL] * 9, PLAIN, None), ("libx264", numbered_frames(9), PLAIN, None)]
    )
    assert decode(path, max_frames=2, limits=Limits(video_pixels=20_000)).width == 160


def test_a_file_of_unreadable_tracks_is_refused_by_name(tmp_path) -> None:
    with pytest.raises(MediaRejected, match="prores"):
        decode(several(tmp_path / "a.mov", [("prores_ks", [STILL] * 2, "yuv422p10le", None)]))


def test_curves_of_hdr_are_those_of_the_standards() -> None:
    white = standard_range(0.58069, 0.58069, 0.58069, 16)  # PQ code of 203 cd/m2 (ITU-R BT.2408, table 1: 58 %)
    assert white == pytest.approx(standard_range(0.75, 0.75, 0.75, 18), abs=0.01), "diffuse white of HLG is 75 %"
    assert white[0] == pytest.approx(1.055 * 0.8 ** (1 / 2.4) - 0.055, abs=0.005)
    skin = standard_range(0.4, 0.4, 0.4, 16)[0]  # 34 cd/m2, below the knee: light over diffuse white, sRGB
    nits = 10_000 * ((0.4 ** (1 / 78.84375) - 0.8359375) / (18.8515625 - 18.6875 * 0.4 ** (1 / 78.84375))) ** (
        1 / 0.1593017578125
    )
    assert skin == pytest.approx(1.055 * (nits / 203) ** (1 / 2.4) - 0.055, abs=0.002)
    for transfer in (16, 18):
        greys = [standard_range(v, v, v, transfer)[0] for v in np.linspace(0, 1, 50)]
        assert greys[0] == 0
        assert 0.95 < greys[-1] <= 1
        assert np.diff(greys).min() > 0
    red, green, blue = standard_range(0.5, 0.3, 0.3, 16)
    assert red > green
    assert red > blue


@pytest.mark.parametrize("transfer", [16, 18])
def test_the_table_is_near_its_formula(transfer: int) -> None:
    from PIL import Image

    rng = np.random.default_rng(3)
    signal = rng.integers(0, 256, (1, 300, 3), dtype=np.uint8)
    got = np.asarray(Image.fromarray(signal).filter(table(transfer)), float)
    exact = np.array([[standard_range(*(value / 255 for value in pixel), transfer) for pixel in signal[0]]]) * 255
    assert np.abs(got - exact).mean() < 2
    assert np.quantile(np.abs(got - exact), 0.95) < 8


@pytest.mark.parametrize(("transfer", "code", "name"), [("smpte2084", 0.58, "PQ"), ("arib-std-b67", 0.75, "HLG")])
def test_hdr_is_mapped_and_named(clip, transfer: str, code: float, name: str) -> None:
    grey = np.full((64, 96, 3), round(code * 255), np.uint8)
    options = {"x264-params": f"colorprim=bt2020:transfer={transfer}:colormatrix=bt2020nc"}
    media = decode(clip("hdr.mp4", [grey] * 3, options=options), max_frames=2)
    assert media.frames[0].rgb.mean() == pytest.approx(231, abs=12), "diffuse white is near white, not grey"
    assert [note for note in media.warnings if f"HDR ({name})" in note] == media.warnings
    assert len(media.warnings) == 1


def woven(moments: list[np.ndarray]) -> list[np.ndarray]:
    """Frames whose two fields show two moments."""
    frames = []
    for first, second in zip(moments[::2], moments[1::2], strict=True):
        frame = first.copy()
        frame[1::2] = second[1::2]
        frames.append(frame)
    return frames


def test_interlaced_frames_are_freed_of_combing_and_that_is_said(clip) -> None:
    moments = [np.full((240, 320, 3), 30, np.uint8) for _ in range(24)]
    for number, rgb in enumerate(moments):
        rgb[60:180, 20 + 8 * number : 100 + 8 * number] = 220
    path = clip("woven.mp4", woven(moments), options={"x264-params": "tff=1", "crf": "4"})
    media = decode(path, max_frames=3)
    assert len(media.warnings) == 1
    assert "interlaced" in media.warnings[0]
    for frame in media.frames:
        rows = frame.rgb[80:160].astype(int).mean(2)
        assert np.abs(np.diff(rows, axis=0)).max() < 40, "no row stands out from its neighbours"


def test_a_clip_that_is_only_marked_as_interlaced_keeps_its_detail(clip) -> None:
    large = np.ascontiguousarray(np.repeat(np.repeat(STILL, 2, 0), 2, 1))
    marked = decode(clip("marked.mp4", [large] * 3, options={"x264-params": "tff=1", "crf": "4"}), max_frames=1)
    assert marked.warnings == []
    assert np.abs(marked.frames[0].rgb.astype(int) - large).mean() < 5
