"""A second look for faces where the first found none: the picture turned, or brightened for the detector's eyes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from core.data.faces.faces import FaceDetection, find_faces

SURE = 0.97
"""Least score of a face that only a second look finds: each look is another chance for a mistake."""
DARK, AIM, MOST_GAIN = 60.0, 115.0, 12.0
"""A picture whose mean grey is under DARK (of 255) is brightened until it is AIM, at most by MOST_GAIN."""
TURNS = ((2, "after turning it by 180 degrees"), (1, "after turning it by 90 degrees to the left"),
         (3, "after turning it by 90 degrees to the right"))  # fmt: skip

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class RetriedFaces:
    """detections: a list a picture, in pixels of `pictures`, which are what the members score: turned where the look
    turned them, never brightened. turn: quarter turns to the left. how: in words.
    """

    detections: list[list[FaceDetection]]
    pictures: list[np.ndarray]
    turn: int
    how: str


def retry_faces(pictures: Sequence[np.ndarray], detector: str) -> RetriedFaces | None:
    """The first look that finds a face, or None. pictures: (H, W, 3) uint8, frames of one file.

    Of a clip the middle frame is tried first and the others only where it shows a face, so that a clip without faces
    costs four detections more at most. Raises as `find_faces` does.
    """
    middle = len(pictures) // 2
    for turn, gain, how in _ways(pictures[middle]):
        if not _sure(pictures[middle], turn, gain, detector):
            continue
        detections = [_sure(rgb, turn, gain, detector) for rgb in pictures]
        return RetriedFaces(detections, [np.ascontiguousarray(np.rot90(rgb, turn)) for rgb in pictures], turn, how)
    return None


def unturned(box: Box, turn: int, size: tuple[int, int]) -> Box:
    """A box of a picture that was turned by `turn` quarters to the left, in pixels of the picture before.

    size: (width, height) of the turned picture.
    """
    x, y, w, h = box
    width, height = size
    for _ in range(turn):
        x, y, w, h = height - y - h, x, h, w
        width, height = height, width
    return x, y, w, h


def _ways(rgb: np.ndarray) -> Iterator[tuple[int, float, str]]:
    mean = float(rgb.mean())
    if mean < DARK:
        yield 0, min(MOST_GAIN, AIM / max(mean, 1.0)), "after brightening it; it was scored as it is"
    for turn, how in TURNS:
        yield turn, 1.0, how


def _sure(rgb: np.ndarray, turn: int, gain: float, detector: str) -> list[FaceDetection]:
    seen = np.ascontiguousarray(np.rot90(rgb, turn))
    if gain != 1.0:
        seen = np.clip(seen.astype(np.float32) * gain, 0, 255).astype(np.uint8)
    return [face for face in find_faces(seen, detector) if face.score >= SURE]
