"""A run that knows no data set, as imported weights do: every job says to name one, and works where one is named."""

import pytest

from core.artifacts.files import read_json, write_json
from core.calibrate.spec import CalibrateSpec
from core.evaluate.experts.spec import ExpertsSpec
from core.evaluate.spec import EvaluateSpec
from core.progress import Silent
from core.stacking.fit_run import fit_stack
from core.stacking.spec import StackSpec
from jobs.kinds.calibrate import fit_calibration
from jobs.kinds.evaluate import evaluate
from jobs.kinds.experts import judge_experts
from tests.support.tiny_runs import tiny_workspace

RUNS = {"strange": "efficientnet_tiny", "own": "efficientnet_tiny_texture"}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    workspace = tiny_workspace(tmp_path_factory.mktemp("home"), groups=24, per_group=2, runs=RUNS)
    file = workspace.runs / "strange" / "run.json"
    write_json(file, read_json(file) | {"kind": "imported", "dataset": "", "data_fingerprint": ""})
    return workspace


JOBS = {
    "calibrate": lambda dataset, home, out: fit_calibration(
        CalibrateSpec(run="strange", dataset=dataset), home, Silent()
    ),
    "evaluate": lambda dataset, home, out: evaluate(
        EvaluateSpec(run="strange", dataset=dataset, n_bootstrap=20), home, Silent()
    ),
    "stack": lambda dataset, home, out: fit_stack(
        StackSpec(stage1="strange", experts=["own"], dataset=dataset, folds=2, rounds=10, search=1), home, out, Silent()
    ),
    "experts": lambda dataset, home, out: judge_experts(
        ExpertsSpec(runs=["strange", "own"], dataset=dataset, n_bootstrap=20), home, out, Silent()
    ),
}


@pytest.mark.parametrize("job", JOBS)
def test_it_asks_for_a_data_set_and_takes_the_one_named(home, tmp_path, job):
    with pytest.raises(ValueError, match=r"'strange' .* name a data set"):
        JOBS[job]("", home, tmp_path / "asked")
    JOBS[job]("squares", home, tmp_path / "named")


def test_a_stack_says_what_it_could_not_check(home, tmp_path):
    JOBS["stack"]("squares", home, tmp_path / "stack")
    notes = read_json(tmp_path / "stack" / "stack_report.json")["notes"]
    assert any("strange" in note and "could not be checked" in note for note in notes)
    assert read_json(tmp_path / "stack" / "run.json")["dataset"] == "squares"
