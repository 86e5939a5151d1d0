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
    """(H, W) in [0, 1] to (H, W, 3) uint8 by a perceptually uniform colour map."""
    return np.round(matplotlib.colormaps[COLOURS](np.clip(values, 0, 1))[..., :3] * 255).astype(np.uint8)


def overlay(rgb: np.ndarray, heat: np.ndarray, *, strength: float = 0.65) -> np.ndarray:
    """(H, W, 3) uint8: the picture with the map over it, the more opaque the hotter.

    Args:
        rgb: (H, W, 3) uint8. heat: (H, W) in [0, 1]. strength: opacity of the hottest place, in [0, 1].
    """
    if heat.shape != rgb.shape[:2]:
        raise ValueError(f"map {heat.shape} and picture {rgb.shape[:2]} differ in size")
    opacity = strength * np.clip(heat, 0, 1)[..., None] ** 0.7
    return np.round(rgb * (1 - opacity) + colour(heat) * opacity).astype(np.uint8)


def save_png(path: Path, rgb: np.ndarray) -> None:
    """(H, W, 3) uint8 to a PNG, whole or absent; equal pixels give equal bytes."""
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "PNG")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, buffer.getvalue())
