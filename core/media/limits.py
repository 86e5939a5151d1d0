"""What a decoder may spend on one file, and how it says no. Imported by the decoding child: standard library only."""

from __future__ import annotations

from dataclasses import dataclass


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
