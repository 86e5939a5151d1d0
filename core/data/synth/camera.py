"""From a rendered picture to a photograph's file: lens, sensor, and the saves it went through."""

from __future__ import annotations

import io

import cv2
import numpy as np
from PIL import Image

from core.data.synth.fields import blur, noise


def photograph(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Simulate a camera: white balance, exposure, vignette, defocus or shake, shot and read noise, sharpening.

    Args:
        rgb: (S, S, 3) sRGB in [0, 1].
        rng: Random stream of this photograph.

    Returns:
        (S, S, 3) uint8.
    """
    size = rgb.shape[0]
    picture = rgb * rng.uniform(0.88, 1.1) * rng.normal(1, 0.025, 3).astype(np.float32)
    picture = np.clip(picture, 0, 1) ** np.float32(rng.uniform(0.88, 1.14))
    axis = np.linspace(-1, 1, size, dtype=np.float32)
    picture = picture * (1 - rng.uniform(0, 0.16) * (axis[None] ** 2 + axis[:, None] ** 2) / 2)[..., None]
    picture = blur(picture.astype(np.float32), rng.uniform(0.2, 0.9) * size / 256)
    if rng.uniform() < 0.12:
        picture = _shake(picture, rng)
    strength = rng.uniform(0.002, 0.022)
    grain = noise(rng, size, size)[..., None] + 0.6 * rng.standard_normal(picture.shape, dtype=np.float32)
    picture = picture + strength * grain * np.sqrt(0.15 + np.clip(picture, 0, 1))
    if rng.uniform() < 0.5:
        picture = picture + rng.uniform(0.1, 0.5) * (picture - blur(picture.astype(np.float32), 1.2))
    return to_uint8(picture)


def _shake(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    length = int(rng.integers(3, 7))
    kernel = np.zeros((length, length), np.float32)
    angle = rng.uniform(0, np.pi)
    for t in np.linspace(-1, 1, 4 * length):
        middle = (length - 1) / 2
        kernel[
            round(middle + t * middle * float(np.sin(angle))), round(middle + t * middle * float(np.cos(angle)))
        ] += 1
    return cv2.filter2D(picture, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE)


def to_uint8(picture: np.ndarray) -> np.ndarray:
    """Convert float to uint8, rounded.

    Args:
        picture: Values in [0, 1]; others are clipped.

    Returns:
        uint8 of the same shape.
    """
    return np.clip(picture * 255 + 0.5, 0, 255).astype(np.uint8)


def jpeg(rgb: np.ndarray, quality: int, subsampling: int = 2) -> bytes:
    """Encode a picture as JPEG.

    Args:
        rgb: (H, W, 3) uint8.
        quality: 1 to 100.
        subsampling: 0 = 4:4:4, 2 = 4:2:0.

    Returns:
        The bytes of the file.
    """
    stream = io.BytesIO()
    Image.fromarray(rgb).save(stream, "JPEG", quality=quality, subsampling=subsampling)
    return stream.getvalue()


def opened(data: bytes) -> np.ndarray:
    """Decode an image file made here.

    Args:
        data: The bytes of the file.

    Returns:
        (H, W, 3) uint8.
    """
    with Image.open(io.BytesIO(data)) as picture:
        return np.asarray(picture.convert("RGB"))


def saved_before(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Simulate one earlier save: as JPEG (60 %), sometimes resized on the way (20 %), or left alone.

    Args:
        rgb: (S, S, 3) uint8.
        rng: Random stream of this save.

    Returns:
        (S, S, 3) uint8.
    """
    if rng.uniform() < 0.2:
        size, side = rgb.shape[0], int(rgb.shape[0] * rng.uniform(0.7, 1.4))
        how = cv2.INTER_AREA if side < size else cv2.INTER_CUBIC
        rgb = cv2.resize(cv2.resize(rgb, (side, side), interpolation=how), (size, size), interpolation=cv2.INTER_LINEAR)
    if rng.uniform() < 0.6:
        rgb = opened(jpeg(rgb, int(rng.integers(65, 97)), int(rng.choice([0, 2]))))
    return rgb


def last_save(rgb: np.ndarray, rng: np.random.Generator) -> bytes:
    """Encode the final file: JPEG of quality 72 to 97.

    Args:
        rgb: (H, W, 3) uint8.
        rng: Random stream of this save.

    Returns:
        The bytes of the file.
    """
    return jpeg(rgb, int(rng.integers(72, 98)), int(rng.choice([0, 2])))
