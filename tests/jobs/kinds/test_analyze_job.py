"""A real photograph through a real (tiny) bundle: queue, foreground and command agree to the last digit."""

import json
import os
import subprocess
import sys
from contextlib import contextmanager

import pytest
from PIL import Image
from skimage import data

from core.analysis.spec import AnalyzeSpec
from core.artifacts.files import write_json
from core.artifacts.workspace import Workspace
from core.documents.analysis import Analysis
from core.media.types import MediaRejected
from core.progress import Silent
from jobs.clock import JobClock
from jobs.kind import JobContext
from jobs.kinds.analyze import ENDED_EARLY, result_of_part, run
from jobs.worker.foreground import run_here
from jobs.workspace.bundles import produced_bundle
from tests.support.queueing import PLUGIN, ROOT, open_workbench, supervised, until
from tests.support.tiny_bundle import build_tiny_bundle, tiny_policy

WAIT = 180.0


def without_times(document: dict) -> dict:
    """The document but for what a clock says."""
    if isinstance(document, dict):
        return {k: without_times(v) for k, v in document.items() if k not in ("timings", "seconds")}
    return [without_times(item) for item in document] if isinstance(document, list) else document


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a bundle, a photograph, and a file that is none."""
    folder = tmp_path_factory.mktemp("analyze")
    build_tiny_bundle(folder / "bundle")
    Image.fromarray(data.astronaut()).save(folder / "astronaut.png")
    (folder / "note.jpg").write_text("not a picture")
    return folder


@pytest.fixture(scope="module")
def served(place):
    """One supervisor answers: the photograph twice (another policy the second time), a bad file, and both at once."""
    workbench = open_workbench(place / "home")
    workbench.set_active(bundle=place / "bundle")
    photo, note = str(place / "astronaut.png"), str(place / "note.jpg")
    strict = workbench.save_policy(tiny_policy().model_copy(update={"policy_id": "strict", "name": "strict"}))
    with supervised(workbench, analyses=True) as supervisor:
        until(lambda: supervisor.warm is not None and supervisor.warmed and supervisor.warm.idle, WAIT, "warm")
        ids = {"one": workbench.submit("analyze", AnalyzeSpec(files=[photo]))}
        ids["bad"] = workbench.submit("analyze", AnalyzeSpec(files=[note]))
        ids["both"] = workbench.submit("analyze", AnalyzeSpec(files=[note, photo], explain=False))
        workbench.set_active(policy=strict.path)
        ids["strict"] = workbench.submit("analyze", AnalyzeSpec(files=[photo], explain=False))
        jobs = {name: workbench.wait(job_id, WAIT) for name, job_id in ids.items()}
        trouble = supervisor.warm.trouble
    workbench.set_active(bundle=place / "bundle")
    yield workbench, jobs, trouble
    workbench.close()


def test_the_warm_process_answers_with_a_whole_document(served):
    workbench, jobs, trouble = served
    job = jobs["one"]
    assert (trouble, job.state, job.error) == ("", "done", None)
    (document,) = job.result["values"]["analyses"]
    analysis = Analysis.model_validate(document)
    assert analysis.complete
    assert analysis.file_name == "astronaut.png"
    assert len(analysis.faces) == 1
    assert Analysis.model_validate(job.part) == analysis
    folder = workbench.analysis_folder(job.id)
    assert workbench.artifact("analysis", job.id).path == folder
    assert json.loads((folder / "analysis.json").read_text()) == document
    for item in analysis.evidence:
        assert item.file is None or (folder / item.file).is_file()


def test_a_file_that_is_no_picture_is_refused_for_good_and_no_failure(served):
    job = served[1]["bad"]
    assert (job.state, job.error) == ("done", None)
    assert "not analysed" in job.message
    assert "not a picture" in job.message
    assert job.result["values"]["analyses"] == []
    assert [item["code"] for item in job.result["values"]["rejected"]] == ["unsupported"]
    assert job.result["produced"] == []


def test_a_bad_file_does_not_stop_the_others(served):
    values = served[1]["both"].result["values"]
    assert [item["code"] for item in values["rejected"]] == ["unsupported"]
    assert [d["file_name"] for d in values["analyses"]] == ["astronaut.png"]


def test_a_new_policy_is_used_without_loading_again(served):
    job = served[1]["strict"]
    assert job.result["values"]["analyses"][0]["bundle"]["policy_id"] == "strict"
    assert job.spec["policy"].endswith("strict.json")


def test_queue_foreground_and_command_agree(served, place):
    workbench, jobs, _ = served
    queued = without_times(jobs["one"].result["values"]["analyses"][0])
    _, outcome = run_here(workbench, "analyze", AnalyzeSpec(files=[str(place / "astronaut.png")]))
    assert outcome.error is None
    here = without_times(outcome.result.values["analyses"][0])
    assert here["evidence"] == queued["evidence"]
    assert here == queued
    command = [sys.executable, "-m", "app.cli.main", "analyze", "astronaut.png", "note.jpg", "--json", "--out", "out"]
    done = subprocess.run(
        [*command, "--bundle", "bundle"],
        cwd=place, env={**os.environ, "PYTHONPATH": str(ROOT), "AWARE_HOME": str(place / "untouched")},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr  # one of the two files was bad input
    document, rejection = (json.loads(line) for line in done.stdout.splitlines())
    assert without_times(document) == queued
    assert rejection["file_name"] == "note.jpg"
    assert rejection["rejected"]["code"] == "unsupported"
    assert (place / "out" / "0" / "analysis.json").is_file()
    assert not (place / "untouched").exists()


def test_a_process_that_is_killed_while_it_draws_leaves_the_verdict(place, served):
    """Two files: the first one's evidence is whole; the second one's hangs, and its process is killed."""
    workbench = open_workbench(place / "killed")
    workbench.settings = workbench.settings.model_copy(update={"plugins": f"{PLUGIN},tests.support.hanging_evidence"})
    workbench.set_active(bundle=place / "bundle")
    photo, note = str(place / "astronaut.png"), str(place / "note.jpg")
    with supervised(workbench, analyses=True) as supervisor:
        job_id = workbench.submit("analyze", AnalyzeSpec(files=[note, photo]))
        until(lambda: (workbench.job(job_id).part or {}).get("evidence"), WAIT, "the first map")
        supervisor.warm.kill()
        job = workbench.wait(job_id, WAIT)
    assert (job.state, job.error, job.attempt) == ("done", None, 1)
    (document,) = job.result["values"]["analyses"]
    assert [item["file"] for item in job.result["values"]["rejected"]] == [note]
    assert job.result["values"]["ended_early"]
    whole = served[1]["one"].result["values"]["analyses"][0]
    assert (document["complete"], document["warnings"]) == (True, [*whole["warnings"], ENDED_EARLY])
    unlike = {"evidence": [], "warnings": []}
    assert without_times(document | unlike) == without_times(whole | unlike)
    assert {piece["member"] for piece in document["evidence"]} == {"stage1"}
    folder = workbench.artifact("analysis", f"{job_id}-1").path
    assert json.loads((folder / "analysis.json").read_text()) == document
    for name in [document["picture"], document["faces"][0]["crop"], *(e["file"] for e in document["evidence"])]:
        assert (folder / name).is_file()
    workbench.close()


class Recorded:
    """An analyzer that spends ten seconds a file, keeps how many it was told are left, and stores no verdict."""

    def __init__(self, clock):
        self.clock, self.left = clock, []

    def analyze(self, path, spec, out, report, seconds_left):
        self.left.append(seconds_left())
        self.clock.seconds -= 10
        raise MediaRejected("unsupported", "No.")


class Clock(JobClock):
    """A hundred seconds, and what was asked of it."""

    def __init__(self):
        super().__init__()
        self.seconds, self.pauses = 100.0, 0

    def seconds_left(self):
        return self.seconds

    @contextmanager
    def paused(self):
        self.pauses += 1
        yield


def context_of(folder, clock=None):
    workspace = Workspace(folder).create()
    (folder / "jobs" / "job-1").mkdir(parents=True)
    return JobContext(workspace, folder / "jobs" / "job-1", Silent(), clock=clock or JobClock())


def test_a_file_may_take_its_share_of_the_time_that_is_left(tmp_path, place, monkeypatch):
    clock = Clock()
    analyzer = Recorded(clock)
    monkeypatch.setattr("jobs.kinds.analyze.analyzer_for", lambda *_: analyzer)
    spec = AnalyzeSpec(files=[str(place / "note.jpg")] * 4, bundle=str(place / "bundle"))
    result = run(spec, context_of(tmp_path, clock))
    assert analyzer.left == [25.0, 30.0, 40.0, 70.0]
    assert clock.pauses == 1
    assert len(result.values["rejected"]) == 4


def test_a_part_without_a_verdict_of_every_file_is_no_result(tmp_path, place, served):
    context = context_of(tmp_path)
    note, photo = str(place / "note.jpg"), str(place / "astronaut.png")
    spec = AnalyzeSpec(files=[photo, photo])
    (document,) = served[1]["one"].result["values"]["analyses"]
    home = context.workspace.analyses / context.folder.name
    (home / "0").mkdir(parents=True)
    write_json(home / "0" / "analysis.json", document)
    assert result_of_part(spec, document, context) is None
    assert result_of_part(AnalyzeSpec(files=[note]), document, context) is None
    write_json(context.folder / "rejected.json", [{"file": note, "code": "unsupported", "sentence": "No."}])
    assert result_of_part(AnalyzeSpec(files=[note]), document, context) is None, "nothing was judged"
    found = result_of_part(AnalyzeSpec(files=[photo, note]), document, context)
    assert found.values["analyses"] == [document], "a complete document stays as it is"


def test_a_bundle_becomes_an_artefact_with_its_hash(place):
    item = produced_bundle(place / "bundle")
    assert item.summary["members"] == ["stage1", "texture", "other"]
    assert len(item.summary["sha256"]) == 64
