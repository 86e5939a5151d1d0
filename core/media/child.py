"""The decoding child: it limits itself, decodes standard input and writes messages to standard output.

A message is 4 bytes of length (big endian), that many bytes of JSON, and then, for a frame, its raw RGB bytes or, for a
piece of sound, its samples. `core.media.fork_server` forks the children. Nothing here imports numpy or torch.
"""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import resource
import sys
import time

from core.media.limits import Limits, Refusal
from core.media.plan import FramePlan
from core.media.sniff import HEAD_BYTES, Format, sniff

_OUT_OF_MEMORY = Refusal("out_of_memory", "Decoding the file needs more memory than is allowed. Reduce it and retry.")


def confine(memory: int, cpu_seconds: float, written: int = 0) -> None:
    """Limit this process for good: address space, processor time, written bytes, no core dump, no new descriptor.

    Without a free descriptor neither a file nor a socket can be opened, so a hijacked decoder can reach nothing.

    Args:
        memory: Bytes of address space.
        cpu_seconds: Seconds of processor time.
        written: Bytes that may be written to a file.
    """
    cpu = max(math.ceil(cpu_seconds), 1)
    bounds = [
        (resource.RLIMIT_AS, (memory, memory)),
        (resource.RLIMIT_CPU, (cpu, cpu + 1)),  # at the first SIGXCPU, which the parent tells from other deaths
        (resource.RLIMIT_FSIZE, (written, written)),
        (resource.RLIMIT_CORE, (0, 0)),
        (resource.RLIMIT_NOFILE, (3, 3)),
    ]
    for what, bound in bounds:
        # macOS refuses RLIMIT_AS; the others hold there too, and the parent's wall clock always does.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(what, bound)


def load_decoders() -> None:
    """Import everything that decoding needs: the confined child can open no file any more."""
    import av
    import av.subtitles.stream  # noqa: F401 - loaded late by PyAV itself

    import core.media.image
    import core.media.sound
    import core.media.video  # noqa: F401


def main(request: str) -> None:
    """Decode standard input and write every outcome as a message; then end the process.

    Args:
        request: JSON with the keys limits, plan and sound.
    """
    spec = json.loads(request)
    limits = Limits(**spec["limits"])
    try:
        _decode(limits, FramePlan(**spec["plan"]), spec["sound"])
    except Refusal as refusal:
        _send({"refused": refusal.code, "sentence": refusal.sentence})
    except MemoryError:
        _send({"refused": _OUT_OF_MEMORY.code, "sentence": _OUT_OF_MEMORY.sentence})
    except Exception as error:
        # An unexpected error of a decoder ends as a refusal too; its text goes to the log, not to the person.
        _send({"failed": f"{type(error).__name__}: {error}"[:500]})
    sys.stdout.buffer.flush()
    os._exit(0)  # decoder threads and atexit hooks must not delay the end


def _decode(limits: Limits, plan: FramePlan, sound: bool) -> None:
    stream = open(0, "rb", closefd=False)  # noqa: SIM115 - lives as long as the process
    kind = sniff(stream.read(HEAD_BYTES))
    stream.seek(0)
    load_decoders()
    if kind.kind == "video":
        confine(limits.memory_bytes, limits.video_cpu)
        _decode_clip(stream, kind, limits, plan, sound)
        return
    from core.media.image import decode_image

    confine(limits.memory_bytes, limits.image_cpu)
    facts, picture = decode_image(stream, kind, limits)
    about = {"time": 0.0, "index": 0, "width": picture.width, "height": picture.height, "lost": facts.pop("lost")}
    _send(facts)
    _send(about, picture.tobytes())
    _send({"end": True, "warnings": [], "sound": "none"})


def _decode_clip(stream, kind: Format, limits: Limits, plan: FramePlan, sound: bool) -> None:
    import av

    from core.media.clock import Clock
    from core.media.sound import Sound
    from core.media.video import decode_video

    clock, sent, state = Clock(limits), 0, "none"
    notes: list[str] = []
    try:
        clip = decode_video(stream, kind, limits, plan, clock)
        notes = clip.notes
        for picture, seconds, number in clip.frames:
            if not sent:
                width, height = picture.info["original"]
                _send({**clip.facts, "width": width, "height": height, "warnings": []})
            about = {"time": seconds, "index": number, "width": picture.width, "height": picture.height}
            clock.waited += _send(about, picture.tobytes())
            sent += 1
        if sent and sound:
            stream.seek(0)
            track = Sound(stream, kind, limits, clip.timeline, clock, notes)
            for piece in track.pieces():
                clock.waited += _send({"samples": len(piece) // 2}, piece)
            state = track.state
    except av.FFmpegError as error:
        if error.errno == errno.ENOMEM:
            raise _OUT_OF_MEMORY from error
        if not sent:
            raise Refusal("damaged", "The clip is damaged and cannot be decoded.") from error
        notes.append("The clip is damaged; what came before the damage was analysed.")
    if not sent:
        raise Refusal("damaged", "No frame of the clip could be decoded: it is damaged or was cut off.")
    _send({"end": True, "warnings": notes, "sound": state})


def _send(message: dict, payload: bytes = b"") -> float:
    """Write a message; return the seconds that the reader needed to take it."""
    start = time.monotonic()
    out = sys.stdout.buffer
    head = json.dumps(message).encode()
    out.write(len(head).to_bytes(4, "big"))
    out.write(head)
    out.write(payload)
    out.flush()
    return time.monotonic() - start
