"""Clips that the tests encode themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image
from skimage import data


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


def portrait(longer_side: float) -> np.ndarray:
    """Head and shoulders (public-domain photograph), enlarged until the face is about so many pixels high."""
    head = Image.fromarray(data.astronaut()[0:220, 110:340])
    zoom = longer_side / 111
    size = (round(head.width * zoom), round(head.height * zoom))
    return np.asarray(head.resize(size, Image.Resampling.BICUBIC))


def people(places: Sequence[tuple[int, int, float]], width: int = 640, height: int = 400) -> np.ndarray:
    """A grey picture with people at (left, top, face height in pixels)."""
    picture = np.full((height, width, 3), 105, np.uint8)
    for left, top, side in places:
        head = portrait(side)[: height - top, : width - left]
        picture[top : top + head.shape[0], left : left + head.shape[1]] = head
    return picture


def turn(path: Path, matrix: tuple[int, int, int, int]) -> None:
    """Give an MP4 a display matrix, as phones do: the stored picture stays as it is."""
    raw = bytearray(path.read_bytes())
    at = raw.index(b"tkhd") + 4 + 40
    a, b, c, d = matrix
    for place, value in enumerate((a << 16, b << 16, 0, c << 16, d << 16, 0)):
        raw[at + 4 * place : at + 4 * place + 4] = value.to_bytes(4, "big", signed=True)
    path.write_bytes(raw)


QUARTER_TURNS = {1: (0, 1, -1, 0), 2: (-1, 0, 0, -1), 3: (0, -1, 1, 0)}
"""Display matrices that turn the stored picture clockwise by so many quarters."""

DISPLAY_MATRICES: dict[str, tuple[tuple[int, int, int, int], Callable[[np.ndarray], np.ndarray]]] = {
    "upright": ((1, 0, 0, 1), lambda a: a),
    "mirrored": ((-1, 0, 0, 1), np.fliplr),
    "upside down": ((-1, 0, 0, -1), lambda a: np.rot90(a, 2)),
    "mirrored upside down": ((1, 0, 0, -1), np.flipud),
    "transposed": ((0, 1, 1, 0), lambda a: a.transpose(1, 0, 2)),
    "clockwise": ((0, 1, -1, 0), lambda a: np.rot90(a, -1)),
    "transposed the other way": ((0, -1, -1, 0), lambda a: np.rot90(a, 2).transpose(1, 0, 2)),
    "counter-clockwise": ((0, -1, 1, 0), np.rot90),
}
"""All eight ways to turn and mirror: (a, b, c, d), which sends (x, y) to (ax + cy, bx + dy), and how it then looks."""
