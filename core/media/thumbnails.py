"""Small views of many untrusted pictures: one limited child decodes them one after the other.

A page shows two dozen pictures at once, and a new process for each is slow (about 0.15 s). The child limits itself
once, for good, and then only sees bytes on a pipe. A child that dies or takes too long over a picture costs that
picture.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import selectors
import stat
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from core.media.limits import Limits, Refusal
from core.media.sniff import HEAD_BYTES, sniff

LIMITS = Limits(file_bytes=48 << 20, image_cpu=60.0, image_wall=10.0)
_BOOT = "import sys; sys.path[:] = {path!r}; from core.media.thumbnails import child_main; child_main(int(sys.argv[1]))"
_ENVIRONMENT = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
_HEAD_LIMIT = 4096
GONE = "The file no longer exists."
CRASHED = "The picture made its decoder fail. It is damaged or made to do harm."


class _ChildFailed(Exception):
    """The child died or ran out of time over one picture; the message is for a person."""


def thumbnails(paths: Sequence[Path], side: int = 160) -> list[bytes | str]:
    """Return a small view of each picture.

    Only still pictures, by their first bytes; a clip gets a sentence. What a file holds never raises.

    Args:
        paths: The files.
        side: Longest side of a view in pixels.

    Returns:
        One answer a path, in order: a JPEG made here, or a sentence on why there is none.
    """
    answers: list[bytes | str] = []
    child: _Child | None = None
    try:
        for path in paths:
            data = _bytes(path)
            if isinstance(data, str):
                answers.append(data)
                continue
            child = child or _Child(side)
            try:
                answers.append(child.view(data))
            except _ChildFailed as failed:
                answers.append(str(failed))
                child.close()
                child = None
    finally:
        if child is not None:
            child.close()
    return answers


def _bytes(path: Path) -> bytes | str:
    """Return the bytes of a regular file that has the size and the beginning of a picture, or why not."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError):
        return GONE
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        os.close(handle)
        return "This is a folder or a device, not a picture."
    with open(handle, "rb") as stream:
        if status.st_size > LIMITS.file_bytes:
            return f"The file has {status.st_size >> 20} MiB: too large for a preview."
        try:
            if sniff(stream.read(HEAD_BYTES)).kind != "image":
                return "A clip has no still view."
        except Refusal as refusal:
            return refusal.sentence
        stream.seek(0)
        return stream.read()


class _Child:
    """The decoding process seen from here: bytes go in, one small picture or one sentence comes out."""

    def __init__(self, side: int) -> None:
        self.side = side
        root = str(Path(__file__).resolve().parents[2])
        path = [root, *(str(Path(entry).resolve()) for entry in sys.path if entry and Path(entry).exists())]
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _BOOT.format(path=path), str(side)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"LC_ALL": "C.UTF-8", **{name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}},
        )

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def view(self, data: bytes) -> bytes | str:
        """Return a JPEG, or the child's sentence. Raises _ChildFailed."""
        deadline = time.monotonic() + LIMITS.image_wall
        self._send(len(data).to_bytes(4, "big") + data, deadline)
        size = int.from_bytes(self._take(4, deadline), "big")
        if size > _HEAD_LIMIT:
            raise _ChildFailed(CRASHED)
        try:
            head = json.loads(self._take(size, deadline))
        except ValueError as error:
            raise _ChildFailed(CRASHED) from error
        if "refused" in head:
            return str(head["refused"])[:300]
        width, height = int(head.get("width", 0)), int(head.get("height", 0))
        if not (0 < width <= self.side and 0 < height <= self.side):
            raise _ChildFailed(CRASHED)
        return _jpeg(self._take(3 * width * height, deadline), width, height)

    def _send(self, data: bytes, deadline: float) -> None:
        pipe = self.process.stdin
        assert pipe is not None
        os.set_blocking(pipe.fileno(), False)
        view = memoryview(data)
        with selectors.DefaultSelector() as selector:
            selector.register(pipe.fileno(), selectors.EVENT_WRITE)
            while view:
                self._await(selector, deadline)
                try:
                    view = view[os.write(pipe.fileno(), view) :]
                except BrokenPipeError as error:
                    raise _ChildFailed(CRASHED) from error

    def _take(self, count: int, deadline: float) -> bytes:
        pipe = self.process.stdout
        assert pipe is not None
        data = bytearray()
        with selectors.DefaultSelector() as selector:
            selector.register(pipe.fileno(), selectors.EVENT_READ)
            while len(data) < count:
                self._await(selector, deadline)
                piece = os.read(pipe.fileno(), count - len(data))
                if not piece:
                    raise _ChildFailed(CRASHED)
                data += piece
        return bytes(data)

    @staticmethod
    def _await(selector: selectors.BaseSelector, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0 or not selector.select(left):
            raise _ChildFailed(f"Decoding took longer than {LIMITS.image_wall:.0f} s and was stopped.")


def _jpeg(rgb: bytes, width: int, height: int) -> bytes:
    from PIL import Image

    stream = io.BytesIO()
    Image.frombytes("RGB", (width, height), rgb).save(stream, "JPEG", quality=85)
    return stream.getvalue()


def child_main(side: int) -> None:
    """Read files from standard input until it ends and answer each one; runs inside the child.

    A file is 4 bytes of length (big endian) and its bytes.

    Args:
        side: Longest side of a view in pixels.
    """
    from core.media.child import confine
    from core.media.image import decode_image

    limits = replace(LIMITS, image_side=side)
    confine(limits.memory_bytes, limits.image_cpu)
    source, out = sys.stdin.buffer, sys.stdout.buffer
    while len(prefix := source.read(4)) == 4:
        data = source.read(int.from_bytes(prefix, "big"))
        payload = b""
        head: dict[str, int | str]
        try:
            _, picture = decode_image(io.BytesIO(data), sniff(data[:HEAD_BYTES]), limits)
            head, payload = {"width": picture.width, "height": picture.height}, picture.tobytes()
        except Refusal as refusal:
            head = {"refused": refusal.sentence}
        except MemoryError:
            head = {"refused": "The picture needs more memory than a preview may use."}
        except Exception:
            # An unexpected error of a decoder is an answer too, as in core.media.child: the next picture may be sound.
            head = {"refused": CRASHED}
        text = json.dumps(head).encode()
        out.write(len(text).to_bytes(4, "big") + text + payload)
        out.flush()
    os._exit(0)
