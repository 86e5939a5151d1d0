"""One person, one track: detections of sampled frames are linked by optimal assignment."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linear_sum_assignment

from core.data.faces.faces import FaceDetection

_FAR = 1e6
_REACH = 1.0
_REACH_PER_SECOND = 1.0
_SIZE_RATIO = 2.5
_MEMORY_SECONDS = 3.0


@dataclass
class Track:
    """One face through a clip. frames: positions in the list given; times: seconds; one detection a frame."""

    frames: list[int] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    detections: list[FaceDetection] = field(default_factory=list)

    @property
    def boxes(self) -> list[tuple[float, float, float, float]]:
        return [found.box for found in self.detections]

    @property
    def scores(self) -> list[float]:
        return [found.score for found in self.detections]

    @property
    def size(self) -> float:
        """Median longer side of the boxes, pixels."""
        return float(np.median([max(box[2:]) for box in self.boxes]))

    @property
    def prominence(self) -> float:
        """Sum of the boxes' areas: who fills most of the clip."""
        return sum(found.area for found in self.detections)

    def _add(self, frame: int, time: float, found: FaceDetection) -> None:
        self.frames.append(frame)
        self.times.append(time)
        self.detections.append(found)


def iou(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> float:
    """Intersection over union of two boxes (x, y, width, height), [0, 1]."""
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / (a[2] * a[3] + b[2] * b[3] - shared)


class Tracker:
    """Links detections frame by frame, as they come; a track is not changed by what comes later.

    A track stays open for 3 s, and always until the next frame: in a sparsely sampled clip place and size are all that
    tells people apart.
    """

    def __init__(self) -> None:
        self.tracks: list[Track] = []
        self._frame = -1
        self._before = 0.0

    def add(self, time: float, found: list[FaceDetection]) -> list[Track]:
        """The track of each detection of the next frame, in the order given; that order is without effect.

        Raises ValueError when times run backwards.
        """
        if self._frame >= 0 and time < self._before:
            raise ValueError("times must ascend")
        self._frame, self._before = self._frame + 1, time
        order = sorted(range(len(found)), key=lambda n: (found[n].box, found[n].score))
        live = [
            track
            for track in self.tracks
            if time - track.times[-1] <= _MEMORY_SECONDS or track.frames[-1] == self._frame - 1
        ]
        taken = _assign(live, [found[n] for n in order], time)
        placed: dict[int, Track] = {}
        for place, n in enumerate(order):
            if place in taken:
                taken[place]._add(self._frame, time, found[n])
                placed[n] = taken[place]
            else:
                placed[n] = Track([self._frame], [time], [found[n]])
                self.tracks.append(placed[n])
        return [placed[n] for n in range(len(found))]


def link_tracks(detections: list[list[FaceDetection]], times: list[float]) -> list[Track]:
    """Tracks of a clip, longest seen first, then largest.

    detections: one list a frame; times: seconds of the frames, ascending. The order within a frame is without
    effect. Raises ValueError when the lists differ in length or times run backwards.
    """
    if len(detections) != len(times):
        raise ValueError(f"{len(detections)} frames of detections but {len(times)} times")
    tracker = Tracker()
    for found, time in zip(detections, times, strict=True):
        tracker.add(time, found)
    return sorted(tracker.tracks, key=lambda track: (-len(track.frames), -track.size, track.frames[0], track.boxes[0]))


def _assign(live: list[Track], found: list[FaceDetection], time: float) -> dict[int, Track]:
    """Detection index -> the track it continues."""
    if not live or not found:
        return {}
    cost = np.array([[_cost(track, one, time) for one in found] for track in live])
    rows, columns = linear_sum_assignment(cost)
    return {int(column): live[row] for row, column in zip(rows, columns, strict=True) if cost[row, column] < _FAR}


def _cost(track: Track, found: FaceDetection, time: float) -> float:
    """Cost of continuing a track, _FAR where it is impossible."""
    last = track.detections[-1]
    a, b = max(last.box[2:]), max(found.box[2:])
    if max(a, b) > _SIZE_RATIO * min(a, b):
        return _FAR
    distance = float(np.hypot(*np.subtract(last.centre, found.centre))) / ((a + b) / 2)
    gap = time - track.times[-1]
    if distance > _REACH + _REACH_PER_SECOND * min(gap, _MEMORY_SECONDS):
        return _FAR
    return 1.0 - iou(last.box, found.box) + distance
