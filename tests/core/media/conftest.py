"""Clips that the tests encode themselves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.support.clips import encode, numbered

ClipMaker = Callable[..., Path]


@pytest.fixture
def clip(tmp_path: Path) -> ClipMaker:
    """`clip(name, frames, **options)` -> path of the encoded file."""
    return lambda name, frames, **options: encode(tmp_path / name, frames, **options)


@pytest.fixture
def numbered_frames() -> Callable[..., list[np.ndarray]]:
    return numbered
