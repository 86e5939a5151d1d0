"""`decode` on files that a newcomer brings."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from core.media.decode import decode
from core.media.types import MediaRejected


def test_a_photograph_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    path = tmp_path / "face.png"
    Image.fromarray(data.astronaut()).save(path)
    media = decode(path)
    assert (media.kind, media.format, media.width, media.height) == ("image", "png", 512, 512)
    assert media.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert np.array_equal(media.frames[0].rgb, data.astronaut())
    assert media.warnings == []


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "empty.jpg"
    path.touch()
    with pytest.raises(MediaRejected) as refused:
        decode(path)
    assert refused.value.code == "empty"
