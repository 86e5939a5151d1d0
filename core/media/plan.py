"""Decide which frames of a clip to take: arithmetic over the times of packets, no decoder."""

from __future__ import annotations

import itertools
import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

MAX_STEP_SECONDS = 1.0
MAX_STEP_RATIO = 10.0
LONGEST_STEP_SECONDS = 60.0
"""A frame counts as on display for at most the larger of MAX_STEP_SECONDS and MAX_STEP_RATIO times the usual step, and
never for more than LONGEST_STEP_SECONDS: time stamps are written by anybody, and one frame is one piece of evidence."""


@dataclass(frozen=True)
class Timeline:
    """Packets of a track in stored order, as groups that each begin with a keyframe.

    Attributes:
        times: Seconds from the first shown frame, one a packet, by the file's time stamps.
        steady: The same with long steps cut short; length and spacing are judged by these.
        starts: First packet of each group.
        order: Packets in the order in which they are shown; the number of a frame is its place here.
        origin: Time stamp of the first shown frame in seconds.
        duration: Seconds, by `steady`.
        span: Seconds, by the file's time stamps.
        longest: Longest time between two frames by the file's time stamps, where it was cut short; else 0.
        step: The most seconds that one frame counts for.
        fps: Frames a second.
        stamped: False where the file has no time stamps of its own and times are counted.
    """

    times: list[float]
    steady: list[float]
    starts: list[int]
    order: list[int]
    origin: float
    duration: float
    span: float
    longest: float
    step: float
    fps: float
    stamped: bool
    """False where the file has no time stamps of its own and times are counted."""

    @classmethod
    def of(cls, stamps: list[float | None], keys: list[bool], rate: float, hidden: frozenset[int] = frozenset()):
        """Build the timeline of a track.

        Args:
            stamps: Raw time stamps in seconds, None where the file has none.
            keys: Whether each packet is a keyframe.
            rate: Frames a second that the file claims.
            hidden: Packets that are decoded but never shown (before the start of an edit).

        Returns:
            The timeline.
        """
        rate = rate if 0.1 <= rate <= 1000 else 25.0
        known = [stamp for stamp in stamps if stamp is not None]
        trusted = len(known) == len(stamps) and len(set(known)) > len(known) // 2
        raw = known if trusted else [index / rate for index in range(len(stamps))]
        order = sorted((i for i in range(len(raw)) if i not in hidden), key=raw.__getitem__) or list(range(len(raw)))
        origin = raw[order[0]]
        times = [stamp - origin for stamp in raw]
        steps = [times[b] - times[a] for a, b in itertools.pairwise(order)]
        usual = median([step for step in steps if step > 0] or [1 / rate])
        cap = min(max(MAX_STEP_SECONDS, MAX_STEP_RATIO * usual), LONGEST_STEP_SECONDS)
        steady, now = list(times), 0.0
        for packet, step in zip(order[1:], steps, strict=True):
            now += min(step, cap)
            steady[packet] = now
        duration, span = now + min(usual, cap), times[order[-1]] + usual
        longest = max(steps, default=0.0)
        starts = sorted({0, *(index for index, key in enumerate(keys) if key)})
        fps = len(order) / duration if len(order) > 1 else rate
        return cls(
            times=times,
            steady=steady,
            starts=starts,
            order=order,
            origin=origin if trusted else 0.0,
            duration=duration,
            span=span,
            longest=longest if longest > cap else 0.0,
            step=cap,
            fps=fps,
            stamped=trusted,
        )

    def group_of(self, packet: int) -> int:
        """Find the group that a packet belongs to.

        Args:
            packet: Index in stored order.

        Returns:
            The first packet of the group.
        """
        return self.starts[bisect_right(self.starts, packet) - 1]

    def shown_at(self, seconds: float) -> int:
        """Find the frame that is on display at a time.

        Args:
            seconds: From the first shown frame, by `steady`.

        Returns:
            The number of the frame.
        """
        return max(bisect_right(self.order, seconds + 1e-9, key=self.steady.__getitem__) - 1, 0)

    def number_of(self, seconds: float) -> int:
        """Find the first frame that is shown at a time or after it.

        Args:
            seconds: From the first shown frame.

        Returns:
            The number of the frame.
        """
        place = bisect_left(self.order, seconds - 1e-6, key=self.times.__getitem__)
        return min(place, len(self.order) - 1)

    def shown_times(self, start: int) -> list[float]:
        """List the times of the frames of a group.

        Args:
            start: First packet of the group.

        Returns:
            Seconds, ascending.
        """
        place = bisect_right(self.starts, start)
        end = self.starts[place] if place < len(self.starts) else len(self.times)
        return sorted(self.times[start:end])


