"""Decoded media and the refusal of media: what the rest of the code sees of an untrusted file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np


class MediaRejected(Exception):
    """A file that is not analysed. `code` is a stable word for programs, `sentence` explains it to a person."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


@dataclass(frozen=True)
class Frame:
    """One decoded picture: rgb (H, W, 3) uint8, upright; time in seconds from the start (0 for an image)."""

    rgb: np.ndarray
    time: float
    index: int


@dataclass(frozen=True)
class Media:
    """A decoded file. width, height: of the original, upright, pixels. duration: seconds, 0 for an image."""

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
