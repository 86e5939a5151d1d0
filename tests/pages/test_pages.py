"""Each page's render(), empty and full: what it says, and what its buttons do."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from app.ui import navigation
from core.analysis.spec import AnalyzeSpec
from jobs.kind import Produced
from tests.support.page_text import button, texts

NAMES = [module.__name__.removeprefix("pages.") for module in navigation.modules()]


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_workspace_opens_and_says_what_to_do(name, open_page):
    said = texts(open_page(name))
    assert "aw-empty" in said, "an empty page needs an empty state"


@pytest.mark.parametrize("name", NAMES)
def test_a_full_workspace_opens(name, open_page, seeded):
    assert open_page(name).title[0].value


def test_the_verdict_card_names_verdict_decider_and_the_failed_expert(open_page, seeded):
    said = texts(open_page("analyze", job=seeded["fake"]))
    assert "Fake" in said
    assert "p_fake 0.912" in said
    assert "decided" in said
    assert "Its forward raised an error." in said
    assert "was not replaced by a guess" in said


def test_a_face_that_nobody_found_gives_no_number_and_a_choice(open_page, seeded, workbench):
    test = open_page("analyze", job=seeded["none"])
    said = texts(test)
    assert "Not applicable" in said
    assert "p_fake 0" not in said
    next(b for b in test.button if b.key.startswith("whole-")).click().run()
    newest = workbench.jobs(kind="analyze", limit=1)[0]
    assert newest.state == "queued"
    assert newest.spec["whole_frame"] is True


def test_a_refused_file_offers_another_one_and_no_second_try(open_page, workbench, tmp_path):
    path = tmp_path / "sound.mp3"
    path.write_bytes(b"ID3")
    job_id = workbench.submit("analyze", AnalyzeSpec(files=[str(path)]))
    job = workbench.store.claim("analyze", "here-1", 1.0)
    item = {"file": str(path), "code": "no_video", "sentence": "This file holds sound only."}
    result = {"message": "", "values": {"analyses": [], "rejected": [item]}, "produced": []}
    workbench.store.finish(job.id, 1, "done", 2.0, result=result)
    test = open_page("analyze", job=job_id)
    said = texts(test)
    assert "sound.mp3" in said
    assert "Not analysed. This file holds sound only." in said
    assert not [b for b in test.button if b.label == "Try again"]
    next(b for b in test.button if b.label == "Choose another file").click().run()
    assert "No analysis yet" in texts(test)


def test_a_clip_has_a_timeline(open_page, seeded):
    assert "Over the clip" in texts(open_page("analyze", job=seeded["clip"]))
    assert "Over the clip" not in texts(open_page("analyze", job=seeded["fake"]))


def test_a_sample_becomes_a_job_and_the_same_sample_the_same_job(open_page, workbench):
    for _ in range(2):
        test = open_page("analyze")
        next(b for b in test.button if b.key == "sample-photograph").click().run()
        assert not test.exception
    jobs = workbench.jobs(kind="analyze")
    assert len(jobs) == 1
    assert jobs[0].spec["files"][0].startswith(str(workbench.workspace.uploads))
    assert test.query_params["job"] == jobs[0].id
    assert "No worker is running" in str([item.proto for item in test.get("progress")])


def test_an_unknown_job_is_an_empty_state_not_a_trace(open_page):
    assert "not in the workspace" in texts(open_page("analyze", job="analyze-nothing"))
    assert "No such job" in texts(open_page("jobs", job="train-nothing"))


def test_a_running_training_shows_curves_and_log_and_can_be_stopped(open_page, seeded, workbench):
    test = open_page("jobs", job=seeded["train"])
    assert "epoch 8: loss" in texts(test)
    assert len(test.get("vega_lite_chart")) == 2
    next(b for b in test.button if b.label == "Yes, stop it").click().run()
    assert workbench.job(seeded["train"]).cancel_requested


def test_a_failed_job_says_why_and_can_be_retried(open_page, seeded, workbench):
    test = open_page("jobs", job=seeded["failed"])
    assert "Prepare it first." in texts(test)
    next(b for b in test.button if b.label == "Retry").click().run()
    assert workbench.job(seeded["failed"]).state == "queued"


def test_the_job_list_filters(open_page, seeded, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        "pages.jobs.component", lambda name: lambda data, **_: drawn.append(data["rows"]) or SimpleNamespace(open=None)
    )
    test = open_page("jobs")
    test.selectbox[0].select("train").run()
    everything, trainings = drawn[0], drawn[-1]
    assert {row["id"] for row in trainings} == {seeded["train"], seeded["failed"]}
    assert len(everything) > len(trainings)
    test.selectbox[1].select("cancelled").run()
    assert "No job of this kind and state" in texts(test)
    button(test, "Show all jobs").click().run()
    assert [box.value for box in test.selectbox] == ["", ""]


def test_training_starts_with_what_the_form_says(open_page, workbench, monkeypatch):
    faces = workbench.workspace.datasets / "faces"
    faces.mkdir()
    (faces / "manifest.csv").touch()
    workbench.register(Produced("dataset", "faces", str(faces), {}))
    opened = []
    monkeypatch.setattr(navigation, "go_to", lambda name, **query: opened.append((name, query)))
    test = open_page("train")
    next(n for n in test.number_input if n.label == "Epochs").set_value(2)
    test.button[0].click().run()
    assert not test.exception
    job = workbench.jobs(kind="train")[0]
    assert (job.spec["dataset"], job.spec["epochs"], job.spec["batch_size"]) == ("faces", 2, None)
    assert opened == [("jobs", {"job": job.id})]
