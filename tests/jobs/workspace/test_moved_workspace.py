"""A workspace can be copied, moved or restored: what it names inside itself is found in the new place."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from sqlalchemy import text

from core.artifacts.files import write_json
from core.artifacts.workspace import Workspace
from core.documents.policy import CascadePolicy, Exits
from core.models.inference.run import kept_weights, member_weights
from jobs.client import SHIPPED_BUNDLE, Workbench
from jobs.kind import Produced
from jobs.queue.views import Active
from jobs.settings import Settings
from jobs.worker.foreground import run_here
from jobs.workspace import discovery as found
from jobs.workspace.policies import write_policy
from tests.support.fake_kinds import FakeSpec
from tests.support.queueing import open_workbench


def open_at(home: Path) -> Workbench:
    return Workbench.open(Settings(home=home))


def run_folder(home: Path, name: str, **document) -> Path:
    folder = home / "runs" / name
    folder.mkdir(parents=True)
    write_json(folder / "run.json", {"recipe": "stage1", **document})
    return folder


def policy(name: str = "p1") -> CascadePolicy:
    return CascadePolicy(
        policy_id=name, name="mine", created_at="2026-01-01T00:00:00+00:00", stage1=Exits(), experts=[],
        final=Exits(real_below=0.4, fake_above=0.6),
    )  # fmt: skip


def bundle(folder: Path, word: str = "") -> Path:
    folder.mkdir(parents=True)
    write_json(folder / "bundle.json", {"word": word})
    return folder


def move(old: Path, new: Path) -> Path:
    shutil.copytree(old, new)
    shutil.rmtree(old)
    return new


def test_a_moved_workspace_finds_its_own_things_again(tmp_path):
    workbench = open_workbench(tmp_path / "old")
    home = workbench.workspace.root
    outside = tmp_path / "elsewhere" / "set"
    outside.mkdir(parents=True)
    workbench.register(Produced("run", "r", str(run_folder(home, "r")), {}))
    workbench.register(Produced("dataset", str(outside), str(outside), {}))
    workbench.set_active(bundle=bundle(home / "bundles" / "b"))
    workbench.store.promote({"policy": workbench.workspace.relative(home / "policies" / "p.json")}, "", "", 1.0)
    job_id, _ = run_here(workbench, "fake", FakeSpec())
    workbench.close()
    moved = open_at(move(tmp_path / "old", tmp_path / "new"))
    assert moved.artifact("run", "r").path == tmp_path / "new/runs/r"
    assert moved.artifact("dataset", str(outside)).path == outside, "what lies elsewhere stays there"
    assert moved.active().bundle == tmp_path / "new/bundles/b"
    assert moved.active().policy == tmp_path / "new/policies/p.json"
    assert moved.active_history()[0].value == str(tmp_path / "new/policies/p.json")
    assert "old" not in json.dumps(moved.job(job_id).result)
    moved.close()


def test_the_shipped_bundle_is_the_one_of_this_installation(tmp_path, monkeypatch):
    workbench = open_at(tmp_path / "home")
    workbench.set_active(bundle=bundle(workbench.workspace.bundles / "b"))
    workbench.set_active(bundle=SHIPPED_BUNDLE, reason="back")
    monkeypatch.setattr("jobs.client.SHIPPED_BUNDLE", tmp_path / "other_installation")
    assert workbench.active().bundle == tmp_path / "other_installation"
    values = [change.value for change in workbench.active_history() if change.what == "bundle"]
    assert values == [str(tmp_path / "other_installation"), str(workbench.workspace.bundles / "b")]
    workbench.close()


@pytest.fixture
def old_rows(tmp_path):
    """A function: a database of version 0001 in `new`, whose rows name what lay in `old`."""
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import create_engine

    import jobs.queue.database

    def make(paths: dict[str, str], bundle: str = "", result: dict | None = None, policy: str = "") -> Path:
        home = tmp_path / "new"
        Workspace(home).create()
        engine = create_engine(f"sqlite:///{home / 'workbench.db'}")
        config = Config()
        config.set_main_option("script_location", str(Path(jobs.queue.database.__file__).parents[1] / "migrations"))
        with engine.connect() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "0001")
            for name, path in paths.items():
                row = "insert into artifact (kind, name, path, summary, created_at) values ('run', :n, :p, '{}', 1)"
                connection.execute(text(row), {"n": name, "p": path})
            for what, value in (("bundle", bundle), ("policy", policy)):
                row = "insert into active_change (what, value, author, reason, at) values (:w, :v, '', '', 1)"
                if value:
                    connection.execute(text(row), {"w": what, "v": value})
            if result is not None:
                connection.execute(
                    text("insert into job (id, kind, pool, priority, spec, state, fraction, message, result, attempt,"
                         " max_attempts, beat, cancel_requested, created_at) values ('j', 'analyze', 'analyze', 0,"
                         " '{}', 'done', 1, '', :r, 1, 3, 0, 0, 1)"),
                    {"r": json.dumps(result)},
                )  # fmt: skip
            connection.commit()
        engine.dispose()
        return home

    return make


def test_rows_of_before_are_led_to_what_lies_here(old_rows, tmp_path):
    old = tmp_path / "old"
    outside = run_folder(tmp_path / "far", "x")
    made = {"message": "", "produced": [{"kind": "analysis", "name": "j", "path": f"{old}/analyses/j"}]}
    home = old_rows(
        {"r": f"{old}/runs/r", "gone": f"{old}/runs/gone", "x": str(outside)}, f"{old}/bundles/b", made
    )  # fmt: skip
    run_folder(home, "r")
    run_folder(home, "x", seed=2)
    bundle(home / "bundles" / "b")
    (home / "analyses" / "j").mkdir()
    workbench = open_at(home)
    rows = {item.name: item.path for item in workbench.artifacts("run")}
    assert rows["r"] == home / "runs/r"
    assert rows["gone"] == old / "runs/gone", "it is nowhere: its row says where it was"
    kept = workbench.store.artifact_paths("run")
    assert "runs/r" in kept
    assert workbench.active().bundle == home / "bundles/b"
    assert (workbench.job("j").result or {})["produced"][0]["path"] == str(home / "analyses/j")
    workbench.close()


def test_only_a_bundle_in_force_is_the_shipped_one_for_its_name(old_rows, tmp_path):
    shipped = str(tmp_path / "checkout" / "assets" / "demo_bundle")
    made = {"message": "", "produced": [{"kind": "run", "name": "x", "path": shipped}]}
    workbench = open_at(old_rows({"x": shipped}, shipped, made, policy=shipped))
    assert workbench.active() == Active(bundle=SHIPPED_BUNDLE, policy=Path(shipped))
    assert workbench.store.artifact_paths("run") == [shipped]
    assert (workbench.job("j").result or {})["produced"][0]["path"] == shipped
    workbench.close()


def test_another_thing_of_the_same_name_that_is_still_there_stays_in_force(old_rows, tmp_path):
    theirs = bundle(tmp_path / "old" / "bundles" / "b", "another")
    home = old_rows({}, str(theirs))
    bundle(home / "bundles" / "b", "mine")
    workbench = open_at(home)
    assert workbench.active().bundle == theirs
    workbench.close()


def test_a_copy_beside_its_original_uses_its_own(old_rows, tmp_path):
    theirs = bundle(tmp_path / "old" / "bundles" / "b", "same")
    home = old_rows({}, str(theirs))
    bundle(home / "bundles" / "b", "same")
    workbench = open_at(home)
    assert workbench.active().bundle == home / "bundles/b"
    workbench.close()


def test_what_lies_in_the_folders_is_listed_though_no_job_made_it(tmp_path):
    workbench = open_at(tmp_path / "home")
    home = workbench.workspace.root
    assert workbench.artifacts("run") == []
    run_folder(home, "copied", kind="scores")
    run_folder(home, ".half.1234")
    (home / "runs" / "unfinished").mkdir()
    (home / "datasets" / "faces").mkdir()
    write_json(home / "datasets/faces/dataset.json", {"items": 3})
    write_policy(policy(), workbench.workspace)
    assert [(i.name, i.path, i.summary["kind"]) for i in workbench.artifacts("run")] == [
        ("copied", home / "runs/copied", "scores")
    ]
    assert workbench.artifact("dataset", "faces").summary == {"items": 3}
    assert [i.name for i in workbench.artifacts("policy")] == ["p1"]
    assert len(workbench.store.artifact_paths("run")) == 1, "registered once"
    workbench.close()


def test_a_stranger_that_does_not_check_out_is_not_listed_and_says_why(tmp_path):
    workbench = open_at(tmp_path / "home")
    folder = bundle(workbench.workspace.bundles / "broken")
    run_folder(workbench.workspace.root, "good")
    broken = workbench.workspace.runs / "broken"
    broken.mkdir()
    (broken / "run.json").write_text("{")
    assert workbench.artifacts("bundle") == []
    assert [item.name for item in workbench.artifacts("run")] == ["good"]
    assert set(workbench.finder.refused) == {folder / "bundle.json", broken / "run.json"}
    write_json(broken / "run.json", {"recipe": "stage1"})
    assert {item.name for item in workbench.artifacts("run")} == {"good", "broken"}, "looked at again once mended"
    assert set(workbench.finder.refused) == {folder / "bundle.json"}
    workbench.close()


def test_a_row_whose_path_is_gone_gives_way_to_the_folder_of_its_name(tmp_path):
    workbench = open_at(tmp_path / "home")
    workbench.store.register(Produced("run", "r", "/nowhere/runs/r", {"old": True}), 1.0)
    folder = run_folder(workbench.workspace.root, "r")
    assert workbench.artifact("run", "r").path == folder
    workbench.close()


def test_a_row_that_its_job_published_meanwhile_stays_its_jobs(tmp_path, monkeypatch):
    workbench = open_workbench(tmp_path / "home")
    job_id, _ = run_here(workbench, "fake", FakeSpec())
    folder = run_folder(workbench.workspace.root, "r")
    produced = found.with_relative_path(Produced("run", "r", str(folder), {"mine": True}), workbench.workspace)
    with workbench.store._write() as session, session.begin():
        workbench.store._register(session, produced, job_id, 7.0)
    monkeypatch.setattr(workbench.store, "artifact_paths", lambda kind: [])  # read a moment before the job ended
    row = workbench.artifact("run", "r")
    assert (row.job_id, row.summary) == (job_id, {"mine": True})
    workbench.close()


@pytest.mark.parametrize("how", ["name", "memo"])
def test_what_a_running_job_is_making_is_not_listed_before_it_ends(tmp_path, monkeypatch, how):
    workbench = open_workbench(tmp_path / "home")
    spec = {"name": "r"} if how == "name" else {}
    workbench.store.add(job_id="j", kind="train", pool="work", spec=spec, now=1.0, worker="w")
    if how == "memo":
        (workbench.job_folder("j")).mkdir()
        (workbench.job_folder("j") / "run_name.txt").write_text("r")
    run_folder(workbench.workspace.root, "r")
    run_folder(workbench.workspace.root, "copied")
    assert [item.name for item in workbench.artifacts("run")] == ["copied"]
    workbench.store.finish("j", 1, "failed", 2.0)
    assert {item.name for item in workbench.artifacts("run")} == {"copied", "r"}
    workbench.close()


def test_paths_are_kept_relative_only_inside(tmp_path):
    space = Workspace(tmp_path / "home")
    assert space.relative(tmp_path / "home/runs/r") == "runs/r"
    assert space.relative(tmp_path / "homely/r") == str(tmp_path / "homely/r")
    for path in (tmp_path / "home/runs/r", tmp_path / "other"):
        assert space.absolute(space.relative(path)) == path


def test_a_stack_finds_its_members_weights_beside_it(tmp_path):
    stack, member = run_folder(tmp_path / "a", "stack"), run_folder(tmp_path / "a", "m")
    weights = member / "best_model.safetensors"
    weights.touch()
    far = tmp_path / "far.safetensors"
    far.touch()
    rows = [{"run": "m", "weights": kept_weights(weights, stack)}, {"run": "m", "weights": str(weights)}]
    assert rows[0]["weights"] == "../m/best_model.safetensors"
    assert kept_weights(far, stack) == str(far)
    assert member_weights(stack, {"run": "m", "weights": str(far)}) == far
    move(tmp_path / "a", tmp_path / "b")
    for row in rows:
        assert member_weights(tmp_path / "b/runs/stack", row) == tmp_path / "b/runs/m/best_model.safetensors"
