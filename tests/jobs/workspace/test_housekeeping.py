"""Deleting leaves no trace; a full workspace makes room with what nothing needs; nobody else may look in."""

from __future__ import annotations

import io
import json
import os
import shutil
import stat
from pathlib import Path

import pandas as pd
import pytest

from core.analysis.spec import AnalyzeSpec
from core.data.spec import PrepareSpec
from jobs.kind import Produced
from jobs.queue import database
from jobs.workspace import housekeeping
from jobs.workspace.housekeeping import NoRoom, make_room
from tests.support.queueing import open_workbench

MARKER = b"MARKER-5f3a9c"


@pytest.fixture
def workbench(tmp_path):
    opened = open_workbench(tmp_path / "home", uploads_gb=0.000003)  # 3,221 bytes
    yield opened
    opened.close()


def upload(workbench, fill: str, size: int = 1000):
    return workbench.store_upload(io.BytesIO(fill.encode() * size), f"{fill}.png")


def judge(workbench, path, marker: str = "") -> str:
    """An analysis that has ended, with everything that one leaves."""
    job_id = workbench.submit("analyze", AnalyzeSpec(files=[str(path)]))
    job = workbench.store.claim("analyze", "w", 2.0, job_id)
    assert job is not None
    for folder in (workbench.analysis_folder(job_id), workbench.job_folder(job_id) / "attempt-1"):
        folder.mkdir(parents=True)
        (folder / "log.txt").write_text(marker)
    workbench.store.report(job_id, 1, message=marker, part={"said": marker}, metrics=[(1, {"a": 1.0})])
    made = Produced("analysis", job_id, str(workbench.analysis_folder(job_id)), {"file_name": marker})
    workbench.store.finish(job_id, 1, "done", 3.0, result={"message": marker, "values": {}}, produced=[made])
    return job_id


def traces(workbench, marker: bytes) -> list[str]:
    files = [path for path in workbench.workspace.root.rglob("*") if path.is_file()]
    return [str(path) for path in files if marker in path.read_bytes() or marker.decode() in str(path)]


def test_a_deleted_analysis_leaves_no_trace(workbench):
    path = workbench.store_upload(io.BytesIO(MARKER * 20), f"{MARKER.decode()}.png")
    job_id = judge(workbench, path, MARKER.decode())
    assert len(traces(workbench, MARKER)) >= 4
    assert workbench.delete_analysis(job_id) == [path.parent]
    assert traces(workbench, MARKER) == []
    with pytest.raises(LookupError):
        workbench.job(job_id)
    assert workbench.artifacts("analysis") == []
    assert workbench.metrics(job_id) == []


def test_an_upload_that_another_job_names_and_a_file_of_ones_own_stay(workbench, tmp_path):
    shared, own = upload(workbench, "a"), tmp_path / "own.png"
    own.touch()
    first, second, third = judge(workbench, shared), judge(workbench, shared), judge(workbench, own)
    assert workbench.delete_analysis(first) == []
    assert shared.is_file()
    assert workbench.delete_analysis(third) == []
    assert own.is_file()
    assert workbench.delete_analysis(second) == [shared.parent]


def test_only_ended_analyses_are_deleted(workbench):
    waiting = workbench.submit("analyze", AnalyzeSpec(files=[str(upload(workbench, "a"))]))
    with pytest.raises(ValueError, match="cancel it first"):
        workbench.delete_analysis(waiting)
    other = workbench.submit("prepare", PrepareSpec(path="demo"))
    workbench.cancel(other)
    with pytest.raises(ValueError, match="only analyses"):
        workbench.delete_analysis(other)
    with pytest.raises(LookupError):
        workbench.delete_analysis("nope")
    workbench.cancel(waiting)
    assert len(workbench.delete_analysis(waiting)) == 1


def test_the_oldest_upload_that_nothing_needs_makes_room_first(workbench):
    judged, idle, waiting = (upload(workbench, name) for name in "abc")
    judge(workbench, judged)
    workbench.submit("analyze", AnalyzeSpec(files=[str(waiting)]))
    for age, path in ((30, waiting), (20, judged), (10, idle)):
        os.utime(path.parent, (1e9 - age, 1e9 - age))
    fourth = upload(workbench, "d")
    assert [p.is_file() for p in (judged, idle, waiting, fourth)] == [True, False, True, True], "named by no job"
    workbench.submit("analyze", AnalyzeSpec(files=[str(fourth)]))
    upload(workbench, "e")
    assert [p.is_file() for p in (judged, waiting, fourth)] == [False, True, True], "its analysis has ended"
    workbench.submit("analyze", AnalyzeSpec(files=[str(upload(workbench, "e"))]))
    with pytest.raises(NoRoom, match="AWARE_UPLOADS_GB"):
        upload(workbench, "f")
    assert len(list(workbench.workspace.uploads.iterdir())) == 3, "a refused upload leaves nothing"


