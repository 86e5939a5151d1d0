"""Stage 3: nothing leaks across groups, everything is stored whole, and a bundle can be made of it."""

from __future__ import annotations

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score

from core.documents.bundle import Member
from core.documents.inputs import InputSpec
from core.documents.read import BundleError
from core.models.inference.run import find_run
from core.progress import Silent
from core.stacking.data import StackData, check_splits, order_notes
from core.stacking.feature_sets import feature_sets
from core.stacking.fit import SETTINGS, fit_meta, group_folds, hold_out
from core.stacking.fit_run import fit_stack
from core.stacking.meta_model import feature_table, fit_projection, load_meta
from core.stacking.report import comparison, importance, paired, permutation
from core.stacking.spec import StackSpec
from tests.support.tiny_runs import RUNS, tiny_workspace

SPEC = StackSpec(stage1="a", experts=["b"], rounds=60, projection=6, folds=4)


def data_of(rng, n=400, signal=1.0, groups=100):
    """Two members; the expert's embedding holds what the log-odds do not."""
    group = np.arange(n) % groups
    y = rng.integers(0, 2, n)
    hidden = y + rng.normal(0, 0.7, n)
    frame = pd.DataFrame(
        {
            "sample_id": [f"s{i}" for i in range(n)],
            "group": [f"g{g}" for g in group],
            "dataset": "d",
            "label": y,
            "split": np.where(group % 4 == 3, "test", np.where(group % 4 == 2, "val_calib", "val_select")),
            "method": "",
        }
    )
    log_odds = {name: signal * (2 * y - 1) + rng.normal(0, 2, n) for name in ("stage1", "expert")}
    embedding = rng.normal(0, 0.3, (n, 12)) + hidden[:, None] * np.linspace(1, 0, 12)
    return StackData(frame, log_odds, {"expert": embedding.astype(np.float32)}, [], [])


def fit(data, sets=None):
    """Stage 3 (and the sets asked for) over the splits of SPEC."""
    rows = data.rows_of(SPEC.fit_splits)
    sets = sets or feature_sets("stage1", ["expert"])[:2]
    return fit_meta(data, SPEC, Silent(), sets, rows, rows)


def test_projection_is_the_pca_of_somebody_else():
    x = np.random.default_rng(0).normal(size=(50, 9))
    own, peer = fit_projection(x, 4), PCA(4, svd_solver="full").fit(x)
    np.testing.assert_allclose(own(x), peer.transform(x), atol=1e-5)


def test_projection_keeps_no_more_than_there_is():
    rng = np.random.default_rng(0)
    assert fit_projection(rng.normal(size=(5, 40)), 256).size == 4
    assert fit_projection(rng.normal(size=(400, 7)), 256).size == 7
    with pytest.raises(ValueError, match="two samples"):
        fit_projection(np.ones((1, 4)), 2)


def test_no_group_is_on_both_sides_of_a_fold():
    rng = np.random.default_rng(1)
    y, groups = rng.integers(0, 2, 200), np.arange(200) % 37
    held_once = np.zeros(200, int)
    for train, held in group_folds(y, groups, 5, 0):
        assert not set(groups[train]) & set(groups[held])
        held_once[held] += 1
        fit, watch = hold_out(train, groups, y, 0)
        assert not set(groups[fit]) & set(groups[watch])
        assert set(fit) | set(watch) == set(train)
    assert (held_once == 1).all()


def test_out_of_fold_scores_of_pure_noise_are_noise():
    """Labels are drawn anew for whole groups: a leak across the fold would be learnt, and be seen here."""
    rng = np.random.default_rng(2)
    data = data_of(rng, n=600, signal=0.0, groups=150)
    label_of = rng.integers(0, 2, 150)
    data.frame["label"] = label_of[np.arange(600) % 150]
    fingerprints = rng.normal(size=(150, 12))[np.arange(600) % 150]
    data.embeddings["expert"] = (fingerprints + rng.normal(0, 0.05, (600, 12))).astype(np.float32)
    fitted = fit(data)
    rows = fitted.rows
    assert abs(roc_auc_score(data.labels[rows], fitted.p["lightgbm"][rows]) - 0.5) < 0.1


def test_embeddings_that_know_more_are_used():
    data = data_of(np.random.default_rng(3), signal=0.6)
    fitted = fit(data)
    test = data.rows_of(["test"])
    area = {name: roc_auc_score(data.labels[test], p[test]) for name, p in fitted.p.items()}
    assert area["lightgbm"] > area["lightgbm_log_odds"] + 0.05
    assert sum(fitted.importance.values()) == pytest.approx(1.0)
    assert fitted.importance["expert: embedding"] > 0.5
    assert fitted.rounds == max(1, int(np.median(fitted.best_rounds)))
    assert all(np.isfinite(p).all() and ((p >= 0) & (p <= 1)).all() for p in fitted.p.values())


