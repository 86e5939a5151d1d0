"""An imported run in every place where a trained one goes: calibrate, evaluate, stack, export. Minutes on two cores."""

import pytest
import torch
from safetensors.torch import save_file

from core.artifacts.files import read_json
from core.bundles.bundle import open_bundle
from core.bundles.export import export_bundle
from core.bundles.spec import ExportSpec
from core.calibrate.spec import CalibrateSpec
from core.evaluate.spec import EvaluateSpec
from core.models.genconvit.published import PublishedED
from core.models.inference.import_weights import import_detector
from core.models.spec import ImportSpec
from core.policies.choose import fit_policy
from core.policies.spec import PolicySpec
from core.progress import Silent
from core.stacking.fit_run import fit_stack
from core.stacking.spec import StackSpec
from jobs.kinds.calibrate import fit_calibration
from jobs.kinds.evaluate import evaluate
from jobs.workspace.policies import write_policy
from tests.support.tiny_runs import tiny_workspace

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def test_an_imported_run_goes_all_the_way_to_a_bundle(tmp_path):
    workspace = tiny_workspace(tmp_path / "home", groups=24, per_group=4)
    torch.manual_seed(0)
    save_file(PublishedED().state_dict(), tmp_path / "ed.safetensors")
    spec = ImportSpec(layout="genconvit-ed", file=str(tmp_path / "ed.safetensors"), name="ed")
    import_detector(spec, workspace.runs / "ed")
    with pytest.raises(ValueError, match="data set"):
        evaluate(EvaluateSpec(run="ed"), workspace, Silent())
    fit_calibration(CalibrateSpec(run="ed", dataset="squares"), workspace, Silent())
    report = evaluate(EvaluateSpec(run="ed", dataset="squares", n_bootstrap=50), workspace, Silent())
    assert 0 <= report["metrics"]["auroc"]["value"] <= 1
    stack = StackSpec(stage1="tiny_stage1", experts=["ed"], dataset="squares", name="stacked", folds=2, rounds=10)
    fit_stack(stack, workspace, workspace.runs / "stacked", Silent())
    members = read_json(workspace.runs / "stacked" / "run.json")["members"]
    assert [row["member"]["detector"] for row in members] == ["efficientnet_tiny", "genconvit_ed_published"]
    policy = fit_policy(PolicySpec(source="stacked"), workspace, Silent())
    write_policy(policy, workspace)
    folder = export_bundle(ExportSpec(stack="stacked", name="b", version="1"), workspace, Silent())
    assert open_bundle(folder).manifest.members[1].input.size == 224
