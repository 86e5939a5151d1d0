"""A hard cut parts a track; a pan, a flash, a dimmed light and one odd frame do not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage import data

from core.data.faces.faces import FaceDetection
from core.data.faces.shots import cut_track, find_cuts
from core.data.faces.tracks import link_tracks

SIDE = 96
WOMAN = np.asarray(Image.fromarray(data.astronaut()[0:220, 120:340]).resize((SIDE, SIDE)))
OTHER = np.asarray(Image.fromarray(data.chelsea()[20:240, 110:330]).resize((SIDE, SIDE)))


def shaken(crop, count, seed=0):
    """The same face over some frames: a little noise, and moved by up to two pixels."""
    rng = np.random.default_rng(seed)
    moved = [np.roll(crop, rng.integers(-2, 3, 2), (0, 1)) for _ in range(count)]
    return [np.clip(one + rng.normal(0, 4, one.shape), 0, 255).astype(np.uint8) for one in moved]


def lit(crop, gain, lift=0):
    return np.clip(crop.astype(float) * gain + lift, 0, 255).astype(np.uint8)


@given(st.integers(2, 7), st.integers(2, 7), st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_a_hard_cut_is_found_where_it_is(before, after, seed):
    assert find_cuts(shaken(WOMAN, before, seed) + shaken(OTHER, after, seed + 1)) == [before]
    assert find_cuts(shaken(WOMAN, before + after, seed)) == []


def test_there_and_back_are_two_cuts():
    assert find_cuts(shaken(WOMAN, 4) + shaken(OTHER, 3) + shaken(WOMAN, 4, 2)) == [4, 7]


def test_a_flash_is_no_cut():
    clip = shaken(WOMAN, 8)
    clip[3] = lit(clip[3], 0.4, 150)
    assert find_cuts(clip) == []


def test_one_odd_frame_is_no_cut():
    clip = shaken(WOMAN, 8)
    clip[4] = OTHER
    assert find_cuts(clip) == []


@pytest.mark.parametrize("gain", [0.3, 0.6, 1.5])
def test_dimmed_or_raised_light_is_no_cut(gain):
    clip = shaken(WOMAN, 8)
    assert find_cuts(clip[:4] + [lit(crop, gain) for crop in clip[4:]]) == []


def test_a_pan_is_no_cut():
    wide = np.asarray(Image.fromarray(data.astronaut()).resize((400, 400)))
    assert find_cuts([np.ascontiguousarray(wide[10:106, 90 + 6 * n : 186 + 6 * n]) for n in range(10)]) == []


def test_a_clip_too_short_to_tell_is_left_whole():
    assert find_cuts([WOMAN, OTHER]) == []
    assert find_cuts([WOMAN, WOMAN, OTHER]) == []
    assert find_cuts([]) == []


def test_a_track_in_one_place_is_cut_with_its_frames_and_times():
    faces = shaken(WOMAN, 5) + shaken(OTHER, 4)
    pictures = []
    for face in faces:
        picture = np.full((200, 300, 3), 110, np.uint8)
        picture[50:146, 100:196] = face
        pictures.append(picture)
    times = [n / 2 for n in range(9)]
    (track,) = link_tracks([[FaceDetection((110, 60, 76, 76), 0.9)] for _ in faces], times)
    first, second = cut_track(track, pictures)
    assert (first.frames, second.frames) == ([0, 1, 2, 3, 4], [5, 6, 7, 8])
    assert second.times == times[5:]
    assert first.detections + second.detections == track.detections
    assert cut_track(first, pictures) == [first]