def test_a_fold_never_sees_its_held_out_rows():
    """Change everything about one held-out fold: its own scores move, its training's do not."""
    data = data_of(np.random.default_rng(4))
    rows = data.rows_of(SPEC.fit_splits)
    folds = group_folds(data.labels[rows], data.groups[rows], SPEC.folds, SPEC.seed)
    before = fit(data)
    held = rows[folds[0][1]]
    one = held[0]
    data.embeddings["expert"][held[held != one]] = 9.0
    after = fit(data)
    raw = [
        f.calibrator.fitted.temperature * np.log(f.p["lightgbm"][one] / (1 - f.p["lightgbm"][one]))
        for f in (before, after)
    ]
    assert raw[0] == pytest.approx(raw[1], abs=1e-9)


@pytest.mark.parametrize("splits", [["train"], ["val_select", "train"], ["test"], []])
def test_splits_that_would_leak_are_refused(splits):
    with pytest.raises(ValueError, match="fit_splits"):
        check_splits(splits)


def test_too_few_groups_are_said():
    with pytest.raises(ValueError, match="at least four groups"):
        group_folds(np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1]), 5, 0)
    with pytest.raises(ValueError, match="either class"):
        group_folds(np.array([0, 0, 0, 1, 0]), np.arange(5), 5, 0)


def test_sources_can_be_left_out_and_are_judged_apart():
    data = data_of(np.random.default_rng(6))
    data.frame["dataset"] = np.where(np.arange(len(data.frame)) % 5 == 0, "new", "old")
    rows = data.learnable(SPEC.fit_splits, ["new"])
    assert set(data.frame["dataset"].iloc[rows]) == {"old"}
    assert set(rows) <= set(data.rows_of(SPEC.fit_splits))
    with pytest.raises(ValueError, match="cannot exclude odd: the data set's sources are new, old"):
        data.learnable(SPEC.fit_splits, ["odd"])
    p = 1 / (1 + np.exp(-data.log_odds["stage1"]))
    found = comparison(data.frame, {"mean": p, "x": p**2}, rows, 0, draws=50, left_out=["new"])
    kept = ((data.frame["split"] == "test") & (data.frame["dataset"] == "new")).to_numpy()
    assert found["left_out"][0]["items"] == kept.sum()
    assert found["left_out"][1]["auroc"] == pytest.approx(roc_auc_score(data.labels[kept], p[kept]))
    assert comparison(data.frame, {"mean": p}, rows, 0, draws=50)["left_out"] == []


def test_ways_are_compared_in_pairs_on_the_same_draws():
    """The same ranking has no difference, and no interval of no width; a better one has both bounds above zero."""
    data = data_of(np.random.default_rng(7))
    weak = 1 / (1 + np.exp(-data.log_odds["stage1"]))
    strong = 1 / (1 + np.exp(-data.log_odds["stage1"] - 4 * data.labels))
    rows = data.rows_of(["test"])
    found = paired(data.frame, {"mean": weak, "same": weak**3, "strong": strong}, rows, 0, 200)
    assert found["mean"]["less_mean"] is None
    assert found["same"]["less_mean"]["value"] == pytest.approx(0)
    assert found["same"]["less_mean"]["interval"] is None  # all draws agree
    assert found["same"]["less_mean"]["p_value"] == 1.0
    y = data.labels[rows]
    gap = roc_auc_score(y, strong[rows]) - roc_auc_score(y, weak[rows])
    assert found["strong"]["less_mean"]["value"] == pytest.approx(gap)
    assert 0 < found["strong"]["less_mean"]["interval"][0] < gap < found["strong"]["less_mean"]["interval"][1]
    assert found["strong"]["less_mean"]["p_value"] < 0.01
    assert found["strong"]["less_logistic"] is None


def test_shuffling_a_member_costs_what_it_brings():
    rng = np.random.default_rng(8)
    y = rng.integers(0, 2, 300)
    table = np.stack([y + rng.normal(0, 0.5, 300), rng.normal(size=300), rng.normal(size=300)], axis=1)
    names = ["log_odds_a", "log_odds_b", "b_000"]
    found = permutation(lambda t: t[:, 0], table, names, ["a", "b"], y, seed=0)
    assert found["a"]["low"] > 0.1
    assert found["b"] == {"drop": 0.0, "low": 0.0, "high": 0.0}
    assert permutation(lambda t: t.sum(1), table, names, ["a", "b"], y * 0, seed=0) == {}


def test_the_search_is_bounded_and_inside_the_fold():
    data = data_of(np.random.default_rng(9))
    fitted = fit(data)
    found = fitted.search["lightgbm"]
    assert len(found["losses"]) == SPEC.search == 3
    assert found["kept"] == int(np.argmin(found["losses"]))
    assert len(SETTINGS) == 8


