"""One function over many items in several processes, for work that may die, be cancelled or outlive its parent.

A worker is a fresh interpreter with one thread for every library (two workers on two cores are faster than one with two
threads). It receives its work over a socket and watches its standard input: when the parent ends, however it ends, so
does the worker.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from multiprocessing import connection
from pathlib import Path
from socket import socketpair
from typing import Any

_BOOT = "import sys; sys.path[:] = {path!r}; from core.data.prepare.worker_pool import serve; serve({handle})"
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")


@dataclass(frozen=True)
class Died:
    """In place of a result: the worker ended while it had this item. code: as Popen.returncode."""

    code: int


def usable_cores() -> int:
    """Count the cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def unordered(
    function: Callable[[Any], Any],
    items: Sequence[Any],
    workers: int,
    *,
    modules: Sequence[str] = (),
    tick: Callable[[], None] = lambda: None,
) -> Iterator[tuple[int, Any]]:
    """Apply a function to many items in several processes, and yield the results as they come.

    Function and items are sent to the workers (a module-level function or a partial of one). With one worker the work
    is done in this process. Whatever ends the iteration ends the workers first.

    Args:
        function: Takes one item.
        items: What to work on.
        workers: Processes.
        modules: Imported first in each worker.
        tick: Called about once a second.

    Yields:
        (position, function(item)); `Died` for an item that ended its worker.

    Raises:
        RuntimeError: A worker raised an exception (the message holds it), or workers cannot live at all.
    """
    if workers <= 1:
        with _one_thread(modules):
            for index, item in enumerate(items):
                yield index, function(item)
        return
    team = [_Worker(function, modules) for _ in range(min(workers, len(items)))]
    waiting = list(range(len(items)))[::-1]
    deaths = 0
    try:
        for worker in team:
            worker.give(waiting.pop(), items)
        while busy := [worker for worker in team if worker.item is not None]:
            ready = connection.wait([worker.line for worker in busy], timeout=1.0)
            tick()
            for worker in (one for one in busy if one.line in ready):
                index, result = worker.take()
                if isinstance(result, Died):
                    deaths += 1
                    if deaths >= 3 + len(items) // 10:
                        raise RuntimeError(f"workers of prepare die at once (exit {result.code}); use one worker")
                    worker.end()
                    team[team.index(worker)] = worker = _Worker(function, modules)
                if waiting:
                    worker.give(waiting.pop(), items)
                yield index, result
    finally:
        for worker in team:
            worker.end()


class _Worker:
    """The parent's end of one worker."""

    def __init__(self, function: Callable[[Any], Any], modules: Sequence[str]) -> None:
        ours, theirs = socketpair()
        path = [str(Path(entry or ".").resolve()) for entry in sys.path]
        self.process = subprocess.Popen(
            [sys.executable, "-c", _BOOT.format(path=path, handle=theirs.fileno())],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            env={**os.environ, **dict.fromkeys(_ONE_THREAD, "1"), "OMP_WAIT_POLICY": "PASSIVE"},
        )
        theirs.close()
        self.line = connection.Connection(ours.detach())
        self.item: int | None = None
        self._hello: tuple | None = (function, tuple(modules))

    def give(self, index: int, items: Sequence[Any]) -> None:
        self.item = index
        try:
            if self._hello is not None:
                self.line.send(self._hello)
                self._hello = None
            self.line.send(items[index])
        except OSError:
            return  # it has died; `take` will say so

    def take(self) -> tuple[int, Any]:
        """The result of what was given last. Raises RuntimeError with what the function raised."""
        index, self.item = self.item, None
        assert index is not None
        try:
            failed, result = self.line.recv()
        except (EOFError, OSError):
            self.process.kill()
            return index, Died(self.process.wait())
        if failed:
            raise RuntimeError(result)
        return index, result

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self.line.close()
        if self.process.stdin is not None:
            self.process.stdin.close()


def serve(handle: int) -> None:
    """Run a worker: receive a function first, then item after item, until the parent hangs up.

    Args:
        handle: File descriptor of the socket.
    """
    threading.Thread(target=_end_with_parent, daemon=True).start()
    line = connection.Connection(handle)
    try:
        function, modules = line.recv()
        for module in modules:
            import_module(module)
        while True:
            item = line.recv()
            try:
                answer = (False, function(item))
            except Exception as error:
                answer = (True, str(error) if isinstance(error, RuntimeError) else f"{type(error).__name__}: {error}")
            line.send(answer)
    except (EOFError, OSError):
        return


def _end_with_parent() -> None:
    """Standard input never says anything; it ends when the parent does."""
    os.read(0, 1)
    os._exit(1)


@contextmanager
def _one_thread(modules: Sequence[str]) -> Iterator[None]:
    """Import the modules, and give torch one thread when it is one of them.

    A worker has one thread too: sums keep their order, and the result does not depend on the number of workers.
    """
    for module in modules:
        import_module(module)
    if "torch" not in modules:
        yield
        return
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
