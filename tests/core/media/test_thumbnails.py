"""Previews of foreign pictures: small JPEGs made here, or a sentence; one bad picture costs itself alone."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from core.media import thumbnails as module
from core.media.thumbnails import GONE, thumbnails


def write(path: Path, rgb: np.ndarray, kind: str = "PNG", **options) -> Path:
    Image.fromarray(rgb).save(path, kind, **options)
    return path


def test_previews_are_small_upright_jpegs_that_look_like_the_picture(tmp_path: Path) -> None:
    rgb = data.astronaut()[:400]
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter to the right
    paths = [write(tmp_path / "a.png", rgb), write(tmp_path / "b.txt", rgb, "WEBP", quality=90),
             write(tmp_path / "c.jpg", rgb, "JPEG", exif=exif)]  # fmt: skip
    views = [Image.open(io.BytesIO(view)) for view in thumbnails(paths, side=96)]
    assert [view.format for view in views] == ["JPEG"] * 3
    assert [view.size for view in views] == [(96, 75), (96, 75), (75, 96)]
    wanted = np.asarray(Image.fromarray(rgb).resize((96, 75), Image.Resampling.LANCZOS), float)
    for view in views[:2]:
        assert np.abs(np.asarray(view, float) - wanted).mean() < 6


def test_what_is_no_sound_picture_gets_a_sentence_and_the_others_their_view(tmp_path: Path) -> None:
    good = write(tmp_path / "good.png", data.astronaut()[:64, :64])
    (tmp_path / "cut.png").write_bytes(good.read_bytes()[:100])
    (tmp_path / "page.png").write_bytes(b"<svg onload=alert(1)>" * 40)
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "clip.png").write_bytes(b"\0\0\0\x18ftypmp42" + bytes(600))
    os.mkfifo(tmp_path / "pipe.png")
    bomb = write(tmp_path / "bomb.png", np.zeros((10, 10, 3), np.uint8)).read_bytes()
    (tmp_path / "bomb.png").write_bytes(bomb[:16] + (40000).to_bytes(4, "big") * 2 + bomb[24:])
    names = ["cut.png", "page.png", "empty.jpg", "clip.png", "pipe.png", "bomb.png", "gone.png", "good.png"]
    answers = thumbnails([tmp_path / name for name in names] + [tmp_path])
    told = dict(zip(names, answers, strict=False))
    assert isinstance(told.pop("good.png"), bytes)
    assert told["gone.png"] == GONE
    assert all(isinstance(answer, str) and answer.endswith(".") for answer in told.values())
    assert "Traceback" not in str(told)
    assert isinstance(answers[-1], str)


def test_a_child_that_dawdles_costs_one_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = write(tmp_path / "good.png", data.astronaut()[:64, :64])
    started = []

    class Moody(module._Child):
        def __init__(self, side: int) -> None:
            super().__init__(side)
            started.append(self)

        def view(self, content: bytes) -> bytes | str:
            if len(started) == 1:
                self.process.kill()
                self.process.wait()
            return super().view(content)

    monkeypatch.setattr(module, "_Child", Moody)
    first, second, third = thumbnails([good] * 3)
    assert first == module.CRASHED
    assert isinstance(second, bytes)
    assert isinstance(third, bytes)
    assert len(started) == 2
    assert all(child.process.poll() is not None for child in started), "no child is left behind"
