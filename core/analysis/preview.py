"""Draw the pictures of a card: each face, and the frame that the evidence explains with the boxes of its faces."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from core.analysis.faces import Box, FaceCandidate, FacesFound
from core.analysis.verdict import judge
from core.documents.analysis import Analysis
from core.documents.inputs import InputSpec
from core.explain.pictures import save_png
from core.media.types import Media

PICTURE = "picture.png"
"""The file's own small picture beside the document."""
PREVIEW_SIDE_PX = 480
"""Longest side of the small picture."""
LINE_COLOUR, EDGE_COLOUR = (255, 255, 255), (20, 20, 20)


def save_pictures(
    document: Analysis, media: Media, faces: FacesFound, shown: Sequence[int], stage1_input: InputSpec, out: Path
) -> Analysis:
    """Save each face's crop as stage 1 saw it in the frame that is shown, and that frame with its faces marked.

    Args:
        document: Of the file; one report for each candidate.
        media: The decoded file.
        faces: The candidates.
        shown: Index of the shown frame of each candidate.
        stage1_input: Input of the stage-1 member.
        out: Folder for the PNGs.

    Returns:
        The document with the names of the PNGs.
    """
    reports = []
    for face, candidate, frame in zip(document.faces, faces.candidates, shown, strict=True):
        name = f"face_{face.face}.png"
        save_png(out / name, candidate.crops(stage1_input)[frame])
        reports.append(face.model_copy(update={"crop": name}))
    chosen = judge(document.faces, faces.left_out).face
    if chosen is None:
        picture = marked_picture(media.frames[len(media.frames) // 2].rgb)
    else:
        picture = marked_frame(faces.candidates, chosen, shown[chosen])
    save_png(out / PICTURE, picture)
    return document.model_copy(update={"faces": reports, "picture": PICTURE})


def marked_picture(rgb: np.ndarray, boxes: Sequence[tuple[str, Box]] = ()) -> np.ndarray:
    """Reduce a picture and draw labelled boxes into it; each box has a dark and a light line to show on any picture.

    Args:
        rgb: (H, W, 3) uint8.
        boxes: (label, box in pixels of `rgb`).

    Returns:
        (H, W, 3) uint8 with the longest side at most PREVIEW_SIDE_PX.
    """
    small = Image.fromarray(rgb)
    ratio = min(1.0, PREVIEW_SIDE_PX / max(small.size))
    if ratio < 1:
        small = small.resize((max(1, round(small.width * ratio)), max(1, round(small.height * ratio))))
    pen = ImageDraw.Draw(small)
    for label, (x, y, w, h) in boxes:
        corners = [ratio * x, ratio * y, ratio * (x + w), ratio * (y + h)]
        pen.rectangle(corners, outline=EDGE_COLOUR, width=6)
        inner = [corners[0] + 1, corners[1] + 1, corners[2] - 1, corners[3] - 1]
        pen.rectangle(inner, outline=LINE_COLOUR, width=4)
        if label:
            at = corners[0] + 8, corners[1] + 5
            pen.text(at, label, fill=LINE_COLOUR, stroke_width=3, stroke_fill=EDGE_COLOUR, font_size=26)
    return np.asarray(small)


def marked_frame(candidates: Sequence[FaceCandidate], chosen: int, frame: int) -> np.ndarray:
    """Draw one frame of a face with the boxes of all faces in that very frame.

    Args:
        candidates: All faces; the centre square is no face and gets no box.
        chosen: Index of the face.
        frame: Index of its frame.

    Returns:
        As `marked_picture`.
    """
    time, shown = candidates[chosen].times[frame], candidates[chosen].pictures[frame]
    boxes = []
    for number, candidate in enumerate(candidates, 1):
        if candidate.whole or time not in candidate.times:
            continue
        at = list(candidate.times).index(time)
        if candidate.pictures[at] is shown:
            boxes.append((str(number) if len(candidates) > 1 else "", candidate.boxes[at]))
    return marked_picture(shown, boxes)
