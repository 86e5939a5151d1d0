"""Read still pictures as arrays, many in a row: a few confined children stay and decode one picture after the other.

Everything that reads the pictures of a data set goes through here, so that training, evaluation, hashes and analysis
see the same pixels of a file. A new process for each picture is slow (about 0.15 s, a fork 5 ms); here a picture costs
about a millisecond beside its decoding. A child only ever sees bytes on a pipe; one that dies or takes too long costs
that picture.
"""

from __future__ import annotations

import atexit
import contextlib
import io
import json
import os
import select
import selectors
import stat
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from core.media.limits import LIBRARY, Limits, Refusal
from core.media.sniff import HEAD_BYTES, sniff
from core.media.types import Frame, MediaRejected, lost_part

LIMITS = replace(LIBRARY, file_bytes=200 << 20, image_cpu=120.0)
CHILD_CPU_SECONDS = 60.0
"""A child that has used so much processor time is replaced, so that half of its limit is left for every picture."""
IDLE_SECONDS = 60.0
MAX_IDLE = 4
GONE = "The file no longer exists."
CRASHED = "The picture made its decoder fail. It is damaged or malicious."
_BOOT = "import sys; sys.path[:] = {path!r}; from core.media.pictures import child_main; child_main()"
_ENVIRONMENT = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
_HEAD_LIMIT = 1 << 16


class ChildFailed(Exception):
    """The child died or ran out of time over one picture; the message is for a person."""


def read_picture(path: Path, side: int = LIMITS.image_side, limits: Limits = LIMITS) -> Frame:
    """Read a still picture in a confined child.

    Args:
        path: The file.
        side: Longest side of the result in pixels; larger pictures are reduced.
        limits: Largest file, and the wall clock for one picture.

    Returns:
        The upright picture, with the part that its file does not hold.

    Raises:
        MediaRejected: The file is not read; codes as in `core.media.decode.decode`.
    """
    data = _bytes(Path(path), limits)
    child = _borrow()
    try:
        frame = child.read(data, side, limits.image_wall)
    except ChildFailed as failed:
        child.close()
        raise MediaRejected("damaged", str(failed)) from failed
    except BaseException as error:
        # A refusal is an answer like any other; anything else leaves the child in an unknown state.
        if isinstance(error, MediaRejected):
            _give_back(child)
        else:
            child.close()
        raise
    _give_back(child)
    return frame


