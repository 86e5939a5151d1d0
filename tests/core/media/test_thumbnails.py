"""Previews of foreign pictures: small JPEGs made here, or a sentence; one bad picture costs itself alone."""

from __future__ import annotations

import io
import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from core.media import pictures
from core.media.pictures import CRASHED, GONE, read_picture
from core.media.thumbnails import thumbnails
from core.media.types import MediaRejected


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


def test_a_child_that_dies_costs_one_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = write(tmp_path / "good.png", data.astronaut()[:64, :64])
    started = []

    class Moody(pictures.PictureChild):
        def __init__(self) -> None:
            super().__init__()
            started.append(self)

        def read(self, content: bytes, side: int, seconds: float):
            if len(started) == 1:
                self.process.kill()
                self.process.wait()
            return super().read(content, side, seconds)

    pictures.close_idle()
    monkeypatch.setattr(pictures, "PictureChild", Moody)
    first, second, third = thumbnails([good] * 3)
    assert first == CRASHED
    assert isinstance(second, bytes)
    assert isinstance(third, bytes)
    assert len(started) == 2
    pictures.close_idle()
    assert all(child.process.poll() is not None for child in started), "no child is left behind"


def test_a_child_that_dawdles_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = write(tmp_path / "good.png", data.astronaut()[:64, :64])
    pictures.close_idle()
    monkeypatch.setattr(pictures, "_BOOT", "import time; time.sleep(600)")
    start = time.monotonic()
    with pytest.raises(MediaRejected, match="too long"):
        read_picture(good, limits=replace(pictures.LIMITS, image_wall=0.5))
    assert time.monotonic() - start < 60


@pytest.mark.parametrize(
    "answer",
    [
        "b'\\xff' * 100",
        "(5).to_bytes(4, 'big') + b'hello'",
        '(78).to_bytes(4, \'big\') + b\'{"width": 99999, "height": 99999, "lost": null, "cpu": 0.1}\' + b\' \' * 40',
        '(60).to_bytes(4, \'big\') + b\'{"width": 4, "height": 4, "lost": "x", "cpu": 0.1}\' + b\' \' * 90',
    ],
)
def test_a_child_that_lies_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    good = write(tmp_path / "good.png", data.astronaut()[:64, :64])
    pictures.close_idle()
    program = f"import sys; sys.stdout.buffer.write({answer}); sys.stdin.buffer.read()"
    monkeypatch.setattr(pictures, "_BOOT", program.replace("{", "{{").replace("}", "}}"))
    with pytest.raises(MediaRejected) as refused:
        read_picture(good)
    assert refused.value.code == "damaged"


def test_a_child_is_replaced_before_its_processor_time_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = write(tmp_path / "good.png", data.astronaut()[:64, :64])
    pictures.close_idle()
    monkeypatch.setattr(pictures, "CHILD_CPU_SECONDS", 0.0)
    read_picture(good)
    assert pictures._idle == []
