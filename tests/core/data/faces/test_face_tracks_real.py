"""Real clips of one or two people: decoded, found, linked."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from core.data.faces.faces import find_faces
from core.data.faces.tracks import link_tracks
from core.data.prepare.collect import collect, summary
from core.data.sources.base import SourceItem
from core.data.spec import PrepareSpec
from core.media.decode import decode
from core.progress import Silent

DATA = Path(__file__).parents[5] / "shared/data"


def mute_clips() -> list[Path]:
    """Three clips of the first pack, whose clips have no sound."""
    if not (DATA / "videos.csv").is_file():
        return []
    with open(DATA / "videos.csv", newline="") as stream:
        return sorted(DATA / row["video_path"] for row in csv.DictReader(stream))[:8:3]


CLIPS = mute_clips()


@pytest.mark.skipif(not CLIPS, reason="the real clips are not beside this checkout")
@pytest.mark.parametrize("path", CLIPS, ids=lambda path: path.stem[:6])
def test_a_person_is_one_track(path: Path) -> None:
    media = decode(path, max_frames=6)
    assert len(media.frames) == 6
    tracks = link_tracks([find_faces(frame.rgb) for frame in media.frames], [frame.time for frame in media.frames])
    assert len(tracks[0].frames) == 6
    assert all(len(track.frames) in (1, 6) for track in tracks)


@pytest.mark.skipif(not CLIPS, reason="the real clips are not beside this checkout")
def test_real_clips_become_crops_of_their_person(tmp_path: Path) -> None:
    items = [SourceItem(path, path.name, {"label": 0}) for path in CLIPS[:2]]
    spec = PrepareSpec(path="raw", detect_faces=True, frames="nth", every_frames=30, max_faces=3)
    rows = collect(items, spec, tmp_path, Silent())
    assert rows.groupby("source").size().to_dict() == {path.name: 3 for path in CLIPS[:2]}
    assert rows["frame"].tolist() == [0, 30, 60] * 2
    assert set(rows["track"]) == {0}
    assert rows["native_px"].min() >= 80
    assert rows.groupby("source")["native_px"].agg(np.ptp).max() < 60
    assert set(rows["audio"]) == {""}  # these clips are mute, and that is counted, not refused
    assert summary(tmp_path)["sound"] == {"none": 2}
