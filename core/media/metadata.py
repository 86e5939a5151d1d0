"""Read the one fact that pixels need from metadata, the orientation, and leave metadata out. Standard library only.

Metadata are written by cameras, editors and anybody else, and libraries fail on much of it. A picture is worth more
than its metadata: nothing here raises for what a file holds.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from typing import Any

ORIENTATION = 0x0112
"""EXIF and TIFF tag: 1 to 8, how the stored picture is to be turned and mirrored."""
_MAX_ENTRIES = 512
_XMP_ORIENTATION = re.compile(rb"tiff:Orientation(?:=[\"']|>)\s*([1-8])")
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_PIXEL_CHUNKS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
# Application segments that decide on colours: JFIF and Adobe; the others are metadata.
_JPEG_COLOUR_SEGMENTS = (0xE0, 0xEE)


def orientation_of(info: Mapping[Any, Any]) -> tuple[int, bool]:
    """Find the orientation in the metadata that Pillow collected, without parsing anything else.

    Args:
        info: `Image.info` of an opened picture.

    Returns:
        (orientation from 1 to 8, whether EXIF data are there that cannot be read). 1 where nothing says otherwise.
    """
    exif, damaged = _exif_bytes(info)
    value = exif_orientation(exif) if exif else 1
    if value is None:
        value, damaged = 1, True
    if value == 1 and (xmp := info.get("xmp") or info.get("XML:com.adobe.xmp")):
        text = xmp.encode("utf-8", "replace") if isinstance(xmp, str) else bytes(xmp)
        if match := _XMP_ORIENTATION.search(text):
            value = int(match[1])
    return value, damaged


def _exif_bytes(info: Mapping[Any, Any]) -> tuple[bytes, bool]:
    """(EXIF data, whether they are there and unreadable), from their own field or from ImageMagick's text profile."""
    exif = info.get("exif")
    if isinstance(exif, (bytes, bytearray)):
        return bytes(exif), False
    profile = info.get("Raw profile type exif")
    if not isinstance(profile, str):
        return b"", exif is not None
    try:  # a name, a length, and hexadecimal digits in lines
        return bytes.fromhex("".join(profile.split("\n")[3:])), False
    except ValueError:
        return b"", True


def exif_orientation(exif: bytes) -> int | None:
    """Read the orientation from EXIF data: of the first directory that one entry, whatever the others hold.

    Args:
        exif: A TIFF structure, with or without the prefix `Exif` and two zero bytes.

    Returns:
        1 to 8; 1 where the directory does not state one; None where there is no directory.
    """
    data = exif[6:] if exif.startswith(b"Exif\0\0") else exif
    orders = {b"II": "little", b"MM": "big"}
    order = orders.get(data[:2])
    if order is None or len(data) < 10:
        return None

    def number(at: int, size: int) -> int:
        return int.from_bytes(data[at : at + size], order)  # type: ignore[arg-type]

    start = number(4, 4)
    if number(2, 2) != 42 or start + 2 > len(data):
        return None
    for place in range(min(number(start, 2), _MAX_ENTRIES)):
        entry = start + 2 + 12 * place
        if entry + 12 > len(data):
            break
        if number(entry, 2) == ORIENTATION:
            # SHORT as the standard asks; some writers take LONG.
            value = number(entry + 8, 4 if number(entry + 2, 2) == 4 else 2)
            return value if 1 <= value <= 8 else 1
    return 1


def without_metadata(name: str, data: bytes) -> bytes | None:
    """Copy a file without its metadata.

    Args:
        name: Name of its format.
        data: The whole file.

    Returns:
        The bytes that make the pixels; None for formats in which they cannot be separated here.
    """
    if name == "png":
        return _plain_png(data)
    if name == "jpeg":
        return _plain_jpeg(data)
    if name == "avif":  # the type of the Exif item becomes one that no reader knows
        return re.sub(rb"(infe.{8,16}?)Exif", rb"\1skip", data[: 1 << 20], flags=re.DOTALL) + data[1 << 20 :]
    return None


def _plain_png(data: bytes) -> bytes:
    """Keep the chunks that make the pixels, with sums of their own; a last chunk that was cut off stays cut off."""
    kept, at = [_PNG_SIGNATURE], len(_PNG_SIGNATURE)
    while at + 8 <= len(data):
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        body = data[at + 8 : at + 8 + length]
        if kind in _PNG_PIXEL_CHUNKS:
            kept += [length.to_bytes(4, "big"), kind, body]
            if len(body) == length:
                kept.append(zlib.crc32(body, zlib.crc32(kind)).to_bytes(4, "big"))
        if kind == b"IEND":
            break
        at += 12 + length
    return b"".join(kept)


def _plain_jpeg(data: bytes) -> bytes:
    """Drop comments and application segments before the first scan, but those that decide on colours."""
    kept, at = [data[:2]], 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == 0xDA:
            break
        is_metadata = marker == 0xFE or (0xE0 <= marker <= 0xEF and marker not in _JPEG_COLOUR_SEGMENTS)
        if not is_metadata:
            kept.append(data[at : at + 2 + length])
        at += 2 + length
    return b"".join([*kept, data[at:]])
