"""The decoding child: limits itself, then decodes standard input and writes messages to standard output.

A message is 4 bytes of length (big endian), that many bytes of JSON, and, for a frame, its raw RGB bytes. Run as
`python -c "…; main(JSON)"` by `core.media.decode`; it imports neither numpy nor torch."""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import resource
import sys

from core.media.limits import Limits, Refusal
from core.media.sniff import HEAD_BYTES, sniff

_OUT_OF_MEMORY = Refusal("out_of_memory", "Decoding the file needs more memory than is allowed. Reduce it and retry.")


def confine(memory: int, cpu_seconds: float) -> None:
    """Bound this process for good: address space, processor time, no written file, no core dump, no new descriptor.

    With no descriptor left neither a file nor a socket can be opened, so a hijacked decoder has nowhere to go."""
    cpu = max(math.ceil(cpu_seconds), 1)
    bounds = [
        (resource.RLIMIT_AS, (memory, memory)),
        (resource.RLIMIT_CPU, (cpu, cpu + 1)),  # at the first SIGXCPU, which the parent tells from other deaths
        (resource.RLIMIT_FSIZE, (0, 0)),
        (resource.RLIMIT_CORE, (0, 0)),
        (resource.RLIMIT_NOFILE, (3, 3)),
    ]
    for what, bound in bounds:
        # macOS refuses RLIMIT_AS; the others hold there too, and the parent's wall clock always does.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(what, bound)


def main(request: str) -> None:
    """Decode standard input as `request` (JSON: limits, max_frames, scout) says. Every outcome is a message."""
    asked = json.loads(request)
    limits = Limits(**asked["limits"])
    try:
        _decode(limits, asked["max_frames"], asked["scout"])
    except Refusal as refusal:
        _send({"refused": refusal.code, "sentence": refusal.sentence})
    except MemoryError:
        _send({"refused": _OUT_OF_MEMORY.code, "sentence": _OUT_OF_MEMORY.sentence})
    except Exception as error:
        # A decoder's surprise ends as a refusal too; the words go to the log, not to the person.
        _send({"failed": f"{type(error).__name__}: {error}"[:500]})
    sys.stdout.buffer.flush()
    os._exit(0)  # decoder threads and atexit hooks have nothing to say any more


def _decode(limits: Limits, max_frames: int, scout: bool) -> None:
    stream = open(0, "rb", closefd=False)  # noqa: SIM115 - lives as long as the process
    kind = sniff(stream.read(HEAD_BYTES))
    stream.seek(0)
    if kind.kind == "image":
        from core.media.image import decode_image

        confine(limits.memory_bytes, limits.image_cpu)
        facts, picture = decode_image(stream, kind, limits)
        _send(facts)
        _send({"time": 0.0, "index": 0, "width": picture.width, "height": picture.height}, picture.tobytes())
        _send({"end": True, "warnings": []})
        return
    import av
    import av.subtitles.stream  # loaded late by PyAV itself, when no file can be opened any more
    import PIL.ImageFile  # noqa: F401 - likewise by Pillow

    from core.media.video import decode_video

    confine(limits.memory_bytes, limits.video_cpu)
    sent = 0
    notes: list[str] = []
    try:
        facts, frames, notes = decode_video(stream, kind, limits, max_frames, scout)
        for picture, seconds, number in frames:
            if not sent:
                width, height = picture.info["original"]
                _send({**facts, "width": width, "height": height, "warnings": []})
            about = {"time": seconds, "index": number, "width": picture.width, "height": picture.height}
            _send(about, picture.tobytes())
            sent += 1
    except av.FFmpegError as error:
        if error.errno == errno.ENOMEM:
            raise _OUT_OF_MEMORY from error
        if not sent:
            raise Refusal("damaged", "The clip is damaged and cannot be decoded.") from error
        notes.append("The clip is damaged; what came before the damage was analysed.")
    if not sent:
        raise Refusal("damaged", "No frame of the clip could be decoded: it is damaged or was cut off.")
    _send({"end": True, "warnings": notes})


def _send(message: dict, payload: bytes = b"") -> None:
    out = sys.stdout.buffer
    head = json.dumps(message).encode()
    out.write(len(head).to_bytes(4, "big"))
    out.write(head)
    out.write(payload)
    out.flush()