def test_what_a_data_set_was_made_of_stays(workbench):
    unpacked = workbench.workspace.uploads / "abc" / "clips"
    unpacked.mkdir(parents=True)
    (unpacked / "x.png").write_bytes(b"x" * 3000)
    job_id = workbench.submit("prepare", PrepareSpec(path=str(unpacked)))
    workbench.cancel(job_id)
    with pytest.raises(NoRoom):
        upload(workbench, "a")
    assert (unpacked / "x.png").is_file()


def test_a_path_with_dots_in_it_never_reaches_beyond_the_uploads(workbench, tmp_path, monkeypatch):
    photo = workbench.workspace.root / "photo.jpg"
    photo.write_bytes(b"mine")
    monkeypatch.chdir(workbench.workspace.uploads)
    assert workbench.delete_analysis(judge(workbench, "../photo.jpg")) == []
    assert photo.is_file()
    assert workbench.workspace.database.is_file()


def test_a_folder_of_ones_own_that_is_called_uploads_is_no_room_of_ours(workbench, tmp_path):
    ours = upload(workbench, "a")
    own = tmp_path / "elsewhere" / "uploads" / "x" / "mine.png"
    own.parent.mkdir(parents=True)
    own.touch()
    (workbench.workspace.uploads / "x").mkdir()
    assert workbench.delete_analysis(judge(workbench, own)) == []
    assert (workbench.workspace.uploads / "x").is_dir()
    moved = tmp_path / "elsewhere" / "uploads" / ours.parent.name / ours.name
    moved.parent.mkdir()
    moved.touch()
    assert workbench.delete_analysis(judge(workbench, moved)) == [ours.parent], "as a moved workspace names it"


@pytest.mark.parametrize("name", ["..", ".", "", "a/b", "../jobs"])
def test_only_what_lies_directly_in_a_room_is_removed(tmp_path, name):
    (tmp_path / "room" / "a" / "b").mkdir(parents=True)
    with pytest.raises(ValueError, match="not removed"):
        housekeeping.remove(tmp_path / "room", name)
    assert (tmp_path / "room" / "a" / "b").is_dir()


def test_a_place_that_has_vanished_is_no_failure(tmp_path):
    housekeeping.remove(tmp_path, "gone")
    assert tmp_path.is_dir()


def a_data_set(workbench, root, paths, name="set"):
    folder = workbench.workspace.datasets / name
    folder.mkdir()
    pd.DataFrame({"path": paths}).to_parquet(folder / "manifest.parquet", index=False)
    (folder / "dataset.json").write_text(json.dumps({"schema": 1, "root": str(root)}))
    return folder


def unpacked(workbench, digest: str) -> Path:
    """Pictures of a zip that lay elsewhere, unpacked an hour ago: no job names this folder."""
    place = workbench.workspace.uploads / digest / "unpacked" / "clips"
    place.mkdir(parents=True)
    (place / "x.png").write_bytes(b"x" * 3000)
    os.utime(workbench.workspace.uploads / digest, (1e9, 1e9))
    return place


@pytest.mark.parametrize("how", ["root", "paths", "dotted"])
def test_what_a_data_set_that_no_job_made_points_into_stays(workbench, how):
    place = unpacked(workbench, "a" * 64)
    inside = "../../uploads/" + "a" * 64 + "/unpacked/clips/x.png"
    root, path = {"root": (place, "x.png"), "paths": (".", str(place / "x.png")), "dotted": (".", inside)}[how]
    folder = a_data_set(workbench, root, [path])
    with pytest.raises(NoRoom):
        upload(workbench, "a")
    assert (place / "x.png").is_file()
    shutil.rmtree(folder)
    upload(workbench, "a")
    assert not place.exists(), "nothing needs it any more"


def test_a_data_set_that_cannot_be_read_keeps_everything(workbench):
    place = unpacked(workbench, "a" * 64)
    (a_data_set(workbench, place, ["x.png"]) / "dataset.json").write_text("{")
    with pytest.raises(NoRoom, match="repair or remove"):
        upload(workbench, "a")
    assert (place / "x.png").is_file()


