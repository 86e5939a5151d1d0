"""Search again for faces where the first search found none: in the turned picture, or in a brightened one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from core.data.faces.faces import FaceDetection, find_faces

MIN_RETRY_SCORE = 0.97
"""Least detection score of a face that only a second search finds: each search is another chance for a mistake."""
DARK_GREY, TARGET_GREY, MAX_GAIN = 60.0, 115.0, 12.0
"""A picture with a mean under DARK_GREY (of 255) is brightened to the mean TARGET_GREY, by MAX_GAIN at most."""
TURNS = ((2, "after turning it by 180 degrees"), (1, "after turning it by 90 degrees to the left"),
         (3, "after turning it by 90 degrees to the right"))  # fmt: skip

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class RetriedFaces:
    """Faces that a second search found.

    Attributes:
        detections: One list for each picture, in pixels of `pictures`.
        pictures: What the members score: turned where the search turned them, never brightened.
        turn: Quarter turns to the left.
        how: What was done, in words.
    """

    detections: list[list[FaceDetection]]
    pictures: list[np.ndarray]
    turn: int
    how: str


def retry_faces(pictures: Sequence[np.ndarray], detector: str) -> RetriedFaces | None:
    """Search for faces in turned or brightened pictures, and stop at the first change that shows one.

    Of a clip, the middle frame is tried first and the others only when it shows a face, so that a clip without faces
    costs at most four more detections.

    Args:
        pictures: (H, W, 3) uint8 RGB, the frames of one file.
        detector: Name of the face detector.

    Returns:
        The faces; None when no change shows one.

    Raises:
        LookupError: There is no such face detector.
        RuntimeError: The face detector cannot run here.
    """
    middle = len(pictures) // 2
    for turn, gain, how in _changes(pictures[middle]):
        if not _sure_faces(pictures[middle], turn, gain, detector):
            continue
        detections = [_sure_faces(rgb, turn, gain, detector) for rgb in pictures]
        return RetriedFaces(detections, [np.ascontiguousarray(np.rot90(rgb, turn)) for rgb in pictures], turn, how)
    return None


def unturned(box: Box, turn: int, size: tuple[int, int]) -> Box:
    """Turn a box back.

    Args:
        box: x, y, width, height in pixels of a picture that was turned.
        turn: Quarter turns to the left.
        size: (width, height) of the turned picture.

    Returns:
        The box in pixels of the picture before it was turned.
    """
    x, y, w, h = box
    width, height = size
    for _ in range(turn):  # one quarter turn to the right
        x, y, w, h = height - y - h, x, h, w
        width, height = height, width
    return x, y, w, h


def _changes(rgb: np.ndarray) -> Iterator[tuple[int, float, str]]:
    """(quarter turns to the left, gain, in words) of each change to try, in order."""
    mean = float(rgb.mean())
    if mean < DARK_GREY:
        gain = min(MAX_GAIN, TARGET_GREY / max(mean, 1.0))
        yield 0, gain, "after brightening it; the members scored the picture as it is"
    for turn, how in TURNS:
        yield turn, 1.0, how


def _sure_faces(rgb: np.ndarray, turn: int, gain: float, detector: str) -> list[FaceDetection]:
    changed = np.ascontiguousarray(np.rot90(rgb, turn))
    if gain != 1.0:
        changed = np.clip(changed.astype(np.float32) * gain, 0, 255).astype(np.uint8)
    return [face for face in find_faces(changed, detector) if face.score >= MIN_RETRY_SCORE]
