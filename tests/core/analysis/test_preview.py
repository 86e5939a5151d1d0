"""The small picture marks the faces of the very frame it shows."""

from __future__ import annotations

import numpy as np

from core.analysis.faces import FaceCandidate
from core.analysis.preview import PREVIEW_SIDE_PX, marked_frame, marked_picture


def grey(width=960, height=540):
    return np.full((height, width, 3), 90, np.uint8)


def touched(picture):
    """Rows and columns that a box was drawn on: (top, bottom, left, right)."""
    rows, columns = np.nonzero((picture != 90).any(axis=2))
    return rows.min(), rows.max(), columns.min(), columns.max()


def test_boxes_are_drawn_in_the_reduced_picture():
    drawn = marked_picture(grey(), [("", (200.0, 100.0, 300.0, 240.0))])
    assert max(drawn.shape[:2]) == PREVIEW_SIDE_PX
    assert np.allclose(touched(drawn), (50, 170, 100, 250), atol=2)
    assert (marked_picture(grey()) == 90).all()


def test_a_small_picture_is_not_enlarged():
    assert marked_picture(grey(64, 48)).shape == (48, 64, 3)


def test_only_faces_of_that_frame_are_marked():
    first, second = grey(480, 300), grey(480, 300)
    one = FaceCandidate([first, second], [(20, 20, 60, 60), (40, 20, 60, 60)], [0.0, 1.0], 1.0)
    late = FaceCandidate([second], [(300, 100, 80, 80)], [1.0], 1.0)
    assert touched(marked_frame([one, late], 0, 0))[3] < 110
    assert touched(marked_frame([one, late], 0, 1))[3] > 370


def test_the_centre_square_is_no_face_to_mark():
    whole = FaceCandidate([grey(480, 300)], [(90, 0, 300, 300)], [0.0], 0.0, whole=True)
    assert (marked_frame([whole], 0, 0) == 90).all()
