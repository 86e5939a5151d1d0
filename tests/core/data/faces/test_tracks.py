"""One person, one track: laws of the linking, and real detections of moving faces."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage import data

from core.data.faces.faces import FaceDetection, find_faces
from core.data.faces.tracks import Track, iou, link_tracks

boxes = st.tuples(st.integers(0, 600), st.integers(0, 400), st.integers(20, 120), st.integers(20, 120))
frames = st.lists(
    st.lists(boxes.map(lambda box: FaceDetection(box, 0.9)), max_size=4, unique_by=lambda one: one.box), max_size=8
)


def at(x: float, y: float, side: float = 60.0) -> FaceDetection:
    """A face whose middle is at (x, y)."""
    return FaceDetection((x - side / 2, y - side / 2, side, side), 0.9)


def members(tracks: list[Track]) -> list[list[tuple[int, tuple]]]:
    return [list(zip(track.frames, track.boxes, strict=True)) for track in tracks]


@settings(deadline=None)
@given(frames, st.randoms(use_true_random=False))
def test_the_order_within_a_frame_is_without_effect(clip, random) -> None:
    times = [0.5 * n for n in range(len(clip))]
    shuffled = [random.sample(found, len(found)) for found in clip]
    assert members(link_tracks(clip, times)) == members(link_tracks(shuffled, times))


@settings(deadline=None)
@given(frames)
def test_every_detection_is_in_one_track_and_a_track_has_one_a_frame(clip) -> None:
    times = [0.5 * n for n in range(len(clip))]
    tracks = link_tracks(clip, times)
    held = sorted((frame, box) for track in tracks for frame, box in zip(track.frames, track.boxes, strict=True))
    assert held == sorted((n, one.box) for n, found in enumerate(clip) for one in found)
    for track in tracks:
        assert track.frames == sorted(set(track.frames))
        assert track.times == [times[frame] for frame in track.frames]
        assert len(track.scores) == len(track.frames)


@settings(deadline=None)
@given(frames, st.integers(-500, 500), st.sampled_from([0.25, 0.5, 2, 4]))
def test_place_and_size_of_the_picture_are_without_effect(clip, shift: int, zoom: float) -> None:
    def moved(one: FaceDetection) -> FaceDetection:
        x, y, w, h = one.box
        return FaceDetection((zoom * x + shift, zoom * y, zoom * w, zoom * h), one.score)

    times = [0.5 * n for n in range(len(clip))]
    plain = link_tracks(clip, times)
    other = link_tracks([[moved(one) for one in found] for found in clip], times)
    assert sorted(track.frames for track in plain) == sorted(track.frames for track in other)


def test_two_people_who_cross_stay_two() -> None:
    left = [at(100 + 20 * n, 100) for n in range(12)]
    right = [at(320 - 20 * n, 160) for n in range(12)]
    tracks = link_tracks([[a, b] for a, b in zip(left, right, strict=True)], [0.5 * n for n in range(12)])
    assert [track.detections for track in tracks] in ([left, right], [right, left])


def test_the_best_pairing_is_taken_not_the_first() -> None:
    """Greedy linking would give the middle face to the left track and leave the right track alone."""
    before, after = [at(100, 100), at(160, 100)], [at(135, 100), at(195, 100)]
    tracks = link_tracks([before, after], [0.0, 1.0])
    assert sorted(track.boxes[0][0] for track in tracks) == [70, 130]
    assert {(t.boxes[0][0], t.boxes[1][0]) for t in tracks} == {(70, 105), (130, 165)}


def test_a_short_loss_is_bridged_a_long_one_is_not() -> None:
    seen = [at(100, 100)]
    assert len(link_tracks([seen, [], seen], [0.0, 1.0, 2.0])) == 1
    assert len(link_tracks([seen, [], seen], [0.0, 1.0, 9.0])) == 2


def test_a_face_of_another_size_or_place_is_another_person() -> None:
    assert len(link_tracks([[at(100, 100)], [at(100, 100, 200)]], [0.0, 0.5])) == 2
    assert len(link_tracks([[at(100, 100)], [at(500, 100)]], [0.0, 0.5])) == 2


def test_longest_seen_first_then_largest() -> None:
    tracks = link_tracks([[at(100, 100, 40), at(400, 100, 90)], [at(100, 100, 40)]], [0.0, 0.5])
    assert [len(track.frames) for track in tracks] == [2, 1]
    tracks = link_tracks([[at(100, 100, 40), at(400, 100, 90)]], [0.0])
    assert [track.size for track in tracks] == [90, 40]


def test_wrong_times_are_an_error() -> None:
    with pytest.raises(ValueError, match="2 frames"):
        link_tracks([[], []], [0.0])
    with pytest.raises(ValueError, match="ascend"):
        link_tracks([[], []], [1.0, 0.0])


def test_overlap_is_that_of_the_pixels() -> None:
    ours = iou((10, 20, 40, 30), (30, 25, 50, 60))
    a, b = np.zeros((100, 100), bool), np.zeros((100, 100), bool)
    a[20:50, 10:50], b[25:85, 30:80] = True, True
    assert ours == pytest.approx((a & b).sum() / (a | b).sum())


def test_two_faces_that_move_are_two_tracks_of_a_real_detector() -> None:
    face = np.asarray(Image.fromarray(data.astronaut()[0:220, 120:330]).resize((150, 157)))
    clip = []
    for n in range(8):
        picture = np.full((360, 640, 3), 100, np.uint8)
        for x, y in ((20 + 18 * n, 20), (470 - 18 * n, 190)):
            picture[y : y + 157, x : x + 150] = face
        clip.append(find_faces(picture, "mtcnn"))
    tracks = link_tracks(clip, [0.6 * n for n in range(8)])
    assert [len(track.frames) for track in tracks] == [8, 8]
    for track in tracks:
        assert np.ptp([box[1] for box in track.boxes]) < 12
