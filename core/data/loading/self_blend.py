"""Turn a real picture into a fake: a warped, recoloured copy of it is blended in through a soft mask.

The idea is that of self-blended images (Shiohara and Yamasaki, CVPR 2022). They show what every face swap leaves
behind, a blending edge and two statistics in one picture, without the signature of any generator. No landmarks are
needed here: the mask is a soft ellipse near the centre of the crop with an elastic edge.
"""

from __future__ import annotations

import cv2
import numpy as np


def self_blend(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Blend a face crop with a changed copy of itself.

    Args:
        rgb: (H, W, 3) uint8 face crop.
        rng: The same state gives the same picture.

    Returns:
        A (H, W, 3) uint8 picture.
    """
    mask = blend_mask(rgb.shape[0], rgb.shape[1], rng)[..., None]
    if rng.random() < 0.5:
        source, target = _restyle(rgb, rng), rgb
    else:
        source, target = rgb, _restyle(rgb, rng)
    source = _warp(source, rng)
    blended = source * mask + target * (1.0 - mask)
    return np.clip(np.rint(blended), 0, 255).astype(np.uint8)


def blend_mask(height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """Draw a soft mask: an ellipse near the centre, its edge bent by smooth noise, softened and scaled.

    Args:
        height: Rows of the mask in pixels.
        width: Columns of the mask in pixels.
        rng: The same state gives the same mask.

    Returns:
        (H, W) float32 in [0, 1].
    """
    side = 64
    y, x = np.mgrid[0:side, 0:side].astype(np.float32) / (side - 1)
    centre_y, centre_x = rng.uniform(0.45, 0.62), rng.uniform(0.42, 0.58)
    radius_y, radius_x = rng.uniform(0.22, 0.42), rng.uniform(0.18, 0.34)
    bend = cv2.resize(rng.uniform(-0.35, 0.35, (5, 5)).astype(np.float32), (side, side), interpolation=cv2.INTER_CUBIC)
    distance = ((y - centre_y) / radius_y) ** 2 + ((x - centre_x) / radius_x) ** 2 + bend
    if rng.random() < 0.3:  # only the lower half of the face: mouth and chin, as lip-sync fakes do
        distance = np.where(y < centre_y, distance + 2.0 * (centre_y - y) / radius_y, distance)
    mask = (distance < 1.0).astype(np.float32)
    mask = cv2.GaussianBlur(mask, (0, 0), float(rng.uniform(0.7, 4.0)))
    strength = float(rng.choice([0.5, 0.75, 1.0, 1.0, 1.0]))
    return cv2.resize(mask, (width, height), interpolation=cv2.INTER_LINEAR) * strength


def _warp(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Move, scale and bend by a few per cent of the side, so that features no longer line up exactly."""
    height, width = rgb.shape[:2]
    grid = rng.normal(0.0, 0.008, (2, 5, 5)).astype(np.float32)
    bend_x, bend_y = (cv2.resize(g, (width, height), interpolation=cv2.INTER_CUBIC) for g in grid)
    scale = rng.uniform(0.96, 1.04, 2)
    shift = rng.uniform(-0.025, 0.025, 2)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    map_x = (x - width / 2) * np.float32(scale[0]) + width * np.float32(0.5 + shift[0]) + bend_x * width
    map_y = (y - height / 2) * np.float32(scale[1]) + height * np.float32(0.5 + shift[1]) + bend_y * height
    return cv2.remap(rgb, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _restyle(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Change light, sharpness or resolution: at least one of them."""
    picture: np.ndarray = rgb.astype(np.float32)
    changes = rng.random(3) < (0.75, 0.5, 0.5)
    if not changes.any():
        changes[int(rng.integers(3))] = True
    if changes[0]:
        gain = rng.uniform(0.88, 1.12) * (1.0 + rng.uniform(-0.05, 0.05, 3))
        middle = picture.mean((0, 1), keepdims=True)
        picture = (picture - middle) * np.float32(rng.uniform(0.85, 1.15)) + middle * gain.astype(np.float32)
        picture += np.float32(rng.uniform(-10, 10))
    if changes[1]:
        soft = cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.6, 1.6)))
        picture = soft if rng.random() < 0.5 else picture + np.float32(rng.uniform(0.3, 1.0)) * (picture - soft)
    if changes[2]:
        height, width = rgb.shape[:2]
        share = rng.uniform(0.35, 0.85)
        small = (max(8, round(width * share)), max(8, round(height * share)))
        shrunk = cv2.resize(picture, small, interpolation=cv2.INTER_AREA)
        back = cv2.INTER_CUBIC if rng.random() < 0.5 else cv2.INTER_LINEAR
        picture = cv2.resize(shrunk, (width, height), interpolation=back)
    return np.clip(picture, 0, 255)
