"""Still pictures that are harmless and odd: metadata never cost the pixels, and a missing end costs what is missing."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from core.media.decode import decode
from core.media.image import TURNS
from core.media.limits import Limits
from core.media.metadata import exif_orientation
from core.media.types import Media, MediaRejected
from tests.support.heic import heic

ASTRONAUT = data.astronaut()
PORTRAIT = np.ascontiguousarray(ASTRONAUT[:200, 140:300])


def saved(kind: str, picture: Image.Image | None = None, **options) -> bytes:
    stream = io.BytesIO()
    (picture or Image.fromarray(ASTRONAUT)).save(stream, kind, **options)
    return stream.getvalue()


def read(tmp_path: Path, content: bytes) -> Media:
    path = tmp_path / "file"
    path.write_bytes(content)
    return decode(path)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def with_chunk(kind: bytes, body: bytes, late: bool = False) -> bytes:
    png = saved("PNG")
    at = len(png) - 12 if late else 33
    return png[:at] + chunk(kind, body) + png[at:]


def exif_of(orientation: int) -> bytes:
    """EXIF data with an orientation, and a resolution whose place lies beyond the end."""
    entries = [(0x0112, 3, 1, orientation << 16), (0x011A, 5, 1, 0x7FFFFFF0)]
    body = b"".join(struct.pack(">HHII", *entry) for entry in entries)
    return b"Exif\0\0" + b"MM\0*" + struct.pack(">IH", 8, len(entries)) + body + bytes(4)


LARGE = b"x" * 3_000_000
ODD_PNG = {
    "an eXIf chunk of junk": with_chunk(b"eXIf", b"junk" * 5),
    "a text profile that is no hex": with_chunk(
        b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(b"\nexif\n  8\nno hex")
    ),
    "a text of 3 MB": with_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(LARGE)),
    "a late text of 3 MB": with_chunk(b"iTXt", b"Comment\0\1\0\0\0" + zlib.compress(LARGE), late=True),
    "a profile of 3 MB": with_chunk(b"iCCP", b"icc\0\0" + zlib.compress(LARGE)),
    "a profile packed in an unknown way": with_chunk(b"iCCP", b"icc\0\7junk"),
    "a gamma of no bytes": with_chunk(b"gAMA", b""),
    "chromaticities cut short": with_chunk(b"cHRM", b"abc"),
    "an animation of nothing": with_chunk(b"acTL", b"a"),
    "a wrong sum of a text": with_chunk(b"tEXt", b"a\0b").replace(
        struct.pack(">I", zlib.crc32(b"tEXta\0b")), b"\0\0\0\0"
    ),
}


@pytest.mark.parametrize("name", ODD_PNG)
def test_metadata_of_a_png_never_cost_its_pixels(tmp_path: Path, name: str) -> None:
    media = read(tmp_path, ODD_PNG[name])
    assert np.array_equal(media.frames[0].rgb, ASTRONAUT)
    assert [note for note in media.warnings if "damaged" in note or "metadata" in note], "what was left out is said"


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "PNG"])
@pytest.mark.parametrize("orientation", [3, 6])
def test_the_orientation_is_read_beside_other_fields_that_are_malformed(
    tmp_path: Path, kind: str, orientation: int
) -> None:
    plain = read(tmp_path, saved(kind, lossless=True)).frames[0].rgb
    media = read(tmp_path, saved(kind, lossless=True, exif=exif_of(orientation)))
    assert np.array_equal(media.frames[0].rgb, np.rot90(plain, {3: 2, 6: -1}[orientation]))
    assert media.warnings == []


def test_exif_data_that_are_none_are_left_out_and_that_is_said(tmp_path: Path) -> None:
    for content in (saved("WEBP", exif=b"not exif"), saved("JPEG", exif=b"Exif\0\0not exif either")):
        media = read(tmp_path, content)
        assert media.frames[0].rgb.shape == ASTRONAUT.shape
        assert media.warnings == [
            "The EXIF data of the file are damaged and were left out; the picture may not be upright."
        ]


def test_avif_with_malformed_exif_keeps_its_pixels(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "A camera"
    content = bytearray(saved("AVIF", exif=exif.tobytes()))
    at = bytes(content).index(exif.tobytes()[6:14])
    content[at : at + 8] = b"junkjunk"
    media = read(tmp_path, bytes(content))
    assert media.frames[0].rgb.shape == ASTRONAUT.shape
    assert "metadata" in media.warnings[0]


def test_tiff_with_malformed_tags_keeps_its_pixels_and_its_turn(tmp_path: Path) -> None:
    content = saved("TIFF", Image.fromarray(PORTRAIT), tiffinfo={0x0112: 6, 0x8769: 9, 0x010F: "camera"})
    media = read(tmp_path, content)
    assert np.array_equal(media.frames[0].rgb, np.rot90(PORTRAIT, -1))
    assert (media.width, media.height) == (200, 160)


def test_a_large_colour_profile_of_a_jpeg(tmp_path: Path) -> None:
    assert read(tmp_path, saved("JPEG", icc_profile=LARGE)).frames[0].rgb.shape == ASTRONAUT.shape


def test_orientations_outside_the_standard_are_upright() -> None:
    assert [exif_orientation(exif_of(value)) for value in (0, 1, 8, 9, 60000)] == [1, 1, 8, 1, 1]
    assert exif_orientation(b"") is None
    assert exif_orientation(b"II*\0\xff\xff\xff\xff" + bytes(40)) is None
    assert exif_orientation(exif_of(6)[:20]) == 1


@pytest.mark.parametrize("orientation", TURNS)
def test_a_turn_moves_the_missing_part_with_the_pixels(orientation: int) -> None:
    transposition, moved = TURNS[orientation]
    marked = Image.new("L", (40, 20))
    marked.paste(255, (0, 15, 10, 20))
    turned = np.asarray(marked.transpose(transposition))
    (ys, xs), (height, width) = turned.nonzero(), turned.shape
    (x0, y0), (x1, y1) = moved(0.0, 0.75), moved(0.25, 1.0)
    left, right, top, bottom = min(x0, x1), max(x0, x1), min(y0, y1), max(y0, y1)
    assert (left * width, right * width) == pytest.approx((xs.min(), xs.max() + 1))
    assert (top * height, bottom * height) == pytest.approx((ys.min(), ys.max() + 1))


CUTS = [
    ("JPEG", {"quality": 90}, 1),
    ("JPEG", {"quality": 90, "subsampling": 0}, 1),
    ("JPEG", {"quality": 90, "progressive": True}, 3),
    ("PNG", {}, 0),
    ("WEBP", {"quality": 80}, 3),
    ("BMP", {}, 0),
    ("TIFF", {}, 0),
]


@pytest.mark.parametrize(("kind", "options", "tolerance"), CUTS)
@pytest.mark.parametrize("share", [0.05, 0.4])
def test_what_lies_before_a_cut_is_kept_and_the_rest_is_counted(tmp_path, kind, options, tolerance, share) -> None:
    whole = saved(kind, **options)
    complete = read(tmp_path, whole).frames[0].rgb.astype(int)
    media = read(tmp_path, whole[: -int(share * len(whole))])
    frame = media.frames[0]
    assert (media.width, media.height) == (512, 512)
    assert 0 < frame.missing() < 1 or options.get("progressive"), "a part is missing, and a part is there"
    assert "ends early" in media.warnings[0]
    if frame.missing() == 1:
        assert "fine detail" in media.warnings[0]
        assert np.abs(frame.rgb - complete).mean() < 20
        return
    x, y, width, height = (round(value) for value in frame.lost)
    present = np.ones((512, 512), bool)
    present[y : y + height, x : x + width] = False
    assert np.abs(frame.rgb - complete)[present].max() <= 64 * tolerance
    assert np.abs(frame.rgb - complete)[present].mean() < 0.1
    assert (frame.rgb[~present] == 128).all(), "nothing is made up"
    assert f"{frame.missing():.1%}" in media.warnings[0]
    assert frame.missing((0, 0, 512, 512)) == pytest.approx(frame.missing())


@pytest.mark.parametrize("progressive", [False, True])
def test_a_missing_end_marker_costs_no_pixel(tmp_path: Path, progressive: bool) -> None:
    whole = saved("JPEG", progressive=progressive)
    media = read(tmp_path, whole[:-2])
    assert np.array_equal(media.frames[0].rgb, read(tmp_path, whole).frames[0].rgb)
    assert media.frames[0].lost is None
    assert media.warnings == ["The end of the file is missing, but no pixel of the picture is."]


def test_the_last_ten_bytes_cost_the_last_blocks(tmp_path: Path) -> None:
    frame = read(tmp_path, saved("JPEG")[:-10]).frames[0]
    assert 0 < frame.missing() <= 2 * 16 / 512
    assert frame.missing((100, 100, 200, 200)) == 0
    assert frame.missing((0, 480, 32, 32)) > 0.5


def test_a_cut_picture_is_turned_with_its_missing_part(tmp_path: Path) -> None:
    frame = read(tmp_path, (whole := saved("JPEG", exif=exif_of(6)))[: len(whole) // 2]).frames[0]
    assert frame.lost[:2] == (0, 0)
    assert frame.lost[3] == 512
    assert 0 < frame.lost[2] < 512


def test_heic_is_turned_by_its_container_and_by_nothing_else(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    for quarters in range(4):
        for extra in (b"", exif.tobytes()[6:], b"junk" * 4):
            media = read(tmp_path, heic(PORTRAIT, quarters, extra))
            upright = np.rot90(PORTRAIT, quarters)
            assert (media.format, media.height, media.width) == ("heic", *upright.shape[:2])
            assert np.abs(media.frames[0].rgb - upright.astype(int)).mean() < 3
            assert media.warnings == []


def test_heic_has_the_limits_of_every_picture(tmp_path: Path) -> None:
    path = tmp_path / "a.heic"
    whole = heic(PORTRAIT)
    for content, limits, expected in (
        (whole, Limits(image_pixels=1000), "too_many_pixels"),
        (whole.replace(struct.pack(">II", 160, 200), struct.pack(">II", 24_000, 20_000)), Limits(), "too_many_pixels"),
        (whole[:-300], Limits(), "damaged"),
        (whole[:300], Limits(), "damaged"),
    ):
        path.write_bytes(content)
        with pytest.raises(MediaRejected) as refused:
            decode(path, limits=limits)
        assert refused.value.code == expected


@pytest.mark.parametrize(("transfer", "code", "name"), [(16, 0.58, "PQ"), (18, 0.75, "HLG")])
def test_hdr_pictures_are_mapped_and_named(tmp_path: Path, transfer: int, code: float, name: str) -> None:
    grey = np.full((64, 96, 3), round(code * 255), np.uint8)
    media = read(tmp_path, heic(grey, transfer=transfer))
    assert media.frames[0].rgb.mean() == pytest.approx(231, abs=8)
    assert len(media.warnings) == 1
    assert f"HDR ({name})" in media.warnings[0]
    assert read(tmp_path, heic(grey)).warnings == []
