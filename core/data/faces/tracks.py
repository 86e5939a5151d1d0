"""Link the face detections of sampled frames into one track a person, by optimal assignment."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linear_sum_assignment

from core.data.faces.faces import FaceDetection

_IMPOSSIBLE = 1e6
_MAX_MOVE = 1.0  # face sides between neighbouring frames, whatever their distance in time
_MAX_MOVE_PER_SECOND = 1.0  # and so many more a second
_MAX_SIZE_RATIO = 2.5
_MEMORY_SECONDS = 3.0


@dataclass
class Track:
    """One face through a clip.

    Attributes:
        frames: Positions in the list of frames.
        times: Seconds of those frames.
        detections: One detection a frame.
    """

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
    """Compute the intersection over union of two boxes.

    Args:
        a: x, y, width, height.
        b: x, y, width, height, in the same pixels.

    Returns:
        A float in [0, 1].
    """
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / (a[2] * a[3] + b[2] * b[3] - shared)


class Tracker:
    """Links detections frame by frame as they arrive; later frames do not change earlier links.

    A track stays open for 3 s, and always until the next frame: in a sparsely sampled clip only place and size tell
    people apart.
    """

    def __init__(self) -> None:
        self.tracks: list[Track] = []
        self._frame = -1
        self._before = 0.0

    def add(self, time: float, detections: list[FaceDetection]) -> list[Track]:
        """Link the detections of the next frame.

        Args:
            time: Seconds of the frame; must not run backwards.
            detections: Faces of the frame; their order has no effect on the links.

        Returns:
            The track of each detection, in the order given.

        Raises:
            ValueError: The time is earlier than that of the frame before.
        """
        if self._frame >= 0 and time < self._before:
            raise ValueError("the times of frames must ascend")
        self._frame, self._before = self._frame + 1, time
        order = sorted(range(len(detections)), key=lambda n: (detections[n].box, detections[n].score))
        live = [
            track
            for track in self.tracks
            if time - track.times[-1] <= _MEMORY_SECONDS or track.frames[-1] == self._frame - 1
        ]
        taken = _assign(live, [detections[n] for n in order], time)
        placed: dict[int, Track] = {}
        for place, n in enumerate(order):
            if place in taken:
                taken[place]._add(self._frame, time, detections[n])
                placed[n] = taken[place]
            else:
                placed[n] = Track([self._frame], [time], [detections[n]])
                self.tracks.append(placed[n])
        return [placed[n] for n in range(len(detections))]


def link_tracks(detections: list[list[FaceDetection]], times: list[float]) -> list[Track]:
    """Link the detections of a whole clip into tracks.

    Args:
        detections: One list of faces a frame; the order within a frame has no effect.
        times: Seconds of the frames, ascending.

    Returns:
        The tracks, longest first, then largest.

    Raises:
        ValueError: The lists differ in length, or times run backwards.
    """
    if len(detections) != len(times):
        raise ValueError(f"{len(detections)} frames of detections but {len(times)} times")
    tracker = Tracker()
    for found, time in zip(detections, times, strict=True):
        tracker.add(time, found)
    return sorted(tracker.tracks, key=lambda track: (-len(track.frames), -track.size, track.frames[0], track.boxes[0]))


def _assign(live: list[Track], detections: list[FaceDetection], time: float) -> dict[int, Track]:
    """Map the index of each detection to the track that it continues; the others are left out."""
    if not live or not detections:
        return {}
    cost = np.array([[_cost(track, one, time) for one in detections] for track in live])
    rows, columns = linear_sum_assignment(cost)
    return {
        int(column): live[row] for row, column in zip(rows, columns, strict=True) if cost[row, column] < _IMPOSSIBLE
    }


def _cost(track: Track, found: FaceDetection, time: float) -> float:
    """Compute the cost of continuing a track with a detection; _IMPOSSIBLE where that is impossible."""
    last = track.detections[-1]
    a, b = max(last.box[2:]), max(found.box[2:])
    if max(a, b) > _MAX_SIZE_RATIO * min(a, b):
        return _IMPOSSIBLE
    distance = float(np.hypot(*np.subtract(last.centre, found.centre))) / ((a + b) / 2)
    gap = time - track.times[-1]
    if distance > _MAX_MOVE + _MAX_MOVE_PER_SECOND * min(gap, _MEMORY_SECONDS):
        return _IMPOSSIBLE
    return 1.0 - iou(last.box, found.box) + distance
