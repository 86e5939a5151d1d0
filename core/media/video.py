"""Decode frames of a clip with PyAV, inside the child: one reading to plan, one to decode what the plan needs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import av
from PIL import Image

from core.media.limits import Limits, Refusal
from core.media.plan import FramePlan, Timeline, plan_frames
from core.media.sniff import Format

CODECS = {
    "h264": "h264",
    "hevc": "hevc",
    "vp8": "vp8",
    "vp9": "vp9",
    "libvpx": "vp8",
    "libvpx-vp9": "vp9",
    "av1": "av1",
    "libdav1d": "av1",
    "mpeg4": "mpeg4",
    "mjpeg": "mjpeg",
}
"""Decoder name of FFmpeg to codec; nothing else is opened."""


class Clock:
    """Which share of the time for a clip is used: at 1 reading should stop, well before the limits end the process.

    `waited` counts the seconds in which the receiver of the frames was busy with them; they are not part of the share.
    """

    def __init__(self, limits: Limits) -> None:
        self.start, self.wall, self.cpu = time.monotonic(), limits.video_wall * 2 / 3, limits.video_cpu / 2
        self.waited = 0.0

    @property
    def spent(self) -> float:
        return max((time.monotonic() - self.start - self.waited) / self.wall, time.process_time() / self.cpu)


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
    container, track = _open(stream, kind, limits)
    area = max(track.codec_context.width * track.codec_context.height, 1)
    notes: list[str] = []
    timeline = _read_timeline(container, track, clock, notes)
    container.close()
    if timeline.duration > limits.video_seconds:
        raise Refusal(
            "too_long",
            f"The clip lasts {timeline.duration:.0f} s; at most {limits.video_seconds:.0f} s are read. Cut it first.",
        )
    wanted = plan_frames(timeline, plan, limits.exact_pixels / area)
    stream.seek(0)
    container, track = _open(stream, kind, limits)
    frames = _wanted_frames(container, track, timeline, wanted, clock, notes)
    return Clip(_facts(track, kind, timeline), _upright(frames, track, limits), notes, timeline)


def _open(stream: BinaryIO, kind: Format, limits: Limits) -> tuple:
    """Return the container, opened by its one allowed demuxer, and its first picture track with an allowed codec."""
    options = {"codec_whitelist": ",".join(CODECS), "format_whitelist": kind.readers[0]}
    if kind.readers[0] == "mov":
        options["enable_drefs"] = "0"
    try:
        container = av.open(stream, format=kind.readers[0], options=options, metadata_errors="ignore")
    except (av.FFmpegError, ValueError, OSError) as error:
        raise Refusal(
            "damaged", f"The {kind.name.upper()} file is damaged or was cut off: no index to read."
        ) from error
    tracks = [track for track in container.streams.video if not track.disposition & track.disposition.attached_pic]
    if not tracks and not container.streams.audio:
        raise Refusal("damaged", f"The {kind.name.upper()} file is damaged or was cut off: it lists no track to read.")
    if not tracks:
        raise Refusal("no_video", "The file holds no moving picture (sound only?). Upload a picture or a video.")
    track = tracks[0]
    context = track.codec_context
    if context is None or context.name not in CODECS:
        name = context.name if context is not None else "unknown"
        raise Refusal(
            "unsupported",
            f"The clip is encoded as {name!r}, which is not read here. Convert it to H.264 (MP4) and upload that.",
        )
    if context.width * context.height > limits.video_pixels:
        raise Refusal(
            "too_many_pixels",
            f"The clip has {context.width} x {context.height} pixels; "
            f"at most {limits.video_pixels // 1_000_000} million are read.",
        )
    context.thread_count = limits.threads
    context.thread_type = "AUTO"
    context.options = {"max_pixels": str(limits.video_pixels)}
    return container, track


def _packets(container, track) -> Iterator:
    """Yield packets of the track until the end or the first damage; the flushing packet is left out."""
    for packet in container.demux(track):
        if packet.size:
            yield packet


def _read_timeline(container, track, clock: Clock, notes: list[str]) -> Timeline:
    """Read times and keyframe marks of all packets, without decoding."""
    base = float(track.time_base or 0)
    rate = float(track.average_rate or track.guessed_rate or 25)
    stamps: list[float | None] = []
    keys: list[bool] = []
    hidden: set[int] = set()
    try:
        for packet in _packets(container, track):
            stamp = packet.pts if packet.pts is not None else packet.dts
            if packet.is_discard:
                hidden.add(len(keys))
            stamps.append(None if stamp is None else stamp * base)
            keys.append(bool(packet.is_keyframe))
            if clock.spent > 0.5:
                notes.append("The file was too long to read whole in time; its beginning was analysed.")
                break
    except (av.FFmpegError, OSError):
        notes.append("The file is damaged; what came before the damage was analysed.")
    if not stamps:
        raise Refusal("damaged", "The clip holds no frame: it is damaged or was cut off.")
    timeline = Timeline.of(stamps, keys, rate, frozenset(hidden))
    claimed = float(track.duration * base) if track.duration else (container.duration or 0) / 1e6
    if claimed > 1.1 * timeline.duration + 0.5 and not notes:
        notes.append(
            f"The file ends early: it says {claimed:.1f} s but holds {timeline.duration:.1f} s; those were analysed."
        )
    return timeline


def _wanted_frames(container, track, timeline: Timeline, wanted: dict, clock: Clock, notes: list[str]) -> Iterator:
    """Yield (frame, seconds, number) of the wanted times, reading forward. `wanted`: as `plan_frames`."""
    number, failed, starts, last = -1, 0, set(timeline.starts), max(wanted)
    group: _Group | None = None
    for packet in _until_damage(container, track, len(timeline.times)):
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


def _until_damage(container, track, count: int) -> Iterator:
    """Yield the packets that the first reading saw."""
    packets = _packets(container, track)
    for _ in range(count):
        try:
            packet = next(packets, None)
        except (av.FFmpegError, OSError):
            return
        if packet is None:
            return
        yield packet


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


def _upright(frames: Iterator, track, limits: Limits) -> Iterator[tuple[Image.Image, float, int]]:
    """Reduce each frame to `limits.video_side`, convert it to RGB, and turn it as its display matrix says."""
    for frame, seconds, number in frames:
        if frame.width * frame.height > limits.video_pixels:
            raise Refusal("too_many_pixels", f"A frame of the clip has {frame.width} x {frame.height} pixels.")
        aspect = float(track.sample_aspect_ratio or 1)
        aspect = aspect if 0.2 <= aspect <= 5 else 1.0
        full = (max(round(frame.width * aspect), 1), frame.height)
        shrink = min(1.0, limits.video_side / max(full))
        width, height = (max(round(side * shrink), 1) for side in full)
        # Clips that do not say their colour matrix: HD is BT.709 by custom, smaller ones BT.601.
        matrix = "ITU709" if frame.colorspace == 2 and frame.height >= 720 else None
        small = frame.reformat(
            width, height, "rgb24", src_colorspace=matrix, interpolation="AREA" if shrink < 1 else None
        )
        plane = small.planes[0]
        picture = Image.frombuffer("RGB", (width, height), plane, "raw", "RGB", plane.line_size, 1)
        turn = round(frame.rotation / 90) * 90 % 360
        if turn:
            picture = picture.transpose(
                {90: Image.Transpose.ROTATE_90, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_270}[turn]
            )
        picture.info["original"] = full[::-1] if turn in (90, 270) else full
        yield picture, seconds, number
