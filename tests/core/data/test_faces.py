"""Face detectors agree on the astronaut, and crops are what they say."""

from __future__ import annotations

import pytest
from skimage import data

from core.data.faces import crop_face, find_faces
from core.data.tracks import iou

TRUE_FACE = (178.0, 65.0, 91.0, 111.0)


@pytest.mark.parametrize("detector", ["mtcnn", "lbp"])
def test_the_astronaut_has_a_face(detector: str) -> None:
    faces = find_faces(data.astronaut(), detector)
    assert iou(faces[0].box, TRUE_FACE) > 0.65
    assert crop_face(data.astronaut(), faces[0].box, 1.3, 128).shape == (128, 128, 3)
