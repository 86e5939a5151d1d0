"""What a person reads about a job that waits or runs: its place, what is before it, how long it still takes."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from core.data.spec import PrepareSpec
from jobs.client import Workbench
from jobs.queue.priority import BACKGROUND_PRIORITY
from jobs.queue.views import JobView, job_title, percent, progress_text, queue_sentence, time_left
from jobs.worker.worker import new_worker
from tests.support.fake_kinds import FakeSpec
from tests.support.queueing import open_workbench


def view(name: str, **changes: object) -> JobView:
    """A job as the database might hold it."""
    moment = datetime.fromtimestamp(0.0, UTC)
    plain = JobView(
        id=name, kind="train", pool="work", state="queued", spec={}, fraction=0.0, message="", part=None, result=None,
        error=None, attempt=0, max_attempts=3, created_at=moment, started_at=None, ended_at=None, worker=None,
        cancel_requested=False,
    )  # fmt: skip
    return replace(plain, **changes)  # type: ignore[arg-type]


def running(name: str, fraction: float = 0.0, since: float = 0.0, before: float = 0.0, **changes: object) -> JobView:
    begun = datetime.fromtimestamp(since, UTC)
    changes |= {"state": "running", "fraction": fraction, "attempt_at": begun, "attempt_fraction": before}
    return view(name, **changes)


@pytest.mark.parametrize(
    ("job", "now", "left"),
    [
        (running("a", fraction=0.25), 60.0, 180.0),
        (running("a", fraction=0.75, since=100.0, before=0.5), 110.0, 10.0),  # resumed: half was done before
        (running("a", fraction=0.2, since=100.0, before=0.5), 110.0, 40.0),  # began again from the start
        (running("a", fraction=1.0), 60.0, 0.0),
        (running("a", fraction=0.25), 2.0, None),
        (running("a", fraction=0.01), 60.0, None),
        (running("a", fraction=0.5, before=0.5), 60.0, None),
        (view("a", fraction=0.5), 60.0, None),
    ],
)
def test_the_time_left_follows_from_the_speed_of_this_attempt(job, now, left):
    assert time_left(job, now) == (left if left is None else pytest.approx(left))


@pytest.mark.parametrize(
    ("fraction", "now", "text"),
    [
        (0.5, 170.0, "50 %, about 3 min left"),
        (0.999, 1000.0, "99 %, less than a minute left"),
        (0.29, 10_000.0, "29 %, about 7 h left"),
        (0.1, 100_000.0, "10 %, about 10 days left"),
        (0.5, 1.0, "50 %"),
    ],
)
def test_progress_is_whole_per_cents_and_a_round_time(fraction, now, text):
    assert progress_text(running("a", fraction=fraction), now) == text


@pytest.mark.parametrize(("fraction", "text"), [(0.0, "0 %"), (0.29, "29 %"), (0.999, "99 %"), (1.0, "100 %")])
def test_only_a_finished_job_is_at_a_hundred_per_cent(fraction, text):
    assert percent(view("a", fraction=fraction)) == text


def test_a_job_knows_its_place_and_what_is_before_it():
    drawing = running("d", fraction=0.42, kind="prepare", spec={"path": "demo"})
    first, second, third = (view(name) for name in "abc")
    queue = [first, second, third]
    assert queue_sentence(first, [drawing], queue, 1, 130.0) == (
        "2nd in the queue, behind: Draw demo portraits (42 %, about 3 min left)."
    )
    assert queue_sentence(third, [drawing], queue, 1, 130.0) == (
        "4th in the queue, behind: Draw demo portraits (42 %, about 3 min left), Train (waiting), and 1 more."
    )
    assert queue_sentence(first, [drawing], queue, 2, 130.0).startswith("Next in the queue.")
    assert queue_sentence(second, [drawing], queue, 2, 130.0) == "2nd in the queue, behind: Train (waiting)."
    assert queue_sentence(first, [], queue, 0, 130.0).startswith("No worker is running")


def test_a_job_of_the_program_is_no_obstacle():
    drawing = running("d", kind="prepare", spec={"path": "demo"}, priority=BACKGROUND_PRIORITY)
    job = view("a")
    assert queue_sentence(job, [drawing], [job], 1, 130.0) == (
        "Next in the queue. Draw demo portraits is paused for it and continues afterwards."
    )
    other = view("b", priority=BACKGROUND_PRIORITY)
    assert queue_sentence(other, [drawing], [other], 1, 130.0).startswith("2nd in the queue, behind: Draw demo")


@pytest.mark.parametrize(("number", "place"), [(2, "2nd"), (3, "3rd"), (11, "11th"), (12, "12th"), (22, "22nd")])
def test_places_are_numbered_in_english(number, place):
    queue = [view(str(n)) for n in range(number)]
    assert queue_sentence(queue[-1], [], queue, 1, 0.0).startswith(f"{place} in the queue")


def test_the_title_of_a_job_says_what_it_makes():
    assert job_title(view("a", kind="prepare", spec={"path": "demo", "name": "demo"})) == "Draw demo portraits"
    assert job_title(view("a", kind="prepare", spec={"path": "/x/faces", "name": ""})) == "Prepare the data set faces"
    assert job_title(view("a", kind="train")) == "Train"
    assert job_title(view("a", kind="of a plugin that is gone")) == "of a plugin that is gone"


def test_the_workbench_looks_at_jobs_and_workers(tmp_path):
    workbench: Workbench = open_workbench(tmp_path)
    demo = workbench.submit("prepare", PrepareSpec(path="demo", name="demo"), background=True)
    mine = workbench.submit("fake", FakeSpec())
    assert [row.id for row in workbench.store.queue("work")] == [mine, demo]
    assert "No worker is running" in workbench.queue_position(workbench.job(mine))
    worker = new_worker(1, workbench.clock())
    workbench.store.enter(worker)
    assert workbench.queue_position(workbench.job(mine)).startswith("Next in the queue.")
    assert workbench.queue_position(workbench.job(demo)) == "2nd in the queue, behind: Fake (waiting)."
    workbench.store.claim("work", worker.id, workbench.clock())
    assert workbench.queue_position(workbench.job(mine)) == ""
    assert workbench.queue_position(workbench.job(demo)) == "2nd in the queue, behind: Fake (0 %)."
    workbench.close()
