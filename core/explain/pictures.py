"""Pictures out of maps: overlays, residuals and PNG files. No torch here."""

from __future__ import annotations

import io
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image

from core.artifacts.files import write_bytes

COLOURS = "inferno"


def colour(values: np.ndarray) -> np.ndarray:
    """Paint a map with a perceptually uniform colour map.

    Args:
        values: (H, W) in [0, 1]; values outside are cut off.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    return np.round(matplotlib.colormaps[COLOURS](np.clip(values, 0, 1))[..., :3] * 255).astype(np.uint8)


def overlay(rgb: np.ndarray, heat: np.ndarray, *, strength: float = 0.65) -> np.ndarray:
    """Lay a map over a picture, more opaque where the map is larger.

    Args:
        rgb: (H, W, 3) uint8.
        heat: (H, W) in [0, 1].
        strength: Opacity at the largest value, in [0, 1].

    Returns:
        (H, W, 3) uint8.

    Raises:
        ValueError: Map and picture differ in size.
    """
    if heat.shape != rgb.shape[:2]:
        raise ValueError(f"map {heat.shape} and picture {rgb.shape[:2]} differ in size")
    opacity = strength * np.clip(heat, 0, 1)[..., None] ** 0.7
    return np.round(rgb * (1 - opacity) + colour(heat) * opacity).astype(np.uint8)


def save_png(path: Path, rgb: np.ndarray) -> None:
    """Write a picture as a PNG that is whole or absent; equal pixels give equal bytes.

    Args:
        path: The file; its folder is made.
        rgb: (H, W, 3) uint8.
    """
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "PNG")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, buffer.getvalue())
