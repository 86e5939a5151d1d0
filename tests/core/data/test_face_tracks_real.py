"""Real clips of one or two people: decoded, found, linked."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.data.faces import find_faces
from core.data.tracks import link_tracks
from core.media.decode import decode

CLIPS = sorted((Path(__file__).parents[4] / "shared/data/videos").glob("*.mp4"))[:8:3]


@pytest.mark.skipif(not CLIPS, reason="the real clips are not beside this checkout")
@pytest.mark.parametrize("path", CLIPS, ids=lambda path: path.stem[:6])
def test_a_person_is_one_track(path: Path) -> None:
    media = decode(path, max_frames=6)
    assert len(media.frames) == 6
    tracks = link_tracks([find_faces(frame.rgb) for frame in media.frames], [frame.time for frame in media.frames])
    assert len(tracks[0].frames) == 6
    assert all(len(track.frames) in (1, 6) for track in tracks)
