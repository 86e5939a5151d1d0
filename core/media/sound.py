"""Read the sound of a clip as 16 kHz mono PCM, inside the child: sample 0 is at the time of the first frame."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import av
import av.audio.resampler
import av.filter  # the resampler is a filter graph, loaded late by PyAV itself

from core.media.clock import Clock
from core.media.limits import SOUND_RATE, Limits
from core.media.plan import Timeline
from core.media.sniff import Format

SOUND_CODECS = (
    *("aac", "mp3", "mp3float", "opus", "libopus", "vorbis", "flac", "alac", "ac3", "eac3"),
    *("pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s32le", "pcm_u8", "pcm_f32le", "pcm_mulaw", "pcm_alaw"),
)
"""FFmpeg decoders that are opened; the sound of a clip with another one is left out, and that is said."""
_MIN_GAP_SECONDS = 0.1
"""Seconds without a packet that are filled with silence; shorter ones are rounding."""


class Sound:
    """The sound track of a clip, if it has one that is read.

    After the last of `pieces`, `state` says what happened: `kept`, `none` (no sound track) or `unread` (a codec that is
    not opened, or damaged from the start).
    """

    def __init__(
        self, stream: BinaryIO, kind: Format, limits: Limits, timeline: Timeline, clock: Clock, notes: list[str]
    ) -> None:
        self.stream, self.kind, self.timeline, self.clock, self.notes = stream, kind, timeline, clock, notes
        self.most = round(min(timeline.span, limits.video_seconds) * SOUND_RATE)
        self.state = "none"

    def pieces(self) -> Iterator[bytes]:
        """Yield the sound in pieces, in total no longer than the pictures last.

        Yields:
            Signed 16-bit little-endian samples.
        """
        options = {"codec_whitelist": ",".join(SOUND_CODECS), "format_whitelist": self.kind.readers[0]}
        if self.kind.readers[0] == "mov":
            options["enable_drefs"] = "0"
        try:
            container = av.open(self.stream, format=self.kind.readers[0], options=options, metadata_errors="ignore")
        except (av.FFmpegError, ValueError, OSError):
            self.state = "unread"
            return
        if not container.streams.audio:
            return
        track = container.streams.audio[0]
        context = track.codec_context
        if context is None or context.name not in SOUND_CODECS:
            self.state = "unread"
            self.notes.append(f"The sound is encoded as {context.name if context else 'unknown'!r} and was left out.")
            return
        context.thread_count = 1
        self.state = "unread"
        left = self.most
        for piece in self._aligned(container, track):
            piece = piece[: 2 * left]
            left -= len(piece) // 2
            if piece:
                self.state = "kept"
                yield piece
            if left <= 0 or self.clock.spent > 1:
                break

    def _aligned(self, container, track) -> Iterator[bytes]:
        """Yield samples from the time of the first frame on: earlier ones are cut, gaps are filled with silence."""
        resampler = av.audio.resampler.AudioResampler(format="s16", layout="mono", rate=SOUND_RATE)
        end: float | None = None
        cut = 0
        for frame in self._frames(container, track):
            start = (frame.time if frame.time is not None else end or 0.0) - self.timeline.origin
            gap = start - (end or 0.0)
            if end is None and gap < 0:
                cut = round(-gap * SOUND_RATE)
            elif gap > (_MIN_GAP_SECONDS if end is not None else 0.0):
                yield from _silence(min(round(gap * SOUND_RATE), self.most))
            end = max(start, end or start) + frame.samples / max(frame.sample_rate, 1)
            for made in resampler.resample(frame):
                piece = bytes(made.planes[0])[: 2 * made.samples]
                dropped, cut = min(cut, made.samples), max(cut - made.samples, 0)
                yield piece[2 * dropped :]
        if end is not None:
            for made in resampler.resample(None):
                yield bytes(made.planes[0])[: 2 * made.samples]

    def _frames(self, container, track) -> Iterator:
        """Yield decoded frames; damaged packets are left out and noted once."""
        damaged = False
        try:
            for packet in container.demux(track):
                try:
                    yield from track.codec_context.decode(packet)
                except av.FFmpegError:
                    damaged = True
        except (av.FFmpegError, OSError):
            damaged = True
        if damaged:
            self.notes.append("Parts of the sound are damaged and were left out.")


def _silence(samples: int) -> Iterator[bytes]:
    for start in range(0, samples, SOUND_RATE):
        yield bytes(2 * min(SOUND_RATE, samples - start))
