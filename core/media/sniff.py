"""Recognise the format of a file from its first bytes. Names and suffixes are not trusted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from core.media.limits import Refusal

HEAD_BYTES = 512
_STILL_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
_MOV_ATOMS = {b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"}
_BMP_HEADERS = {12, 40, 52, 56, 64, 108, 124}


@dataclass(frozen=True)
class Format:
    """One allowed format: `readers` are the only Pillow plug-ins, or the FFmpeg demuxer, that may read the bytes."""

    name: str
    kind: Literal["image", "video"]
    readers: tuple[str, ...]


JPEG = Format("jpeg", "image", ("JPEG", "MPO"))
PNG = Format("png", "image", ("PNG",))
WEBP = Format("webp", "image", ("WEBP",))
BMP = Format("bmp", "image", ("BMP",))
TIFF = Format("tiff", "image", ("TIFF",))
GIF = Format("gif", "image", ("GIF",))
AVIF = Format("avif", "image", ("AVIF",))
HEIC = Format("heic", "image", ("HEIF",))
MOV = Format("mp4", "video", ("mov",))
MATROSKA = Format("matroska", "video", ("matroska",))
AVI = Format("avi", "video", ("avi",))

_PREFIXES = (
    (b"\xff\xd8\xff", JPEG),
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"GIF87a", GIF),
    (b"GIF89a", GIF),
    (b"II*\0", TIFF),
    (b"MM\0*", TIFF),
    (b"\x1a\x45\xdf\xa3", MATROSKA),
)
_KNOWN_BUT_REFUSED = (
    (b"%PDF", "unsupported", "This is a PDF document. Upload the picture itself, as JPEG or PNG."),
    (b"PK\x03\x04", "unsupported", "This is a ZIP archive or an office document. Unpack it and upload the picture."),
    (b"ID3", "no_video", "This file holds sound only. Upload a picture or a video."),
    (b"fLaC", "no_video", "This file holds sound only. Upload a picture or a video."),
    (b"\xff\xfb", "no_video", "This file holds sound only. Upload a picture or a video."),
    (b"\xff\xf3", "no_video", "This file holds sound only. Upload a picture or a video."),
    (b"\xff\xf1", "no_video", "This file holds sound only. Upload a picture or a video."),
    (b"OggS", "no_video", "This Ogg file is not read. Upload a picture, or a video as MP4, MOV, MKV, WebM or AVI."),
)
ACCEPTED = "Accepted are JPEG, PNG, WebP, AVIF, HEIC, BMP, TIFF, GIF, and video in MP4, MOV, MKV, WebM or AVI."


def sniff(head: bytes) -> Format:
    """Recognise the format of a file.

    Args:
        head: The first HEAD_BYTES bytes of the file.

    Returns:
        The format.

    Raises:
        Refusal: The file is empty or of a kind that is not read.
    """
    if not head:
        raise Refusal("empty", "The file is empty (0 bytes). Upload it again, or check that it was saved whole.")
    for prefix, known in _PREFIXES:
        if head.startswith(prefix):
            return known
    for prefix, code, sentence in _KNOWN_BUT_REFUSED:
        if head.startswith(prefix):
            raise Refusal(code, sentence)
    if head[:4] == b"RIFF" and len(head) >= 12:
        return _riff(head[8:12])
    if head[4:8] == b"ftyp":
        return _iso(head)
    if head[4:8] in _MOV_ATOMS:
        return MOV
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADERS:
        return BMP
    raise Refusal("unsupported", f"The file is not a picture or video of a kind that is read here. {ACCEPTED}")


def _riff(kind: bytes) -> Format:
    if kind == b"WEBP":
        return WEBP
    if kind == b"AVI ":
        return AVI
    if kind == b"WAVE":
        raise Refusal("no_video", "This file holds sound only. Upload a picture or a video.")
    raise Refusal("unsupported", f"The file is not a picture or video of a kind that is read here. {ACCEPTED}")


def _iso(head: bytes) -> Format:
    """Tell stills (AVIF, HEIC) from movies by the brands of the `ftyp` box of an ISO base media file."""
    size = min(max(int.from_bytes(head[:4], "big"), 16), len(head))
    brands = {head[8:12], *(head[at : at + 4] for at in range(16, size - 3, 4))}
    if head[8:12] in (b"avif", b"avis") or (head[8:12] == b"mif1" and b"avif" in brands):
        return AVIF
    if head[8:12] in _STILL_BRANDS or head[8:12] in (b"mif1", b"msf1"):
        return HEIC
    return MOV
