"""A face that lies on its side or in the dark is found at the second look, and its box is told in the file's pixels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage import data

from core.analysis import retry_faces as looking
from core.analysis.faces import find_face_candidates
from core.analysis.retry_faces import retry_faces, unturned
from core.data.faces.types import FaceDetection
from core.media.types import Frame, Media

UPRIGHT = data.astronaut()[:260, 60:400]


def media_of(rgb):
    return Media("image", "0", "png", rgb.shape[1], rgb.shape[0], 0.0, 0.0, [Frame(rgb, 0.0, 0)])


@given(
    st.integers(0, 3), st.integers(20, 60), st.integers(20, 60), st.integers(0, 9), st.integers(0, 9),
    st.integers(1, 9), st.integers(1, 9),
)  # fmt: skip
def test_a_box_is_turned_back_to_where_it_was(turn, width, height, x, y, w, h):
    marked = np.zeros((height, width), bool)
    marked[y : y + h, x : x + w] = True
    turned = np.rot90(marked, turn)
    rows, columns = np.nonzero(turned)
    box = (columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1)
    assert unturned(box, turn, (turned.shape[1], turned.shape[0])) == (x, y, w, h)


@pytest.mark.parametrize("turn", [2, 3])
def test_a_turned_face_is_found_and_scored_upright(turn):
    upright = find_face_candidates(media_of(UPRIGHT), "mtcnn", 8)
    assert upright.how == ""
    rgb = np.ascontiguousarray(np.rot90(UPRIGHT, -turn))
    found = find_face_candidates(media_of(rgb), "mtcnn", 8)
    assert "turning" in found.how
    (one,) = found.candidates
    assert one.turn == turn
    assert np.array_equal(one.pictures[0], UPRIGHT)
    x, y, w, h = one.shown_box(media_of(rgb))
    marked = np.zeros(UPRIGHT.shape[:2], bool)
    a, b, c, d = (round(v) for v in upright.candidates[0].boxes[0])
    marked[max(0, b) : b + d, max(0, a) : a + c] = True
    rows, columns = np.nonzero(np.rot90(marked, -turn))
    assert abs(x + w / 2 - columns.mean()) < 5
    assert abs(y + h / 2 - rows.mean()) < 5


def test_a_dark_picture_is_brightened_for_the_detector_alone(monkeypatch):
    """A detector that sees only what is bright finds the face; the members get the pixels of the file."""

    def eyes(rgb, detector):
        return [FaceDetection((10, 10, 80, 80), 0.99)] if rgb.mean() > 80 else []

    monkeypatch.setattr(looking, "find_faces", eyes)
    monkeypatch.setattr("core.analysis.faces.find_faces", eyes)
    dark = (UPRIGHT * 0.08).astype(np.uint8)
    found = find_face_candidates(media_of(dark), "any", 8)
    assert "brightening" in found.how
    assert np.array_equal(found.candidates[0].pictures[0], dark)


def test_what_a_second_look_is_unsure_of_is_left_out_and_few_looks_are_taken(monkeypatch):
    looks = []

    def eyes(rgb, detector):
        looks.append(rgb.shape)
        return [FaceDetection((10, 10, 80, 80), looking.MIN_RETRY_SCORE - 0.01)]

    monkeypatch.setattr(looking, "find_faces", eyes)
    assert retry_faces([UPRIGHT] * 16, "any") is None
    assert len(looks) == len(looking.TURNS)
    assert retry_faces([np.zeros_like(UPRIGHT)] * 16, "any") is None
    assert len(looks) == 2 * len(looking.TURNS) + 1
