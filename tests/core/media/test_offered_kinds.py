"""What the Analyze page offers by name is read, whatever the name of the file."""

from __future__ import annotations

import av
import numpy as np
import pytest
from PIL import Image

from core.data.prepare import archive
from core.data.sources.base import PICTURES as PICTURES_OF_FOLDERS
from core.media.decode import decode
from core.media.types import MediaRejected
from pages.analyze import FILE_KINDS
from tests.support.heic import heic

PICTURES = {"JPEG": "jfif", "PNG": "png", "WebP": "webp", "AVIF": "avif", "BMP": "bmp", "TIFF": "tif", "GIF": "gif"}
CLIPS = {"MP4": "mp4", "MOV": "mov", "M4V": "ipod", "3GP": "3gp", "MKV": "matroska", "WebM": "webm", "AVI": "avi"}
CODECS = {"webm": "libvpx", "avi": "mpeg4"}


@pytest.mark.parametrize(("name", "suffix"), PICTURES.items())
def test_every_picture_on_offer_is_read(name, suffix, tmp_path):
    assert f"{name}," in FILE_KINDS or f"{name}." in FILE_KINDS
    Image.new("RGB", (40, 30), (90, 120, 60)).save(tmp_path / f"x.{suffix}", "JPEG" if suffix == "jfif" else None)
    media = decode(tmp_path / f"x.{suffix}")
    assert (media.kind, media.width, media.height) == ("image", 40, 30)


@pytest.mark.parametrize(("name", "muxer"), CLIPS.items())
def test_every_clip_on_offer_is_read(name, muxer, tmp_path):
    assert f"{name}," in FILE_KINDS or f"{name}." in FILE_KINDS
    path = tmp_path / "x.bin"
    with av.open(str(path), "w", format=muxer) as container:
        stream = container.add_stream(CODECS.get(muxer, "libx264"), rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for level in range(0, 200, 20):
            picture = np.full((48, 64, 3), level, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    media = decode(path, max_frames=3)
    assert (media.kind, media.width, len(media.frames)) == ("video", 64, 3)


def test_heic_is_read_and_the_brands_of_other_files_stay_out(tmp_path):
    assert "HEIC," in FILE_KINDS
    (tmp_path / "x.jpg").write_bytes(heic(np.full((48, 64, 3), 90, np.uint8)))
    media = decode(tmp_path / "x.jpg")
    assert (media.kind, media.format, media.width, media.height) == ("image", "heic", 64, 48)
    (tmp_path / "x.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64))
    with pytest.raises(MediaRejected) as refused:
        decode(tmp_path / "x.heic")
    assert refused.value.code == "damaged"


@pytest.mark.parametrize("suffix", [".heic", ".heif"])
def test_folders_and_archives_take_heic(suffix):
    assert suffix in PICTURES_OF_FOLDERS
    assert suffix in archive.MEDIA
