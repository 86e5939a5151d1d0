"""A small process that forks decoding children: 5 ms a file instead of the 50 to 150 ms of a new interpreter.

It holds the decoders ready, opens nothing itself and talks to one owner over one socket: a request with two
descriptors (the file, the pipe for the answers) comes in, the exit status of the child goes out. When the owner closes
the socket or dies, the child is killed and the process ends.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

_ENVIRONMENT = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")  # where libraries lie; nothing else of it is passed on
BOOT = "import sys; sys.path[:] = {path!r}; from core.media.fork_server import serve; serve()"
_MAX_REQUEST_BYTES = 1 << 16
_IDLE_SECONDS = 300.0


class ForkServer:
    """The owner's end. It takes one request at a time; use `lend` and `give_back`."""

    def __init__(self) -> None:
        self.socket, theirs = socket.socketpair()
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", BOOT.format(path=_import_path())],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={"LC_ALL": "C.UTF-8", **{name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}},
                start_new_session=True,
            )
        except BaseException:
            self.socket.close()
            raise
        finally:
            theirs.close()

    def start(self, request: str, file: int, answers: int) -> None:
        """Fork a child that decodes a file.

        Args:
            request: JSON for `core.media.child.main`.
            file: Descriptor of the file.
            answers: Descriptor of the pipe that the child writes to.

        Raises:
            OSError: The process has ended.
        """
        socket.send_fds(self.socket, [request.encode() + b"\n"], [file, answers])

    def status(self, timeout: float) -> int | None:
        """Return how the child ended.

        Args:
            timeout: Seconds to wait, at least 0.05.

        Returns:
            A code as of `Popen.returncode`; None when it is not known.

        Raises:
            TimeoutError: The child still runs.
        """
        self.socket.settimeout(max(timeout, 0.05))
        try:
            code = self.socket.recv(64)
        except ConnectionError:
            return None
        return int(code) if code else None

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def close(self) -> None:
        """End the process and everything that it still runs."""
        self.socket.close()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


_idle: list[ForkServer] = []
_inherited: list[ForkServer] = []
_lock = threading.Lock()


def lend() -> ForkServer:
    """Return a fork server of this process that nobody else uses."""
    with _lock:
        while _idle:
            one = _idle.pop()
            if one.alive:
                return one
            one.close()
    return ForkServer()


def give_back(server: ForkServer) -> None:
    """Keep a fork server for the next file.

    Args:
        server: Its child has ended and its status was taken.
    """
    with _lock:
        if len(_idle) < 2:
            _idle.append(server)
            return
    server.close()


def close_idle() -> None:
    """End the fork servers that wait for work."""
    with _lock:
        waiting, _idle[:] = list(_idle), []
    for one in waiting:
        one.close()


def _forget() -> None:
    """Leave the fork servers to the owner, in a fork of it."""
    _inherited.extend(_idle)
    _idle.clear()


atexit.register(close_idle)
os.register_at_fork(after_in_child=_forget)


def _import_path() -> list[str]:
    """Return where the children find this project and its libraries: the path of this process, made absolute."""
    root = str(Path(__file__).resolve().parents[2])
    return [root, *(str(Path(entry).resolve()) for entry in sys.path if entry and Path(entry).exists())]


def serve() -> None:
    """Fork a child for each request on standard input and report how it ended, until the owner closes the socket."""
    from core.media import child

    child.load_decoders()
    owner = socket.socket(fileno=0)
    while True:
        if not select.select([owner], [], [], _IDLE_SECONDS)[0]:
            return
        request, handles = _receive(owner)
        if len(handles) != 2:
            return
        ended, held = os.pipe()  # the child holds one end; end of file tells that it is gone
        pid = os.fork()
        if pid == 0:
            _become_child(handles, held)
            child.main(request)
            os._exit(1)
        for handle in (*handles, held):
            os.close(handle)
        gone = ended in select.select([ended, owner.fileno()], [], [])[0]
        if not gone:
            os.kill(pid, signal.SIGKILL)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        os.close(ended)
        if not gone:
            return
        try:
            owner.sendall(str(status).encode())
        except OSError:
            return


def _receive(owner: socket.socket) -> tuple[str, list[int]]:
    """Return a request line and the descriptors that came with it; no descriptors when the owner is gone."""
    line, handles = b"", []
    while not line.endswith(b"\n") and len(line) < _MAX_REQUEST_BYTES:
        try:
            piece, fds, _, _ = socket.recv_fds(owner, _MAX_REQUEST_BYTES, 2)
        except OSError:
            return "", []
        handles += fds
        if not piece:
            return "", []
        line += piece
    return json.dumps(json.loads(line)), handles


def _become_child(handles: list[int], held: int) -> None:
    """Make the file standard input and the pipe standard output; close every other descriptor but `held`."""
    os.dup2(handles[0], 0)
    os.dup2(handles[1], 1)
    os.closerange(3, held)
    os.closerange(held + 1, 256)
