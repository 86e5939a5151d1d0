"""Features of a picture that look at no face: a 12x12 thumbnail, and how its detail is spread over frequencies."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.fft import rfft2

from core.media.pictures import read_picture
from core.media.types import MediaRejected

THUMBNAIL = 12
SPECTRUM_SIDE = 128
BANDS = 32
EPSILON = 1e-8


def thumbnail(rgb: np.ndarray) -> np.ndarray:
    """Shrink a picture to 12x12 pixels by area.

    Args:
        rgb: (H, W, 3) uint8.

    Returns:
        (432,) values in [0, 1].
    """
    small = Image.fromarray(rgb).resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX)
    return np.asarray(small, np.float64).ravel() / 255


def radial_spectrum(rgb: np.ndarray) -> np.ndarray:
    """Compute the log of the mean power of a picture's grey, in rings of equal width up to Nyquist.

    Grey by ITU-R BT.601, the centred 128x128 (a smaller picture is enlarged to it), Hann window, mean removed.

    Args:
        rgb: (H, W, 3) uint8.

    Returns:
        (32,) values.
    """
    grey = Image.fromarray(rgb).convert("L")
    width, height = grey.size
    if min(width, height) < SPECTRUM_SIDE:
        scale = SPECTRUM_SIDE / min(width, height)
        grey = grey.resize((max(SPECTRUM_SIDE, round(width * scale)), max(SPECTRUM_SIDE, round(height * scale))))
        width, height = grey.size
    left, top = (width - SPECTRUM_SIDE) // 2, (height - SPECTRUM_SIDE) // 2
    values = np.asarray(grey.crop((left, top, left + SPECTRUM_SIDE, top + SPECTRUM_SIDE)), np.float64) / 255
    window = np.hanning(SPECTRUM_SIDE)
    power = np.abs(rfft2((values - values.mean()) * np.outer(window, window))) ** 2
    rings, inside = _rings()
    sums = np.bincount(rings[inside], power[inside], BANDS)
    return np.log(sums / np.bincount(rings[inside], minlength=BANDS) + EPSILON)


def _rings() -> tuple[np.ndarray, np.ndarray]:
    """Ring of every coefficient of a (128, 65) spectrum, and whether it lies below Nyquist."""
    vertical = np.fft.fftfreq(SPECTRUM_SIDE)[:, None]
    horizontal = np.fft.rfftfreq(SPECTRUM_SIDE)[None, :]
    radius = np.hypot(vertical, horizontal)
    return np.minimum((radius * 2 * BANDS).astype(int), BANDS - 1), radius < 0.5


def features_of(files: Sequence[Path], workers: int | None = None) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Compute both sets of features of many files, in threads.

    Args:
        files: N files.
        workers: Threads; None: at most four.

    Returns:
        {"thumbnail": (M, 432), "spectrum": (M, 32)} of the files that are readable pictures, and which: (N,) bool.
    """
    with ThreadPoolExecutor(workers or min(4, os.cpu_count() or 1)) as pool:
        pairs = list(pool.map(_features, files))
    readable = np.array([item is not None for item in pairs], bool)
    rows = [item for item in pairs if item is not None]
    shapes = {"thumbnail": 3 * THUMBNAIL**2, "spectrum": BANDS}
    return {
        name: np.array([row[place] for row in rows]).reshape(-1, size)
        for place, (name, size) in enumerate(shapes.items())
    }, readable


def _features(file: Path) -> tuple[np.ndarray, np.ndarray] | None:
    try:
        rgb = read_picture(file).rgb
    except MediaRejected:
        return None
    return thumbnail(rgb), radial_spectrum(rgb)
