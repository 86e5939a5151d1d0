"""Decoded media and the refusal of media: what the rest of the code sees of an untrusted file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np


class MediaRejected(Exception):
    """A file that is not analysed. `code` is a stable word for programs, `sentence` explains it to a person."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


@dataclass(frozen=True)
class Frame:
    """One decoded picture.

    Attributes:
        rgb: (H, W, 3) uint8, upright.
        time: Seconds from the start, 0 for an image.
        index: Number of the frame.
        lost: The part that the file does not hold because its end is missing: x, y, width, height in pixels of rgb;
            None where nothing is missing.
    """

    rgb: np.ndarray
    time: float
    index: int
    lost: tuple[float, float, float, float] | None = None

    def missing(self, box: tuple[float, float, float, float] | None = None) -> float:
        """Compute the share of a region that the file does not hold.

        Args:
            box: x, y, width, height in pixels of rgb; None for the whole picture.

        Returns:
            A float in [0, 1].
        """
        if self.lost is None:
            return 0.0
        x, y, w, h = box or (0.0, 0.0, float(self.rgb.shape[1]), float(self.rgb.shape[0]))
        left, top, wide, high = self.lost
        across = min(x + w, left + wide) - max(x, left)
        down = min(y + h, top + high) - max(y, top)
        return max(across, 0.0) * max(down, 0.0) / (w * h) if w > 0 and h > 0 else 0.0


def lost_part(shares: Sequence[float] | None, width: int, height: int) -> tuple[float, float, float, float] | None:
    """Turn the missing part of a picture from shares into pixels; shares are held to [0, 1], for they are not trusted.

    Args:
        shares: Left, top, right and bottom in shares of the sides; None where nothing is missing.
        width: Of the decoded picture, pixels.
        height: Of the decoded picture, pixels.

    Returns:
        x, y, width, height in pixels; None where nothing is missing.

    Raises:
        ValueError: These are no four numbers.
        TypeError: These are no numbers.
    """
    if shares is None:
        return None
    left, top, right, bottom = (min(max(float(share), 0.0), 1.0) for share in shares)
    return left * width, top * height, (right - left) * width, (bottom - top) * height


@dataclass(frozen=True)
class Media:
    """A decoded file.

    Attributes:
        kind: `image` or `video`.
        sha256: Of the file, hexadecimal.
        format: Container, and codec for a clip.
        width: Of the original, upright, pixels.
        height: Of the original, upright, pixels.
        duration: Seconds, 0 for an image.
        fps: Frames a second, 0 for an image.
        frames: In order of time.
        warnings: Notes for a person, a sentence each.
    """

    kind: Literal["image", "video"]
    sha256: str
    format: str
    width: int
    height: int
    duration: float
    fps: float
    frames: list[Frame]
    warnings: list[str] = field(default_factory=list)

    def describe(self) -> dict:
        """Return the `media` part of an analysis document, JSON."""
        return {
            "kind": self.kind,
            "format": self.format,
            "width": self.width,
            "height": self.height,
            "duration_s": round(self.duration, 3),
            "fps": round(self.fps, 3),
            "frames_scored": len(self.frames),
        }
