"""A job's time limit counts work: not the wait for a core, not a pause, and never more than four times the limit."""

import os
import subprocess
import sys

import pytest

from jobs.clock import MAX_STRETCH, JobClock, WorkClock
from jobs.process import core_delays
from tests.support.queueing import until


def run(clock: WorkClock, seconds: int, share_waited: float, threads: int = 1) -> None:
    """Let the clock run: one look a second, every thread waiting for a core that share of it."""
    begin = clock._last
    for second in range(1, seconds + 1):
        clock.advance(begin + second, dict.fromkeys(range(threads), second * share_waited))


def test_a_quiet_machine_counts_every_second():
    clock = WorkClock(10.0, now=100.0)
    run(clock, 9, share_waited=0.0)
    assert clock.seconds_left() == 1.0
    run(clock, 2, share_waited=0.0)
    assert clock.seconds_left() == -1.0


def test_a_starved_job_lives_past_the_wall_limit_and_ends_when_it_has_worked():
    clock = WorkClock(10.0, now=0.0)
    run(clock, 20, share_waited=0.6, threads=3)
    assert clock.worked == pytest.approx(8.0)
    assert clock.seconds_left() == pytest.approx(2.0)
    for second in range(21, 27):
        clock.advance(float(second), dict.fromkeys(range(3), second * 0.6))
    assert clock.seconds_left() < 0


def test_a_hung_job_is_not_spared_by_a_loaded_machine():
    """It waits for no core, so it has no run delay whatever the others do."""
    clock = WorkClock(10.0, now=0.0, delays={7: 5.0})
    for second in range(1, 12):
        clock.advance(float(second), {7: 5.0})
    assert clock.seconds_left() == -1.0


def test_the_stretch_is_bounded():
    clock = WorkClock(10.0, now=0.0)
    run(clock, int(MAX_STRETCH * 10) + 1, share_waited=1.0)
    assert clock.worked == 0.0
    assert clock.seconds_left() < 0


def test_a_pause_does_not_count():
    clock = WorkClock(10.0, now=0.0)
    clock.paused = True
    clock.advance(8.0, {})
    clock.paused = False
    clock.advance(9.0, {})
    assert clock.worked == 1.0
    assert clock.seconds_left() == 9.0


def test_a_thread_that_ends_or_begins_does_not_turn_the_clock_back():
    clock = WorkClock(10.0, now=0.0, delays={1: 50.0})
    clock.advance(1.0, {2: 400.0})  # a new thread of a reused number: never more than the time that passed
    assert clock.worked == 0.0
    clock.advance(2.0, {1: 3.0, 2: 400.0})
    assert 0.0 <= clock.worked <= 1.0


def test_a_job_asks_its_clock_and_tells_its_pauses():
    told: list[bool] = []
    clock = JobClock(1000.0, told.append)
    left = clock.seconds_left()
    assert left is not None
    assert 0 < left <= 1000.0
    with clock.paused():
        assert told == [True]
    assert told == [True, False]
    assert JobClock().seconds_left() is None
    with JobClock().paused():
        pass


BUSY = "import os\nprint(os.getsid(0), flush=True)\nwhile True: pass"


@pytest.mark.skipif(not core_delays(os.getsid(0)), reason="this kernel does not count run delays")
def test_the_kernel_tells_who_waits_for_a_core():
    """Two busy processes share one core: each waits; a sleeping one does not."""
    core = str(min(os.sched_getaffinity(0)))
    pin = f"import os; os.sched_setaffinity(0, {{{core}}})\n"
    start = [sys.executable, "-c"]
    busy = [subprocess.Popen([*start, pin + BUSY], stdout=subprocess.DEVNULL, start_new_session=True) for _ in range(2)]
    sleep = [*start, "import time; print('ready', flush=True); time.sleep(600)"]
    asleep = subprocess.Popen(sleep, stdout=subprocess.PIPE, start_new_session=True)
    try:
        assert asleep.stdout is not None
        assert asleep.stdout.readline() == b"ready\n"
        until(lambda: max(core_delays(busy[0].pid).values(), default=0.0) > 1.0, 120, "it has waited for a second")
        assert set(core_delays(busy[0].pid)) == {busy[0].pid}
        slept = core_delays(asleep.pid)[asleep.pid]
        waited = core_delays(busy[0].pid)[busy[0].pid]
        until(lambda: core_delays(busy[0].pid)[busy[0].pid] > waited + 1.0, 120, "it has waited for another second")
        assert core_delays(asleep.pid)[asleep.pid] - slept < 0.5
    finally:
        for process in (*busy, asleep):
            process.kill()
            process.wait()
        if asleep.stdout is not None:
            asleep.stdout.close()
