"""Decode frames of a clip with PyAV, inside the child: one reading to plan, one to decode what the plan needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import av
from PIL import Image

from core.media.clock import Clock
from core.media.container import CODECS, choose_track, open_container, packets_of, prepare_track
from core.media.limits import Limits, Refusal
from core.media.plan import FramePlan, Timeline, plan_frames
from core.media.sniff import Format
from core.media.upright import Finisher


@dataclass(frozen=True)
class Clip:
    """An opened clip.

    Attributes:
        facts: JSON.
        frames: (upright RGB picture, seconds from the first shown frame, frame number).
        notes: Warnings; the list grows while frames are taken.
        timeline: Of the picture track.
    """

    facts: dict
    frames: Iterator[tuple[Image.Image, float, int]]
    notes: list[str]
    timeline: Timeline


def decode_video(stream: BinaryIO, kind: Format, limits: Limits, plan: FramePlan, clock: Clock) -> Clip:
    """Open a clip and plan its frames; they are decoded while they are taken.

    Only groups of pictures that hold a wanted frame are decoded.

    Args:
        stream: The file.
        kind: Its format, from its first bytes.
        limits: Bounds of the decoding.
        plan: The wanted frames.
        clock: Counts the time for the clip.

    Returns:
        The opened clip.

    Raises:
        Refusal: The clip is damaged, holds no moving picture, is encoded in an unsupported codec, has too many pixels
            or is too long.
    """
    notes: list[str] = []
    container = open_container(stream, kind)
    index, timeline = choose_track(container, kind, limits, clock, notes)
    container.close()
    if timeline.duration > limits.video_seconds:
        raise Refusal(
            "too_long",
            f"The clip lasts {timeline.duration:.0f} s; at most {limits.video_seconds:.0f} s are read. Cut it first.",
        )
    stream.seek(0)
    container = open_container(stream, kind)
    track = container.streams[index]
    prepare_track(track, limits)
    area = max(track.codec_context.width * track.codec_context.height, 1)
    wanted = plan_frames(timeline, plan, limits.exact_pixels / area)
    frames = _wanted_frames(container, track, timeline, wanted, clock, notes)
    aspect = float(track.sample_aspect_ratio or 1)
    finisher = Finisher(aspect if 0.2 <= aspect <= 5 else 1.0, limits, notes)
    pictures = ((finisher.picture(frame), seconds, number) for frame, seconds, number in frames)
    return Clip(_facts(track, kind, timeline), pictures, notes, timeline)


def _wanted_frames(container, track, timeline: Timeline, wanted: dict, clock: Clock, notes: list[str]) -> Iterator:
    """Yield (frame, seconds, number) of the wanted times, reading forward. `wanted`: as `plan_frames`."""
    number, failed, starts, last = -1, 0, set(timeline.starts), max(wanted)
    group: _Group | None = None
    for packet in packets_of(container, track, len(timeline.times)):
        number += 1
        if number in starts:
            if group is not None:
                yield from group.finish()
                failed += group.failed
            packets = wanted.get(number)
            group = _Group(track, timeline, number, packets) if packets else None
        if group is not None:
            yield from group.feed(packet, number)
            if group.done:
                failed += group.failed
                done, group = number >= last, None
                if done:
                    break
        if clock.spent > 1:
            notes.append("Decoding took too long; the frames read until then were analysed.")
            break
    if group is not None:
        yield from group.finish()
        failed += group.failed
    if failed:
        notes.append("Parts of the clip are damaged; the frames that could be decoded were analysed.")


class _Group:
    """Decodes one group of pictures as far as its last wanted packet.

    Frames that no other frame refers to are skipped unless they are wanted: the pixels of the others are the same.
    """

    def __init__(self, track, timeline: Timeline, start: int, packets: list[int]) -> None:
        self.context = track.codec_context
        self.base = float(track.time_base)
        self.timeline = timeline
        self.packets = set(packets)
        self.times = [timeline.times[packet] for packet in packets]
        self.shown = timeline.shown_times(start)
        self.position = 0
        self.last: tuple | None = None
        self.failed = 0
        self.context.flush_buffers()

    @property
    def done(self) -> bool:
        return not self.times

    def feed(self, packet, number: int) -> Iterator:
        skip = self.timeline.stamped and number not in self.packets
        self.context.skip_frame = "NONREF" if skip else "DEFAULT"
        yield from self._take(packet)

    def finish(self) -> Iterator:
        """Drain the decoder. A time that no frame reached, because of damage, gets the last sound frame before it."""
        if self.times:
            yield from self._take(None)
        if self.times and self.last is not None:
            yield self.last

    def _take(self, packet) -> Iterator:
        try:
            frames = self.context.decode(packet)
        except av.FFmpegError:
            self.failed += 1
            return
        for frame in frames:
            shown = self.shown[min(self.position, len(self.shown) - 1)]
            self.position += 1
            if frame.pts is not None:
                shown = frame.pts * self.base - self.timeline.origin
            if frame.is_corrupt:
                self.failed += 1
                continue
            self.last = (frame, max(shown, 0.0), self.timeline.number_of(shown))
            if self.times and shown >= self.times[0] - 1e-6:
                self.times = [time for time in self.times if time - 1e-6 > shown]
                yield self.last
                self.last = None


def _facts(track, kind: Format, timeline: Timeline) -> dict:
    return {
        "kind": "video",
        "format": f"{kind.name}/{CODECS[track.codec_context.name]}",
        "duration": timeline.duration,
        "fps": timeline.fps,
    }
