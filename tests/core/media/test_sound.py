"""The sound of a clip: 16 kHz, mono, in step with the pictures. Tones are found again by their spectrum."""

from __future__ import annotations

import wave
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from core.media.decode import stream
from core.media.limits import Limits
from core.media.plan import FramePlan
from core.media.types import MediaRejected

RATE = 16_000


def beeps(seconds: float, rate: int, starts: list[float], tone: float = 1000.0) -> np.ndarray:
    """Silence with 0.1 s of a tone at each start, float32."""
    time = np.arange(round(seconds * rate)) / rate
    on = np.any([(time >= s) & (time < s + 0.1) for s in starts], axis=0)
    return (0.5 * np.sin(2 * np.pi * tone * time) * on).astype(np.float32)


def clip_with_sound(
    path: Path,
    samples: np.ndarray,
    rate: int = 48_000,
    codec: str = "aac",
    layout: str = "stereo",
    seconds: float = 2.0,
    sound_from: float = 0.0,
    picture_from: float = 0.0,
) -> Path:
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = 96, 64, "yuv420p"
        audio = container.add_stream(codec, rate=rate, layout=layout)
        kind = audio.codec_context.format.name
        channels = len(audio.codec_context.layout.channels)
        for start in range(0, len(samples), 1024):
            piece = np.repeat(samples[None, start : start + 1024], channels, 0)
            if kind.startswith("s16"):
                piece = (piece * 32767).astype(np.int16)
            if not kind.endswith("p"):
                piece = piece.T.reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(piece), kind, layout)
            frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
            frame.pts = start + round(sound_from * rate)
            container.mux(audio.encode(frame))
        container.mux(audio.encode(None))
        for number in range(round(seconds * 25)):
            frame = av.VideoFrame.from_ndarray(np.full((64, 96, 3), number, np.uint8), "rgb24")
            frame.pts, frame.time_base = number + round(picture_from * 25), Fraction(1, 25)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
    return path


def sound_of(path: Path, target: Path, **options):
    """(word, samples in [-1, 1] or None, frames taken)"""
    with stream(path, FramePlan("even", 4), sound_to=target, **options) as reading:
        frames = list(reading)
    if not target.exists():
        return reading.sound, None, frames
    with wave.open(str(target)) as wav:
        assert (wav.getframerate(), wav.getnchannels(), wav.getsampwidth()) == (RATE, 1, 2)
        return reading.sound, np.frombuffer(wav.readframes(wav.getnframes()), "<i2") / 32768, frames


def onsets(samples: np.ndarray) -> list[float]:
    """Seconds at which 10 ms windows become loud."""
    loud = np.abs(samples[: len(samples) // 160 * 160]).reshape(-1, 160).max(1) > 0.1
    return [float(n * 0.01) for n in np.flatnonzero(loud[1:] & ~loud[:-1]) + 1]


@pytest.mark.parametrize(
    ("name", "codec", "rate", "layout"),
    [
        ("a.mp4", "aac", 48_000, "stereo"),
        ("b.mkv", "libopus", 48_000, "mono"),
        ("c.avi", "pcm_s16le", 44_100, "stereo"),
        ("d.mkv", "flac", 22_050, "mono"),
        ("e.mkv", "ac3", 44_100, "stereo"),
    ],
)
def test_sound_is_kept_at_its_time_and_pitch(tmp_path: Path, name: str, codec: str, rate: int, layout: str) -> None:
    path = clip_with_sound(tmp_path / name, beeps(2.0, rate, [0.4, 1.3]), rate, codec, layout)
    word, samples, frames = sound_of(path, tmp_path / "sound.wav")
    assert (word, len(frames)) == ("kept", 4)
    assert len(samples) / RATE == pytest.approx(2.0, abs=0.06)
    assert onsets(samples) == pytest.approx([0.4, 1.3], abs=0.05)
    tone = samples[int(1.32 * RATE) : int(1.38 * RATE)]
    spectrum = np.abs(np.fft.rfft(tone * np.hanning(len(tone)), 16_000))
    assert np.argmax(spectrum) == pytest.approx(1000, abs=8)
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".wav"] == ["sound.wav"]


@pytest.mark.parametrize(("sound_from", "picture_from", "shift"), [(0.0, 0.4, -0.4), (0.5, 0.0, 0.5)])
def test_the_first_sample_is_heard_with_the_first_frame(tmp_path, sound_from, picture_from, shift) -> None:
    samples = beeps(2.0, 48_000, [0.8])
    path = clip_with_sound(
        tmp_path / "late.mkv", samples, codec="flac", sound_from=sound_from, picture_from=picture_from
    )
    _, heard, _ = sound_of(path, tmp_path / "s.wav")
    assert onsets(heard) == pytest.approx([0.8 + shift], abs=0.03)


def test_sound_that_outlasts_the_pictures_is_cut(tmp_path: Path) -> None:
    path = clip_with_sound(tmp_path / "long.mp4", beeps(6.0, 48_000, [0.5, 4.0]), seconds=1.0)
    _, samples, _ = sound_of(path, tmp_path / "s.wav")
    assert len(samples) / RATE == pytest.approx(1.0, abs=0.05)


def test_a_clip_without_sound_says_so(tmp_path: Path, clip, numbered_frames) -> None:
    word, samples, frames = sound_of(clip("mute.mp4", numbered_frames(10)), tmp_path / "s.wav")
    assert (word, samples, len(frames)) == ("none", None, 4)


def test_sound_in_a_codec_that_is_not_opened_is_left_out_and_said(tmp_path: Path) -> None:
    path = clip_with_sound(tmp_path / "odd.mkv", beeps(1.0, 48_000, [0.2]), codec="mp2")
    with stream(path, sound_to=tmp_path / "s.wav") as reading:
        assert list(reading)
    assert reading.sound == "unread"
    assert any("sound" in note for note in reading.warnings)
    assert not (tmp_path / "s.wav").exists()


def test_a_truncated_clip_keeps_the_sound_before_the_cut(tmp_path: Path) -> None:
    path = clip_with_sound(tmp_path / "cut.mkv", beeps(4.0, 48_000, [0.5, 3.5]), codec="flac", seconds=4.0)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 6 // 10])
    word, samples, frames = sound_of(path, tmp_path / "s.wav")
    assert word == "kept"
    assert frames
    assert 0.4 < len(samples) / RATE < 3.9


def test_a_refused_file_leaves_no_sound(tmp_path: Path) -> None:
    path = clip_with_sound(tmp_path / "a.mp4", beeps(2.0, 48_000, [0.2]))
    with pytest.raises(MediaRejected) as refused:
        sound_of(path, tmp_path / "s.wav", limits=Limits(video_seconds=0.5))
    assert refused.value.code == "too_long"
    path.write_bytes(b"")
    with pytest.raises(MediaRejected):
        sound_of(path, tmp_path / "s.wav")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4"]


@pytest.mark.parametrize("head", [b"ID3\x04", b"\xff\xfb\x90\x00", b"\xff\xf1\x50\x80", b"fLaC\0", b"RIFF\0\0\0\0WAVE"])
def test_files_of_sound_alone_are_refused_as_that(tmp_path: Path, head: bytes) -> None:
    path = tmp_path / "song.mp4"
    path.write_bytes(head + bytes(400))
    with pytest.raises(MediaRejected) as refused:
        sound_of(path, tmp_path / "s.wav")
    assert refused.value.code == "no_video"
