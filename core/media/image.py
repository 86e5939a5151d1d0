"""Decode one picture with Pillow, inside the child. No numpy: the start of the child is part of every analysis.

This is the only place of the project where the file of a picture becomes pixels (`tests/contracts/test_one_reader.py`).
"""

from __future__ import annotations

import contextlib
import io
import math
import struct
import warnings
import zlib
from collections.abc import Callable
from typing import Any, BinaryIO

import pi_heif
from PIL import (  # all at once: Pillow loads parts late, when the confined child can open no file any more
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageChops,  # noqa: F401
    ImageColor,  # noqa: F401
    ImageFile,  # noqa: F401
    ImageFilter,  # noqa: F401
    ImageOps,  # noqa: F401
    ImagePalette,  # noqa: F401
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from core.media.hdr import in_standard_range
from core.media.limits import Limits, Refusal
from core.media.metadata import ORIENTATION, orientation_of, without_metadata
from core.media.salvage import WHOLE, Box, salvage
from core.media.sniff import Format

Image.preinit()  # for the same reason
Image.MAX_IMAGE_PIXELS = None  # replaced by our own check, which runs before any pixel is decoded
_DAMAGE = (
    *(OSError, SyntaxError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError),
    *(AssertionError, EOFError, RuntimeError, struct.error, zlib.error),
)
"""What Pillow's plug-ins and libheif raise for damaged or hostile bytes."""
LOST_GREY = 128
_TRANSFER = "transfer"  # key of Image.info, of HEIC alone: a text of a PNG may have any key
_GREY_16 = ("I;16", "I;16L", "I;16B", "I;16N", "I")


class _Tiff(TiffImagePlugin.TiffImageFile):
    """A TIFF whose pixels stay as stored: Pillow would parse all its metadata to turn them."""

    def load_end(self) -> None:
        self._size = self.im.size


# A plug-in a format, called directly: `Image.open` would let JPEG run through the reader of multi-picture files too.
_OPENERS: dict[str, Callable[..., Image.Image]] = {
    "jpeg": JpegImagePlugin.JpegImageFile,
    "png": PngImagePlugin.PngImageFile,
    "webp": WebPImagePlugin.WebPImageFile,
    "bmp": BmpImagePlugin.BmpImageFile,
    "tiff": _Tiff,
    "gif": GifImagePlugin.GifImageFile,
    "avif": AvifImagePlugin.AvifImageFile,
}

# Orientation -> (Pillow's transposition, where a point (x, y) of the unit square goes).
Turn = tuple[Image.Transpose, Callable[[float, float], tuple[float, float]]]
TURNS: dict[int, Turn] = {
    2: (Image.Transpose.FLIP_LEFT_RIGHT, lambda x, y: (1 - x, y)),
    3: (Image.Transpose.ROTATE_180, lambda x, y: (1 - x, 1 - y)),
    4: (Image.Transpose.FLIP_TOP_BOTTOM, lambda x, y: (x, 1 - y)),
    5: (Image.Transpose.TRANSPOSE, lambda x, y: (y, x)),
    6: (Image.Transpose.ROTATE_270, lambda x, y: (1 - y, x)),
    7: (Image.Transpose.TRANSVERSE, lambda x, y: (1 - y, 1 - x)),
    8: (Image.Transpose.ROTATE_90, lambda x, y: (y, 1 - x)),
}


def decode_image(stream: BinaryIO, kind: Format, limits: Limits) -> tuple[dict, Image.Image]:
    """Decode a picture with the plug-in of its format alone.

    The pixel count is checked before decoding, and JPEG is reduced by the decoder itself. Of metadata only the
    orientation is read; metadata that cannot be read are left out, which is noted. Of a file whose end is missing the
    part before it is kept.

    Args:
        stream: The file.
        kind: Its format, from its first bytes.
        limits: Bounds of the decoding.

    Returns:
        Facts of the header (JSON; `lost`: the missing part as left, top, right, bottom in shares of the upright
        picture, or None), and the upright RGB picture, longest side at most `limits.image_side`.

    Raises:
        Refusal: The file is damaged, has too many pixels or is of an unsupported mode.
    """
    notes: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        picture, (width, height), lost = _loaded(stream, kind, limits, notes)
        orientation = 1 if kind.name == "heic" else _orientation(picture, notes)  # libheif turns by itself
    transfer = picture.info.get(_TRANSFER, 0) if kind.name == "heic" else 0
    side = (limits.image_side, limits.image_side)
    if picture.mode in ("RGB", "RGBA", "L", "LA", "CMYK"):  # reduced first: conversion of a large picture is slow
        picture.thumbnail(side, Image.Resampling.LANCZOS, reducing_gap=2.0)
    rgb = _to_rgb(picture, notes)
    rgb.thumbnail(side, Image.Resampling.LANCZOS, reducing_gap=2.0)
    rgb = in_standard_range(rgb, transfer, "picture", notes)
    if lost is not None and lost != WHOLE:  # what a decoder leaves there is made up
        left, top, right, bottom = (share * length for share, length in zip(lost, rgb.size * 2, strict=True))
        rgb.paste((LOST_GREY,) * 3, (math.floor(left), math.floor(top), math.ceil(right), math.ceil(bottom)))
    if orientation in TURNS:
        transposition, moved = TURNS[orientation]
        rgb = rgb.transpose(transposition)
        if orientation >= 5:
            width, height = height, width
        if lost is not None:
            (left, top), (right, bottom) = moved(*lost[:2]), moved(*lost[2:])
            lost = min(left, right), min(top, bottom), max(left, right), max(top, bottom)
    facts = {
        "kind": "image",
        "format": kind.name,
        "width": width,
        "height": height,
        "duration": 0.0,
        "fps": 0.0,
        "warnings": notes,
        "lost": lost,
    }
    return facts, rgb


def _loaded(
    stream: BinaryIO, kind: Format, limits: Limits, notes: list[str]
) -> tuple[Image.Image, tuple[int, int], Box | None]:
    """(picture with its pixels as stored, size of the original as stored, missing part). Raises Refusal."""
    size: tuple[int, int] = (0, 0)

    def opened(source: Any) -> Image.Image:
        nonlocal size
        picture = _OPENERS[kind.name](source)
        size = picture.size
        _check_size(*size, limits)
        if kind.name == "jpeg":
            shrink = min(1.0, limits.image_side / max(size))
            picture.draft("RGB", (max(round(size[0] * shrink), 1), max(round(size[1] * shrink), 1)))
        return picture

    def ordinary(source: Any) -> Image.Image:
        picture = opened(source)
        several = bool(getattr(picture, "is_animated", False))
        picture.load()
        if several:
            notes.append("The file holds several pictures; only the first is analysed.")
        return picture

    if kind.name == "heic":
        return _heic(stream, limits, notes)
    if kind.name == "tiff":
        stream = io.BytesIO(stream.read())  # libtiff would duplicate a descriptor, and the child has none to spare
    try:
        picture = ordinary(stream)
        return picture, (picture.size if kind.name == "tiff" else size), None
    except _DAMAGE as error:
        # Metadata are the first suspect, a missing end the second.
        first = error
    stream.seek(0)
    data = stream.read()
    plain = without_metadata(kind.name, data)
    rescued: Image.Image | None = None
    lost, note = None, ""
    if plain is not None and plain != data:
        with contextlib.suppress(*_DAMAGE):
            rescued = ordinary(io.BytesIO(plain))
            note = "The metadata of the file are damaged or too large; the picture was read without them."
    for content in (data, plain):
        if rescued is None and content is not None:
            with contextlib.suppress(*_DAMAGE):
                rescued, lost, detail_only = salvage(opened, kind.name, content)
                note = _loss(lost, detail_only)
    if rescued is None:
        raise Refusal("damaged", f"The {kind.name.upper()} picture is damaged and cannot be read.") from first
    if "exif" not in rescued.info:
        rescued.info.update(_orientation_alone(data))
    notes.append(note)
    return rescued, (rescued.size if kind.name == "tiff" else size), lost


def _orientation_alone(data: bytes) -> dict[str, bytes]:
    """The EXIF data of a file that was read without its metadata, for their orientation: found by their signature."""
    for signature in (b"Exif\0\0", b"eXIf"):
        at = data.find(signature)
        if at >= 0:
            return {"exif": data[at + len(signature) : at + (1 << 16)]}
    return {}


def _loss(lost: Box | None, detail_only: bool) -> str:
    if lost is None:
        return "The end of the file is missing, but no pixel of the picture is."
    if detail_only:
        return (
            "The file ends early. The picture was saved in several passes and the last ones are missing, so fine "
            "detail is missing."
        )
    share = (lost[2] - lost[0]) * (lost[3] - lost[1])
    return f"The file ends early or is damaged: {max(share, 0.001):.1%} of the picture is missing and shown in grey."


def _orientation(picture: Image.Image, notes: list[str]) -> int:
    if isinstance(picture, TiffImagePlugin.TiffImageFile):
        value = picture.tag_v2.get(ORIENTATION, 1)
        return value if isinstance(value, int) else 1
    value, damaged = orientation_of(picture.info)
    if damaged:
        notes.append("The EXIF data of the file are damaged and were left out; the picture may not be upright.")
    return value


def _heic(stream: BinaryIO, limits: Limits, notes: list[str]) -> tuple[Image.Image, tuple[int, int], None]:
    """The primary picture of a HEIF file, already upright: libheif applies the container's turns, EXIF has no say."""
    pi_heif.options.DECODE_THREADS = limits.threads
    pi_heif.options.THUMBNAILS = pi_heif.options.DEPTH_IMAGES = pi_heif.options.AUX_IMAGES = False
    try:
        file = pi_heif.open_heif(stream, convert_hdr_to_8bit=True)
        primary = file[file.primary_index]
        _check_size(primary.size[0], primary.size[1], limits)
        pixels = primary.data
        picture = Image.frombytes(primary.mode, primary.size, pixels, "raw", primary.mode, primary.stride)
    except _DAMAGE as error:
        if "memory" in str(error).lower():
            raise MemoryError from error
        raise Refusal("damaged", "The HEIC picture is damaged or was cut off and cannot be read.") from error
    picture.info[_TRANSFER] = (primary.info.get("nclx_profile") or {}).get("transfer_characteristics", 0)
    if len(file) > 1:
        notes.append("The file holds several pictures; only the main one is analysed.")
    return picture, picture.size, None


def _check_size(width: int, height: int, limits: Limits) -> None:
    if width < 1 or height < 1:
        raise Refusal("damaged", "The picture says that it has no pixels.")
    if width * height > limits.image_pixels:
        raise Refusal(
            "too_many_pixels",
            f"The picture has {width} x {height} pixels; at most {limits.image_pixels // 1_000_000} million are read. "
            "Reduce it and upload it again.",
        )


def _to_rgb(picture: Image.Image, notes: list[str]) -> Image.Image:
    """Convert to RGB with 8 bits: 16-bit grey is scaled, transparency is laid on white."""
    if picture.mode in _GREY_16:
        return picture.convert("I").point(lambda value: value / 257).convert("L").convert("RGB")
    if picture.mode in ("F", "LAB", "HSV"):
        raise Refusal("unsupported", f"Pictures in mode {picture.mode} are not read. Save it as RGB, 8 bits a channel.")
    if picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info:
        layered = picture.convert("RGBA")
        if layered.getchannel("A").getextrema() != (255, 255):
            notes.append("Transparent parts of the picture were laid on white.")
            ground = Image.new("RGBA", layered.size, (255, 255, 255, 255))
            ground.alpha_composite(layered)
            return ground.convert("RGB")
        return layered.convert("RGB")
    return picture.convert("RGB")
