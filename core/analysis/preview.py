"""The picture at the top of a card: the frame that the evidence explains, small, with the boxes of its faces."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from core.analysis.faces import Box, FaceCandidate

SIDE = 480
"""Longest side of the small picture, pixels."""
INK, EDGE = (255, 255, 255), (20, 20, 20)


def marked_picture(rgb: np.ndarray, boxes: Sequence[tuple[str, Box]] = ()) -> np.ndarray:
    """(H, W, 3) uint8, longest side at most SIDE: the picture with boxes and their labels.

    rgb: (H, W, 3) uint8; boxes: (label, box in pixels of rgb). Two lines, dark and light, stand out on any picture.
    """
    small = Image.fromarray(rgb)
    ratio = min(1.0, SIDE / max(small.size))
    if ratio < 1:
        small = small.resize((max(1, round(small.width * ratio)), max(1, round(small.height * ratio))))
    pen = ImageDraw.Draw(small)
    for label, (x, y, w, h) in boxes:
        corners = [ratio * x, ratio * y, ratio * (x + w), ratio * (y + h)]
        pen.rectangle(corners, outline=EDGE, width=6)
        pen.rectangle([corners[0] + 1, corners[1] + 1, corners[2] - 1, corners[3] - 1], outline=INK, width=4)
        if label:
            pen.text((corners[0] + 8, corners[1] + 5), label, fill=INK, stroke_width=3, stroke_fill=EDGE, font_size=26)
    return np.asarray(small)


def marked_frame(candidates: Sequence[FaceCandidate], chosen: int, frame: int) -> np.ndarray:
    """`marked_picture` of one frame of the chosen face, with the box of every face of that very frame."""
    time, shown = candidates[chosen].times[frame], candidates[chosen].pictures[frame]
    boxes = []
    for number, one in enumerate(candidates, 1):
        if one.whole or time not in one.times:
            continue
        at = list(one.times).index(time)
        if one.pictures[at] is shown:
            boxes.append((str(number) if len(candidates) > 1 else "", one.boxes[at]))
    return marked_picture(shown, boxes)
