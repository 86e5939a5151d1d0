"""Faces of a picture: found, cut out, judged for quality. The convention of boxes is in `core.data.faces.types`."""

from __future__ import annotations

import numpy as np
from PIL import Image

from core.data.faces import detectors as _table  # noqa: F401 - fills the registry
from core.data.faces.types import BoxHabit, FaceDetection, FaceDetector, face_detectors

__all__ = ["BoxHabit", "FaceDetection", "FaceDetector", "crop_face", "face_detectors", "face_quality", "find_faces"]


def find_faces(rgb: np.ndarray, detector: str = "mtcnn", min_px: float = 32.0) -> list[FaceDetection]:
    """Faces of rgb (H, W, 3) uint8, largest first, boxes by the convention in pixels of rgb.

    min_px: least longer side of a box. Raises LookupError for an unknown detector, RuntimeError with what to do when
    it cannot run on this machine.
    """
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8:
        raise ValueError(f"find_faces wants (H, W, 3) uint8, not {rgb.shape} {rgb.dtype}")
    chosen = face_detectors.get(detector)
    problem = chosen.ready()
    if problem:
        raise RuntimeError(problem)
    faces = [chosen.habit.apply(found) for found in chosen.find(rgb, min_px)]
    faces = [face for face in faces if max(face.box[2:]) >= min_px and np.isfinite(face.box).all()]
    return sorted(faces, key=lambda face: (-face.area, face.box))


def crop_face(rgb: np.ndarray, box: tuple[float, float, float, float], scale: float, size: int) -> np.ndarray:
    """Square of `scale` x the longer side around the middle of box -> (size, size, 3) uint8.

    Nothing is stretched; beyond the picture its edge pixels are repeated.
    """
    x, y, w, h = box
    if not (w > 0 and h > 0 and np.isfinite(box).all()):
        raise ValueError(f"crop_face wants a box with a positive size, not {box}")
    height, width = rgb.shape[:2]
    side = max(round(max(w, h) * scale), 1)
    left, top = round(x + w / 2 - side / 2), round(y + h / 2 - side / 2)
    rows = np.clip(np.arange(top, top + side), 0, height - 1)
    columns = np.clip(np.arange(left, left + side), 0, width - 1)
    square = rgb[rows[:, None], columns[None, :]]
    if side == size:
        return np.ascontiguousarray(square)
    resample = Image.Resampling.LANCZOS if side > size else Image.Resampling.BICUBIC
    return np.asarray(Image.fromarray(square).resize((size, size), resample))


def face_quality(crop: np.ndarray, found: FaceDetection | None = None) -> dict[str, float]:
    """How fit a crop (S, S, 3) uint8 is to be judged.

    sharpness: variance of the Laplacian of the grey crop brought to 128 px (400 crops of 256 px: median 303, 1 % under
    41; blurred by a Gaussian of 2, 4 and 6 px: medians 42, 9 and 4);
    brightness and contrast: mean and standard deviation of the grey crop, 0 to 255; with `found` also size_px (longer
    side of its box) and, where it has landmarks, yaw: rough turn of the head in degrees, 0 frontal, from the place of
    the nose between the eyes.
    """
    grey = np.asarray(Image.fromarray(crop).convert("L").resize((128, 128), Image.Resampling.BILINEAR), np.float32)
    inner = grey[1:-1, 1:-1]
    laplacian = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * inner
    quality = {
        "sharpness": float(laplacian.var()),
        "brightness": float(grey.mean()),
        "contrast": float(grey.std()),
    }
    if found is not None:
        quality["size_px"] = float(max(found.box[2:]))
        if found.landmarks is not None:
            quality["yaw"] = _yaw(found.landmarks)
    return quality


def _yaw(landmarks: np.ndarray) -> float:
    """Degrees, positive when the nose points to the right of the picture.

    The nose tip stands out from the plane of the eyes by about 0.6 of their distance; its shift along the line of the
    eyes is the sine of the turn times that.
    """
    left, right, nose = landmarks[:3].astype(np.float64)
    along = right - left
    span = float(np.hypot(*along))
    if span < 1e-6:
        return 90.0
    shift = float(np.dot(nose - (left + right) / 2, along)) / span**2
    return float(np.degrees(np.arcsin(np.clip(shift / 0.6, -1.0, 1.0))))
