"""Demo clips: H.264 that the project's own decoder reads, the same frames for the same seed, a swap that is a swap."""

import numpy as np
import pytest

from core.data.synth.clip import make_clip
from core.media.decode import decode
from core.progress import Cancelled, Silent

SHAPE = {"seconds": 1.0, "fps": 4, "width": 320, "height": 180, "side": 96}


def frames(path):
    return np.stack([frame.rgb for frame in decode(path, max_frames=8).frames]).astype(int)


def test_a_clip_decodes_as_what_was_asked_for(tmp_path):
    media = decode(make_clip(tmp_path / "real.mp4", 0, 3, **SHAPE), max_frames=8)
    assert (media.kind, media.width, media.height, media.fps) == ("video", 320, 180, 4.0)
    assert media.duration == pytest.approx(1.0, abs=0.01)
    assert len(media.frames) == 4


def test_a_swap_changes_the_face_and_leaves_the_room(tmp_path):
    real = frames(make_clip(tmp_path / "real.mp4", 0, 3, **SHAPE))
    again = frames(make_clip(tmp_path / "again.mp4", 0, 3, **SHAPE))
    swapped = frames(make_clip(tmp_path / "swap.mp4", 0, 3, 8, **SHAPE))
    assert (real == again).all()
    change = np.abs(real - swapped).mean(axis=(0, 3))
    assert change[70:150, 130:190].mean() > 4 * change[:, :60].mean() + 1
    moving = np.abs(real[1:] - real[:-1]).mean(axis=(0, 3))
    assert moving[70:150, 130:190].mean() > 1.5 * moving[:, :60].mean()


def test_a_cancelled_clip_leaves_no_file(tmp_path):
    class Stop(Silent):
        def progress(self, fraction, message):
            if fraction > 0:
                raise Cancelled

    with pytest.raises(Cancelled):
        make_clip(tmp_path / "clip.mp4", 0, 3, report=Stop(), **SHAPE)
    assert list(tmp_path.iterdir()) == []
