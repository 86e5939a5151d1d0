"""Clips that the tests encode themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

ClipMaker = Callable[..., Path]


def numbered(count: int, width: int = 160, height: int = 96) -> list[np.ndarray]:
    """Frames that differ: a gradient that moves on, on a ground that brightens."""
    ramp = np.add.outer(np.arange(height), np.arange(width))
    return [
        np.stack([(ramp + 5 * n) % 200 + 20, np.full_like(ramp, 20 + n % 200), (ramp - 3 * n) % 150 + 40], 2).astype(
            "u1"
        )
        for n in range(count)
    ]


def encode(
    path: Path,
    frames: Sequence[np.ndarray],
    *,
    codec: str = "libx264",
    rate: int = 25,
    gop: int = 12,
    stamps: Sequence[int] | None = None,
    options: dict[str, str] | None = None,
    sound: bool = False,
) -> Path:
    """Write frames (H, W, 3) uint8 as a clip. stamps: presentation times in 1/1000 s, else a constant rate."""
    with av.open(str(path), "w") as container:
        if len(frames):
            video = container.add_stream(codec, rate=rate, options=options or {})
            video.height, video.width = frames[0].shape[:2]
            video.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
            video.gop_size = gop
            video.bit_rate = 800_000
            if stamps is not None:
                video.codec_context.time_base = Fraction(1, 1000)
        if sound:
            audio = container.add_stream("aac", rate=16000, layout="mono")
            for start in range(0, 16000, 1024):
                piece = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
                piece.sample_rate, piece.pts, piece.time_base = 16000, start, Fraction(1, 16000)
                container.mux(audio.encode(piece))
            container.mux(audio.encode(None))
        for number, rgb in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(rgb, "rgb24")
            if stamps is not None:
                frame.pts, frame.time_base = stamps[number], Fraction(1, 1000)
            else:
                frame.pts, frame.time_base = number, Fraction(1, rate)
            container.mux(video.encode(frame))
        if len(frames):
            container.mux(video.encode(None))
    return path


@pytest.fixture
def clip(tmp_path: Path) -> ClipMaker:
    """`clip(name, frames, **options)` -> path of the encoded file."""
    return lambda name, frames, **options: encode(tmp_path / name, frames, **options)


@pytest.fixture
def numbered_frames() -> Callable[..., list[np.ndarray]]:
    return numbered
