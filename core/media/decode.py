"""Decode an untrusted file to pixels, or refuse it with a sentence. This is the only way in for media."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import selectors
import signal
import stat
import time
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from core.media import fork_server
from core.media.limits import SOUND_RATE, Limits, Refusal
from core.media.plan import FramePlan
from core.media.sniff import HEAD_BYTES, Format, sniff
from core.media.types import Frame, Media, MediaRejected, lost_part

_log = logging.getLogger(__name__)
_HEAD_LIMIT = 1 << 16
_PIECE_LIMIT = 1 << 20
_ADVICE = "Upload a smaller picture or a shorter clip."
_CRASHED = ("damaged", "The file made its decoder fail. It is damaged or malicious; it is not analysed.")


def decode(path: Path, *, max_frames: int = 16, scout: bool = False, limits: Limits = Limits()) -> Media:
    """Decode a picture or clip in a limited child process.

    A frame is (H, W, 3) uint8, upright, with a longest side of at most `limits.image_side` (`video_side` for a clip).
    `Media.width` and `Media.height` are those of the original.

    Args:
        path: The file.
        max_frames: Frames of a clip, spread evenly over its length; at least 1.
        scout: Whether only keyframes are decoded, for a quick first look.
        limits: Bounds of the decoding.

    Returns:
        The decoded file.

    Raises:
        MediaRejected: The file is not decoded; its code is one of not_found, empty, too_large, unsupported, damaged,
            too_many_pixels, too_long, no_video, timeout, out_of_memory.
        ValueError: max_frames is below 1.
    """
    if max_frames < 1:
        raise ValueError(f"max_frames must be at least 1, not {max_frames}")
    with stream(path, FramePlan("scout" if scout else "even", max_frames), limits=limits) as reading:
        frames = list(reading)
        return reading.media(frames)


@contextmanager
def stream(
    path: Path, plan: FramePlan = FramePlan(), *, limits: Limits = Limits(), sound_to: Path | None = None
) -> Iterator[Reading]:
    """Open a picture or clip and take its frames one by one.

    At most two frames are held, however long the clip is. The time that the caller spends on a frame does not count
    against the limits.

    Args:
        path: The file.
        plan: The wanted frames of a clip.
        limits: Bounds of the decoding.
        sound_to: Where the sound of a clip goes, once every frame was taken: a WAV of 16 kHz, mono, 16 bits, whose
            sample 0 is at the time of the first frame. Nothing is written when there is no sound.

    Yields:
        The reading, an iterator over the frames.

    Raises:
        MediaRejected: The file is not decoded, codes as in `decode`; also raised while frames are taken.
    """
    handle = _open(Path(path), limits)
    try:
        kind = sniff(os.pread(handle, HEAD_BYTES, 0))
        sha256 = _sha256(handle)
        child = _Child(handle, kind, limits, plan, sound_to is not None)
    except Refusal as refusal:
        raise MediaRejected(refusal.code, refusal.sentence) from refusal
    finally:
        os.close(handle)
    with contextlib.closing(child):
        yield Reading(kind, sha256, child, sound_to)


class Reading:
    """A file that is being decoded: iterate once over its frames.

    Attributes:
        kind: `image` or `video`.
        sha256: Of the file, hexadecimal.
        facts: Format, width, height, duration and fps; known from the first frame on.
        warnings: Notes for a person; whole when the last frame was taken.
        sound: `kept`, `none` (no sound track) or `unread` (a codec that is not opened); known at the end.
    """

    def __init__(self, kind: Format, sha256: str, child: _Child, sound_to: Path | None) -> None:
        self.kind, self.sha256 = kind.kind, sha256
        self.facts: dict = {}
        self.warnings: list[str] = []
        self.sound = "none"
        self._child, self._sound_to = child, sound_to

    def __iter__(self) -> Iterator[Frame]:
        try:
            with contextlib.closing(_Wave(self._sound_to)) as wav:
                for head, payload in self._child.messages():
                    if "time" in head:
                        height, width = payload.shape[:2]
                        lost = lost_part(head.get("lost"), width, height)
                        yield Frame(payload, float(head["time"]), int(head["index"]), lost)
                    elif "samples" in head:
                        wav.add(payload)
                    elif "end" in head:
                        self._end(head)
                    else:
                        self._begin(head)
                wav.keep()
        except Refusal as refusal:
            raise MediaRejected(refusal.code, refusal.sentence) from refusal
        except (ValueError, TypeError) as error:
            raise MediaRejected(*_CRASHED) from error

    def media(self, frames: list[Frame]) -> Media:
        """Return what was read.

        Args:
            frames: The frames that the caller kept.

        Returns:
            The decoded file.
        """
        return Media(kind=self.kind, sha256=self.sha256, frames=frames, warnings=self.warnings, **self.facts)

    def _begin(self, head: dict) -> None:
        self.facts = {"format": str(head["format"]), "width": int(head["width"]), "height": int(head["height"])}
        self.facts |= {"duration": float(head["duration"]), "fps": float(head["fps"])}
        self.warnings = [str(note) for note in head["warnings"]]

    def _end(self, head: dict) -> None:
        self.warnings += [str(note) for note in head["warnings"]]
        self.sound = str(head["sound"])


class _Wave:
    """A WAV file that grows under another name and takes its own when it is whole; nothing without a sample."""

    def __init__(self, target: Path | None) -> None:
        self.target = target
        self.aside = target.with_name(f".{target.name}.{os.getpid()}") if target else None
        self.file: wave.Wave_write | None = None

    def add(self, samples: bytes) -> None:
        if self.aside is None:
            raise Refusal(*_CRASHED)
        if self.file is None:
            self.file = wave.open(str(self.aside), "wb")  # noqa: SIM115 - closed by `close`
            self.file.setparams((1, 2, SOUND_RATE, 0, "NONE", ""))
        self.file.writeframesraw(samples)

    def keep(self) -> None:
        if self.file is not None and self.aside is not None and self.target is not None:
            self.file.close()
            os.replace(self.aside, self.target)
            self.file = None

    def close(self) -> None:
        if self.file is not None and self.aside is not None:
            self.file.close()
            self.aside.unlink(missing_ok=True)


def _open(path: Path, limits: Limits) -> int:
    """Return a descriptor of a regular file of allowed size. Raises MediaRejected."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        raise MediaRejected("not_found", "The file does not exist or cannot be opened. Check its path.") from error
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        os.close(handle)
        raise MediaRejected("unsupported", "This is a folder or a device, not a file. Name a picture or a video.")
    if status.st_size > limits.file_bytes:
        os.close(handle)
        size, most = status.st_size / 2**20, limits.file_bytes / 2**20
        raise MediaRejected("too_large", f"The file has {size:.0f} MiB; at most {most:.0f} MiB are read. Reduce it.")
    return handle


