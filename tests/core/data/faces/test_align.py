"""Aligned crops: the fit against scikit-image, and what alignment is for: eyes level, whatever the picture did."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage import data, transform

from core.data.faces.align import TEMPLATE, aligned_crop, similarity
from core.data.faces.faces import crop_face, find_faces

ASTRONAUT = data.astronaut()
points = st.lists(st.tuples(st.floats(-100, 100), st.floats(-100, 100)), min_size=5, max_size=5).filter(
    lambda given: np.ptp(np.array(given), axis=0).min() > 1
)


@settings(deadline=None)  # the first call loads scikit-image
@given(points, points)
def test_the_fit_is_that_of_scikit_image(source, target) -> None:
    source, target = np.array(source), np.array(target)
    ours = similarity(source, target)
    peer = transform.SimilarityTransform.from_estimate(source, target).params

    def residual(matrix: np.ndarray) -> float:
        return float((((source @ matrix[:2, :2].T + matrix[:2, 2]) - target) ** 2).sum())

    assert residual(ours) == pytest.approx(residual(peer), rel=1e-6, abs=1e-6)
    assert np.linalg.det(ours[:, :2]) >= 0


@given(st.floats(-3, 3), st.floats(0.2, 5), st.floats(-50, 50), st.floats(-50, 50))
def test_a_similarity_is_found_exactly(angle: float, scale: float, dx: float, dy: float) -> None:
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    found = similarity(TEMPLATE, TEMPLATE @ turn.T + (dx, dy))
    assert found == pytest.approx(np.column_stack([turn, (dx, dy)]), abs=1e-9)


def test_points_that_fall_together_are_an_error() -> None:
    with pytest.raises(ValueError, match="cannot be aligned"):
        similarity(np.ones((5, 2)), TEMPLATE)


@pytest.mark.parametrize("degrees", [0, 12, -35, 90])
def test_eyes_are_level_whichever_way_the_picture_is_turned(degrees: float) -> None:
    """Landmarks are turned with the picture, so this does not depend on a detector that knows turned faces."""
    face = find_faces(ASTRONAUT, "mtcnn")[0]
    upright = aligned_crop(ASTRONAUT, face.landmarks, 1.3, 128)
    turned = np.asarray(Image.fromarray(ASTRONAUT).rotate(degrees, Image.Resampling.BICUBIC, center=(224, 120)))
    angle = np.radians(-degrees)
    spin = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    there = (face.landmarks - (224, 120)) @ spin.T + (224, 120)
    again = aligned_crop(turned, there, 1.3, 128)
    inner = (slice(16, 112), slice(16, 112))
    assert np.abs(again[inner].astype(int) - upright[inner]).mean() < 4


def test_the_sampling_is_that_of_scikit_image() -> None:
    face = find_faces(ASTRONAUT, "mtcnn")[0]
    size = 128
    ours = aligned_crop(ASTRONAUT, face.landmarks, 1.3, size)
    place = (TEMPLATE / 1.3 + 0.5) * size - 0.5  # pixel centres of the crop
    back = transform.SimilarityTransform.from_estimate(place, face.landmarks - 0.5)
    peer = transform.warp(ASTRONAUT, back, output_shape=(size, size), order=3, mode="edge", preserve_range=True)
    assert np.abs(ours - peer).mean() < 2.5


def test_landmarks_come_to_the_template_s_places() -> None:
    """Found again in the aligned crop, eyes and mouth lie where the template says."""
    picture = np.asarray(Image.fromarray(ASTRONAUT).rotate(18, Image.Resampling.BICUBIC, center=(224, 120)))
    face = find_faces(picture, "mtcnn")[0]
    crop = aligned_crop(picture, face.landmarks, 1.6, 256)
    again = find_faces(crop, "mtcnn")[0].landmarks
    assert np.abs(again - (TEMPLATE / 1.6 + 0.5) * 256).max() < 14
    assert abs(again[0, 1] - again[1, 1]) < 6


def test_beyond_the_picture_its_edge_is_repeated() -> None:
    """A grey ramp at the border goes on as its border value, never as black."""
    picture = np.full((100, 100, 3), 200, np.uint8)
    crop = aligned_crop(picture, TEMPLATE * 80 + (5, 5), 1.3, 64)
    assert crop.min() == crop.max() == 200


def test_a_frontal_face_is_framed_alike_aligned_and_not() -> None:
    face = find_faces(ASTRONAUT, "mtcnn")[0]
    plain = crop_face(ASTRONAUT, face.box, 1.3, 128)
    aligned = aligned_crop(ASTRONAUT, face.landmarks, 1.3, 128)
    assert np.corrcoef(plain.mean(2).ravel(), aligned.mean(2).ravel())[0, 1] > 0.75
