"""The pool of workers: complete, one result an item, and no process left whatever happens."""

from __future__ import annotations

import os
import time
from functools import partial
from pathlib import Path

import pytest

from core.data.prepare.worker_pool import Died, unordered


def square(item: int, plus: int = 0) -> int:
    return item * item + plus


def wilful(item: str) -> str:
    """Does what its item says, in a worker."""
    if item == "die":
        os._exit(9)
    if item == "fail":
        raise ValueError("row 7 is odd")
    if item == "sleep":
        time.sleep(600)
    return f"{item} with {os.environ['OMP_NUM_THREADS']} thread in {os.getpid()}"


def children() -> set[int]:
    """Workers of this process that live."""
    found = set()
    for path in Path("/proc/self/task").glob("*/children"):
        for pid in path.read_text().split():
            try:
                if b"core.data.prepare.worker_pool" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    found.add(int(pid))
            except OSError:
                continue
    return found


needs_proc = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks for processes in /proc")


@pytest.mark.parametrize("workers", [1, 3])
def test_each_item_has_its_result(workers: int) -> None:
    results = dict(unordered(partial(square, plus=1), range(20), workers))
    assert results == {n: n * n + 1 for n in range(20)}


@needs_proc
def test_workers_are_other_processes_of_one_thread_and_gone_in_the_end() -> None:
    said = [text for _, text in unordered(wilful, ["a", "b", "c", "d"], 2)]
    assert all("with 1 thread" in text for text in said)
    assert str(os.getpid()) not in {text.rsplit(" ", 1)[1] for text in said}
    assert not children()


@needs_proc
def test_a_worker_that_dies_costs_its_item_only() -> None:
    results = dict(unordered(wilful, ["a", "die", "b", "c"], 2))
    assert results[1] == Died(9)
    assert all(results[n].startswith(("a", "b", "c")) for n in (0, 2, 3))
    assert not children()


def test_workers_that_cannot_live_are_an_error() -> None:
    with pytest.raises(RuntimeError, match="die at once"):
        list(unordered(wilful, ["die"] * 8, 2))


@needs_proc
def test_an_error_is_the_caller_s_and_ends_the_workers() -> None:
    with pytest.raises(RuntimeError, match="ValueError: row 7 is odd"):
        list(unordered(wilful, ["a", "fail", "sleep"], 2))
    assert not children()


@needs_proc
def test_the_tick_can_stop_it_while_every_worker_is_busy() -> None:
    def tick() -> None:
        raise KeyboardInterrupt

    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        list(unordered(wilful, ["sleep", "sleep"], 2, tick=tick))
    assert time.monotonic() - start < 300, "a worker was waited for"
    assert not children()
