"""A picture whose file ends early: what is there is judged, a face in the missing part is not."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from skimage import data as photographs

from core.analysis.analyze import Analyzer
from core.analysis.faces import FaceCandidate
from core.analysis.spec import AnalyzeSpec
from core.analysis.verdict import MAX_MISSING, input_problems
from core.bundles.bundle import open_bundle
from core.documents.inputs import InputSpec
from core.media.types import Frame, Media
from tests.support.tiny_bundle import build_tiny_bundle


def media(lost):
    rgb = np.zeros((100, 200, 3), np.uint8)
    return Media("image", "0" * 64, "jpeg", 400, 200, 0.0, 0.0, [Frame(rgb, 0.0, 0, lost)])


@pytest.mark.parametrize(
    ("lost", "turn", "box", "share"),
    [
        (None, 0, (20, 20, 40, 40), 0.0),
        ((0, 60, 200, 40), 0, (20, 10, 40, 40), 0.0),
        ((0, 30, 200, 70), 0, (20, 10, 40, 40), 0.5),
        ((0, 50, 200, 50), 0, (20, 10, 40, 40), 0.0),
        ((0, 0, 200, 100), 0, (20, 10, 40, 40), 1.0),
        # Turned a quarter to the left for the search: the right edge of the picture is the top of what was searched.
        ((150, 0, 50, 100), 1, (30, 10, 40, 40), 1.0),
        ((0, 0, 50, 100), 1, (30, 10, 40, 40), 0.0),
    ],
)
def test_the_missing_share_is_that_of_the_scored_region(lost, turn, box, share):
    shape = (200, 100) if turn else (100, 200)
    candidate = FaceCandidate([np.zeros((*shape, 3), np.uint8)], [box], [0.0], 0.9, turn=turn)
    framing = InputSpec(size=32, mean=(0, 0, 0), std=(1, 1, 1), crop_scale=1.0)
    assert candidate.missing(media(lost), framing) == pytest.approx(share)


def test_a_missing_part_forbids_an_answer_and_a_sliver_does_not():
    why, warnings = input_problems(200.0, 100.0, "face", 0.3)
    assert why == "The file ends early or is damaged, and 30% of the face lies in the part that is missing."
    assert warnings == [why]
    assert input_problems(200.0, 100.0, "face", MAX_MISSING) == (None, [])


@pytest.fixture(scope="module")
def analyzer(tmp_path_factory):
    return Analyzer(open_bundle(build_tiny_bundle(tmp_path_factory.mktemp("bundle") / "tiny")), device="cpu")


def test_a_cut_below_the_face_leaves_the_answer(analyzer, tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(photographs.astronaut()).save(path)
    whole = path.read_bytes()
    spec = AnalyzeSpec(files=["x"], explain=False)
    before = analyzer.analyze(path, spec)
    path.write_bytes(whole[: int(0.9 * len(whole))])
    after = analyzer.analyze(path, spec)
    assert (after.verdict, after.p_fake) == (before.verdict, before.p_fake)
    assert any("ends early" in note for note in after.warnings)


def test_a_whole_picture_with_a_missing_part_is_not_judged(analyzer, tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(photographs.coffee()).save(path)
    path.write_bytes(path.read_bytes()[: int(0.6 * path.stat().st_size)])
    cut = analyzer.analyze(path, AnalyzeSpec(files=["x"], explain=False, whole_frame=True))
    (face,) = cut.faces
    assert face.decision.verdict == cut.verdict == "uncertain"
    assert "of the picture lies in the part that is missing" in cut.reason
