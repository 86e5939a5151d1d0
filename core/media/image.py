"""Decode one picture with Pillow, inside the child. No numpy: the child's start-up is part of every analysis."""

from __future__ import annotations

import warnings
from typing import BinaryIO

from PIL import Image, ImageOps, UnidentifiedImageError

from core.media.limits import Limits, Refusal
from core.media.sniff import Format

Image.MAX_IMAGE_PIXELS = None  # replaced by our own check, which runs before any pixel is decoded
_GREY_16 = ("I;16", "I;16L", "I;16B", "I;16N", "I")


def decode_image(stream: BinaryIO, kind: Format, limits: Limits) -> tuple[dict, Image.Image]:
    """Header facts (JSON) and the upright RGB picture, longest side at most `limits.image_side`.

    Only the plug-ins of `kind` are tried. The pixel count is checked before decoding, and JPEG is reduced by the
    decoder itself. Raises Refusal (damaged, too_many_pixels, unsupported)."""
    notes: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            picture = Image.open(stream, formats=kind.readers)
            width, height = picture.size
            _check_size(width, height, limits)
            if getattr(picture, "n_frames", 1) > 1 and picture.format != "MPO":
                notes.append("The file holds several pictures; only the first is analysed.")
            turned = picture.getexif().get(0x0112, 1) in (5, 6, 7, 8)
            if picture.format in ("JPEG", "MPO"):
                picture.draft("RGB", (min(width, limits.image_side), min(height, limits.image_side)))
            picture.load()
            picture = ImageOps.exif_transpose(picture)
        except Refusal:
            raise
        except (
            UnidentifiedImageError,
            OSError,
            ValueError,
            SyntaxError,
            KeyError,
            IndexError,
            TypeError,
            AttributeError,
            OverflowError,
            ZeroDivisionError,
            EOFError,
            NotImplementedError,
            RuntimeError,
        ) as error:
            # Pillow's plug-ins meet hostile bytes with any of these; all of them mean the same to a person.
            raise Refusal("damaged", f"The {kind.name.upper()} picture is damaged and cannot be read.") from error
    rgb = _to_rgb(picture, notes)
    rgb.thumbnail((limits.image_side, limits.image_side), Image.Resampling.LANCZOS, reducing_gap=2.0)
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
    """RGB, 8 bits: 16-bit grey is scaled, transparency is laid on white."""
    if picture.mode in _GREY_16:
        return picture.convert("I").point(lambda value: value / 257).convert("L").convert("RGB")
    if picture.mode == "F":
        raise Refusal("unsupported", "Pictures of floating-point values are not read. Save it with 8 bits a channel.")
    if picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info:
        layered = picture.convert("RGBA")
        if layered.getextrema()[3][0] < 255:
            notes.append("Transparent parts of the picture were laid on white.")
            ground = Image.new("RGBA", layered.size, (255, 255, 255, 255))
            ground.alpha_composite(layered)
            return ground.convert("RGB")
        return layered.convert("RGB")
    return picture.convert("RGB")