@dataclass(frozen=True)
class FramePlan:
    """Which frames of a clip are wanted, at most `count`.

    `even`: spread over the whole clip, no two closer than `step` seconds. `scout`: the keyframes nearest to those,
    which decode alone. `nth`: every `step`-th frame from the first on. `seconds`: the frame on display every `step`
    seconds.
    """

    kind: Literal["even", "scout", "nth", "seconds"] = "even"
    count: int = 16
    step: float = 0.0

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"a plan has at least 1 frame, not {self.count}")
        least = {"nth": 1.0, "seconds": 1e-3}.get(self.kind, 0.0)
        if not least <= self.step < math.inf:
            raise ValueError(f"the step of a plan of kind {self.kind} is at least {least:g}, not {self.step}")


def plan_frames(timeline: Timeline, plan: FramePlan, budget: float = math.inf) -> dict[int, list[int]]:
    """Choose the packets to decode for a plan.

    An even plan cuts the length into equal slots. Each slot gives the frame on display at its middle, or a neighbour
    where another slot has that one: as many frames as asked come out where the clip has them. Where that means to
    decode more than `budget` packets, each slot that holds a keyframe gives the one nearest to its middle instead.
    Other plans are exact at any cost.

    Args:
        timeline: Packets of the track.
        plan: The wanted frames.
        budget: Packets that may be decoded for the sake of even spacing.

    Returns:
        {first packet of the group: wanted packets in order of display}; no packet comes twice.
    """
    if plan.kind == "nth":
        places = range(0, len(timeline.order), round(plan.step))[: plan.count]
        return _grouped(timeline, [_whole(timeline, timeline.order[place]) for place in places])
    if plan.kind == "seconds":
        steps = min(math.ceil(timeline.duration / plan.step - 1e-9), plan.count)
        return _grouped(timeline, [_exact(timeline, k * plan.step) for k in range(max(steps, 1))])
    count = max(1, min(plan.count, len(timeline.order)))
    if plan.step > 0:
        count = max(1, min(count, math.floor(timeline.duration / plan.step + 1e-6)))
    width = timeline.duration / count
    middles = [(slot + 0.5) * width for slot in range(count)]
    keys = sorted(timeline.starts, key=timeline.steady.__getitem__)
    if plan.kind == "scout":
        return _grouped(timeline, [_nearest(timeline, keys, middle) for middle in middles])
    exact = [_whole(timeline, timeline.order[place]) for place in _places(timeline, middles)]
    wanted = _grouped(timeline, _filled(timeline, exact, count))
    if sum(max(packets) - start + 1 for start, packets in wanted.items()) <= budget:
        return wanted
    nearest = [_nearest(timeline, keys, middle) for middle in middles]
    cheap = [
        key if abs(timeline.steady[key] - middle) <= width / 2 else packet
        for packet, key, middle in zip(exact, nearest, middles, strict=True)
    ]
    return _grouped(timeline, _filled(timeline, cheap, count, keys))


def _places(timeline: Timeline, middles: list[float]) -> list[int]:
    """Places in the order of display of the frames at ascending times; no place comes twice."""
    places: list[int] = []
    total = len(timeline.order)
    for slot, middle in enumerate(middles):
        after = places[-1] + 1 if places else 0
        # At most so late that every later slot still finds a frame of its own.
        places.append(min(max(timeline.shown_at(middle), after), total - len(middles) + slot))
    return places


def _filled(timeline: Timeline, packets: list[int], count: int, first: Sequence[int] = ()) -> list[int]:
    """The packets and, where some are the same, others up to `count`: of `first`, then any that decode alone."""
    chosen = set(packets)
    for pool in (first, timeline.order):
        absent = count - len(chosen)
        if absent <= 0:
            break
        spare = [packet for packet in pool if packet not in chosen and _whole(timeline, packet) == packet]
        few = min(absent, len(spare))
        chosen.update(spare[(2 * place + 1) * len(spare) // (2 * few)] for place in range(few))
    return sorted(chosen)


def _exact(timeline: Timeline, seconds: float) -> int:
    """Return the packet of the frame on display at a time."""
    return _whole(timeline, timeline.order[timeline.shown_at(seconds)])


def _whole(timeline: Timeline, packet: int) -> int:
    """Return the packet, or the keyframe of its group where it cannot be decoded from its own group.

    A frame shown before the keyframe that is stored before it needs the group before as well (open GOP). The keyframe
    replaces it at a fraction of the cost.
    """
    start = timeline.group_of(packet)
    return start if timeline.times[packet] < timeline.times[start] else packet


def _nearest(timeline: Timeline, keys: list[int], seconds: float) -> int:
    """Return the keyframe (of `keys`, by time) nearest to a time."""
    place = bisect_right(keys, seconds, key=timeline.steady.__getitem__)
    return min(keys[max(place - 1, 0) : place + 1], key=lambda key: abs(timeline.steady[key] - seconds))


def _grouped(timeline: Timeline, packets: list[int]) -> dict[int, list[int]]:
    groups: dict[int, list[int]] = {}
    for packet in sorted(set(packets), key=timeline.times.__getitem__):
        groups.setdefault(timeline.group_of(packet), []).append(packet)
    return groups