def test_deleting_an_analysis_of_a_data_sets_picture_leaves_the_data_set_whole(workbench):
    place = unpacked(workbench, "a" * 64)
    folder = a_data_set(workbench, place, ["x.png"])
    assert workbench.delete_analysis(judge(workbench, place / "x.png")) == []
    assert (place / "x.png").is_file()
    (folder / "dataset.json").write_text("{")
    job_id = judge(workbench, place / "x.png")
    with pytest.raises(ValueError, match="repair or remove"):
        workbench.delete_analysis(job_id)
    assert workbench.job(job_id).state == "done", "nothing is deleted"
    shutil.rmtree(folder)
    assert workbench.delete_analysis(job_id) == [workbench.workspace.uploads / ("a" * 64)]


def test_what_a_running_job_unpacks_stays(workbench, tmp_path):
    place = unpacked(workbench, "a" * 64)
    (tmp_path / "clips.zip").touch()
    job_id = workbench.submit("prepare", PrepareSpec(path=str(tmp_path / "clips.zip")))
    with pytest.raises(NoRoom):
        upload(workbench, "a")
    assert (place / "x.png").is_file()
    workbench.cancel(job_id)
    upload(workbench, "a")
    assert not place.exists(), "a failed one unpacks its zip again"


def test_an_upload_on_its_way_to_its_job_outlives_an_old_analysis(workbench):
    judged, fresh = upload(workbench, "a"), upload(workbench, "b")
    judge(workbench, judged)
    upload(workbench, "c")
    upload(workbench, "d")
    assert (judged.is_file(), fresh.is_file()) == (False, True)
    with pytest.raises(NoRoom):
        upload(workbench, "e")
    assert upload(workbench, "b") == fresh, "what is here already takes no more room"


def test_a_row_that_was_started_again_meanwhile_keeps_its_files(workbench, monkeypatch):
    path = upload(workbench, "a")
    job_id = workbench.submit("analyze", AnalyzeSpec(files=[str(path)]))
    workbench.cancel(job_id)
    before = workbench.store.get(job_id)
    workbench.retry(job_id)
    monkeypatch.setattr(workbench.store, "get", lambda _: before)  # read a moment before the retry
    with pytest.raises(ValueError, match="started again"):
        workbench.delete_analysis(job_id)
    monkeypatch.undo()
    assert path.is_file()
    assert workbench.job(job_id).state == "queued"


def test_deleting_beside_a_reader_says_what_is_left_and_does_not_wait(workbench, caplog):
    job_id = judge(workbench, upload(workbench, "a"))
    with workbench.store.reader.connect() as reader:
        reader.exec_driver_sql("SELECT * FROM job").fetchall()
        workbench.delete_analysis(job_id)
    assert "log is in use" in caplog.text
    assert database.empty_log(workbench.store.writer)
    log = workbench.workspace.database.with_name("workbench.db-wal")
    assert log.stat().st_size == 0


def test_leftovers_of_the_demo_count_and_go_first(workbench):
    cache = workbench.workspace.demo_cache
    cache.mkdir()
    (cache / "old").write_bytes(b"x" * 3000)
    old = (cache / "old").stat().st_mtime
    arguments = (1000, 3221, workbench.store, workbench.workspace)
    assert make_room(*arguments, now=old + housekeeping.CACHE_SECONDS - 1) == [], "it may still be on its way"
    assert make_room(*arguments, now=old + housekeeping.CACHE_SECONDS + 1) == [cache / "old"]


def modes(folder) -> set[str]:
    return {oct(stat.S_IMODE(path.stat().st_mode)) for path in [folder, *folder.iterdir()] if path.is_dir()}


def test_a_workspace_is_its_users_alone(tmp_path):
    old = os.umask(0o022)
    try:
        workbench = open_workbench(tmp_path / "home")
        home = workbench.workspace.root
        stored = upload(workbench, "a")
        assert modes(home) == {"0o700"}
        assert {oct(stat.S_IMODE(p.stat().st_mode)) for p in home.glob("workbench.db*") if p.suffix != ".lock"} == {
            "0o600"
        }
        assert stat.S_IMODE(stored.stat().st_mode) == 0o600
        assert stat.S_IMODE(stored.parent.stat().st_mode) == 0o700
        workbench.close()
        for path in (home, home / "uploads"):
            path.chmod(0o755)
        (home / "workbench.db").chmod(0o644)
        open_workbench(home).close()
        assert modes(home) == {"0o700"}, "an older workspace is closed when it is opened"
        assert stat.S_IMODE((home / "workbench.db").stat().st_mode) == 0o600
    finally:
        os.umask(old)
