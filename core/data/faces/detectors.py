"""Face detectors of the registry: MTCNN, YuNet and LBP. Heavy libraries are imported at the first use."""

from __future__ import annotations

import os
import threading
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

from core.data.faces.types import BoxHabit, FaceDetection, FaceDetector, face_detectors

WORK_SIDE = 640
"""Pictures are searched at this longest side: a face of 1/32 of it still has 20 px, the smallest that MTCNN finds."""
MIN_MTCNN_PX = 20.0
MIN_MTCNN_SCORE = 0.9
"""Of 250 portraits 247 score above .9 (245 above .98); false detections in wheels and walls scored .78."""
MIN_LBP_PX = 24
_lock = threading.Lock()


def _reduced(rgb: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the picture with a longest side of at most WORK_SIDE, and its size relative to the given one."""
    shrink = min(1.0, WORK_SIDE / max(rgb.shape[:2]))
    if shrink == 1.0:
        return np.ascontiguousarray(rgb), 1.0
    size = (max(round(rgb.shape[1] * shrink), 1), max(round(rgb.shape[0] * shrink), 1))
    return np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)), shrink


@lru_cache(maxsize=1)
def _mtcnn():
    from facenet_pytorch.models.mtcnn import MTCNN

    return MTCNN(keep_all=True, select_largest=False, post_process=False).eval()


def _mtcnn_ready() -> str | None:
    if find_spec("facenet_pytorch") is None:
        return "The face detector mtcnn needs facenet-pytorch: pip install --no-deps facenet-pytorch==2.6.0"
    return None


def _find_mtcnn(rgb: np.ndarray, min_px: float) -> list[FaceDetection]:
    small, shrink = _reduced(rgb)
    least = max(MIN_MTCNN_PX, min_px * shrink * 0.8)
    if min(small.shape[:2]) <= least:
        return []
    with _lock:
        net = _mtcnn()
        net.min_face_size = least
        try:
            boxes, scores, points = net.detect(small, landmarks=True)
        except RuntimeError as error:
            if "non-empty" in str(error):  # every candidate lay outside the picture
                return []
            raise
    if boxes is None:
        return []
    return [
        FaceDetection(
            tuple(float(v) / shrink for v in (b[0], b[1], b[2] - b[0], b[3] - b[1])),  # type: ignore[arg-type]
            float(score),
            np.asarray(five, np.float32) / shrink,
        )
        for b, score, five in zip(boxes, scores, points, strict=True)
        if score >= MIN_MTCNN_SCORE and b[2] > b[0] and b[3] > b[1]
    ]


def _yunet_file() -> Path:
    return Path(os.environ.get("AWARE_YUNET", ""))


def _yunet_ready() -> str | None:
    if not _yunet_file().is_file():
        return "The face detector yunet needs its model: set AWARE_YUNET to a face_detection_yunet ONNX file."
    return None


@lru_cache(maxsize=2)
def _yunet(file: str):
    import cv2

    return cv2.FaceDetectorYN.create(file, "", (320, 320), 0.6, 0.3, 500)


def _run_yunet(bgr: np.ndarray) -> np.ndarray | None:
    """Return rows of (x, y, w, h, five points, score). Raises RuntimeError when this OpenCV cannot run the model."""
    import cv2

    file = str(_yunet_file())
    try:
        net = _yunet(file)
        net.setInputSize((bgr.shape[1], bgr.shape[0]))
        return net.detect(bgr)[1]
    except cv2.error as error:
        raise RuntimeError(
            f"OpenCV {cv2.__version__} cannot run the face detector {file}: {error.err.strip()}. "
            "Check that the file is whole; OpenCV 4 needs the model of fixed size, OpenCV 5 reads both."
        ) from error


def _find_yunet(rgb: np.ndarray, min_px: float) -> list[FaceDetection]:
    small, shrink = _reduced(rgb)
    with _lock:
        rows = _run_yunet(np.ascontiguousarray(small[:, :, ::-1]))
    faces = []
    for row in rows if rows is not None else []:
        five = row[4:14].reshape(5, 2)
        # YuNet names eyes and mouth corners by the person's side; here they go by the picture's.
        five = np.asarray([*sorted(five[:2].tolist()), five[2].tolist(), *sorted(five[3:].tolist())], np.float32)
        box = tuple(float(value) / shrink for value in row[:4])
        if box[2] > 0 and box[3] > 0:
            faces.append(FaceDetection(box, min(float(row[14]), 1.0), five / shrink))  # type: ignore[arg-type]
    return faces


@lru_cache(maxsize=1)
def _lbp():
    from skimage import data
    from skimage.feature import Cascade

    return Cascade(data.lbp_frontal_face_cascade_filename())


def _find_lbp(rgb: np.ndarray, min_px: float) -> list[FaceDetection]:
    small, shrink = _reduced(rgb)
    least = max(MIN_LBP_PX, int(min_px * shrink * 0.8))
    short = min(small.shape[:2])
    if short <= least:
        return []
    rows = _lbp().detect_multi_scale(
        img=small, scale_factor=1.2, step_ratio=1.0, min_size=(least, least), max_size=(short, short)
    )
    return [
        FaceDetection(tuple(float(row[key]) / shrink for key in ("c", "r", "width", "height")), 0.5)  # type: ignore[arg-type]
        for row in rows
    ]


# Measured against YuNet on 193 frames of 64 clips and 336 portraits pasted on a canvas, medians over the faces that
# both found. MTCNN: 538 of 540 found, longer side 1.003 of YuNet's, centre off by 0.4 % and 0.6 % of it. LBP boxes are
# squares: 122 of 135 found, longer side 0.88 of YuNet's (0.76 to 0.96 between the tenths), so its crops are looser.
MTCNN_HABIT = BoxHabit(width=0.985, height=0.997, right=0.004, down=0.006)
LBP_HABIT = BoxHabit(width=0.831, height=1.135)

face_detectors.add("mtcnn", FaceDetector("mtcnn", _find_mtcnn, _mtcnn_ready, MTCNN_HABIT))
face_detectors.add("yunet", FaceDetector("yunet", _find_yunet, _yunet_ready))
face_detectors.add("lbp", FaceDetector("lbp", _find_lbp, lambda: None, LBP_HABIT, landmarks=False))
