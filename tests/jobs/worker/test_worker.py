"""A supervisor with real child processes: whatever a job does, its row says how it ended, and nothing is orphaned."""

import os
import signal
from collections.abc import Iterator

import pytest

from jobs.client import Workbench
from jobs.process import job_processes, start_time
from jobs.queue.views import JobView
from tests.support.fake_kinds import FakeSpec
from tests.support.queueing import open_workbench, supervised, until, without_bundle, worker_process

WAIT = 180.0  # a busy machine starts a child in tens of seconds


@pytest.fixture
def workbench(tmp_path) -> Iterator[Workbench]:
    workbench = open_workbench(tmp_path, work_slots=2)
    yield workbench
    workbench.close()


@pytest.fixture(scope="module")
def ended(tmp_path_factory) -> Iterator[tuple[Workbench, dict[str, JobView]]]:
    """One supervisor runs one job of each sort at once; the tests read how they ended."""
    workbench = open_workbench(
        tmp_path_factory.mktemp("ended"), work_slots=3, memory_gb=0.5, analyze_seconds=10, threads=3
    )
    without_bundle(workbench)
    acts = ("steps", "wrong", "vanish", "segfault", "die_once", "surroundings", "allocate")
    with supervised(workbench, analyses=True):
        ids = {act: workbench.submit("fake", FakeSpec(act=act)) for act in acts}
        ids["warm_crash"] = workbench.submit("fake_analysis", FakeSpec(act="segfault"))
        ids["warm_after"] = workbench.submit("fake_analysis", FakeSpec(act="surroundings"))
        ids["warm_again"] = workbench.submit("fake_analysis", FakeSpec(act="surroundings"))
        ids["warm_loop"] = workbench.submit("fake_analysis", FakeSpec(act="loop"))
        views = {act: workbench.wait(job_id, WAIT) for act, job_id in ids.items()}
    yield workbench, views
    workbench.close()


def test_a_job_reports_and_publishes(ended):
    workbench, views = ended
    view = views["steps"]
    assert (view.state, view.fraction, view.attempt) == ("done", 1.0, 1)
    assert view.result["values"] == {"attempt": 1, "begun": 0}
    assert view.part == {"half": True}
    curve = workbench.metrics(view.id)
    assert [(row["step"], row["bad"]) for row in curve] == [(0, None), (1, None), (2, None)]
    assert curve[1]["loss"] == 0.5
    assert "counted" in workbench.log_tail(view.id)
    assert workbench.artifact("run", view.id).job_id == view.id


def test_a_child_is_alone_light_and_does_not_spin(ended):
    values = ended[1]["surroundings"].result["values"]
    assert values["session"]
    assert not values["torch"]
    assert values["environment"] == {"OMP_NUM_THREADS": "3", "OMP_WAIT_POLICY": "PASSIVE"}


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        ("wrong", "manifest.csv row 17: label 'Fake' is neither 0 nor 1"),
        ("vanish", "ended with exit code 7. Last lines of its log: last words"),
        ("segfault", "crashed (SIGSEGV)"),
        ("warm_crash", "crashed (SIGSEGV)"),
        ("allocate", "Out of memory: it held more than the 0.5 GiB"),
        ("warm_loop", "ran longer than the 10 seconds that are allowed"),
    ],
)
def test_a_job_that_breaks_fails_with_its_reason(ended, act, reason):
    view = ended[1][act]
    assert (view.state, view.attempt) == ("failed", 1)
    assert reason in view.error


def test_the_log_of_a_crash_shows_where(ended):
    workbench, views = ended
    assert "in segfault" in workbench.log_tail(views["segfault"].id)
    assert "in wrong" in workbench.log_tail(views["wrong"].id)


def test_a_job_killed_from_outside_is_run_again(ended):
    view = ended[1]["die_once"]
    assert (view.state, view.attempt) == ("done", 2)


def test_the_analysis_process_survives_its_jobs_and_is_replaced_after_a_crash(ended):
    crash, after, again = (ended[1][name] for name in ("warm_crash", "warm_after", "warm_again"))
    assert crash.state == "failed"
    assert after.result["values"]["pid"] == again.result["values"]["pid"]


def test_a_shut_down_supervisor_leaves_nothing(ended):
    workbench, views = ended
    assert [job_processes(view.id) for view in views.values()] == [[]] * len(views)
    assert [worker.state for worker in workbench.workers()] == ["stopped"]


def test_a_job_that_ignores_sigterm_is_cancelled_hard_with_its_helpers(workbench):
    with supervised(workbench):
        job_id = workbench.submit("fake", FakeSpec(act="stubborn"))
        note = workbench.job_folder(job_id) / "grandchild"
        until(lambda: note.exists() and note.read_text(), WAIT)
        grandchild = int(note.read_text())
        assert start_time(grandchild)
        workbench.cancel(job_id)
        view = workbench.wait(job_id, WAIT)  # it never ends by itself, so this end is the hard one
        assert view.state == "cancelled"
        until(lambda: start_time(grandchild) is None, WAIT, "the grandchild is gone")
        workbench.retry(job_id)
        until(lambda: workbench.job(job_id).attempt == 2, WAIT)
        workbench.cancel(job_id)
        assert workbench.wait(job_id, WAIT).state == "cancelled"


