"""Decode one picture with Pillow, inside the child. No numpy: the start of the child is part of every analysis."""

from __future__ import annotations

import io
import warnings
from typing import BinaryIO

from PIL import (  # all at once: Pillow loads parts late, when the confined child can open no file any more
    AvifImagePlugin,  # noqa: F401
    BmpImagePlugin,  # noqa: F401
    GifImagePlugin,  # noqa: F401
    Image,
    ImageColor,  # noqa: F401
    ImageFile,  # noqa: F401
    ImageFilter,  # noqa: F401
    ImageOps,
    ImagePalette,  # noqa: F401
    JpegImagePlugin,  # noqa: F401
    MpoImagePlugin,  # noqa: F401
    PngImagePlugin,  # noqa: F401
    TiffImagePlugin,  # noqa: F401
    WebPImagePlugin,  # noqa: F401
)

from core.media.limits import Limits, Refusal
from core.media.sniff import Format

Image.preinit()  # for the same reason
Image.MAX_IMAGE_PIXELS = None  # replaced by our own check, which runs before any pixel is decoded
_GREY_16 = ("I;16", "I;16L", "I;16B", "I;16N", "I")


def decode_image(stream: BinaryIO, kind: Format, limits: Limits) -> tuple[dict, Image.Image]:
    """Decode a picture with the plug-ins of its format alone.

    The pixel count is checked before decoding, and JPEG is reduced by the decoder itself.

    Args:
        stream: The file.
        kind: Its format, from its first bytes.
        limits: Bounds of the decoding.

    Returns:
        Facts of the header (JSON), and the upright RGB picture, longest side at most `limits.image_side`.

    Raises:
        Refusal: The file is damaged, has too many pixels or is of an unsupported mode.
    """
    notes: list[str] = []
    if kind.name == "tiff":
        stream = io.BytesIO(stream.read())  # libtiff would duplicate a descriptor, and the child has none to spare
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            picture: Image.Image = Image.open(stream, formats=kind.readers)
            width, height = picture.size
            _check_size(width, height, limits)
            if getattr(picture, "n_frames", 1) > 1 and picture.format != "MPO":
                notes.append("The file holds several pictures; only the first is analysed.")
            turned = picture.getexif().get(0x0112, 1) in (5, 6, 7, 8)
            if picture.format in ("JPEG", "MPO"):
                shrink = min(1.0, limits.image_side / max(width, height))
                picture.draft("RGB", (max(round(width * shrink), 1), max(round(height * shrink), 1)))
            picture.load()
            picture = ImageOps.exif_transpose(picture)
        except (Refusal, MemoryError):
            raise
        except Exception as error:
            # Hostile bytes make Pillow's plug-ins raise a dozen kinds of exception; they all mean this to a person.
            raise Refusal("damaged", f"The {kind.name.upper()} picture is damaged and cannot be read.") from error
    side = (limits.image_side, limits.image_side)
    if picture.mode in ("RGB", "RGBA", "L", "LA", "CMYK"):  # reduced first: conversion of a large picture is dear
        picture.thumbnail(side, Image.Resampling.LANCZOS, reducing_gap=2.0)
    rgb = _to_rgb(picture, notes)
    rgb.thumbnail(side, Image.Resampling.LANCZOS, reducing_gap=2.0)
    facts = {
        "kind": "image",
        "format": kind.name,
        "width": height if turned else width,
        "height": width if turned else height,
        "duration": 0.0,
        "fps": 0.0,
        "warnings": notes,
    }
    return facts, rgb


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
