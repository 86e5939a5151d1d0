"""A found face, and what a face detector is: the convention of boxes and the registry.

**The convention.** A box is the one that YuNet gives: forehead to chin, as wide as the face without ears. Detectors
with other habits are brought to it by `BoxHabit`, measured on the same faces (figures in `face_table`); crops are
squares of `scale` x the longer side of that box, so a network sees the same framing from every detector.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from core.registry import Registry


@dataclass(frozen=True)
class FaceDetection:
    """box: x, y, width, height, pixels of the given picture, may reach over its edge. score: [0, 1].

    landmarks: (5, 2) float pixels (eye on the left of the picture, eye on the right, nose, mouth corner left,
    right), or None where the detector gives none.
    """

    box: tuple[float, float, float, float]
    score: float
    landmarks: np.ndarray | None = None

    @property
    def area(self) -> float:
        return self.box[2] * self.box[3]

    @property
    def centre(self) -> tuple[float, float]:
        """(x, y) of the middle of the box, pixels of the picture."""
        x, y, w, h = self.box
        return x + w / 2, y + h / 2


@dataclass(frozen=True)
class BoxHabit:
    """How a detector's boxes differ from the convention: factors on width and height, shifts in longer sides."""

    width: float = 1.0
    height: float = 1.0
    right: float = 0.0
    down: float = 0.0

    def apply(self, found: FaceDetection) -> FaceDetection:
        """The same face with its box by the convention."""
        x, y, w, h = found.box
        side = max(w, h)
        cx, cy = x + w / 2 + self.right * side, y + h / 2 + self.down * side
        w, h = w * self.width, h * self.height
        return FaceDetection((cx - w / 2, cy - h / 2, w, h), found.score, found.landmarks)


Find = Callable[[np.ndarray, float], list[FaceDetection]]
"""rgb (H, W, 3) uint8 and the smallest longer side in pixels -> faces in the detector's own habit."""


@dataclass(frozen=True)
class FaceDetector:
    """One way to find faces. `ready()` says in words why it cannot run here, or returns None."""

    name: str
    find: Find
    ready: Callable[[], str | None]
    habit: BoxHabit = BoxHabit()
    landmarks: bool = True


face_detectors: Registry[FaceDetector] = Registry("face detector")
