"""What a decoder may spend on one file, and how it refuses. The decoding child imports it: standard library only."""

from __future__ import annotations

from dataclasses import dataclass

SOUND_RATE = 16_000
"""Samples a second of the sound that is handed on: what speech and lip-sync networks take."""


class Refusal(Exception):
    """Raised inside the child; outside it becomes `MediaRejected` with the same code and sentence."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


@dataclass(frozen=True)
class Limits:
    """Bounds of one decoding. Sizes in bytes, times in seconds, areas and sides in pixels."""

    file_bytes: int = 200 << 20
    """Largest file."""
    image_pixels: int = 80_000_000
    """Largest picture, read from its header before a pixel is decoded."""
    video_pixels: int = 36_000_000
    """Largest frame of a clip (8K UHD is 33 million)."""
    video_seconds: float = 1800.0
    """Longest clip."""
    image_side: int = 1920
    """Longest side of the picture handed back; larger ones are reduced."""
    video_side: int = 1280
    """Longest side of a frame handed back."""
    memory_bytes: int = 2 << 30
    """Address space of the child."""
    image_cpu: float = 8.0
    """Processor time for a picture: stops a decoder that spins, however busy the machine. 48 million pixels of PNG
    take 2 s."""
    video_cpu: float = 60.0
    """Processor time for a clip; reading stops by itself at half of it and keeps the frames it has."""
    image_wall: float = 30.0
    """Wall clock for a picture, for a machine that is busy."""
    video_wall: float = 90.0
    """Wall clock for a clip; reading stops by itself at two thirds."""
    threads: int = 2
    """Decoder threads."""
    exact_pixels: int = 600 * 1280 * 720
    """Pixels of a clip that are decoded for the sake of even spacing (20 s of 720p, about 1 s of one core); beyond,
    keyframes stand in for their neighbours."""


LIBRARY = Limits(
    file_bytes=8 << 30,
    video_seconds=4 * 3600.0,
    image_side=3840,
    video_side=3840,
    video_cpu=1200.0,
    video_wall=1800.0,
    threads=1,
    exact_pixels=6000 * 1280 * 720,
)
"""For the files of a collection, which is read by several processes at once, each with a decoder of one thread. Frames
come back as large as they were, up to 4K: reducing them first would cost the faces their pixels."""