def test_a_job_of_the_program_makes_room_for_a_persons_job(tmp_path):
    """One slot, taken by what the program started itself: it is paused, and goes on afterwards without loss."""
    workbench = open_workbench(tmp_path, work_slots=1)
    own = workbench.submit("fake", FakeSpec(steps=40, seconds=0.2), background=True)
    track = workbench.job_folder(own) / "steps.txt"
    with supervised(workbench):
        until(lambda: track.exists() and track.read_text(), WAIT)
        asked = workbench.submit("fake", FakeSpec())
        assert workbench.wait(asked, WAIT).state == "done"
        paused = workbench.job(own)
        assert not paused.ended, "the person's job was waited for until the program's own had ended"
        view = workbench.wait(own, WAIT)
    assert (view.state, view.attempt, view.max_attempts) == ("done", 2, 4)
    lines = [line.split() for line in track.read_text().splitlines()]
    assert [int(step) for _, step in lines] == list(range(40))
    workbench.close()


def test_a_persons_job_does_not_make_room(tmp_path):
    workbench = open_workbench(tmp_path, work_slots=1)
    with supervised(workbench):
        first = workbench.submit("fake", FakeSpec(steps=8, seconds=0.2))
        second = workbench.submit("fake", FakeSpec())
        views = [workbench.wait(job_id, WAIT) for job_id in (first, second)]
    assert [(view.state, view.attempt) for view in views] == [("done", 1), ("done", 1)]
    assert views[0].ended_at <= views[1].started_at
    workbench.close()


@pytest.mark.parametrize(
    ("stands", "state", "attempt"), [("alone", "done", 1), ("", "failed", 1), ("broken", "failed", 1)]
)
def test_a_partial_result_that_stands_alone_is_the_result(workbench, stands, state, attempt):
    """The process dies after it has sent a part: its kind says whether that is a result."""
    with supervised(workbench):
        job_id = workbench.submit("fake", FakeSpec(act="half_then_die", says=stands), max_attempts=1)
        view = workbench.wait(job_id, WAIT)
    assert (view.state, view.attempt) == (state, attempt)
    if state == "done":
        assert view.message == "done, but for the rest"
        assert "ended from outside (SIGKILL)" in view.result["values"]["ended_early"]
    else:
        assert "Given up after 1 attempts" in view.error


def test_a_stopped_worker_hands_its_job_back_and_the_next_goes_on(workbench):
    with supervised(workbench):
        job_id = workbench.submit("fake", FakeSpec(steps=8, seconds=0.2))
        track = workbench.job_folder(job_id) / "steps.txt"
        until(track.exists, WAIT)
    view = workbench.job(job_id)
    assert (view.state, view.attempt, view.max_attempts) == ("queued", 1, 4)
    with supervised(workbench):
        assert workbench.wait(job_id, WAIT).state == "done"
    lines = [line.split() for line in track.read_text().splitlines()]
    assert [int(step) for _, step in lines] == list(range(8))
    assert {attempt for attempt, _ in lines} == {"1", "2"}


def test_kill_9_of_worker_and_child_loses_nothing(workbench):
    job_id = workbench.submit("fake", FakeSpec(steps=8, seconds=0.2))
    track = workbench.job_folder(job_id) / "steps.txt"
    first = worker_process(workbench, "--no-analyses")
    until(track.exists, WAIT)
    children = job_processes(job_id)
    assert children
    first.kill()
    first.wait()
    until(lambda: not any(start_time(pid) for pid in children), WAIT, "the child died with its worker")
    assert workbench.job(job_id).state == "running"
    second = worker_process(workbench, "--no-analyses")
    try:
        until(lambda: len({line.split()[0] for line in track.read_text().splitlines()}) == 2, WAIT)
        for pid in job_processes(job_id):
            os.kill(pid, signal.SIGKILL)
        view = workbench.wait(job_id, WAIT)
    finally:
        second.terminate()
        assert second.wait(WAIT) == 0
    assert (view.state, view.attempt) == ("done", 3)
    assert [int(line.split()[1]) for line in track.read_text().splitlines()] == list(range(8))


def test_a_frozen_supervisor_is_fenced(workbench):
    """SIGSTOP: its lease passes on, its child is ended, and what it says on waking changes nothing."""
    job_id = workbench.submit("fake", FakeSpec(steps=400, seconds=0.2))
    track = workbench.job_folder(job_id) / "steps.txt"
    frozen = worker_process(workbench, "--no-analyses")
    until(track.exists, WAIT)
    frozen.send_signal(signal.SIGSTOP)
    children = job_processes(job_id)
    try:
        with supervised(workbench, lease=3.0, beat=0.5):
            until(lambda: workbench.job(job_id).attempt == 2, WAIT)
            until(lambda: not any(start_time(pid) for pid in children), WAIT, "the frozen worker's child is ended")
            frozen.send_signal(signal.SIGCONT)
            until(lambda: any(line.startswith("2 ") for line in track.read_text().splitlines()), WAIT)
            view = workbench.job(job_id)
            assert (view.state, view.attempt) in (("running", 2), ("failed", 2))
            workbench.cancel(job_id)
            workbench.wait(job_id, WAIT)
    finally:
        frozen.send_signal(signal.SIGCONT)
        frozen.terminate()
        frozen.wait(WAIT)
    attempts = [int(line.split()[0]) for line in track.read_text().splitlines()]
    assert attempts == sorted(attempts)
