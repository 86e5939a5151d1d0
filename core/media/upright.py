"""Turn a decoded frame into an upright RGB picture of standard range, inside the child."""

from __future__ import annotations

import contextlib
import struct
from dataclasses import dataclass, field

from PIL import Image, ImageChops

from core.media.hdr import in_standard_range
from core.media.limits import Limits, Refusal

COMB_LEVEL = 16
COMB_SHARE = 0.005
"""A frame that is marked as interlaced shows combing when so many pixels of one field lie so many grey levels above or
below both neighbours of the other field."""

# Signs of (a, b, c, d) of a display matrix, which sends (x, y) to (ax + cy, bx + dy) with y downwards -> transposition.
_MATRICES = {
    (1, 0, 0, 1): None,
    (-1, 0, 0, 1): Image.Transpose.FLIP_LEFT_RIGHT,
    (-1, 0, 0, -1): Image.Transpose.ROTATE_180,
    (1, 0, 0, -1): Image.Transpose.FLIP_TOP_BOTTOM,
    (0, 1, 1, 0): Image.Transpose.TRANSPOSE,
    (0, 1, -1, 0): Image.Transpose.ROTATE_270,
    (0, -1, -1, 0): Image.Transpose.TRANSVERSE,
    (0, -1, 1, 0): Image.Transpose.ROTATE_90,
}
_QUARTER = (
    *(Image.Transpose.TRANSPOSE, Image.Transpose.ROTATE_270),
    *(Image.Transpose.TRANSVERSE, Image.Transpose.ROTATE_90),
)


@dataclass
class Finisher:
    """Makes pictures of the frames of one track.

    Attributes:
        aspect: Width of a stored pixel over its height.
        limits: Largest frame, and longest side of a picture.
        notes: Gets a sentence for everything that was done to the picture beside turning it, once.
        turns: Transposition by the rotation that a frame states.
    """

    aspect: float
    limits: Limits
    notes: list[str]
    turns: dict[int, Image.Transpose | None] = field(default_factory=dict)

    def picture(self, frame) -> Image.Image:
        """Reduce a frame to `limits.video_side`, convert it to RGB and turn it as its display matrix says.

        Args:
            frame: A video frame of PyAV.

        Returns:
            The picture; `info["original"]` is the upright size of the original in pixels.

        Raises:
            Refusal: The frame has too many pixels.
        """
        if frame.width * frame.height > self.limits.video_pixels:
            raise Refusal("too_many_pixels", f"A frame of the clip has {frame.width} x {frame.height} pixels.")
        full = (max(round(frame.width * self.aspect), 1), frame.height)
        shrink = min(1.0, self.limits.video_side / max(full))
        width, height = (max(round(side * shrink), 1) for side in full)
        # Clips that do not say their colour matrix: HD is BT.709 by custom, smaller ones BT.601.
        matrix = "ITU709" if frame.colorspace == 2 and frame.height >= 720 else None
        if frame.interlaced_frame and is_combed(frame):
            self._note(
                "The clip is interlaced. Frames with visible combing were de-interlaced, which halves their vertical "
                "detail."
            )
            whole = _rgb(frame.reformat(frame.width, frame.height, "rgb24", src_colorspace=matrix), every=2)
            picture = whole.resize((width, height), Image.Resampling.BICUBIC)
        else:
            how = "AREA" if shrink < 1 else None
            picture = _rgb(frame.reformat(width, height, "rgb24", src_colorspace=matrix, interpolation=how))
        picture = in_standard_range(picture, frame.color_trc, "clip", self.notes)
        # Looked up once a rotation: asking PyAV for side data ties a frame into a cycle that only the collector frees.
        if frame.rotation not in self.turns:
            self.turns[frame.rotation] = display_turn(frame)
        transposition = self.turns[frame.rotation]
        if transposition is not None:
            picture = picture.transpose(transposition)
        picture.info["original"] = full[::-1] if transposition in _QUARTER else full
        return picture

    def _note(self, sentence: str) -> None:
        if sentence not in self.notes:
            self.notes.append(sentence)


def _rgb(frame, every: int = 1) -> Image.Image:
    """The rows of an rgb24 frame as a picture. every: 2 takes the rows of one field."""
    plane = frame.planes[0]
    size = (frame.width, max(frame.height // every, 1))
    return Image.frombuffer("RGB", size, plane, "raw", "RGB", plane.line_size * every, 1)


def display_turn(frame) -> Image.Transpose | None:
    """Find how a frame is to be turned and mirrored, from its whole display matrix.

    Args:
        frame: A video frame of PyAV.

    Returns:
        The transposition nearest to the matrix; None where the frame is upright.
    """
    with contextlib.suppress(KeyError, ValueError, struct.error):
        data = frame.side_data["DISPLAYMATRIX"]
        if data is not None:
            a, b, _, c, d, *_ = struct.unpack("=9i", bytes(data)[:36])
            if abs(a) + abs(d) < abs(b) + abs(c):
                a = d = 0
            else:
                b = c = 0
            return _MATRICES.get(tuple((value > 0) - (value < 0) for value in (a, b, c, d)))  # type: ignore[arg-type]
    return None


def is_combed(frame) -> bool:
    """Whether the two fields of a frame show different moments: rows stand out from both of their neighbours.

    Args:
        frame: A video frame of PyAV.

    Returns:
        True when combing is visible.
    """
    grey = frame.reformat(format="gray")
    plane, half = grey.planes[0], grey.height // 2
    if half < 2:
        return False
    rows = memoryview(plane).cast("B")

    def field(first: int, count: int) -> Image.Image:
        part = rows[first * plane.line_size :]
        return Image.frombuffer(
            "L",
            (grey.width, count),
            part,  # type: ignore[arg-type]
            "raw",
            "L",
            plane.line_size * 2,
            1,
        )

    above, between, below = field(0, half - 1), field(1, half - 1), field(2, half - 1)
    over = ImageChops.subtract(between, ImageChops.lighter(above, below))
    under = ImageChops.subtract(ImageChops.darker(above, below), between)
    histogram = ImageChops.lighter(over, under).histogram()
    return sum(histogram[COMB_LEVEL:]) > COMB_SHARE * grey.width * (half - 1)