def test_feature_sets_are_a_table():
    names = [s.name for s in feature_sets("s", ["a", "b"], ["b:latent"], ["hair"])]
    assert names == [
        "lightgbm", "lightgbm_log_odds", "lightgbm_embeddings", "lightgbm_experts", "lightgbm_a", "lightgbm_b",
        "lightgbm_parts", "lightgbm_specialists",
    ]  # fmt: skip
    by_name = {s.name: s for s in feature_sets("s", ["a", "b"], ["b:latent"], ["hair"])}
    assert (by_name["lightgbm"].log_odds, by_name["lightgbm"].blocks) == (("s", "a", "b"), ("a", "b"))
    assert by_name["lightgbm_specialists"].log_odds == ("s", "a", "b", "hair")
    assert by_name["lightgbm_parts"].blocks == ("a", "b", "b:latent")
    assert "lightgbm_experts" not in [s.name for s in feature_sets("s", ["a"])]


def test_parts_and_specialists_are_fitted_beside_stage3():
    data = data_of(np.random.default_rng(10))
    data.aside_blocks["expert:latent"] = np.random.default_rng(1).normal(size=(400, 3))
    data.aside_blocks["hair"] = data.labels[:, None] + np.random.default_rng(2).normal(0, 0.4, (400, 2))
    data.aside_log_odds["hair"] = data.log_odds["stage1"] + 3 * data.labels
    sets = feature_sets("stage1", ["expert"], ["expert:latent"], ["hair"])
    fitted = fit(data, sets=[s for s in sets if s.name in ("lightgbm", "lightgbm_parts", "lightgbm_specialists")])
    test = data.rows_of(["test"])
    area = {name: roc_auc_score(data.labels[test], p[test]) for name, p in fitted.p.items()}
    assert area["lightgbm_specialists"] > area["lightgbm"]
    assert set(fitted.projections) == {"expert"}


def test_importance_keeps_names_that_begin_alike_apart():
    gains = {"log_odds_a": 1.0, "log_odds_a_2": 2.0, "a_000": 3.0, "a_2_000": 4.0, "a_2_001": 0.0}
    shares = importance(gains, ["a", "a_2"])
    assert shares == {"a: log-odds": 0.1, "a: embedding": 0.3, "a_2: log-odds": 0.2, "a_2: embedding": 0.4}


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """Three tiny runs over drawn squares, stacked."""
    workspace = tiny_workspace(tmp_path_factory.mktemp("home"))
    names = list(RUNS)
    spec = StackSpec(stage1=names[0], experts=names[1:], rounds=30, folds=3, device="cpu")
    return workspace, spec, fit_stack(spec, workspace, workspace.runs / "stack", Silent())


def test_predictions_are_the_table_that_everybody_reads(stack):
    _, _, run = stack
    table = run.predictions
    members = ["stage1", "efficientnet_tiny_texture", "byobnet_tiny"]
    fixed = ["sample_id", "group", "dataset", "label", "split", "method"]
    pairs = [f"{kind}_{member}" for member in members for kind in ("log_odds", "p")]
    assert list(table.columns) == [*fixed, *pairs, "p_stack"]
    assert set(table["split"]) == {"val_calib", "test"}
    assert len(table) == 80
    assert np.isfinite(table[[*pairs, "p_stack"]].to_numpy()).all()


def test_the_stored_model_gives_the_stored_scores_of_test(stack):
    """Read back from disk and fed from the runs again, stage 3 gives the p_stack that was written."""
    workspace, spec, run = stack
    from core.stacking.data import collect_stack_data, stack_members

    data = collect_stack_data(spec, workspace, stack_members(spec, workspace), Silent())
    meta = load_meta(run.folder / "stack")
    test = data.rows_of(["test"])
    table = feature_table(
        meta.members,
        meta.projections,
        {n: v[test] for n, v in data.log_odds.items()},
        {n: v[test] for n, v in data.embeddings.items()},
    )
    stored = run.predictions.set_index("sample_id")["p_stack"]
    np.testing.assert_allclose(meta.predict(table), stored[data.frame["sample_id"].iloc[test]], atol=1e-9)
    one = meta.p_fake(
        {n: float(v[test[0]]) for n, v in data.log_odds.items()}, {n: v[test[0]] for n, v in data.embeddings.items()}
    )
    assert one == pytest.approx(stored[data.frame["sample_id"].iloc[test[0]]], abs=1e-9)


