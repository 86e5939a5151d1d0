"""The demo's answers: what a visitor is told at every state of the job, and what stays in no cache."""

from __future__ import annotations

import errno
import json
import time
from pathlib import Path

import pytest

from app import demo
from core.artifacts.files import write_json
from jobs.kind import Produced
from tests.support.seed_workspace import analysis, face, picture

STATE, VERDICT, STAGES, PLOT, TABS, DOCUMENT = 1, 2, 3, 4, 5, 6


@pytest.fixture
def upload(tmp_path: Path) -> str:
    path = tmp_path / "visitor.png"
    picture(path, 0)
    return str(path)


def test_states_of_one_job_in_order(workbench, upload, monkeypatch):
    monkeypatch.setattr(demo, "POLL_SECONDS", 0.0)
    run = demo.answers(upload, False, workbench)
    assert "No worker is running" in next(run)[STATE]
    assert not Path(upload).exists(), "the upload leaves Gradio's cache at once"

    job = workbench.store.claim("analyze", "here-1", time.time())
    whole = analysis("visitor.png", [face(0, 0.912)])
    partial = whole.model_copy(update={"complete": False, "evidence": []})
    workbench.store.report(job.id, 1, fraction=0.4, message="stage1 has answered", part=partial.model_dump(mode="json"))
    values = next(run)
    assert "stage1 has answered (40 %)" in values[STATE]
    assert "so far" in values[VERDICT]
    assert values[TABS] == []

    folder = workbench.workspace.analyses / job.id
    folder.mkdir()
    document = whole.model_dump(mode="json")
    write_json(folder / "analysis.json", document)
    picture(folder / "face0.png", 1)
    for item in whole.evidence:
        picture(folder / item.file, 2)
    produced = Produced("analysis", job.id, str(folder), {})
    workbench.store.finish(
        job.id, 1, "done", 2.0, produced=[produced], result={"message": "", "values": {}, "produced": [vars(produced)]}
    )
    values = next(run)
    assert "p_fake 0.912" in values[VERDICT]
    assert "decided" in values[STAGES]
    assert json.loads(values[DOCUMENT]) == document
    assert [title for title, _ in values[TABS]] == ["mobilenet", "efficientnet"]
    assert all(html.count("data:image/png;base64,") == 2 for _, html in values[TABS])
    with pytest.raises(StopIteration):
        next(run)


def test_refusals_are_sentences(workbench, tmp_path, monkeypatch):
    assert "Choose a file first." in next(demo.answers(None, False, workbench))[STATE]
    empty = tmp_path / "empty.png"
    empty.touch()
    assert "The file is not accepted: the file is empty." in next(demo.answers(str(empty), False, workbench))[STATE]
    assert workbench.jobs() == []


def test_a_disk_that_refuses_is_a_sentence(workbench, upload, tmp_path, monkeypatch):
    gone = next(demo.answers(str(tmp_path / "gone.png"), False, workbench))[STATE]
    assert "The server cannot read the file (No such file or directory). Choose it again." in gone

    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("jobs.workspace.uploads.os.fsync", full)
    shown = next(demo.answers(upload, False, workbench))[STATE]
    assert "The file is not accepted: the disk of the server is full" in shown


def test_a_failed_job_says_why(workbench, upload):
    run = demo.answers(upload, True, workbench)
    next(run)
    job = workbench.store.claim("analyze", "here-1", 1.0)
    assert job.spec["whole_frame"] is True
    workbench.store.finish(job.id, 1, "failed", 2.0, error="The file <b>x</b> is not a picture that can be read.")
    said = next(run)[STATE]
    assert "is not a picture that can be read." in said
    assert "<b>" not in said


def test_a_clip_is_drawn_with_every_point_and_both_exits():
    wave = [(0.0, 0.2), (1.5, 0.9), (3.0, 0.7)]
    drawn = demo.timeline_of(analysis("clip.mp4", [face(0, 0.71, wave)], "video"))
    assert drawn.count("<circle") == len(wave)
    assert drawn.count("<line") == 2
    assert "1.50 s: p_fake 0.900" in drawn
    assert f'cx="680.0" cy="{demo.height(0.7):.1f}"' in drawn
    assert demo.timeline_of(analysis("x.png", [face(0, 0.9)])) == ""


def test_no_interface_beside_the_page(workbench):
    page = demo.build(workbench)
    assert {fn.name: fn.api_visibility for fn in page.fns.values()}["run"] == "private"
    assert "public" not in {fn.api_visibility for fn in page.fns.values()}
    assert page.analytics_enabled is False
    assert page.delete_cache == (300, 900)


def test_a_refused_file_is_named_with_its_reason_and_no_old_verdict(workbench, upload):
    run = demo.answers(upload, False, workbench)
    next(run)
    job = workbench.store.claim("analyze", "here-1", 1.0)
    item = {"file": "/x/sound.mp3", "code": "no_video", "sentence": "This file holds sound only."}
    result = {"message": "", "values": {"analyses": [], "rejected": [item]}, "produced": []}
    workbench.store.finish(job.id, 1, "done", 2.0, result=result)
    values = next(run)
    assert "sound.mp3: not analysed. This file holds sound only. Choose another file." in values[STATE]
    assert values[VERDICT] == ""


def test_the_foot_names_bundle_and_policy(workbench):
    said = demo.bundle_line(workbench)
    assert "Bundle:" in said
    assert "Policy:" in said
