"""Artefacts planted at a known place of a real face crop, so that a heat map can be marked right or wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

SIDE = 0.3
"""Side of a plant, as a share of the crop's side: 9 % of the area when square, 7 % when round."""
NOISE = 30.0
"""Standard deviation of planted noise, grey levels of 255."""


@dataclass(frozen=True)
class Plant:
    """picture: (H, W, 3) uint8, the crop with its plant. mask: (H, W) bool, where it is."""

    picture: np.ndarray
    mask: np.ndarray

    @property
    def area(self) -> float:
        """Share of the picture, in (0, 1): what a map that knows nothing puts there."""
        return float(self.mask.mean())


def noise_patch(crop: np.ndarray, donor: np.ndarray, rng: np.random.Generator) -> Plant:
    """Plant Gaussian noise (`NOISE`) on a square at a random place.

    Args:
        crop: (H, W, 3) uint8.
        donor: Not used.
        rng: Chooses the place and the noise.

    Returns:
        The planted picture and its mask.
    """
    height, width = crop.shape[:2]
    tall, wide = round(height * SIDE), round(width * SIDE)
    top, left = (int(rng.integers(0, n - m + 1)) for n, m in ((height, tall), (width, wide)))
    mask = np.zeros((height, width), dtype=bool)
    mask[top : top + tall, left : left + wide] = True
    noisy = crop + rng.normal(0, NOISE, crop.shape) * mask[..., None]
    return Plant(np.clip(np.rint(noisy), 0, 255).astype(np.uint8), mask)


def blended_patch(crop: np.ndarray, donor: np.ndarray, rng: np.random.Generator) -> Plant:
    """Plant an ellipse of another face, as a face swap leaves it.

    It is matched in mean and spread of colour, and its edge is softened. The mask is where the donor outweighs the
    crop.

    Args:
        crop: (H, W, 3) uint8.
        donor: (H', W', 3) uint8, another face.
        rng: Chooses the place.

    Returns:
        The planted picture and its mask.
    """
    height, width = crop.shape[:2]
    axes = width * SIDE / 2, height * SIDE / 2
    centre = rng.uniform(axes[0], width - axes[0]), rng.uniform(axes[1], height - axes[1])
    y, x = np.mgrid[0:height, 0:width]
    inside = (((x - centre[0]) / axes[0]) ** 2 + ((y - centre[1]) / axes[1]) ** 2 <= 1).astype(np.float32)
    weight = cv2.GaussianBlur(inside, (0, 0), max(height, width) / 100)[..., None]
    other = cv2.resize(donor, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32)
    within = weight[..., 0] > 0.5
    own, foreign = crop[within].astype(np.float32), other[within]
    matched = (other - foreign.mean(0)) * (own.std(0) / (foreign.std(0) + 1)) + own.mean(0)
    blended = crop * (1 - weight) + matched * weight
    return Plant(np.clip(np.rint(blended), 0, 255).astype(np.uint8), within)


PLANTS: dict[str, Callable[[np.ndarray, np.ndarray, np.random.Generator], Plant]] = {
    "noise": noise_patch,
    "blend": blended_patch,
}
"""By name: (crop, donor, rng) to Plant; the same rng state gives the same plant."""


def mass_ratio(heat: np.ndarray, mask: np.ndarray) -> float:
    """Compare a map's mass on a mask with the mask's share of the area.

    Args:
        heat: (H, W), not negative.
        mask: (H, W) bool.

    Returns:
        A ratio: 1 is chance; NaN for an empty map.
    """
    total = float(heat.sum())
    return float(heat[mask].sum()) / total / float(mask.mean()) if total > 0 else float("nan")


def hit(heat: np.ndarray, mask: np.ndarray) -> float:
    """Play the pointing game (Zhang et al. 2018): does the largest value of a map lie on the mask?

    Args:
        heat: (H, W), not negative.
        mask: (H, W) bool.

    Returns:
        1 or 0; NaN for an empty map. Chance is the mask's share of the area.
    """
    return float(mask.flat[int(np.argmax(heat))]) if float(heat.sum()) > 0 else float("nan")
