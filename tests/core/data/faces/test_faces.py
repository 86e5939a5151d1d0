"""Face detectors agree on what a face is, crops are what they say, quality measures follow what they measure."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFilter
from skimage import data

from core.data.faces.faces import FaceDetection, crop_face, face_detectors, face_quality, find_faces
from core.data.faces.tracks import iou

TRUE_FACE = (178.0, 65.0, 91.0, 111.0)
ASTRONAUT = data.astronaut()
YUNET = Path(os.environ.get("AWARE_YUNET", Path(__file__).parents[5] / "shared/data/weights/yunet_n_dynamic.onnx"))


@pytest.fixture
def yunet(monkeypatch: pytest.MonkeyPatch) -> None:
    if not YUNET.is_file():
        pytest.skip("no YuNet model here: AWARE_YUNET is not set")
    monkeypatch.setenv("AWARE_YUNET", str(YUNET))


def two_faces() -> np.ndarray:
    """The astronaut twice: as she is on the left, at three quarters of the size on the right."""
    canvas = np.full((512, 900, 3), 128, np.uint8)
    canvas[:, :512] = ASTRONAUT
    small = np.asarray(Image.fromarray(ASTRONAUT).resize((384, 384)))
    canvas[100:484, 516:900] = small
    return canvas


@pytest.mark.parametrize(("detector", "least"), [("mtcnn", 0.85), ("lbp", 0.7)])
def test_the_astronaut_has_one_face(detector: str, least: float) -> None:
    faces = find_faces(ASTRONAUT, detector)
    assert iou(faces[0].box, TRUE_FACE) > least
    assert detector == "lbp" or len(faces) == 1


def test_mtcnn_finds_two_faces_largest_first() -> None:
    faces = find_faces(two_faces(), "mtcnn")
    assert len(faces) == 2
    x, y, w, h = TRUE_FACE
    assert iou(faces[0].box, TRUE_FACE) > 0.8
    assert iou(faces[1].box, (516 + 0.75 * x, 100 + 0.75 * y, 0.75 * w, 0.75 * h)) > 0.8
    for face in faces:
        assert face.score > 0.9
        left, right, nose, mouth_left, mouth_right = face.landmarks
        assert left[0] < nose[0] < right[0]
        assert left[1] < nose[1] < mouth_left[1]
        assert mouth_left[0] < mouth_right[0]


def test_yunet_agrees_with_mtcnn(yunet: None) -> None:
    picture = two_faces()
    ours, theirs = find_faces(picture, "mtcnn"), find_faces(picture, "yunet")
    assert len(ours) == len(theirs) == 2
    for a, b in zip(ours, theirs, strict=True):
        assert iou(a.box, b.box) > 0.8
        assert max(a.box[2:]) == pytest.approx(max(b.box[2:]), rel=0.12)
        assert np.abs(a.landmarks - b.landmarks).max() < 0.12 * max(a.box[2:])


def test_boxes_are_in_pixels_of_the_given_picture() -> None:
    large = np.asarray(Image.fromarray(ASTRONAUT).resize((1536, 1536), Image.Resampling.BICUBIC))
    face = find_faces(large, "mtcnn")[0]
    assert iou(face.box, tuple(3 * side for side in TRUE_FACE)) > 0.85
    assert np.allclose(face.landmarks / 3, find_faces(ASTRONAUT, "mtcnn")[0].landmarks, atol=4)


@pytest.mark.parametrize("detector", ["mtcnn", "lbp"])
@pytest.mark.parametrize("shape", [(1, 1), (10, 14), (21, 400), (300, 30), (200, 300)])
def test_no_face_is_an_empty_list(detector: str, shape: tuple[int, int]) -> None:
    assert find_faces(np.full((*shape, 3), 117, np.uint8), detector) == []
    noise = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    assert find_faces(noise, detector) == []


def test_small_faces_are_left_out() -> None:
    assert find_faces(ASTRONAUT, "mtcnn", min_px=130) == []
    assert len(find_faces(ASTRONAUT, "mtcnn", min_px=100)) == 1


def test_a_detector_that_cannot_run_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWARE_YUNET", "/nowhere.onnx")
    with pytest.raises(RuntimeError, match="AWARE_YUNET"):
        find_faces(ASTRONAUT, "yunet")
    damaged = tmp_path / "damaged.onnx"
    damaged.write_bytes(b"not a network")
    monkeypatch.setenv("AWARE_YUNET", str(damaged))
    with pytest.raises(RuntimeError, match=r"cannot run .*damaged\.onnx"):
        find_faces(ASTRONAUT, "yunet")
    with pytest.raises(LookupError, match="mtcnn, yunet, lbp"):
        find_faces(ASTRONAUT, "haar")
    with pytest.raises(ValueError, match="uint8"):
        find_faces(ASTRONAUT.astype(np.float32), "mtcnn")
    assert [entry.ready() for entry in face_detectors][0::2] == [None, None]


boxes = st.tuples(st.floats(-80, 300), st.floats(-80, 300), st.floats(1, 200), st.floats(1, 200))


@given(boxes, st.floats(1, 2), st.integers(8, 64))
def test_crops_are_square_and_of_the_size_asked(box, scale: float, size: int) -> None:
    crop = crop_face(ASTRONAUT[:240, :260], box, scale, size)
    assert crop.shape == (size, size, 3)
    assert crop.dtype == np.uint8


def test_a_crop_inside_the_picture_is_the_picture() -> None:
    crop = crop_face(ASTRONAUT, (100.0, 60.0, 50.0, 80.0), 1.5, 120)
    assert np.array_equal(crop, ASTRONAUT[40:160, 65:185])


def test_beyond_the_picture_its_edge_is_repeated() -> None:
    crop = crop_face(ASTRONAUT, (-20.0, -20.0, 40.0, 40.0), 1.0, 40)
    assert np.array_equal(crop, np.pad(ASTRONAUT[:20, :20], ((20, 0), (20, 0), (0, 0)), mode="edge"))


def test_a_tall_box_is_not_stretched() -> None:
    yy, xx = np.mgrid[:200, :200]
    disc = np.where(((xx - 100) ** 2 + (yy - 100) ** 2 < 900)[..., None], 255, 0).astype(np.uint8).repeat(3, 2)
    crop = crop_face(disc, (90.0, 60.0, 20.0, 80.0), 1.0, 160)[..., 0] > 127
    assert abs(crop.any(0).sum() - crop.any(1).sum()) <= 1


@pytest.mark.parametrize("box", [(0, 0, 0, 10), (0, 0, -5, 5), (0, 0, float("nan"), 5), (float("inf"), 0, 5, 5)])
def test_a_box_without_size_is_an_error(box) -> None:
    with pytest.raises(ValueError, match="box"):
        crop_face(ASTRONAUT, box, 1.3, 64)


def test_quality_follows_blur_and_light() -> None:
    crop = crop_face(ASTRONAUT, TRUE_FACE, 1.3, 256)
    picture = Image.fromarray(crop)
    sharpness = [
        face_quality(np.asarray(picture.filter(ImageFilter.GaussianBlur(radius))))["sharpness"] for radius in (0, 2, 6)
    ]
    assert sharpness[0] > 1.5 * sharpness[1] > 3 * sharpness[2]
    assert face_quality(crop // 2)["brightness"] == pytest.approx(face_quality(crop)["brightness"] / 2, abs=1.5)


def test_yaw_is_zero_in_front_and_mirrors() -> None:
    def yaw(nose: float) -> float:
        points = np.array([[40, 50], [80, 50], [nose, 70], [45, 90], [75, 90]], np.float32)
        found = FaceDetection((30.0, 20.0, 60.0, 80.0), 1.0, points)
        return face_quality(np.zeros((64, 64, 3), np.uint8), found)["yaw"]

    assert yaw(60) == 0
    assert yaw(70) == pytest.approx(-yaw(50))
    assert 20 < yaw(70) < yaw(80) <= 90
