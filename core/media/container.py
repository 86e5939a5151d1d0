"""Open a clip, choose its picture track and read the times of its packets, without decoding. Runs inside the child."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

import av
from av.stream import Disposition

from core.media.clock import Clock
from core.media.limits import Limits, Refusal
from core.media.plan import Timeline
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
# Covers and the pictures of a seek bar are tracks too, and no film.
_NO_FILM = Disposition.attached_pic | Disposition.timed_thumbnails
MIN_FILM_SHARE = 0.1
"""A track with fewer frames than this share of the longest one is a preview, whatever its flags say."""


@dataclass
class _Packets:
    """What the packets of one track say."""

    stamps: list[float | None] = field(default_factory=list)
    keys: list[bool] = field(default_factory=list)
    hidden: set[int] = field(default_factory=set)


def open_container(stream: BinaryIO, kind: Format):
    """Open a container by its one allowed demuxer.

    Args:
        stream: The file.
        kind: Its format, from its first bytes.

    Returns:
        The container of PyAV.

    Raises:
        Refusal: The file is damaged.
    """
    options = {"codec_whitelist": ",".join(CODECS), "format_whitelist": kind.readers[0]}
    if kind.readers[0] == "mov":
        options["enable_drefs"] = "0"
    try:
        return av.open(stream, format=kind.readers[0], options=options, metadata_errors="ignore")
    except (av.FFmpegError, ValueError, OSError) as error:
        raise Refusal(
            "damaged", f"The {kind.name.upper()} file is damaged or was cut off: no index to read."
        ) from error


def prepare_track(track, limits: Limits) -> None:
    """Set the bounds of a track's decoder before it is opened.

    Args:
        track: A picture track of PyAV.
        limits: Bounds of the decoding.
    """
    context = track.codec_context
    context.thread_count = limits.threads
    context.thread_type = "AUTO"
    context.options = {"max_pixels": str(limits.video_pixels)}


def choose_track(container, kind: Format, limits: Limits, clock: Clock, notes: list[str]) -> tuple[int, Timeline]:
    """Choose the film among the picture tracks and read its times.

    Of the tracks that can be decoded, previews are left out (MIN_FILM_SHARE); of the others the one that the file marks
    as default is taken, then the one with the most frames, then the largest.

    Args:
        container: As opened by `open_container`.
        kind: Format of the file.
        limits: Bounds of the decoding.
        clock: Counts the time for the clip.
        notes: Gets sentences on damage, and on the choice where there is one.

    Returns:
        (index of the stream, timeline of its packets).

    Raises:
        Refusal: The clip is damaged, holds no moving picture, is in an unsupported codec or has too many pixels.
    """
    films = [track for track in container.streams.video if not track.disposition & _NO_FILM]
    tracks = _readable(films, container, kind, limits)
    packets = _read_packets(container, tracks, clock, notes)
    most = max(len(one.keys) for one in packets.values())
    if not most:
        raise Refusal("damaged", "The clip holds no frame: it is damaged or was cut off.")

    def rank(track) -> tuple:
        frames = len(packets[track.index].keys)
        is_default = bool(track.disposition & Disposition.default)
        return frames >= MIN_FILM_SHARE * most, is_default, frames, _area(track), -track.index

    track = max(tracks, key=rank)
    chosen = packets[track.index]
    rate = float(track.average_rate or track.guessed_rate or 25)
    timeline = Timeline.of(chosen.stamps, chosen.keys, rate, frozenset(chosen.hidden))
    if len(films) > 1:
        context = track.codec_context
        notes.append(
            f"The file holds {len(films)} picture tracks. Track {films.index(track) + 1} is analysed "
            f"({CODECS[context.name]}, {context.width} x {context.height}, {len(chosen.keys)} frames)."
        )
    if timeline.longest:
        notes.append(
            f"The time stamps leave a gap of {timeline.longest:.1f} s. A frame counts for at most {timeline.step:.1f} "
            f"s, which makes the clip {timeline.duration:.1f} s long."
        )
    claimed = float(track.duration * (track.time_base or 0)) if track.duration else (container.duration or 0) / 1e6
    if claimed > 1.1 * timeline.span + 0.5 and not any("damaged" in note or "too long" in note for note in notes):
        notes.append(
            f"The file ends early: it says {claimed:.1f} s but holds {timeline.span:.1f} s; those were analysed."
        )
    return track.index, timeline


def _area(track) -> int:
    context = track.codec_context
    return context.width * context.height if context is not None else 0


def _readable(films: list, container, kind: Format, limits: Limits) -> list:
    """Tracks with an allowed codec and size. Raises Refusal with what stands against the first where none is left."""
    if not films and not container.streams.audio:
        raise Refusal("damaged", f"The {kind.name.upper()} file is damaged or was cut off: it lists no track to read.")
    if not films:
        raise Refusal("no_video", "The file holds no moving picture (sound only?). Upload a picture or a video.")
    decodable = [one for one in films if one.codec_context is not None and one.codec_context.name in CODECS]
    if not decodable:
        context = films[0].codec_context
        name = context.name if context is not None else "unknown"
        raise Refusal(
            "unsupported",
            f"The clip is encoded as {name!r}, which is not read here. Convert it to H.264 (MP4) and upload that.",
        )
    readable = [one for one in decodable if _area(one) <= limits.video_pixels]
    if not readable:
        context = decodable[0].codec_context
        raise Refusal(
            "too_many_pixels",
            f"The clip has {context.width} x {context.height} pixels; "
            f"at most {limits.video_pixels // 1_000_000} million are read.",
        )
    return readable


def _read_packets(container, tracks: list, clock: Clock, notes: list[str]) -> dict[int, _Packets]:
    """Times and keyframe marks of all packets of the tracks, by index of the stream."""
    packets = {track.index: _Packets() for track in tracks}
    bases = {track.index: float(track.time_base or 0) for track in tracks}
    try:
        for packet in container.demux(*tracks):
            if not packet.size:
                continue
            index = packet.stream.index
            one, stamp = packets[index], packet.pts if packet.pts is not None else packet.dts
            if packet.is_discard:
                one.hidden.add(len(one.keys))
            one.stamps.append(None if stamp is None else stamp * bases[index])
            one.keys.append(bool(packet.is_keyframe))
            if clock.spent > 0.5:
                notes.append("The file was too long to read whole in time; its beginning was analysed.")
                break
    except (av.FFmpegError, OSError):
        notes.append("The file is damaged; what came before the damage was analysed.")
    return packets


def packets_of(container, track, count: int) -> Iterator:
    """Yield the packets of a track that the first reading saw.

    Args:
        container: As opened by `open_container`.
        track: The chosen track.
        count: Packets that the first reading saw.

    Yields:
        Packets of PyAV; fewer when the file changed meanwhile.
    """
    packets = (packet for packet in container.demux(track) if packet.size)
    for _ in range(count):
        try:
            packet = next(packets, None)
        except (av.FFmpegError, OSError):
            return
        if packet is None:
            return
        yield packet
