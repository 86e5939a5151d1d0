"""Which frames of a clip to take: pure arithmetic over the packets' times, no decoder."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from dataclasses import dataclass, field
from statistics import median


@dataclass(frozen=True)
class Timeline:
    """Packets of a track in stored order. times: seconds from the first shown frame; starts: first packet of groups."""

    times: list[float]
    starts: list[int]
    origin: float
    duration: float
    fps: float
    _ends: dict[int, int] = field(default_factory=dict)

    @classmethod
    def of(cls, stamps: list[float | None], keys: list[bool], rate: float) -> Timeline:
        """From raw time stamps (None where the file has none) and keyframe marks; rate: frames a second it claims."""
        rate = rate if 0.1 <= rate <= 1000 else 25.0
        known = [stamp for stamp in stamps if stamp is not None]
        trusted = len(known) == len(stamps) and len(set(known)) > len(known) // 2
        origin = min(known) if trusted else 0.0
        times = [s - origin for s in stamps if s is not None] if trusted else [i / rate for i in range(len(stamps))]
        shown = sorted(times)
        steps = [b - a for a, b in itertools.pairwise(shown) if b > a]
        step = median(steps) if steps else 1 / rate
        starts = [index for index, key in enumerate(keys) if key] or [0]
        if starts[0] != 0:
            starts.insert(0, 0)
        ends = dict(zip(starts, [*starts[1:], len(times)], strict=True))
        duration = shown[-1] + step
        return cls(times, starts, origin, duration, len(times) / duration if len(times) > 1 else rate, ends)

    def shown(self, start: int) -> list[tuple[int, float]]:
        """(frame number, seconds) of the group that begins at packet `start`, in the order in which it is shown."""
        return list(enumerate(sorted(self.times[start : self._ends[start]]), start))


def plan_frames(timeline: Timeline, max_frames: int, scout: bool) -> dict[int, list[float]]:
    """Wanted times by group: {first packet of the group: ascending seconds}, at most `max_frames` in all.

    The length is cut into `max_frames` equal slots. Each slot gives the frame at its middle; `scout` gives the
    keyframe nearest to the middle of each slot, each once, since keyframes decode alone."""
    count = max(1, min(max_frames, len(timeline.times)))
    middles = [(slot + 0.5) * timeline.duration / count for slot in range(count)]
    heads = sorted((timeline.times[start], start) for start in timeline.starts)
    at = [time for time, _ in heads]
    wanted: dict[int, list[float]] = {}
    for middle in middles:
        place = max(bisect_right(at, middle + 1e-9) - 1, 0)
        if scout:
            near = heads[max(place - 0, 0) : place + 2]
            time, start = min(near, key=lambda head: abs(head[0] - middle))
            wanted.setdefault(start, [time])
        else:
            wanted.setdefault(heads[place][1], []).append(middle)
    return wanted
