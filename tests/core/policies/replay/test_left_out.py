"""What leaving a source or a method out of training costs: the paired difference, and from runs to the page's table."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from app.charts import transfer as elsewhere_charts
from app.views.cascade.left_out_runs import left_out_runs, loss_words, stack_learnt
from core.artifacts.files import read_json, write_json
from core.artifacts.workspace import Workspace
from core.data.manifest.manifest import CARD, Manifest
from core.data.manifest.open import open_dataset
from core.data.manifest.pin import pin_protocols
from core.data.manifest.protocol_spec import ProtocolSpec
from core.policies.replay.left_out import Unseen, comparable, left_out, unseen_of, unseen_sources
from core.policies.replay.transport import auroc_matrix
from core.policies.spec import Spec
from jobs.client import Workbench
from jobs.kind import kinds
from jobs.settings import Settings
from jobs.worker.foreground import run_here
from tests.support.drawn_sources import drawn
from tests.support.tiny_runs import tiny_workspace


def test_leaving_a_source_out_is_the_paired_difference():
    rng = np.random.default_rng(1)
    seen = drawn(2000).rename(columns={"p_only": "p_fake"})
    blind = seen.copy()
    swap = seen["dataset"] == "swap"
    blind.loc[swap, "p_fake"] = 1 / (1 + np.exp(-rng.normal(-1, 1.5, swap.sum())))
    found = left_out("without-swap", blind.sample(frac=1, random_state=0), "all", seen, ["swap", "nowhere"])
    assert [row.source for row in found] == ["swap"]
    rows = seen[(seen["label"] == 0) | swap]
    assert found[0].seen == pytest.approx(roc_auc_score(rows["label"], rows["p_fake"]))
    assert found[0].unseen == pytest.approx(roc_auc_score(rows["label"], blind.loc[rows.index, "p_fake"]))
    assert found[0].low < found[0].loss < found[0].high
    assert found[0].low > 0, "a source that scores like reals must show"
    same = left_out("copy", seen, "all", seen, ["swap"])[0]
    assert (same.loss, same.low, same.high) == (0, 0, 0)


def test_unseen_sources_are_those_a_run_did_not_train_on():
    table = drawn()
    assert unseen_sources({"sources": {"gan": 5, "web": 3}}, table) == ["swap"]
    assert unseen_sources({}, table) == []


def test_few_groups_have_no_interval_and_say_so_and_a_perfect_area_has_a_width():
    table = drawn(400).rename(columns={"p_only": "p_fake"})
    gan = table["dataset"] == "gan"
    few = table[~gan | table["group"].isin(table.loc[gan, "group"].unique()[:3])]
    row = left_out("a", few, "b", few.assign(p_fake=few["p_fake"] ** 2 * 0.9), ["gan"])[0]
    assert row.low is None
    assert "3 groups of fakes, and 5 are needed" in row.note
    assert row.seen_span == (None, None)
    sure = left_out("a", table, "b", table.assign(p_fake=table["label"] * 1.0), ["gan"])[0]
    assert sure.seen == 1
    assert 0.5 < sure.seen_span[0] < sure.seen_span[1] == 1
    words = loss_words(row)
    assert "5 are needed" in words
    cells = {c.fakes: c for c in auroc_matrix(few.assign(p=few["label"] * 1.0), "p")}
    assert cells["gan"].low is not None  # two groups or more agree wholly: the exact interval, wide
    assert cells["gan"].high - cells["gan"].low > 0.3


def test_a_stack_has_learnt_what_its_members_and_its_stage_3_have(tmp_path):
    space = Workspace(tmp_path)
    for name, sources in (("one", {"web": 5, "gan": 2}), ("two", {"web": 4})):
        write_json(space.runs / name / "run.json", {"recipe": {"name": f"r-{name}"}, "sources": sources})
    about = {"kind": "stack", "members": [{"run": "one"}, {"run": "two"}]}
    table = pd.DataFrame({"dataset": ["film", "swap", "test-only"], "split": ["val_calib", "val_calib", "test"]})
    found = stack_learnt(about, {"exclude_datasets": ["swap"]}, table, space)
    assert found == {"recipe": {"name": "stack of r-one + r-two"}, "sources": {"web": 5, "gan": 2, "film": 1}}
    assert "swap" in stack_learnt(about, {}, table, space)["sources"]
    assert stack_learnt({"members": [{"run": "gone"}]}, {}, table, space) is None
    assert stack_learnt({}, {}, table, space) is None


def test_an_item_scored_twice_is_refused():
    table = drawn(60).rename(columns={"p_only": "p_fake"})
    with pytest.raises(ValueError, match="'b' scored an item twice"):
        left_out("a", table, "b", pd.concat([table, table[:3]]), ["swap"])


@pytest.fixture(scope="module")
def workbench(tmp_path_factory):
    """Squares with two methods, a protocol without one of them, and a run trained on either, both evaluated."""
    workspace = tiny_workspace(tmp_path_factory.mktemp("home"), groups=48, runs={})
    place = workspace.datasets / "squares"
    write_json(place / CARD, {})
    frame = open_dataset("squares", workspace).frame
    fake = frame["label"] == 1
    frame.loc[fake, "method"] = np.where(frame.loc[fake, "group"].str[1:].astype(int) % 8 < 4, "grid", "swap")
    Manifest(frame, place).save(place)
    pin_protocols(ProtocolSpec(dataset="squares", kind="method", left_out=["swap"]), workspace)
    opened = Workbench.open(Settings(home=workspace.root))
    for name, dataset in (("whole", "squares"), ("blind", "squares@leave-out-method-swap")):
        run(opened, "train", dataset=dataset, recipe="stage1_tiny", name=name, epochs=1, weights="none", device="cpu")
        run(opened, "calibrate", run=name, device="cpu")
        run(opened, "evaluate", run=name, device="cpu")
    yield opened
    opened.close()


def run(workbench: Workbench, kind: str, **values) -> None:
    spec: Spec = kinds.get(kind).spec(**values)
    _, outcome = run_here(workbench, kind, spec)
    if outcome.error is not None:
        raise outcome.error


def test_runs_on_a_protocol_stand_in_the_table_with_their_method(workbench):
    (row,) = left_out_runs(workbench)
    assert (row.source, row.kind, row.run, row.reference) == ("swap", "method", "blind", "whole")
    scores = {n: pd.read_csv(workbench.workspace.runs / n / "predictions.csv") for n in ("blind", "whole")}
    test = open_dataset("squares", workbench.workspace).select("test").frame
    wanted = test[(test["label"] == 0) | (test["method"] == "swap")]
    for name, area in (("blind", row.unseen), ("whole", row.seen)):
        rows = scores[name].merge(wanted[["sample_id"]], on="sample_id")
        assert len(rows) == len(wanted)
        assert area == pytest.approx(roc_auc_score(rows["label"], rows["p_fake"]))
    assert row.loss == pytest.approx(row.seen - row.unseen)
    assert (row.n_fake, row.n_real) == (int(wanted["label"].sum()), int((wanted["label"] == 0).sum()))
    low, high = row.unseen_span
    assert low is None or low <= row.unseen <= high
    table = elsewhere_charts.left_out_table([row])
    named = table.loc[0, ["left out", "kind", "run without it", "run with it"]].tolist()
    assert named == ["swap", "method", "blind", "whole"]
    assert table.loc[0, "AUROC without it in training"].startswith(f"{row.unseen:.3f}")
    assert "swap" in elsewhere_charts.left_out([row]).to_json()


def test_a_run_stands_for_trained_on_it_only_on_items_it_never_saw(workbench):
    """Whatever it was evaluated on: a protocol's test split may hold fakes that the whole run has trained on."""
    space = workbench.workspace
    about = {n: read_json(space.runs / n / "run.json") for n in ("blind", "whole")}
    held = open_dataset("squares@leave-out-method-swap", space).select("test").frame
    unseen = unseen_of(about["blind"], held, space)
    assert unseen == Unseen("method", ("swap",), pinned=True)
    assert unseen_of(about["whole"], held, space) is None
    every = open_dataset("squares", space).frame
    rows = comparable(about["whole"], unseen, every, space)
    assert set(rows["split"]) == {"test"}
    assert len(rows) < len(every)
    assert comparable(about["blind"], unseen, held, space) is None
    assert comparable(about["whole"] | {"dataset": "gone"}, unseen, held, space) is None
    assert comparable(about["whole"] | {"excluded_datasets": ["grid"]}, unseen, held, space) is None
    assert unseen_of({"dataset": "squares@no-such"}, held, space) is None
