"""Small vocabulary of the renderer: random streams, coordinate grids, soft shapes, noise. All float32."""

from __future__ import annotations

import hashlib

import cv2
import numpy as np

SPAN = 3.2
"""Side of the canonical picture plane in face units; half a face is about 0.75 units wide."""


def stream(seed: int, *names: object) -> np.random.Generator:
    """Make a random stream of its own for each purpose: adding one purpose never changes another's numbers.

    Args:
        seed: Seed of the population.
        *names: The purpose.

    Returns:
        A generator that depends on the arguments alone (SHA-256).
    """
    digest = hashlib.sha256("\x1f".join(str(part) for part in (seed, *names)).encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "big")))


def grid(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Make the coordinates of the picture plane.

    Args:
        size: Pixels a side, S.

    Returns:
        u (right) and v (down), each (S, S), in face units, 0 in the middle.
    """
    axis = ((np.arange(size, dtype=np.float32) + 0.5) / size - 0.5) * np.float32(SPAN)
    return np.meshgrid(axis, axis)  # type: ignore[return-value]


def bump(u: np.ndarray, v: np.ndarray, at: tuple[float, float], width: tuple[float, float]) -> np.ndarray:
    """Compute a Gaussian of height 1.

    Args:
        u: Horizontal coordinates.
        v: Vertical coordinates.
        at: Its centre.
        width: Its standard deviations.

    Returns:
        Values of the shape of `u`.
    """
    return np.exp(-0.5 * (((u - at[0]) / width[0]) ** 2 + ((v - at[1]) / width[1]) ** 2))


def soft(distance: np.ndarray, width: float) -> np.ndarray:
    """Turn a signed distance into a mask with a smooth edge.

    Args:
        distance: Negative inside.
        width: Width of the edge.

    Returns:
        1 inside, 0 outside.
    """
    t = np.clip(0.5 - distance / width, 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def mix(below: np.ndarray, above: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Lay one picture over another.

    Args:
        below: (H, W) or (H, W, C).
        above: As `below`, or a colour.
        alpha: (H, W) opacity of `above` in [0, 1].

    Returns:
        As `below`.
    """
    a = alpha[..., None] if below.ndim == 3 and alpha.ndim == 2 else alpha
    return below + (above - below) * a


def noise(rng: np.random.Generator, size: int, cells: int, octaves: int = 1, fall: float = 0.5) -> np.ndarray:
    """Make smooth noise of standard deviation about 1.

    Args:
        rng: Random stream.
        size: Pixels a side, S.
        cells: Cells a side in the coarsest octave.
        octaves: Number of octaves; each has twice the cells.
        fall: Amplitude of each octave relative to the one before.

    Returns:
        (S, S).
    """
    total, weight = np.zeros((size, size), np.float32), 0.0
    for octave in range(octaves):
        side = max(2, min(size, cells * 2**octave))
        patch = rng.standard_normal((side, side), dtype=np.float32)
        share = fall**octave
        total += share * cv2.resize(patch, (size, size), interpolation=cv2.INTER_CUBIC)
        weight += share**2
    return total / np.float32(np.sqrt(weight))


def blur(picture: np.ndarray, sigma: float) -> np.ndarray:
    """Blur a picture by a Gaussian.

    Args:
        picture: (H, W) or (H, W, C).
        sigma: Pixels; 0 changes nothing.

    Returns:
        As `picture`.
    """
    return picture if sigma <= 0 else cv2.GaussianBlur(picture, (0, 0), sigma)


def linear(colour: tuple[float, ...] | np.ndarray) -> np.ndarray:
    """Convert sRGB to linear light.

    Args:
        colour: Values 0 to 255.

    Returns:
        Values in [0, 1].
    """
    c = np.asarray(colour, np.float32) / 255.0
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4).astype(np.float32)


def srgb(light: np.ndarray) -> np.ndarray:
    """Convert linear light to sRGB.

    Args:
        light: Values; clipped to [0, 1].

    Returns:
        Values in [0, 1], float32.
    """
    light = np.clip(light, 0.0, 1.0)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055).astype(np.float32)
