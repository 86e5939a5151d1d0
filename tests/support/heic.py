"""HEIC files for tests: one HEVC picture, encoded by FFmpeg, in the boxes of ISO/IEC 23008-12."""

from __future__ import annotations

import io
import struct
from fractions import Fraction

import av
import numpy as np


def box(kind: bytes, *parts: bytes) -> bytes:
    """A box of ISO base media."""
    body = b"".join(parts)
    return struct.pack(">I", 8 + len(body)) + kind + body


def full(kind: bytes, *parts: bytes, version: int = 0, flags: int = 0) -> bytes:
    """A box with version and flags."""
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)


def hevc(rgb: np.ndarray) -> tuple[bytes, bytes]:
    """(hvcC box, one coded picture) of an (H, W, 3) uint8 picture with even sides."""
    target = io.BytesIO()
    with av.open(target, "w", format="matroska") as container:
        one_thread = "log-level=none:pools=1:frame-threads=1:bframes=0:keyint=1"
        stream = container.add_stream("libx265", rate=1, options={"crf": "4", "x265-params": one_thread})
        stream.height, stream.width = rgb.shape[:2]
        stream.pix_fmt = "yuv420p"
        frame = av.VideoFrame.from_ndarray(rgb, "rgb24")
        frame.pts, frame.time_base = 0, Fraction(1, 1)
        for packet in (*stream.encode(frame), *stream.encode(None)):
            packet.pts = packet.dts = 0  # the encoder's threads may leave the one picture without a time
            container.mux(packet)
    target.seek(0)
    with av.open(target) as container:
        config = container.streams.video[0].codec_context.extradata
        return box(b"hvcC", config), bytes(next(packet for packet in container.demux(video=0) if packet.size))


def heic(rgb: np.ndarray, quarters: int = 0, exif: bytes = b"", brand: bytes = b"heic", transfer: int = 0) -> bytes:
    """A HEIC file. quarters: turns to the left that the container asks for; exif: a TIFF structure, kept as an item.

    transfer: transfer characteristics (ITU-T H.273) that the file states, with BT.2020 primaries; 0 states none.
    """
    config, coded = hevc(rgb)
    height, width = rgb.shape[:2]
    properties = [config, full(b"ispe", struct.pack(">II", width, height)), box(b"irot", bytes([quarters % 4]))]
    if transfer:
        properties.append(box(b"colr", b"nclx", struct.pack(">HHHB", 9, transfer, 6, 0)))
    items = [(1, b"hvc1", coded), *([(2, b"Exif", bytes(4) + exif)] if exif else [])]
    entries = [full(b"infe", struct.pack(">HH", item, 0), kind, b"\0", version=2) for item, kind, _ in items]

    def meta(start: int) -> bytes:
        places, at = [], start
        for item, _, data in items:
            places.append(struct.pack(">HHHII", item, 0, 1, at, len(data)))
            at += len(data)
        return full(
            b"meta",
            full(b"hdlr", bytes(4), b"pict", bytes(13)),
            full(b"pitm", struct.pack(">H", 1)),
            full(b"iinf", struct.pack(">H", len(entries)), *entries),
            full(b"iloc", b"\x44\x00", struct.pack(">H", len(places)), *places),
            box(
                b"iprp",
                box(b"ipco", *properties),
                full(
                    b"ipma",
                    struct.pack(">I", 1),
                    struct.pack(">HB", 1, len(properties)),
                    bytes([0x81, 0x02, 0x83, 0x04][: len(properties)]),
                ),
            ),
            *([full(b"iref", box(b"cdsc", struct.pack(">HHH", 2, 1, 1)))] if exif else []),
        )

    head = box(b"ftyp", brand, bytes(4), b"mif1", b"heic")
    start = len(head) + len(meta(0)) + 8
    return head + meta(start) + box(b"mdat", *(data for _, _, data in items))
