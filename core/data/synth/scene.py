"""What stands behind a person: gradients, blurred lights and shapes, walls."""

from __future__ import annotations

import cv2
import numpy as np

from core.data.synth.fields import blur, linear, mix, noise, soft, stream
from core.data.synth.people import muted


def background(seed: int, size: int) -> np.ndarray:
    """Draw one of four kinds of background, already lit.

    Args:
        seed: Seed of the scene.
        size: Pixels a side, S.

    Returns:
        (S, S, 3) linear light.
    """
    rng = stream(seed, "background")
    kind = rng.choice(["gradient", "lights", "shapes", "wall"])
    picture = _gradient(rng, size)
    if kind == "lights":
        picture = _lights(picture * 0.35, rng, size)
    elif kind == "shapes":
        picture = _shapes(picture, rng, size)
    elif kind == "wall":
        picture = _wall(picture, rng, size)
    grain = 1 + rng.uniform(0.01, 0.06) * noise(rng, size, 8, 4)
    return np.clip(picture * grain[..., None], 0.002, 1.6).astype(np.float32)


def _gradient(rng: np.random.Generator, size: int) -> np.ndarray:
    hue = muted(rng, 28)
    first, second = linear(hue), linear(np.clip(hue + rng.normal(0, 32, 3), 8, 245))
    angle = rng.uniform(0, 2 * np.pi)
    axis = np.linspace(-0.5, 0.5, size, dtype=np.float32)
    along = np.clip(0.5 + axis[None] * np.cos(angle) + axis[:, None] * np.sin(angle), 0, 1)
    return first + (second - first) * along[..., None]


def _lights(picture: np.ndarray, rng: np.random.Generator, size: int) -> np.ndarray:
    yy, xx = np.mgrid[:size, :size].astype(np.float32) / size
    for _ in range(int(rng.integers(6, 16))):
        cx, cy, radius = rng.uniform(0, 1), rng.uniform(0, 1), rng.uniform(0.02, 0.09)
        disc = soft(np.hypot(xx - cx, yy - cy) - radius, 0.015)
        picture = picture + disc[..., None] * linear(np.clip(muted(rng) + 60, 0, 255)) * rng.uniform(0.3, 1.0)
    return picture


def _shapes(picture: np.ndarray, rng: np.random.Generator, size: int) -> np.ndarray:
    picture = np.ascontiguousarray(picture, np.float32)
    for _ in range(int(rng.integers(3, 9))):
        corner = rng.uniform(-0.2, 1.0, 2) * size
        extent = rng.uniform(0.08, 0.6, 2) * size
        turn = float(rng.uniform(-15, 15))
        box = cv2.boxPoints(((float(corner[0]), float(corner[1])), (float(extent[0]), float(extent[1])), turn))
        colour = [float(c) for c in linear(muted(rng))]
        cv2.fillPoly(picture, [np.round(box).astype(np.int32)], colour)
    return blur(picture, size * rng.uniform(0.008, 0.035))


def _wall(picture: np.ndarray, rng: np.random.Generator, size: int) -> np.ndarray:
    yy, xx = np.mgrid[:size, :size].astype(np.float32) / size
    rows = rng.uniform(5, 14)
    course = np.floor(yy * rows)
    x = xx * rows * rng.uniform(0.3, 0.6) + 0.5 * (course % 2)
    joint = np.minimum(np.abs(yy * rows % 1 - 0.5), np.abs(x % 1 - 0.5) * 2)
    lines = soft(0.46 - joint, 0.06) if rng.uniform() < 0.6 else np.zeros_like(xx)
    tone = 1 + 0.12 * noise(rng, size, int(rows)) + 0.05 * noise(rng, size, size // 4)
    wall = picture * tone[..., None]
    return blur(mix(wall, wall * rng.uniform(0.5, 0.85), lines), size * rng.uniform(0.002, 0.012))
