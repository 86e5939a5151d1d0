"""One person, one track: detections of sampled frames are linked by optimal assignment."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linear_sum_assignment

from core.data.faces import FaceDetection

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


def link_tracks(detections: list[list[FaceDetection]], times: list[float]) -> list[Track]:
    """Tracks of a clip, longest seen first (then largest). One list of detections a frame, times ascending (s).

    A detection continues the track whose last box it overlaps or lies near to: cost is (1 - IoU) + distance of the
    centres over the mean longer side. The reach grows with the gap in time, since sampled frames lie up to a second
    apart; a track that was lost for longer than 3 s is closed. The order of detections within a frame is without
    effect. Raises ValueError when the lists differ in length or times run backwards."""
    if len(detections) != len(times):
        raise ValueError(f"{len(detections)} frames of detections but {len(times)} times")
    if any(b < a for a, b in itertools.pairwise(times)):
        raise ValueError("times must ascend")
    tracks: list[Track] = []
    for frame, (found, time) in enumerate(zip(detections, times, strict=True)):
        found = sorted(found, key=lambda one: (one.box, one.score))
        live = [track for track in tracks if time - track.times[-1] <= _MEMORY_SECONDS]
        taken = _assign(live, found, time)
        for index, one in enumerate(found):
            if index in taken:
                taken[index]._add(frame, time, one)
            else:
                tracks.append(Track([frame], [time], [one]))
    return sorted(tracks, key=lambda track: (-len(track.frames), -track.size, track.frames[0], track.boxes[0]))


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
    if distance > _REACH + _REACH_PER_SECOND * gap:
        return _FAR
    return 1.0 - iou(last.box, found.box) + distance