def test_a_dear_expert_before_a_cheap_one_is_named():
    def member(name, role, gflops):
        return Member(name=name, title=name, role=role, detector="x", input=InputSpec(), gflops=gflops)

    first, cheap, dear = member("stage1", "stage1", 9.0), member("b3", "expert", 4.0), member("ed", "expert", 18.0)
    assert order_notes([first, cheap, dear]) == []
    (said,) = order_notes([first, dear, cheap])
    assert said.startswith("ed (18 GFLOP) is asked before b3 (4)")


def test_the_report_compares_and_confesses(stack):
    _, _, run = stack
    report = run.report
    methods = [row["method"] for row in report["comparison"]]
    assert methods == [
        "stage1",
        "efficientnet_tiny_texture",
        "byobnet_tiny",
        "mean",
        "logistic",
        "lightgbm",
        "lightgbm_log_odds",
        "lightgbm_embeddings",
        "lightgbm_experts",
        "lightgbm_efficientnet_tiny_texture",
        "lightgbm_byobnet_tiny",
    ]
    table = run.predictions[run.predictions["split"] == "test"]
    first = report["comparison"][0]
    assert first["auroc"] == pytest.approx(roc_auc_score(table["label"], table["p_stage1"]))
    assert first["interval"][0] <= first["auroc"] <= first["interval"][1]
    assert first["groups"] == table["group"].nunique()
    notes = " ".join(report["notes"])
    assert "frozen" in notes
    assert "picked each expert's epoch" in notes
    assert "dimensions" in notes


def test_changed_text_never_reaches_lightgbm(stack, tmp_path, monkeypatch):
    import lightgbm

    _, _, run = stack
    for name in ("meta.txt", "projections.safetensors", "stack.json"):
        (tmp_path / name).write_bytes((run.folder / "stack" / name).read_bytes())
    text = (tmp_path / "meta.txt").read_text()
    (tmp_path / "meta.txt").write_text(text.replace("leaf_value=", "leaf_value=9", 1))
    monkeypatch.setattr(lightgbm, "Booster", lambda **_: pytest.fail("parsed before its hash was checked"))
    with pytest.raises(ValueError, match=r"meta\.txt does not have the hash"):
        load_meta(tmp_path)


def test_nothing_is_pickled(stack):
    _, _, run = stack
    suffixes = {path.suffix for path in run.folder.rglob("*") if path.is_file()}
    assert suffixes == {".json", ".parquet", ".safetensors", ".txt"}
    assert json.loads((run.folder / "stack" / "stack.json").read_text())["format"] == 1


def test_a_run_that_knows_these_groups_is_refused(stack, tmp_path):
    """A run trained on another cut of the same pictures has seen groups that stage 3 would be judged on."""
    workspace, spec, _ = stack
    from core.artifacts.files import read_json, write_json
    from core.data.manifest.manifest import Manifest
    from core.data.manifest.open import open_dataset

    whole = open_dataset("squares", workspace)
    turned = whole.frame.assign(split=whole.frame["split"].map({"test": "train", "train": "test"}).fillna("val_calib"))
    Manifest(turned, whole.root).save(tmp_path / "turned")
    document = workspace.runs / "tiny_other" / "run.json"
    before = read_json(document)
    write_json(document, {**before, "dataset": str(tmp_path / "turned"), "data_fingerprint": "other"})
    try:
        with pytest.raises(ValueError, match="was trained on 10 group"):
            fit_stack(spec, workspace, tmp_path / "stack", Silent())
    finally:
        write_json(document, before)


def test_inference_takes_the_fitted_members_and_no_others(stack, tmp_path):
    """What a bundle loads is held to what the stack wrote: the very weights, half precision allowed, in the order."""
    from core.bundles.load import LoadedMember, _load_stage3
    from core.calibrate import load_calibrator

    workspace, _, run = stack
    shutil.copytree(run.folder / "stack", tmp_path / "stack")
    members = []
    for row in run.document["members"]:
        described = Member.model_validate(row["member"])
        (tmp_path / described.name).mkdir()
        file = tmp_path / described.name / "calibrator.json"
        shutil.copyfile(run.folder / "calibrators" / f"{described.name}.json", file)
        detector = find_run(row["run"], workspace).load_detector().half().float()
        given = (described.name, described.title, described.role, described.input)
        members.append(LoadedMember(*given, detector, load_calibrator(file), "cpu"))
    bundle = SimpleNamespace(path=tmp_path)
    assert _load_stage3(bundle, members).members == [member.name for member in members]
    with pytest.raises(BundleError, match="fitted on stage1, efficientnet_tiny_texture, byobnet_tiny, in this order"):
        _load_stage3(bundle, [members[0], members[2], members[1]])
    next(members[1].detector.parameters()).data += 0.5
    with pytest.raises(BundleError, match=r"efficientnet_tiny_texture: weights [0-9a-f]{12}, not [0-9a-f]{12}"):
        _load_stage3(bundle, members)
