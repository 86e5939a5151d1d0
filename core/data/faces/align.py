"""Cut aligned crops: a face is turned and scaled until its five landmarks lie close to a fixed template."""

from __future__ import annotations

import numpy as np
from PIL import Image

TEMPLATE = np.array([[-0.175, -0.111], [0.175, -0.111], [0.0, 0.098], [-0.159, 0.250], [0.159, 0.250]])
"""Where eyes, nose tip and mouth corners lie about the middle of the box, in longer sides of it: our own, the medians
over 263 near-frontal portraits made level and symmetric. A frontal face is so framed alike aligned and not."""


def similarity(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Compute the rotation, uniform scale and shift that map points onto other points with least squares.

    The transform holds no mirror image (Umeyama 1991).

    Args:
        source: (N, 2) points.
        target: (N, 2) points, in the same order.

    Returns:
        A (2, 3) matrix, to be applied to (x, y, 1).

    Raises:
        ValueError: All source points coincide.
    """
    source, target = np.asarray(source, np.float64), np.asarray(target, np.float64)
    from_mean, to_mean = source.mean(0), target.mean(0)
    a = (source - from_mean) @ np.array([1, 1j])
    b = (target - to_mean) @ np.array([1, 1j])
    power = float((np.abs(a) ** 2).sum())
    if not power > 1e-9:
        raise ValueError("the landmarks of a face coincide: it cannot be aligned")
    turn = complex((np.conj(a) * b).sum() / power)  # in the plane of complex numbers a similarity is one product
    matrix = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])
    return np.column_stack([matrix, to_mean - matrix @ from_mean])


def aligned_crop(rgb: np.ndarray, landmarks: np.ndarray, scale: float, size: int) -> np.ndarray:
    """Cut a square in which the landmarks of a face lie at the template's places, with level eyes.

    The square is sampled at the scale of the picture and then resized, so nothing aliases. Beyond the picture its edge
    pixels are repeated.

    Args:
        rgb: (H, W, 3) uint8 picture.
        landmarks: (5, 2) points in pixels of rgb, in the order of `FaceDetection.landmarks`.
        scale: Side of the crop as a multiple of the longer side of the face box, as in `crop_face`.
        size: Side of the result in pixels.

    Returns:
        A (size, size, 3) uint8 crop.

    Raises:
        ValueError: All landmarks coincide.
    """
    import cv2

    place = similarity(TEMPLATE, landmarks)
    box_side = float(np.hypot(place[0, 0], place[1, 0]))
    side = int(np.clip(round(box_side * scale), 1, 4 * max(rgb.shape[:2])))
    # pixel centres of the square -> units of the template -> pixel centres of the picture
    unit = scale / side
    to_template = np.array([[unit, 0, unit * (0.5 - side / 2)], [0, unit, unit * (0.5 - side / 2)], [0, 0, 1]])
    back = place @ to_template - np.array([[0, 0, 0.5], [0, 0, 0.5]])
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    square = cv2.warpAffine(rgb, back, (side, side), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    if side == size:
        return np.ascontiguousarray(square)
    resample = Image.Resampling.LANCZOS if side > size else Image.Resampling.BICUBIC
    return np.asarray(Image.fromarray(square).resize((size, size), resample))
