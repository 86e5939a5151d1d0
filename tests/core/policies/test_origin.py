"""A policy decides only for the scores that chose it: names of experts, items and hand-made tables are not enough."""

import numpy as np
import pandas as pd
import pytest

from core.artifacts.files import read_json, write_json, write_text
from core.artifacts.workspace import Workspace
from core.documents.policy import CascadePolicy, Exits, ExpertExits
from core.policies.choose import choose_policy, fit_policy
from core.policies.origin import OtherScores, check_origin, members_of, read_origin, scores_fingerprint
from core.policies.search.policy import policy_of
from core.policies.search.search import search
from core.policies.search_spec import SearchSpec
from core.policies.spec import PolicySpec
from core.policies.table import table_members
from core.progress import Silent

EXPERTS = ("texture", "other")


def table_of(seed: int) -> pd.DataFrame:
    """400 items of three members and a stack; the items are the same whatever the seed, the scores are not."""
    label = np.arange(400) % 2
    frame = pd.DataFrame({"sample_id": [f"s{i}" for i in range(400)], "label": label, "dataset": "d"})
    frame["group"], frame["split"] = frame["sample_id"], "val_calib"
    rng = np.random.default_rng(seed)
    for name in ("stage1", *EXPERTS, "stack"):
        frame[f"p_{name}"] = 1 / (1 + np.exp(-rng.normal(4 * label - 2, 1.5)))
    return frame


@pytest.fixture
def workspace(tmp_path):
    """A bundle and a stack run with its very table; a folder of foreign scores whose columns bear the members' names.

    The foreign table comes as CSV, as tables from elsewhere do."""
    workspace = Workspace(tmp_path).create()
    size = {"size": 64, "mean": [0.5] * 3, "std": [0.5] * 3}
    members = [
        {"name": name, "title": name, "role": "expert" if name in EXPERTS else "stage1", "detector": "d",
         "gflops": 1.0, "input": size}
        for name in ("stage1", *EXPERTS)
    ]  # fmt: skip
    manifest = {"name": "b", "version": "1", "created_at": "", "code_version": "", "stacked": True, "files": {}}
    for folder in (workspace.bundles / "b", workspace.runs / "stack", workspace.runs / "foreign"):
        folder.mkdir()
        table_of(0).to_parquet(folder / "predictions.parquet")
    table_of(1).to_csv(tmp_path / "foreign.csv", index=False)
    pd.read_csv(tmp_path / "foreign.csv").to_parquet(workspace.runs / "foreign" / "predictions.parquet")
    manifest["files"] = {"predictions.parquet": scores_fingerprint(workspace.bundles / "b")}
    write_json(workspace.bundles / "b" / "bundle.json", manifest | {"members": members})
    write_json(workspace.runs / "stack" / "run.json", {"kind": "stack", "members": [{"member": m} for m in members]})
    return workspace


def test_a_policy_of_the_stack_is_the_bundles_and_a_foreign_one_is_not(workspace):
    bundle = workspace.bundles / "b"
    own = fit_policy(PolicySpec(source="stack"), workspace, Silent())
    assert [m.name for m in members_of(bundle)] == ["stage1", *EXPERTS]
    check_origin(own, read_origin(bundle))
    check_origin(own, read_origin(workspace.runs / "stack"))
    foreign = fit_policy(PolicySpec(source="foreign"), workspace, Silent())
    assert [e.name for e in foreign.experts] == list(EXPERTS)
    assert foreign.data_fingerprint == own.data_fingerprint
    with pytest.raises(OtherScores, match=r"scores of other detectors.*aware policy --source b"):
        check_origin(foreign, read_origin(bundle))


def test_a_search_records_its_scores_too(workspace):
    wish = SearchSpec(source="x", max_leakage=0.2, max_false_alarms=0.5, max_auroc_loss=1)
    frame, members = table_of(1), ["stage1", *EXPERTS, "stack"]
    found = search(frame, members, [1, 2, 3, 0], wish)
    scores = scores_fingerprint(workspace.runs / "foreign")
    policy = policy_of(found, found.best, frame, members, wish, scores)
    assert policy.scores_fingerprint == scores
    with pytest.raises(OtherScores, match="scores of other detectors"):
        check_origin(policy, read_origin(workspace.bundles / "b"))


def test_other_experts_or_another_order_are_refused(workspace):
    own = fit_policy(PolicySpec(source="stack"), workspace, Silent())
    with pytest.raises(OtherScores, match="other, texture, and the experts of b are texture, other"):
        check_origin(own.model_copy(update={"experts": own.experts[::-1]}), read_origin(workspace.bundles / "b"))


def test_a_policy_from_before_scores_were_recorded_is_held_to_its_items(workspace):
    table, bundle = table_of(0), workspace.bundles / "b"
    old = choose_policy(PolicySpec(source="stack"), table, table_members(table))
    check_origin(old, read_origin(bundle))
    with pytest.raises(OtherScores, match="other items"):
        check_origin(old.model_copy(update={"data_fingerprint": "0" * 64}), read_origin(bundle))
    with pytest.raises(OtherScores, match="not recorded"):
        check_origin(old.model_copy(update={"data_fingerprint": ""}), read_origin(bundle))


def test_exits_that_promise_nothing_need_only_the_experts(workspace):
    bundle = workspace.bundles / "b"
    experts = [ExpertExits(name=name) for name in EXPERTS]
    bare = CascadePolicy(policy_id="x", name="x", created_at="", stage1=Exits(), experts=experts, final=Exits())
    check_origin(bare, read_origin(bundle))
    (bundle / "predictions.parquet").unlink()
    check_origin(bare, read_origin(bundle))
    with pytest.raises(OtherScores, match="scores of other"):
        check_origin(bare.model_copy(update={"scores_fingerprint": "0" * 64}), read_origin(bundle))


def test_what_a_bundle_ships_is_its_own(workspace):
    bundle = workspace.bundles / "b"
    shipped = fit_policy(PolicySpec(source="foreign"), workspace, Silent())
    write_text(bundle / "policy.json", shipped.to_json())
    check_origin(
        shipped.model_copy(update={"version": 3}), read_origin(bundle)
    )  # a workspace counts versions of its own
    changed = CascadePolicy.model_validate(read_json(bundle / "policy.json") | {"stage1": {"real_below": 0.4}})
    with pytest.raises(OtherScores):
        check_origin(changed, read_origin(bundle))


def test_promotion_and_analysis_refuse_it_the_same_way(workspace):
    from core.analysis.analyze import Analyzer
    from jobs.client import Workbench
    from jobs.settings import Settings

    bundle = workspace.bundles / "b"
    foreign = fit_policy(PolicySpec(source="foreign"), workspace, Silent())
    own = fit_policy(PolicySpec(source="stack"), workspace, Silent())
    workbench = Workbench.open(Settings(home=workspace.root))
    workbench.set_active(bundle=bundle)
    item = workbench.save_policy(foreign)
    with pytest.raises(OtherScores, match="chosen on scores of other detectors"):
        workbench.set_active(policy=item.path)
    with pytest.raises(OtherScores):
        workbench.set_active(bundle=bundle, policy=item.path)
    assert workbench.active().policy is None
    workbench.set_active(policy=workbench.save_policy(own).path)
    workbench.close()

    class Opened:
        origin = read_origin(bundle)

    analyzer = Analyzer.__new__(Analyzer)  # no networks: the refusal comes before they are asked
    analyzer.bundle = Opened()
    with pytest.raises(OtherScores):
        analyzer.use_policy(foreign)
