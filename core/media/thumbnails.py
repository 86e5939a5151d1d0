"""Small views of many untrusted pictures, as JPEG made here."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from PIL import Image

from core.media.pictures import LIMITS, read_picture
from core.media.types import MediaRejected

VIEW_LIMITS = replace(LIMITS, file_bytes=48 << 20, image_wall=10.0)


def thumbnails(paths: Sequence[Path], side: int = 160) -> list[bytes | str]:
    """Return a small view of each picture.

    Only still pictures, by their first bytes; a clip gets a sentence. What a file holds never raises.

    Args:
        paths: The files.
        side: Longest side of a view in pixels.

    Returns:
        One answer a path, in order: a JPEG made here, or a sentence on why there is none.
    """
    return [_view(path, side) for path in paths]


def _view(path: Path, side: int) -> bytes | str:
    try:
        frame = read_picture(path, side, VIEW_LIMITS)
    except MediaRejected as refusal:
        return refusal.sentence
    stream = io.BytesIO()
    Image.fromarray(frame.rgb).save(stream, "JPEG", quality=85)
    return stream.getvalue()
