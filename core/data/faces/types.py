"""Types of a found face and of a face detector: the convention of boxes and the registry.

**The convention.** A box is the one that YuNet gives: from forehead to chin, as wide as the face without ears. Boxes of
other detectors are brought to it by `BoxHabit`, measured on the same faces (figures in `detectors`). Crops are squares
of `scale` times the longer side of that box, so a network sees the same framing from every detector.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from core.registry import Registry


@dataclass(frozen=True)
class FaceDetection:
    """One face of a picture.

    Attributes:
        box: x, y, width, height in pixels of the given picture; may reach over its edge.
        score: Confidence of the detector in [0, 1].
        landmarks: (5, 2) float pixels (eye on the left of the picture, eye on the right, nose, left mouth corner, right
            mouth corner), or None where the detector gives none.
    """

    box: tuple[float, float, float, float]
    score: float
    landmarks: np.ndarray | None = None

    @property
    def area(self) -> float:
        return self.box[2] * self.box[3]

    @property
    def centre(self) -> tuple[float, float]:
        """Return (x, y) of the middle of the box in pixels of the picture."""
        x, y, w, h = self.box
        return x + w / 2, y + h / 2


@dataclass(frozen=True)
class BoxHabit:
    """The difference of a detector's boxes from the convention: factors on width and height, shifts in longer sides."""

    width: float = 1.0
    height: float = 1.0
    right: float = 0.0
    down: float = 0.0

    def apply(self, face: FaceDetection) -> FaceDetection:
        """Return the same face with its box by the convention.

        Args:
            face: A detection whose box follows the detector's own habit.

        Returns:
            A detection with the corrected box and the same score and landmarks.
        """
        x, y, w, h = face.box
        side = max(w, h)
        cx, cy = x + w / 2 + self.right * side, y + h / 2 + self.down * side
        w, h = w * self.width, h * self.height
        return FaceDetection((cx - w / 2, cy - h / 2, w, h), face.score, face.landmarks)


Find = Callable[[np.ndarray, float], list[FaceDetection]]
"""rgb (H, W, 3) uint8 and the smallest longer side in pixels -> faces in the detector's own habit."""


@dataclass(frozen=True)
class FaceDetector:
    """One way to find faces. `ready()` returns a sentence on why it cannot run here, or None."""

    name: str
    find: Find
    ready: Callable[[], str | None]
    habit: BoxHabit = BoxHabit()
    landmarks: bool = True


face_detectors: Registry[FaceDetector] = Registry("face detector")
