"""Workers are killed again and again: nothing is lost, nothing is published twice, nothing stays stuck."""

import random
import subprocess
import sys
import time

import pytest
from sqlalchemy import func, select

from jobs.client import Workbench
from jobs.process import job_processes
from jobs.queue.models import Artifact
from jobs.queue.store import LEASE_SECONDS
from tests.support.fake_kinds import FakeSpec
from tests.support.queueing import ROOT, open_workbench, until, worker_process
from tests.support.races import CLAIMERS

pytestmark = pytest.mark.slow


def storm(workbench: Workbench, jobs: int, kills: int, workers: int, steps: int, seconds: float, seed: int) -> int:
    """Run `jobs` jobs with `workers` workers, killing a random one `kills` times; returns the kills that hit."""
    chance = random.Random(seed)
    spec = FakeSpec(steps=steps, seconds=seconds)
    ids = [workbench.submit("fake", spec, max_attempts=10_000) for _ in range(jobs)]
    running = [worker_process(workbench, "--no-analyses") for _ in range(workers)]
    done = 0
    try:
        until(lambda: workbench.jobs(state="running"), 300, "work has begun")
        while done < kills and workbench.jobs(state="queued", limit=1):
            time.sleep(chance.uniform(0.2, 1.2))
            victim = chance.randrange(workers)
            running[victim].kill()
            running[victim].wait()
            running[victim] = worker_process(workbench, "--no-analyses")
            done += 1
        allowed = LEASE_SECONDS + 10 + jobs * steps * seconds * 4 + 120
        until(lambda: len(workbench.jobs(state="done", limit=jobs + 1)) == jobs, allowed, "every job is done")
    finally:
        for process in running:
            process.terminate()
        codes = [process.wait(300) for process in running]
    assert codes == [0] * workers
    for job_id in ids:
        lines = (workbench.job_folder(job_id) / "steps.txt").read_text().splitlines()
        counted = [int(line.split()[1]) for line in lines]
        assert counted == list(range(steps)), (job_id, lines)
        attempts = [int(line.split()[0]) for line in lines]
        assert attempts == sorted(attempts)
        assert job_processes(job_id) == []
    with workbench.store.reader.connect() as connection:
        per_job = connection.execute(select(Artifact.job_id, func.count()).group_by(Artifact.job_id)).all()
    assert sorted(per_job) == sorted((job_id, 1) for job_id in ids)
    return done


@pytest.mark.timeout(3600)
def test_two_hundred_kills_over_three_hundred_jobs(tmp_path):
    workbench = open_workbench(tmp_path, work_slots=2)
    hits = storm(workbench, jobs=300, kills=200, workers=3, steps=6, seconds=0.3, seed=0)
    print(f"{hits} kills over 300 jobs")
    assert hits >= 100
    workbench.close()


@pytest.mark.timeout(900)
def test_a_few_kills(tmp_path):
    workbench = open_workbench(tmp_path, work_slots=2)
    assert storm(workbench, jobs=12, kills=6, workers=2, steps=4, seconds=0.3, seed=1) >= 1
    workbench.close()


@pytest.mark.timeout(900)
def test_eight_workers_race_a_thousand_jobs_ten_times(tmp_path):
    for turn in range(10):
        workbench = open_workbench(tmp_path / str(turn))
        ids = [workbench.submit("fake", FakeSpec()) for _ in range(1000)]
        race = subprocess.run(
            [sys.executable, "-c", CLAIMERS, workbench.settings.url],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        claimed = [name for line in race.stdout.splitlines() for name in line.split()[1:]]
        assert sorted(claimed) == sorted(ids)
        workbench.close()


@pytest.mark.timeout(900)
def test_a_thousand_empty_jobs_in_the_warm_process(tmp_path):
    """The queue's own cost: 1,000 jobs that do nothing, one after the other."""
    workbench = open_workbench(tmp_path)
    process = worker_process(workbench)
    try:
        first = workbench.submit("fake_analysis", FakeSpec(steps=0))
        workbench.wait(first, 300)
        begun = time.monotonic()
        last = [workbench.submit("fake_analysis", FakeSpec(steps=0)) for _ in range(1000)][-1]
        workbench.wait(last, 600)
        took = time.monotonic() - begun
    finally:
        process.terminate()
        process.wait(300)
    print(f"1,000 empty jobs: {took:.1f} s")
    assert took < 300
    workbench.close()