def _sha256(handle: int) -> str:
    """Hash the file behind a descriptor without moving its offset, which the child shares."""
    digest, at = hashlib.sha256(), 0
    while piece := os.pread(handle, 1 << 20, at):
        digest.update(piece)
        at += len(piece)
    return digest.hexdigest()


class _Child:
    """A decoding child and its messages. It is not trusted: sizes are checked before anything is read."""

    def __init__(self, handle: int, kind: Format, limits: Limits, plan: FramePlan, sound: bool) -> None:
        self.side = limits.image_side if kind.kind == "image" else limits.video_side
        self.wall = limits.image_wall if kind.kind == "image" else limits.video_wall
        self.frames = plan.count
        self.samples = round(limits.video_seconds * SOUND_RATE) if sound else 0
        request = json.dumps({"limits": asdict(limits), "plan": asdict(plan), "sound": sound})
        answers, theirs = os.pipe()
        self.reader = _Reader(answers, self.wall)
        try:
            self.server = _start(request, handle, theirs)
        except BaseException:
            self.reader.close()
            raise
        finally:
            os.close(theirs)
        self.ended = False

    def messages(self) -> Iterator[tuple[dict, Any]]:
        """Yield (JSON object, pixels (H, W, 3) or samples or None) up to and with the last message.

        Raises Refusal, also for the way in which the child died.
        """
        head: dict = {}
        try:
            while "end" not in head:
                message = self._next()
                if message is None:
                    break
                head = message[0]
                if "refused" in head:
                    raise Refusal(str(head["refused"]), str(head.get("sentence", "")))
                if "failed" in head:
                    _log.warning("the decoding child failed: %s", head["failed"])
                    raise Refusal(*_CRASHED)
                yield message
            if "end" not in head:
                raise self._death()
        except TimeoutError as error:
            raise Refusal(
                "timeout", f"Decoding took longer than {self.wall:.0f} s and was stopped. {_ADVICE}"
            ) from error

    def _next(self) -> tuple[dict, Any] | None:
        prefix = self.reader.take(4)
        if len(prefix) < 4:
            return None
        size = int.from_bytes(prefix, "big")
        if size > _HEAD_LIMIT:
            raise Refusal(*_CRASHED)
        try:
            head = json.loads(bytes(self.reader.take(size)))
            return (head, *self._payload(head)) if isinstance(head, dict) else None
        except (ValueError, KeyError, TypeError) as error:
            raise Refusal(*_CRASHED) from error

    def _payload(self, head: dict) -> tuple[Any]:
        if "time" in head:
            width, height = int(head["width"]), int(head["height"])
            self.frames -= 1
            if not (0 < width <= self.side and 0 < height <= self.side and self.frames >= 0):
                raise Refusal(*_CRASHED)
            pixels = self.reader.take(width * height * 3)
            if len(pixels) < width * height * 3:
                raise self._death()
            return (np.frombuffer(pixels, np.uint8).reshape(height, width, 3),)
        if "samples" in head:
            count = int(head["samples"])
            self.samples -= count
            if not (0 < count <= _PIECE_LIMIT and self.samples >= 0):
                raise Refusal(*_CRASHED)
            return (bytes(self.reader.take(2 * count)),)
        return (None,)

    def _death(self) -> Refusal:
        """Return the refusal for a child that ended without a last message."""
        self.ended, code = True, self.server.status(self.reader.left)
        if code == -signal.SIGXCPU:
            return Refusal("timeout", f"Decoding used all of its processor time and was stopped. {_ADVICE}")
        if code == -signal.SIGKILL:
            sentence = "The decoder was stopped by the system, most likely because it used too much memory."
            return Refusal("out_of_memory", f"{sentence} {_ADVICE}")
        return Refusal(*_CRASHED)

    def close(self) -> None:
        """Keep the fork server for the next file when this child ends by itself within a moment; else end both."""
        self.reader.close()  # a child that still writes ends of it
        try:
            if not self.ended and self.server.status(1.0 if self.reader.left > 0 else 0.0) is None:
                self.server.close()
                return
        except TimeoutError:
            self.server.close()
            return
        fork_server.give_back(self.server)


def _start(request: str, handle: int, answers: int) -> fork_server.ForkServer:
    """Return a fork server that works on the request. One that idled too long has ended: another is tried once."""
    for last in (False, True):
        server = fork_server.lend()
        try:
            server.start(request, handle, answers)
            return server
        except OSError:
            server.close()
            if last:
                raise
    raise AssertionError


class _Reader:
    """Reads exact counts from a pipe; `left` are the seconds that may still be waited. Raises TimeoutError."""

    def __init__(self, handle: int, seconds: float) -> None:
        self.handle, self.left = handle, seconds
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.handle, selectors.EVENT_READ)

    def take(self, count: int) -> bytearray:
        """Return `count` bytes, fewer at the end of the pipe."""
        data = bytearray(count)
        view, have = memoryview(data), 0
        while have < count:
            start = time.monotonic()
            ready = self.left > 0 and self.selector.select(self.left)
            self.left -= time.monotonic() - start
            if not ready:
                raise TimeoutError
            got = os.readv(self.handle, [view[have:]])
            if got == 0:
                break
            have += got
        view.release()
        del data[have:]
        return data

    def close(self) -> None:
        self.selector.close()
        os.close(self.handle)
