"""`decode`: a file that nobody vouches for becomes pixels, or a refusal with a sentence. The only door for media."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import selectors
import signal
import stat
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np

from core.media.limits import Limits, Refusal
from core.media.sniff import HEAD_BYTES, Format, sniff
from core.media.types import Frame, Media, MediaRejected

_log = logging.getLogger(__name__)
_HEAD_LIMIT = 1 << 16
_LESS = "Upload a smaller picture or a shorter clip."
_KEPT = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")  # where libraries lie; nothing else of the environment goes along
_BOOT = "import sys; sys.path[:] = {path!r}; from core.media.child import main; main(sys.argv[1])"
_CRASHED = ("damaged", "The file made its decoder fail. It is damaged, or made to do harm; it is not analysed.")


def decode(path: Path, *, max_frames: int = 16, scout: bool = False, limits: Limits = Limits()) -> Media:
    """Decode a picture or clip in a limited child process.

    max_frames: of a clip, spread evenly over its length. scout: keyframes only, for a quick first look. A frame is
    (H, W, 3) uint8, upright, longest side at most `limits.image_side` (`video_side` for a clip), `Media.width` and
    `.height` are those of the original. Raises MediaRejected with a code: not_found, empty, too_large, unsupported,
    damaged, too_many_pixels, too_long, no_video, timeout, out_of_memory."""
    if max_frames < 1:
        raise ValueError(f"max_frames must be at least 1, not {max_frames}")
    handle = _open(Path(path), limits)
    try:
        kind = sniff(os.pread(handle, HEAD_BYTES, 0))
        sha256, answers = _run(handle, kind, limits, max_frames, scout)
    except Refusal as refusal:
        raise MediaRejected(refusal.code, refusal.sentence) from refusal
    finally:
        os.close(handle)
    return _media(answers, sha256, kind)


def _open(path: Path, limits: Limits) -> int:
    """A descriptor of a regular file of allowed size. Raises MediaRejected."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        raise MediaRejected("not_found", "The file does not exist or cannot be opened. Check its path.") from error
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode):
        os.close(handle)
        raise MediaRejected("unsupported", "This is a folder or a device, not a file. Name a picture or a video.")
    if found.st_size > limits.file_bytes:
        os.close(handle)
        size, most = found.st_size / 2**20, limits.file_bytes / 2**20
        raise MediaRejected("too_large", f"The file has {size:.0f} MiB; at most {most:.0f} MiB are read. Reduce it.")
    return handle


def _sha256(handle: int) -> str:
    """Of the file behind a descriptor, without moving its offset, which the child shares."""
    digest, at = hashlib.sha256(), 0
    while piece := os.pread(handle, 1 << 20, at):
        digest.update(piece)
        at += len(piece)
    return digest.hexdigest()


def _run(
    handle: int, kind: Format, limits: Limits, max_frames: int, scout: bool
) -> tuple[str, list[tuple[dict, np.ndarray | None]]]:
    """Start the child, hash while it decodes, gather its messages. Raises Refusal, also for how it died."""
    wall = limits.image_wall if kind.kind == "image" else limits.video_wall
    deadline = time.monotonic() + wall
    request = json.dumps({"limits": asdict(limits), "max_frames": max_frames, "scout": scout})
    child = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _BOOT.format(path=_import_path()), request],
        stdin=handle,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"LC_ALL": "C.UTF-8", **{name: os.environ[name] for name in _KEPT if name in os.environ}},
    )
    try:
        digest = _sha256(handle)
        answers = list(_messages(child, deadline, limits, kind, max_frames))
        code = child.wait(timeout=max(deadline - time.monotonic(), 1.0))
    except (TimeoutError, subprocess.TimeoutExpired) as error:
        raise Refusal("timeout", f"Decoding took longer than {wall:.0f} s and was stopped. {_LESS}") from error
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()
        if child.stdout is not None:
            child.stdout.close()
    refused = next((head for head, _ in answers if "refused" in head), None)
    if refused is not None:
        raise Refusal(str(refused["refused"]), str(refused.get("sentence", "")))
    failed = next((head["failed"] for head, _ in answers if "failed" in head), None)
    if failed is not None:
        _log.warning("the decoding child failed: %s", failed)
        raise Refusal(*_CRASHED)
    if code == -signal.SIGXCPU:
        raise Refusal("timeout", f"Decoding used up its processor time and was stopped. {_LESS}")
    if code == -signal.SIGKILL:
        raise Refusal("out_of_memory", f"The decoder was stopped by the system, most likely for memory. {_LESS}")
    if not answers or "end" not in answers[-1][0]:
        raise Refusal(*_CRASHED)
    return digest, answers


def _import_path() -> list[str]:
    """Where the child finds this project and its libraries: this process's own path, made absolute."""
    root = str(Path(__file__).resolve().parents[2])
    return [root, *(str(Path(entry).resolve()) for entry in sys.path if entry and Path(entry).exists())]


def _messages(child: subprocess.Popen, deadline: float, limits: Limits, kind: Format, max_frames: int):
    """Messages of the child, (JSON object, pixels or None). The child is not trusted: sizes are checked first."""
    side = limits.image_side if kind.kind == "image" else limits.video_side
    reader = _Reader(child.stdout, deadline)
    for _ in range(max_frames + 2):
        prefix = reader.take(4)
        if len(prefix) < 4:
            return
        size = int.from_bytes(prefix, "big")
        if size > _HEAD_LIMIT:
            raise Refusal(*_CRASHED)
        try:
            head = json.loads(bytes(reader.take(size)))
        except ValueError as error:
            raise Refusal(*_CRASHED) from error
        if "time" not in head:
            yield head, None
            continue
        width, height = int(head["width"]), int(head["height"])
        if not (0 < width <= side and 0 < height <= side):
            raise Refusal(*_CRASHED)
        pixels = reader.take(width * height * 3)
        if len(pixels) < width * height * 3:
            return
        yield head, np.frombuffer(pixels, np.uint8).reshape(height, width, 3)


class _Reader:
    """Reads exact counts from a pipe until a deadline (monotonic seconds). Raises TimeoutError."""

    def __init__(self, pipe, deadline: float) -> None:
        self.handle = pipe.fileno()
        self.deadline = deadline
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.handle, selectors.EVENT_READ)

    def take(self, count: int) -> bytearray:
        """`count` bytes, fewer at the end of the pipe."""
        data = bytearray(count)
        view, have = memoryview(data), 0
        while have < count:
            left = self.deadline - time.monotonic()
            if left <= 0 or not self.selector.select(left):
                raise TimeoutError
            got = os.readv(self.handle, [view[have:]])
            if got == 0:
                break
            have += got
        view.release()
        del data[have:]
        return data


def _media(answers: list[tuple[dict, np.ndarray | None]], sha256: str, kind: Format) -> Media:
    facts = answers[0][0]
    frames = [Frame(pixels, float(head["time"]), int(head["index"])) for head, pixels in answers if pixels is not None]
    return Media(
        kind=kind.kind,
        sha256=sha256,
        format=str(facts["format"]),
        width=int(facts["width"]),
        height=int(facts["height"]),
        duration=float(facts["duration"]),
        fps=float(facts["fps"]),
        frames=frames,
        warnings=[str(note) for note in (*facts["warnings"], *answers[-1][0]["warnings"])],
    )
