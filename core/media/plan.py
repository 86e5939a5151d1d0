"""Which frames of a clip to take: pure arithmetic over the packets' times, no decoder."""

from __future__ import annotations

import itertools
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Timeline:
    """Packets of a track in stored order, as groups that each begin with a keyframe.

    times: seconds from the first shown frame, one a packet; starts: first packet of each group; order: packets in the
    order in which they are shown (a frame's number is its place there); duration: seconds; fps: frames a second."""

    times: list[float]
    starts: list[int]
    order: list[int]
    origin: float
    duration: float
    fps: float
    stamped: bool
    """False where the file has no time stamps of its own and times are counted."""

    @classmethod
    def of(cls, stamps: list[float | None], keys: list[bool], rate: float, hidden: frozenset[int] = frozenset()):
        """From raw time stamps (None where the file has none), keyframe marks, and the claimed frames a second.

        hidden: packets that are decoded but never shown (before an edit's start)."""
        rate = rate if 0.1 <= rate <= 1000 else 25.0
        known = [stamp for stamp in stamps if stamp is not None]
        trusted = len(known) == len(stamps) and len(set(known)) > len(known) // 2
        raw = known if trusted else [index / rate for index in range(len(stamps))]
        order = sorted((i for i in range(len(raw)) if i not in hidden), key=raw.__getitem__) or list(range(len(raw)))
        origin = raw[order[0]]
        times = [stamp - origin for stamp in raw]
        steps = [times[b] - times[a] for a, b in itertools.pairwise(order) if times[b] > times[a]]
        duration = times[order[-1]] + (median(steps) if steps else 1 / rate)
        starts = sorted({0, *(index for index, key in enumerate(keys) if key)})
        fps = len(order) / duration if len(order) > 1 else rate
        return cls(times, starts, order, origin if trusted else 0.0, duration, fps, trusted)

    def group_of(self, packet: int) -> int:
        """First packet of the group that a packet belongs to."""
        return self.starts[bisect_right(self.starts, packet) - 1]

    def shown_at(self, seconds: float) -> int:
        """Number of the frame that is on display at a time."""
        return max(bisect_right(self.order, seconds + 1e-9, key=self.times.__getitem__) - 1, 0)

    def number_of(self, seconds: float) -> int:
        """Number of the first frame shown at a time or after it."""
        place = bisect_left(self.order, seconds - 1e-6, key=self.times.__getitem__)
        return min(place, len(self.order) - 1)

    def shown_times(self, start: int) -> list[float]:
        """Seconds of the frames of the group that begins at packet `start`, ascending."""
        place = bisect_right(self.starts, start)
        end = self.starts[place] if place < len(self.starts) else len(self.times)
        return sorted(self.times[start:end])


def plan_frames(timeline: Timeline, max_frames: int, scout: bool) -> dict[int, list[int]]:
    """Wanted packets by group: {first packet of the group: packets as shown}, at most `max_frames` in all.

    The length is cut into `max_frames` equal slots. Each slot gives the frame on display at its middle; `scout` gives
    the keyframe nearest to the middle, since keyframes decode alone. Nothing is wanted twice."""
    count = max(1, min(max_frames, len(timeline.order)))
    middles = [(slot + 0.5) * timeline.duration / count for slot in range(count)]
    heads = sorted(timeline.starts, key=timeline.times.__getitem__)
    wanted: dict[int, set[int]] = {}
    for middle in middles:
        if scout:
            place = bisect_right(heads, middle, key=timeline.times.__getitem__)
            near = heads[max(place - 1, 0) : place + 1]
            start = min(near, key=lambda head: abs(timeline.times[head] - middle))
            wanted[start] = {start}
            continue
        packet = timeline.order[timeline.shown_at(middle)]
        start = timeline.group_of(packet)
        # A frame shown before the keyframe that is stored before it needs the group before as well (open GOP). Its
        # neighbour, the keyframe, does as well at a fraction of the price.
        leading = timeline.times[packet] < timeline.times[start]
        wanted.setdefault(start, set()).add(start if leading else packet)
    return {start: sorted(packets, key=timeline.times.__getitem__) for start, packets in wanted.items()}
