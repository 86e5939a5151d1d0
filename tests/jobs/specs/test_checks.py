"""What a spec refers to is looked for before a job has a row, a folder or a loaded library."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import pytest

from core.analysis.spec import AnalyzeSpec
from core.bundles.spec import ExportSpec
from core.calibrate.spec import CalibrateSpec
from core.data.spec import PrepareSpec
from core.evaluate.spec import EvaluateSpec
from core.policies.spec import PolicySpec
from core.spec import Spec
from core.stacking.spec import StackSpec
from core.train.spec import TrainSpec
from jobs.kind import kinds
from jobs.specs.checks import check
from jobs.specs.choices import CHOICES
from jobs.specs.references import settled
from jobs.worker.foreground import run_here
from tests.support.fake_kinds import FakeSpec
from tests.support.queueing import ROOT, open_workbench, supervised, until


@pytest.fixture
def workbench(tmp_path):
    opened = open_workbench(tmp_path / "home")
    space = opened.workspace
    for folder, mark in ((space.datasets / "faces", "manifest.csv"), (space.runs / "first", "run.json"),
                         (space.runs / "second", "run.json"), (space.bundles / "b", "bundle.json")):  # fmt: skip
        folder.mkdir()
        (folder / mark).write_text("{}")
    (space.datasets / "faces" / "protocols").mkdir()
    (space.datasets / "faces" / "protocols" / "without-swap.json").write_text("{}")
    (space.policies / "p1.json").write_text("{}")
    yield opened
    opened.close()


WRONG = [
    (TrainSpec(dataset="fases"), r"no data set 'fases'.*Did you mean 'faces'\?.*aware prepare"),
    (TrainSpec(dataset="faces@without-swop"), "Did you mean 'faces@without-swap'"),
    (TrainSpec(dataset="faces", recipe="stage_1"), "recipe: there is no 'stage_1'. Did you mean 'stage1'"),
    (TrainSpec(dataset="faces", weights="/nowhere.safetensors"), "weights: /nowhere.safetensors does not exist"),
    (CalibrateSpec(run="frist"), "run: there is no run or bundle 'frist', and no such path. Did you mean 'first'"),
    (CalibrateSpec(run="first", method="temprature"), "Did you mean 'temperature'.*venn_abers"),
    (EvaluateSpec(run="first", calibrator="/nowhere.json"), "calibrator: /nowhere.json does not exist"),
    (StackSpec(stage1="first", experts=["second", "third"]), "experts: there is no run 'third'"),
    (PolicySpec(source="c"), "source: there is no run or bundle 'c'"),
    (ExportSpec(stack="first", policy="p2"), "policy: there is no policy 'p2'"),
    (AnalyzeSpec(files=["/nowhere.jpg"]), "files: /nowhere.jpg does not exist"),
    (PrepareSpec(path="/nowhere"), "path: /nowhere does not exist"),
]


@pytest.mark.parametrize(
    ("spec", "said"), WRONG, ids=lambda item: item.fingerprint()[:6] if isinstance(item, Spec) else ""
)
def test_what_is_not_there_is_said_and_leaves_nothing_behind(workbench, spec, said):
    kind = next(name for name in kinds.names() if kinds.get(name).spec is type(spec))
    for way in (workbench.submit, lambda name, given: run_here(workbench, name, given)):
        with pytest.raises((LookupError, FileNotFoundError), match=said):
            way(kind, spec)
    assert workbench.jobs() == []
    assert list(workbench.workspace.jobs.iterdir()) == []


def test_what_is_there_passes(workbench, tmp_path):
    file = tmp_path / "x.csv"
    file.touch()
    for spec in (
        TrainSpec(dataset="faces@without-swap", recipe="stage1", weights="none"),
        TrainSpec(dataset=str(file), weights=str(file)),
        TrainSpec(dataset=f"{tmp_path}@x"),
        StackSpec(stage1="first", experts=["second"]),
        PolicySpec(source="b"),
        ExportSpec(stack="first", policy="p1", out=str(tmp_path / "new")),
        AnalyzeSpec(files=[str(file)], bundle="b", policy="p1"),
        PrepareSpec(path="demo"),
    ):
        check(settled(spec, workbench.workspace), workbench.workspace)


def test_every_list_of_words_is_one(workbench):
    for read in CHOICES.values():
        known = read()
        assert known
        assert all(isinstance(word, str) for word in known)


def test_a_wrong_name_loads_no_torch_and_makes_no_run(tmp_path):
    code = (
        "import sys\nfrom app.cli.main import app\n"
        "try:\n    app(['train', '--dataset', 'nothere', '--name', 'x'], standalone_mode=True)\n"
        "except SystemExit as end:\n    print(end.code, 'torch' in sys.modules)\n"
    )
    home = tmp_path / "home"
    environment = {**os.environ, "AWARE_HOME": str(home)}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, env=environment)
    assert done.stdout.split() == ["2", "False"]
    assert "no data set 'nothere'" in done.stderr
    assert list((home / "runs").iterdir()) == list((home / "jobs").iterdir()) == []


COMMAND = """
import sys
from tests.support.fake_kinds import FakeSpec
from tests.support.queueing import open_workbench
from jobs.worker.foreground import run_here
from pathlib import Path
run_here(open_workbench(Path(sys.argv[1])), "fake", FakeSpec(steps=400, seconds=0.1))
"""


def test_the_job_of_a_killed_command_is_not_taken_over(workbench):
    command = subprocess.Popen([sys.executable, "-c", COMMAND, str(workbench.workspace.root)], cwd=ROOT)
    try:
        until(lambda: [job for job in workbench.jobs() if job.fraction > 0], 120, "the command's job runs")
    finally:
        command.kill()
        command.wait()
    (job,) = workbench.jobs()
    with supervised(workbench):
        until(lambda: workbench.job(job.id).ended, 180, "the dead command is noticed")
        time.sleep(1.0)
        ended = workbench.job(job.id)
        assert (ended.state, ended.attempt) == ("failed", 1)
        assert "command that ran it was ended" in str(ended.error)
        workbench.cancel(job.id)
        workbench.retry(job.id)
        until(lambda: workbench.job(job.id).attempt == 2, 180, "a retry is taken by the worker")
        workbench.cancel(job.id)
        until(lambda: workbench.job(job.id).ended, 180)
    assert json.loads(json.dumps(workbench.job(job.id).spec))["steps"] == FakeSpec(steps=400).steps
