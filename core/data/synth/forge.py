"""Fakes, made from a picture the way fakes are made. Every maker returns the picture and the mask of what it changed.

picture: (S, S, 3) uint8. mask: (S, S) float32 in [0, 1]. A maker sees pixels and landmarks, never the scene: only
relighting is given a height field, where a real one would estimate it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from core.data.synth.camera import jpeg, opened, to_uint8
from core.data.synth.fields import SPAN, blur, mix, noise
from core.data.synth.people import light_from
from core.registry import Registry

Places = dict[str, tuple[float, float]]


@dataclass(frozen=True)
class Plate:
    """A photograph with what is known of it: landmarks in pixels, face alpha and height field (S, S)."""

    rgb: np.ndarray
    landmarks: Places
    face: np.ndarray
    height: np.ndarray


Maker = Callable[[Plate, Plate | None, np.random.Generator], tuple[np.ndarray, np.ndarray]]
makers: Registry[Maker] = Registry("way of faking")


def face_mask(plate: Plate, rng: np.random.Generator) -> np.ndarray:
    """Draw a soft mask around brows, mouth and chin: the hull of the landmarks, grown or shrunk, bent, feathered.

    Args:
        plate: The photograph.
        rng: Random stream of this mask.

    Returns:
        (S, S) in [0, 1].
    """
    at = {name: np.array(place, np.float32) for name, place in plate.landmarks.items()}
    across = at["eye_right"] - at["eye_left"]
    down = at["chin"] - (at["eye_left"] + at["eye_right"]) / 2
    grow = rng.uniform(0.8, 1.12)
    points = [
        at["brow_left"] - 0.42 * across * grow - 0.12 * down * grow,
        at["brow_right"] + 0.42 * across * grow - 0.12 * down * grow,
        at["eye_left"] - 0.48 * across * grow,
        at["eye_right"] + 0.48 * across * grow,
        at["mouth_left"] - 0.3 * across * grow,
        at["mouth_right"] + 0.3 * across * grow,
        at["chin"] - 0.22 * across + (grow - 1.06) * 0.4 * down,
        at["chin"] + 0.22 * across + (grow - 1.06) * 0.4 * down,
    ]
    mask = np.zeros((plate.rgb.shape[0], plate.rgb.shape[1]), np.float32)
    cv2.fillConvexPoly(mask, cv2.convexHull(np.round(np.array(points)).astype(np.int32)), 1.0)
    mask = elastic(mask, rng, 0.02)
    return np.clip(blur(mask, mask.shape[0] * rng.uniform(0.01, 0.035)), 0, 1)


def elastic(picture: np.ndarray, rng: np.random.Generator, amount: float) -> np.ndarray:
    """Bend a picture smoothly.

    Args:
        picture: (S, S) or (S, S, C).
        rng: Random stream.
        amount: Displacement as a share of the side (one standard deviation).

    Returns:
        As `picture`.
    """
    size = picture.shape[0]
    yy, xx = np.mgrid[:size, :size].astype(np.float32)
    dx, dy = noise(rng, size, 5) * amount * size, noise(rng, size, 5) * amount * size
    return cv2.remap(picture, xx + dx, yy + dy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


def box_of(mask: np.ndarray) -> tuple[int, int, int, int]:
    """Find the box where a mask exceeds 0.1.

    Args:
        mask: (S, S) in [0, 1].

    Returns:
        x, y, w, h in pixels; all zero for an empty mask.
    """
    rows, cols = np.where(mask > 0.1)
    if not len(rows):
        return 0, 0, 0, 0
    x, y = int(cols.min()), int(rows.min())
    return x, y, int(cols.max()) - x + 1, int(rows.max()) - y + 1


def _over(plate: Plate, patch: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return to_uint8(mix(plate.rgb / np.float32(255), patch, mask)), mask


def _recolour(patch: np.ndarray, rng: np.random.Generator, amount: float = 1.0) -> np.ndarray:
    """Shift in Lab and contrast, float 0..1."""
    lab = cv2.cvtColor(np.clip(patch, 0, 1).astype(np.float32), cv2.COLOR_RGB2LAB)
    lab[..., 0] = (lab[..., 0] - 60) * rng.uniform(0.92, 1.08) + 60 + amount * rng.normal(0, 4)
    lab[..., 1:] = lab[..., 1:] + amount * rng.normal(0, 3, 2).astype(np.float32)
    return np.clip(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), 0, 1)


def self_blend(plate: Plate, donor: Plate | None, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Lay a warped and recoloured copy of the face, softened or sharpened, over itself (after Shiohara 2022).

    Args:
        plate: The photograph.
        donor: Not used.
        rng: Random stream of this fake.

    Returns:
        Picture and mask.
    """
    size = plate.rgb.shape[0]
    patch = _recolour(plate.rgb / np.float32(255), rng)
    middle = tuple(float(c) for c in plate.landmarks["nose"])
    move = cv2.getRotationMatrix2D(middle, float(rng.normal(0, 2.5)), float(rng.uniform(0.95, 1.05)))
    move[:, 2] = move[:, 2] + rng.normal(0, 0.012 * size, 2)
    patch = cv2.warpAffine(patch, move, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    patch = elastic(patch, rng, 0.006)
    patch = _soften(patch, rng)
    return _over(plate, patch, face_mask(plate, rng) * float(rng.choice([0.7, 0.85, 1.0])))


def _soften(patch: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """What a decoder does to detail: lower resolution, or sharpening after it."""
    size = patch.shape[0]
    if rng.uniform() < 0.5:
        side = int(size * rng.uniform(0.4, 0.75))
        return cv2.resize(cv2.resize(patch, (side, side), interpolation=cv2.INTER_AREA), (size, size))
    return patch + rng.uniform(0.3, 0.9) * (patch - blur(patch, 1.5))


def face_swap(plate: Plate, donor: Plate | None, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Put in another person's face: fitted by landmarks, colours matched inside the mask, softened, blended.

    Args:
        plate: The photograph.
        donor: The photograph whose face is put in.
        rng: Random stream of this fake.

    Returns:
        Picture and mask.

    Raises:
        ValueError: There is no donor.
    """
    if donor is None:
        raise ValueError("a face swap needs a donor")
    size = plate.rgb.shape[0]
    names = sorted(plate.landmarks)
    donor_points = np.array([donor.landmarks[name] for name in names], np.float64)
    target_points = np.array([plate.landmarks[name] for name in names], np.float64)
    design = np.hstack([donor_points, np.ones((len(names), 1))])
    move = np.linalg.lstsq(design, target_points, rcond=None)[0].T
    patch = cv2.warpAffine(donor.rgb / np.float32(255), move, (size, size), borderMode=cv2.BORDER_REFLECT)
    mask = face_mask(plate, rng)
    patch = _match(patch, plate.rgb / np.float32(255), mask)
    return _over(plate, _soften(_recolour(patch, rng, 0.5), rng), mask)


def _match(patch: np.ndarray, target: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Mean and spread of Lab inside the mask taken from the target (Reinhard 2001)."""
    source, goal = (cv2.cvtColor(p.astype(np.float32), cv2.COLOR_RGB2LAB) for p in (patch, target))
    inside = mask > 0.5
    if inside.sum() < 16:
        return patch
    a, b = source[inside], goal[inside]
    matched = (source - a.mean(0)) * np.clip(b.std(0) / (a.std(0) + 1e-3), 0.75, 1.3) + b.mean(0)
    return np.clip(cv2.cvtColor(matched.astype(np.float32), cv2.COLOR_LAB2RGB), 0, 1)


def upsampling(plate: Plate, donor: Plate | None, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Pass the face region through an upsampler that leaves traces.

    Either zeros between pixels and a 3x3 kernel of stride 2 (its uneven overlap leaves a checkerboard), or nearest
    neighbours and a small blur.

    Args:
        plate: The photograph.
        donor: Not used.
        rng: Random stream of this fake.

    Returns:
        Picture and mask.
    """
    size = plate.rgb.shape[0]
    picture = plate.rgb / np.float32(255)
    low = cv2.resize(picture, (size // 2, size // 2), interpolation=cv2.INTER_AREA)
    if rng.uniform() < 0.6:
        spread = np.zeros((2 * low.shape[0], 2 * low.shape[1], 3), np.float32)
        spread[::2, ::2] = low
        edge = rng.uniform(0.42, 0.58)
        line = np.array([edge, 1.0, edge], np.float32)
        # the weights reaching even and odd places differ unless edge is 0.5
        patch = cv2.filter2D(spread, -1, np.outer(line, line), borderType=cv2.BORDER_REFLECT)
        patch = patch + rng.uniform(0.2, 0.5) * (patch - blur(patch, 2.0))
    else:
        patch = np.repeat(np.repeat(low, 2, 0), 2, 1)
        patch = blur(patch, rng.uniform(0.3, 0.7))
    patch = cv2.resize(patch, (size, size), interpolation=cv2.INTER_LINEAR)
    return _over(plate, _recolour(patch, rng, 0.4), face_mask(plate, rng))


def resolution(plate: Plate, donor: Plate | None, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Paste the face back from a smaller and more compressed copy.

    Args:
        plate: The photograph.
        donor: Not used.
        rng: Random stream of this fake.

    Returns:
        Picture and mask.
    """
    size = plate.rgb.shape[0]
    side = int(size * rng.uniform(0.38, 0.65))
    small = cv2.resize(plate.rgb, (side, side), interpolation=cv2.INTER_AREA)
    small = opened(jpeg(small, int(rng.integers(35, 75))))
    patch = cv2.resize(small, (size, size), interpolation=cv2.INTER_CUBIC) / np.float32(255)
    return _over(plate, _recolour(patch, rng, 0.4), face_mask(plate, rng))


def relighting(plate: Plate, donor: Plate | None, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Light the face from another direction and leave the scene alone: multiply by the ratio of new to flat shading.

    Args:
        plate: The photograph.
        donor: Not used.
        rng: Random stream of this fake.

    Returns:
        Picture and mask.
    """
    size = plate.rgb.shape[0]
    dy, dx = np.gradient(blur(plate.height, size * 0.012), SPAN / size)
    normal = np.dstack([-dx, -dy, np.ones_like(dx)])
    normal /= np.linalg.norm(normal, axis=2, keepdims=True)
    light = light_from(float(rng.choice([-1, 1]) * rng.uniform(0.7, 1.3)), float(rng.uniform(-0.5, 0.6)))
    ratio = 0.55 + 0.75 * np.clip(normal @ light, 0, 1)
    mask = blur(plate.face, size * 0.012) * face_mask(plate, rng)
    ratio = ratio / max(float((ratio * mask).sum() / max(mask.sum(), 1e-6)), 0.2)
    tint = 1 + rng.normal(0, 0.03, 3).astype(np.float32)
    patch = np.clip(plate.rgb / np.float32(255) * ratio[..., None] * tint, 0, 1)
    return _over(plate, patch.astype(np.float32), mask)


for maker in (self_blend, face_swap, upsampling, resolution, relighting):
    makers.add(maker.__name__, maker)
