"""A small process that forks decoding children: 5 ms a file instead of the 50 to 150 ms of a new interpreter.

It holds the decoders ready, opens nothing itself and talks to one owner over one socket: a request with two
descriptors (the file, the pipe for the answers) comes in, the child's exit status goes out. When the owner hangs up,
or dies, the child is killed and the process ends.
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

_KEPT = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")  # where libraries lie; nothing else of the environment goes along
BOOT = "import sys; sys.path[:] = {path!r}; from core.media.fork_server import serve; serve()"
_MOST_REQUEST = 1 << 16
_IDLE_SECONDS = 300.0


class ForkServer:
    """The owner's end. One request at a time; use `lend` and `give_back`."""

    def __init__(self) -> None:
        self.socket, theirs = socket.socketpair()
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", BOOT.format(path=_import_path())],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={"LC_ALL": "C.UTF-8", **{name: os.environ[name] for name in _KEPT if name in os.environ}},
                start_new_session=True,
            )
        except BaseException:
            self.socket.close()
            raise
        finally:
            theirs.close()

    def start(self, request: str, file: int, answers: int) -> None:
        """Fork a child that decodes `file` and writes to `answers`. Raises OSError when this process has ended."""
        socket.send_fds(self.socket, [request.encode() + b"\n"], [file, answers])

    def status(self, timeout: float) -> int | None:
        """How the child ended, as Popen.returncode; None when that is not known. Raises TimeoutError."""
        self.socket.settimeout(max(timeout, 0.05))
        try:
            word = self.socket.recv(64)
        except ConnectionError:
            return None
        return int(word) if word else None

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def close(self) -> None:
        """End the process and whatever it still runs."""
        self.socket.close()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


_idle: list[ForkServer] = []
_inherited: list[ForkServer] = []
_lock = threading.Lock()


def lend() -> ForkServer:
    """A nursery of this process that nobody else uses."""
    with _lock:
        while _idle:
            one = _idle.pop()
            if one.alive:
                return one
            one.close()
    return ForkServer()


def give_back(one: ForkServer) -> None:
    """For the next file. Only after the status of its child was taken."""
    with _lock:
        if len(_idle) < 2:
            _idle.append(one)
            return
    one.close()


def close_idle() -> None:
    """End the processes that wait for work."""
    with _lock:
        waiting, _idle[:] = list(_idle), []
    for one in waiting:
        one.close()


def _forget() -> None:
    """In a fork of the owner: the nurseries stay the owner's."""
    _inherited.extend(_idle)
    _idle.clear()


atexit.register(close_idle)
os.register_at_fork(after_in_child=_forget)


def _import_path() -> list[str]:
    """Where the children find this project and its libraries: this process's own path, made absolute."""
    root = str(Path(__file__).resolve().parents[2])
    return [root, *(str(Path(entry).resolve()) for entry in sys.path if entry and Path(entry).exists())]


def serve() -> None:
    """The process itself: fork a child for each request on standard input, report how it ended, until hung up."""
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
    """A request line and the descriptors that came with it; no descriptors when the owner hung up."""
    line, handles = b"", []
    while not line.endswith(b"\n") and len(line) < _MOST_REQUEST:
        try:
            piece, fds, _, _ = socket.recv_fds(owner, _MOST_REQUEST, 2)
        except OSError:
            return "", []
        handles += fds
        if not piece:
            return "", []
        line += piece
    return json.dumps(json.loads(line)), handles


def _become_child(handles: list[int], held: int) -> None:
    """Standard input and output are the file and the pipe; every other descriptor but `held` is closed."""
    os.dup2(handles[0], 0)
    os.dup2(handles[1], 1)
    os.closerange(3, held)
    os.closerange(held + 1, 256)