def _bytes(path: Path, limits: Limits) -> bytes:
    """The bytes of a regular file that has the size and the beginning of a picture. Raises MediaRejected."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        raise MediaRejected("not_found", GONE) from error
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        os.close(handle)
        raise MediaRejected("unsupported", "This is a folder or a device, not a picture.")
    with open(handle, "rb") as stream:
        if status.st_size > limits.file_bytes:
            most = limits.file_bytes >> 20
            raise MediaRejected("too_large", f"The file has {status.st_size >> 20} MiB; at most {most} MiB are read.")
        try:
            if sniff(stream.read(HEAD_BYTES)).kind != "image":
                raise MediaRejected("unsupported", "The file is a clip, not a still picture.")
        except Refusal as refusal:
            raise MediaRejected(refusal.code, refusal.sentence) from refusal
        stream.seek(0)
        return stream.read()


_idle: list[PictureChild] = []
_inherited: list[PictureChild] = []
_lock = threading.Lock()


def _borrow() -> PictureChild:
    """A child that nobody else uses; one that idled too long has ended and is replaced."""
    with _lock:
        while _idle:
            child = _idle.pop()
            if child.process.poll() is None:
                return child
            child.close()
    return PictureChild()


def _give_back(child: PictureChild) -> None:
    if child.cpu_seconds < CHILD_CPU_SECONDS:
        with _lock:
            if len(_idle) < MAX_IDLE:
                _idle.append(child)
                return
    child.close()


def close_idle() -> None:
    """End the children that wait for work."""
    with _lock:
        waiting, _idle[:] = list(_idle), []
    for child in waiting:
        child.close()


def _forget() -> None:
    """Leave the children to the owner, in a fork of it."""
    _inherited.extend(_idle)
    _idle.clear()


atexit.register(close_idle)
os.register_at_fork(after_in_child=_forget)


class PictureChild:
    """The decoding process seen from here: bytes go in, one picture or one refusal comes out."""

    def __init__(self) -> None:
        root = str(Path(__file__).resolve().parents[2])
        path = [root, *(str(Path(entry).resolve()) for entry in sys.path if entry and Path(entry).exists())]
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _BOOT.format(path=path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"LC_ALL": "C.UTF-8", **{name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}},
        )
        self.cpu_seconds = 0.0
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            os.set_blocking(pipe.fileno(), False)

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def read(self, data: bytes, side: int, seconds: float) -> Frame:
        """Decode one picture. The child is not trusted: sizes are checked before anything is read.

        Args:
            data: The file.
            side: Longest side of the result in pixels.
            seconds: Wall clock for the picture.

        Returns:
            The picture.

        Raises:
            ChildFailed: The child died, ran out of time or sent nonsense; it is of no use any more.
            MediaRejected: The child refused the file.
        """
        deadline = time.monotonic() + seconds
        request = json.dumps({"side": side, "bytes": len(data)}).encode()
        self._send(len(request).to_bytes(4, "big") + request, deadline)
        self._send(data, deadline)
        size = int.from_bytes(self._take(4, deadline), "big")
        if size > _HEAD_LIMIT:
            raise ChildFailed(CRASHED)
        try:
            head = json.loads(self._take(size, deadline))
            self.cpu_seconds = float(head["cpu"])
            if "refused" in head:
                raise MediaRejected(str(head["refused"])[:40], str(head["sentence"])[:400])
            width, height = int(head["width"]), int(head["height"])
            if not (0 < width <= side and 0 < height <= side):
                raise ChildFailed(CRASHED)
            rgb = np.frombuffer(self._take(3 * width * height, deadline), np.uint8).reshape(height, width, 3)
            return Frame(rgb, 0.0, 0, lost_part(head["lost"], width, height))
        except (ValueError, KeyError, TypeError) as error:
            raise ChildFailed(CRASHED) from error

    def _send(self, data: bytes, deadline: float) -> None:
        assert self.process.stdin is not None
        pipe, view = self.process.stdin.fileno(), memoryview(data)
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, selectors.EVENT_WRITE)
            while view:
                _await(selector, deadline)
                try:
                    view = view[os.write(pipe, view) :]
                except BrokenPipeError as error:
                    raise ChildFailed(CRASHED) from error

    def _take(self, count: int, deadline: float) -> bytearray:
        assert self.process.stdout is not None
        pipe, data, have = self.process.stdout.fileno(), bytearray(count), 0
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, selectors.EVENT_READ)
            while have < count:
                _await(selector, deadline)
                with memoryview(data) as view:
                    got = os.readv(pipe, [view[have:]])
                if not got:
                    raise ChildFailed(CRASHED)
                have += got
        return data


def _await(selector: selectors.BaseSelector, deadline: float) -> None:
    left = deadline - time.monotonic()
    if left <= 0 or not selector.select(left):
        raise ChildFailed("Decoding the picture took too long and was stopped.")


def child_main() -> None:
    """Read files from standard input until it ends or stays silent, and answer each one; runs inside the child.

    A request is 4 bytes of length (big endian), JSON (side, bytes), and the bytes of the file.
    """
    from core.media.child import confine
    from core.media.image import decode_image

    confine(LIMITS.memory_bytes, LIMITS.image_cpu)
    source, out = sys.stdin.buffer, sys.stdout.buffer
    while select.select([source], [], [], IDLE_SECONDS)[0]:
        if len(prefix := source.read(4)) < 4:
            break
        request = json.loads(source.read(int.from_bytes(prefix, "big")))
        data = source.read(request["bytes"])
        payload = b""
        head: dict[str, object]
        try:
            limits = replace(LIMITS, image_side=request["side"])
            facts, picture = decode_image(io.BytesIO(data), sniff(data[:HEAD_BYTES]), limits)
            head, payload = {"width": picture.width, "height": picture.height}, picture.tobytes()
            head["lost"] = facts["lost"]
        except Refusal as refusal:
            head = {"refused": refusal.code, "sentence": refusal.sentence}
        except MemoryError:
            head = {"refused": "out_of_memory", "sentence": "The picture needs more memory than is allowed."}
        except Exception:
            # An unexpected error of a decoder is an answer too, as in core.media.child: the next picture may be sound.
            head = {"refused": "damaged", "sentence": CRASHED}
        text = json.dumps({**head, "cpu": time.process_time()}).encode()
        out.write(len(text).to_bytes(4, "big") + text)
        out.write(payload)
        out.flush()
    os._exit(0)
