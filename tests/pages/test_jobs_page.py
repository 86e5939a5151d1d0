"""The page of one job: its words are those of its state, and what can be done is what fits it."""

from __future__ import annotations

import re
import time
from zoneinfo import ZoneInfo

import pytest

from app.forms import options
from app.ui.widgets import STATE_WORDS
from core.train.spec import TrainSpec
from jobs.queue.views import JobView
from jobs.worker.worker import IN_FOREGROUND, new_worker
from pages.jobs import attempt_words, input_rows, job_rows, progress_words
from tests.support.page_text import texts


def train_job(workbench, **changes) -> str:
    given = {"job_id": "train-1", "kind": "train", "pool": "work", "now": 1.0}
    spec = TrainSpec(dataset="faces", epochs=3).model_dump(mode="json")
    return workbench.store.add(**given, spec=spec, **changes)


def labels(test) -> set[str]:
    return {item.label for item in test.button}


def chips(test) -> str:
    """The words of every chip on the page."""
    return ",".join(re.findall(r'class="aw-chip"[^>]*>([^<]*)', texts(test)))


def test_a_retried_job_offers_cancel_and_nothing_else(workbench, open_page):
    job = workbench.store.get(train_job(workbench))
    workbench.store.claim("work", "w", 2.0)
    workbench.store.finish(job.id, 1, "failed", 3.0, error="Out of memory.")
    test = open_page("jobs", job=job.id)
    assert "Retry" in labels(test)
    assert STATE_WORDS["failed"] in chips(test)
    next(button for button in test.button if button.label == "Retry").click().run()
    assert not test.exception
    assert "Retry" not in labels(test)
    assert "Yes, stop it" in labels(test)
    said = texts(test)
    assert "waits for attempt 2" in said
    assert "of 4" not in said
    assert "Out of memory" not in said
    assert chips(test) == STATE_WORDS["queued"]


def test_a_claimed_job_forgets_what_was_said_of_its_last_worker(workbench):
    job_id = train_job(workbench)
    workbench.store.claim("work", "w", 2.0)
    workbench.store.requeue(job_id, 1, 3.0, "Its worker stopped without a word.")
    assert "without a word" in workbench.job(job_id).message
    workbench.store.claim("work", "other", 4.0)
    view = workbench.job(job_id)
    assert view.message == "Starting."
    assert attempt_words(view) == "attempt 2"


@pytest.mark.parametrize("state", ["up", IN_FOREGROUND])
@pytest.mark.parametrize(("pid", "said"), [(None, "Training."), (2**22 + 1, "stopped and sent no message")])
def test_a_running_job_whose_worker_is_dead_says_so_at_once(workbench, pid, said, state):
    now = time.time()
    worker = new_worker(slots=1, now=now, state=state)
    if pid is not None:
        worker.pid = pid
    workbench.store.enter(worker)
    job_id = train_job(workbench)
    workbench.store.claim("work", worker.id, now)
    workbench.store.report(job_id, 1, message="Training.")
    assert [w.dead for w in workbench.workers()] == [pid is not None]
    assert [w.alive for w in workbench.workers()] == [pid is None and state == "up"]
    assert said in progress_words(workbench.job(job_id), workbench.workers())


def test_the_list_has_whole_per_cent_and_local_time_with_utc_beside_it(workbench):
    workbench.store.add(job_id="train-2", kind="train", pool="work", spec={"run": "x"}, now=1_795_323_240.0, worker="w")
    workbench.store.report("train-2", 1, fraction=0.3683, message="Training.")
    workbench.store.finish("train-2", 1, "failed", 1_795_323_300.0, error="Out of memory.")
    (row,) = job_rows(workbench.jobs(), workbench, ZoneInfo("Asia/Kolkata"))
    assert row["percent"] == "36 %"
    assert row["local"] == "2026-11-22 10:24"
    assert row["utc"] == "2026-11-22 04:54 UTC"
    assert row["before"] == ""


def test_a_running_job_tells_the_time_left_in_the_list(workbench):
    now = time.time()
    workbench.store.add(job_id="train-2", kind="train", pool="work", spec={}, now=now - 300, worker="w")
    workbench.store.report("train-2", 1, fraction=0.5, message="Training.")
    (row,) = job_rows(workbench.jobs(), workbench, ZoneInfo("UTC"))
    assert row["percent"] == "50 %, about 5 min left"


def test_a_waiting_job_tells_its_place_in_the_queue_in_the_list_and_on_its_page(workbench, open_page):
    workbench.store.enter(new_worker(slots=1, now=time.time()))
    workbench.store.add(
        job_id="train-0",
        kind="train",
        pool="work",
        spec={"run": "x"},
        now=time.time(),
        worker=workbench.workers()[0].id,
    )
    job_id = train_job(workbench)
    place = workbench.queue_position(workbench.job(job_id))
    assert "2nd in the queue" in place
    assert place in [row["message"] for row in job_rows(workbench.jobs(), workbench, ZoneInfo("UTC"))]
    assert "2nd in the queue" in str([item.proto for item in open_page("jobs", job=job_id).get("progress")])


def test_the_input_is_a_table_with_what_was_chosen_first(workbench):
    rows = input_rows(workbench.job(train_job(workbench)))
    chosen = rows[rows["chosen"] == "chosen"]
    assert dict(zip(chosen["field"], chosen["value"], strict=True)) == {"Dataset": "faces", "Epochs": "3"}
    assert len(rows) == len(TrainSpec.model_fields)
    strange = JobView(**{**workbench.job("train-1").__dict__, "kind": "gone", "spec": {"x": 1}})
    assert list(input_rows(strange)["value"]) == ["1"]


def test_weights_of_runs_and_of_the_bundle_in_force_are_offered_by_name(workbench):
    run = workbench.workspace.runs / "first"
    run.mkdir()
    (run / "run.json").write_text('{"detector": "mobilenetv1_filter"}')
    assert str(run / "best_model.safetensors") not in options.options("weights", workbench)
    (run / "best_model.safetensors").touch()
    offered = options.options("weights", workbench)
    assert offered[:2] == ["pretrained", "none"]
    titles = [options.option_title(value, workbench) for value in offered]
    assert "run first (mobilenetv1_filter)" in titles
    assert any(re.fullmatch(r"bundle demo_bundle \d+, stage1 \(\w+\)", text) for text in titles)
    assert len(set(titles)) == len(titles)


def test_a_training_can_start_from_the_weights_of_the_shipped_bundle(workbench):
    from app.forms.allowed_paths import bounded

    shipped = next(value for value in options.options("weights", workbench) if value.endswith("weights.safetensors"))
    spec = TrainSpec(dataset="faces", weights=shipped)
    assert bounded(spec, workbench) == spec


def test_a_bundle_that_does_not_check_out_is_named_on_models_and_not_offered(workbench, open_page):
    folder = workbench.workspace.bundles / "torn"
    folder.mkdir()
    (folder / "bundle.json").write_text("{}")
    test = open_page("models")
    assert "torn" in texts(test)
    assert "are not offered, because their check failed" in texts(test)
    assert not [button for button in test.button if str(folder) in str(button.key)]
