"""`decode` on pictures, and on files that are something else than they say."""

from __future__ import annotations

import hashlib
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from core.media.decode import decode
from core.media.limits import Limits
from core.media.types import MediaRejected

PORTRAIT = data.astronaut()[:200, 140:300]


def code(path: Path, **options) -> str:
    """The code of the refusal, whose sentence must be one."""
    with pytest.raises(MediaRejected) as refused:
        decode(path, **options)
    assert len(refused.value.sentence) > 20
    assert refused.value.sentence.endswith(".")
    return refused.value.code


def png_header(width: int, height: int) -> bytes:
    """A PNG that states a size and holds less than one row."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(100))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def test_a_photograph_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    path = tmp_path / "face.png"
    Image.fromarray(data.astronaut()).save(path)
    media = decode(path)
    assert (media.kind, media.format, media.width, media.height) == ("image", "png", 512, 512)
    assert media.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert np.array_equal(media.frames[0].rgb, data.astronaut())
    assert media.warnings == []


@pytest.mark.parametrize("suffix", ["jpg", "webp", "bmp", "tiff", "gif", "avif"])
def test_formats_by_their_content_whatever_the_name(tmp_path: Path, suffix: str) -> None:
    saved = tmp_path / f"a.{suffix}"
    Image.fromarray(PORTRAIT).save(saved)
    path = saved.rename(tmp_path / "a.exe")
    media = decode(path)
    assert media.format == {"jpg": "jpeg"}.get(suffix, suffix)
    assert np.array_equal(media.frames[0].rgb, np.asarray(Image.open(path).convert("RGB")))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_turns_the_picture_upright(tmp_path: Path, orientation: int) -> None:
    path = tmp_path / "turned.png"
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(PORTRAIT).save(path, exif=exif)
    turned = {
        1: lambda a: a,
        2: np.fliplr,
        3: lambda a: np.rot90(a, 2),
        4: np.flipud,
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a, -1),
        7: lambda a: np.rot90(a, 2).transpose(1, 0, 2),
        8: np.rot90,
    }[orientation](PORTRAIT)
    media = decode(path)
    assert (media.height, media.width) == turned.shape[:2]
    assert np.array_equal(media.frames[0].rgb, turned)


def test_a_large_photograph_is_reduced_and_its_size_kept(tmp_path: Path) -> None:
    path = tmp_path / "large.jpg"
    Image.fromarray(data.astronaut()).resize((6000, 4000)).save(path)
    media = decode(path)
    assert (media.width, media.height) == (6000, 4000)
    assert media.frames[0].rgb.shape == (1280, 1920, 3)
    expected = np.asarray(Image.fromarray(data.astronaut()).resize((1920, 1280)), np.float32)
    assert np.abs(media.frames[0].rgb - expected).mean() < 3


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits", "group4"])
def test_compressed_tiff(tmp_path: Path, compression: str) -> None:
    path = tmp_path / "a.tiff"
    picture = Image.fromarray(PORTRAIT).convert("1" if compression == "group4" else "RGB")
    picture.save(path, compression=compression)
    assert np.array_equal(decode(path).frames[0].rgb, np.asarray(Image.open(path).convert("RGB")))


def test_a_photograph_with_a_camera_header(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "A camera"
    Image.fromarray(PORTRAIT).save(path, exif=exif, quality=95)
    expected = np.rot90(np.asarray(Image.open(path)), -1)
    assert np.array_equal(decode(path).frames[0].rgb, expected)


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "LA", "I;16"])
def test_every_mode_becomes_rgb(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "mode.tiff"
    if mode == "I;16":
        Image.fromarray(PORTRAIT[..., 0].astype(np.uint16) * 257).save(path)
    else:
        Image.fromarray(PORTRAIT).convert(mode).save(path)
    got = decode(path).frames[0].rgb
    assert got.shape == PORTRAIT.shape
    if mode == "I;16":
        assert np.abs(got[..., 0].astype(int) - PORTRAIT[..., 0]).max() <= 1
    elif mode != "1":
        grey = np.asarray(Image.fromarray(PORTRAIT).convert("L"), np.float32)
        assert np.abs(np.asarray(Image.fromarray(got).convert("L"), np.float32) - grey).mean() < 12


def test_transparency_is_laid_on_white_and_said(tmp_path: Path) -> None:
    rgba = np.dstack([PORTRAIT, np.full(PORTRAIT.shape[:2], 255, np.uint8)])
    rgba[:50, :, 3] = 0
    Image.fromarray(rgba).save(tmp_path / "a.png")
    media = decode(tmp_path / "a.png")
    assert (media.frames[0].rgb[:50] == 255).all()
    assert np.array_equal(media.frames[0].rgb[50:], PORTRAIT[50:])
    assert "Transparent" in media.warnings[0]


def test_of_an_animation_the_first_picture(tmp_path: Path) -> None:
    first, second = Image.fromarray(PORTRAIT).quantize(), Image.fromarray(PORTRAIT[::-1]).quantize()
    first.save(tmp_path / "a.gif", save_all=True, append_images=[second])
    media = decode(tmp_path / "a.gif")
    assert np.array_equal(media.frames[0].rgb, np.asarray(first.convert("RGB")))
    assert "only the first" in media.warnings[0]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "empty"),
        (b"\xff", "unsupported"),
        (b"only words, and a name that lies", "unsupported"),
        (b"%PDF-1.7 ...", "unsupported"),
        (b"PK\x03\x04" + bytes(40), "unsupported"),
        (b"#EXTM3U\nhttp://127.0.0.1/a.ts", "unsupported"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "unsupported"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "no_video"),
        (b"ID3\x04" + bytes(40), "no_video"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "damaged"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isommp42", "damaged"),
        (b"\x1a\x45\xdf\xa3" + bytes(40), "damaged"),
        (b"\xff\xd8\xff\xe0", "damaged"),
        (png_header(64, 64), "damaged"),
        (png_header(20_000, 20_000), "too_many_pixels"),
        (png_header(2**31 - 1, 2**31 - 1), "too_many_pixels"),
        (png_header(0, 10), "damaged"),
    ],
    ids=lambda value: value[:8].hex() if isinstance(value, bytes) else None,
)
def test_what_is_refused_and_why(tmp_path: Path, content: bytes, expected: str) -> None:
    path = tmp_path / "upload.mp4"
    path.write_bytes(content)
    assert code(path) == expected


def test_what_is_no_file(tmp_path: Path) -> None:
    assert code(tmp_path / "absent.jpg") == "not_found"
    assert code(tmp_path) == "unsupported"
    os.mkfifo(tmp_path / "pipe")
    assert code(tmp_path / "pipe") == "unsupported"
    assert code(Path("/dev/zero")) == "unsupported"


def test_a_photograph_cut_within_its_header_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "cut.jpg"
    Image.fromarray(data.astronaut()).save(path)
    path.write_bytes(path.read_bytes()[:600])
    assert code(path) == "damaged"


def test_limits_of_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (7000, 7000)).save(path)
    assert code(path, limits=Limits(file_bytes=1000)) == "too_large"
    assert code(path, limits=Limits(image_pixels=1_000_000)) == "too_many_pixels"
    assert code(path, limits=Limits(image_wall=0.01)) == "timeout"
    assert code(path, limits=Limits(memory_bytes=200 << 20)) == "out_of_memory"
