"""Damaged files of every format end as pixels or as a refusal with a known code: never otherwise, never late."""

from __future__ import annotations

import io
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from core.media.decode import decode
from core.media.limits import Limits
from core.media.types import MediaRejected
from tests.support.heic import heic

CODES = {"empty", "unsupported", "damaged", "too_many_pixels", "too_long", "no_video", "timeout", "out_of_memory"}
SMALL = data.astronaut()[:96, 150:278]


def picture(kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(SMALL).save(buffer, kind)
    return buffer.getvalue()


def mutate(original: bytes, rng: np.random.Generator) -> bytes:
    """One to four wounds: flipped bytes, a cut, a hole, a repeated stretch, an extreme 32-bit number."""
    hurt = bytearray(original)
    for _ in range(rng.integers(1, 5)):
        at = int(rng.integers(0, len(hurt)) * rng.random() ** 2)  # headers are hit more often
        wound = rng.integers(0, 5)
        if wound == 0:
            for place in rng.integers(at, min(at + 64, len(hurt)), 6):
                hurt[place] = rng.integers(0, 256)
        elif wound == 1:
            del hurt[max(at, 8) :]
        elif wound == 2:
            del hurt[at : at + int(rng.integers(1, 40))]
        elif wound == 3:
            hurt[at:at] = hurt[at : at + int(rng.integers(1, 200))]
        else:
            hurt[at : at + 4] = [b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", bytes(4)][rng.integers(0, 3)]
        if not hurt:
            break
    return bytes(hurt)


def test_mutated_files_end_in_media_or_refusal(tmp_path: Path, clip, numbered_frames) -> None:
    frames = numbered_frames(12, 96, 64)
    seeds = [picture(kind) for kind in ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF")]
    seeds.append(heic(SMALL))
    seeds += [
        clip(name, frames, codec=codec, gop=4).read_bytes()
        for name, codec in (("a.mp4", "libx264"), ("a.mkv", "libx264"), ("a.avi", "mpeg4"))
    ]
    rng = np.random.default_rng(7)
    limits = Limits(memory_bytes=1 << 30, threads=1)

    def outcome(number: int, content: bytes) -> str:
        path = tmp_path / f"{number}.bin"
        path.write_bytes(content)
        started = time.monotonic()
        try:
            media = decode(path, max_frames=3, limits=limits)
            assert media.frames
            assert all(frame.rgb.ndim == 3 and np.isfinite(frame.time) for frame in media.frames)
            result = "media"
        except MediaRejected as refused:
            result = refused.code
        allowed = limits.image_wall if number % 11 < 8 else limits.video_wall
        assert time.monotonic() - started < allowed + 60  # a busy machine is late to see that the time is up
        return result

    files = [mutate(seeds[number % len(seeds)], rng) for number in range(150)]
    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(outcome, range(len(files)), files))
    assert set(outcomes) <= {"media", *CODES}
    assert outcomes.count("media") > 10, "the wounds are too deep to test anything but the door"
    assert outcomes.count("damaged") > 20, "the wounds are too shallow"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_every_cut_of_a_header_is_answered(tmp_path: Path, kind: str) -> None:
    whole = picture(kind)
    for length in (1, 4, 12, 30, 100):
        path = tmp_path / f"{length}"
        path.write_bytes(whole[:length])
        with pytest.raises(MediaRejected) as refused:
            decode(path)
        assert refused.value.code in ("damaged", "unsupported")
