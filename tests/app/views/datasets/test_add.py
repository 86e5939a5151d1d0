"""The ways into the page Datasets, and the jobs that it follows: a zip, a folder; running, killed, failed, done."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from app.forms.allowed_paths import allowed
from app.views.datasets import add as datasets_ways
from app.views.datasets import offered as offers
from app.views.datasets import running as datasets_live
from app.views.datasets.offered import offered
from jobs.settings import Settings
from jobs.worker.worker import new_worker
from tests.support.face_set import face_set
from tests.support.page_text import button, by_label, texts


@pytest.fixture
def folder(workbench) -> Path:
    return face_set(workbench)


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def a_zip() -> bytes:
    picture = io.BytesIO()
    Image.new("RGB", (32, 32), "teal").save(picture, "PNG")
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for label in ("real", "fake"):
            for number in range(6):
                archive.writestr(f"{label}/{number}.png", picture.getvalue())
    return stream.getvalue()


def test_an_uploaded_zip_is_kept_by_hash_and_becomes_a_job(open_page, workbench) -> None:
    test = open_page("datasets")
    test.segmented_control[0].set_value(datasets_ways.UPLOAD).run()
    test.file_uploader[0].set_value(("My faces.zip", a_zip(), "application/zip")).run()
    assert not test.exception
    assert "My_faces.zip" in texts(test)
    assert not test.file_uploader[0].value, "the uploader keeps nothing in memory"
    button(test, "Prepare").click().run()
    assert not test.exception
    job = workbench.jobs(kind="prepare")[0]
    assert Path(job.spec["path"]).is_relative_to(workbench.workspace.uploads)
    assert job.spec["out"] == ""
    assert test.query_params["job"] == job.id or test.query_params["job"] == [job.id]


@pytest.mark.parametrize("data", [b"", b"GIF89a no zip at all", b"MZ" + bytes(90)])
def test_what_is_no_zip_is_refused_with_a_sentence_and_not_kept(open_page, workbench, data: bytes) -> None:
    test = open_page("datasets")
    test.segmented_control[0].set_value(datasets_ways.UPLOAD).run()
    test.file_uploader[0].set_value(("a.zip", data, "application/zip")).run()
    assert not test.exception
    assert "a.zip" in texts(test)
    assert [path for path in workbench.workspace.uploads.rglob("*") if path.is_file()] == []


def test_a_folder_is_chosen_from_the_allowed_roots(open_page, workbench, tmp_path, monkeypatch) -> None:
    extra = tmp_path / "extra"
    touch(extra, "clips here/a.mp4")
    touch(workbench.workspace.incoming, "mine/real/a.png", "mine/fake/b.png", "weights/net.onnx")
    (workbench.workspace.incoming / ".hidden").mkdir()
    monkeypatch.setenv("AWARE_DATA_ROOTS", str(extra))
    test = open_page("datasets")
    test.segmented_control[0].set_value(datasets_ways.FOLDER).run()
    box = by_label(test.selectbox, "Folder, zip or manifest")
    assert [Path(name).name for name in box.options] == ["mine", "clips here"]
    assert str(extra) in texts(test)
    assert "AWARE_DATA_ROOTS" in texts(test)
    box.select(str(extra / "clips here")).run()
    button(test, "Prepare").click().run()
    assert workbench.jobs(kind="prepare")[0].spec["path"] == str((extra / "clips here").resolve())


def test_deeper_layouts_are_offered_and_folders_without_media_are_not(tmp_path: Path) -> None:
    touch(
        tmp_path, "weights/net.onnx", "empty/readme.md", ".hidden/real/a.png", "faces.csv", "notes.txt", "all.zip",
        "sets/one/train/real/a.png", "sets/one/train/fake/b.png", "sets/ff/original_sequences/youtube/c23/videos/1.mp4",
        "sets/docs/x.md", "clips/a.mp4", *(f"faces/{n:02d}/a.jpg" for n in range(20)),
    )  # fmt: skip
    found = [Path(name).relative_to(tmp_path).as_posix() for name in offered([tmp_path, tmp_path / "gone"])]
    assert found == ["all.zip", "faces.csv", "clips", "faces", "sets/ff", "sets/one"]


def test_a_huge_tree_is_looked_through_to_a_bound(tmp_path: Path, monkeypatch) -> None:
    touch(tmp_path, *(f"{n}/x/{m}.txt" for n in range(20) for m in range(20)), "z/real/a.png", "z/fake/b.png")
    reads = []
    scandir = os.scandir
    monkeypatch.setattr(offers, "MOST_ENTRIES", 50)
    monkeypatch.setattr(offers.os, "scandir", lambda path: reads.append(path) or scandir(path))
    assert offered([tmp_path]) in ([], [str(tmp_path / "z")])
    assert len(reads) < 400


def test_a_typed_path_below_a_root_is_taken(open_page, workbench) -> None:
    touch(workbench.workspace.incoming, "deep/er/and/deeper/still/real/a.png")
    test = open_page("datasets")
    test.segmented_control[0].set_value(datasets_ways.FOLDER).run()
    place = workbench.workspace.incoming / "deep/er/and/deeper/still"
    box = by_label(test.selectbox, "Folder, zip or manifest")
    assert str(place) not in box.options
    assert box.proto.accept_new_options, "what is typed comes back as it is and is held to the roots"
    assert allowed("deep/er/and/deeper/still", workbench.settings.readable_roots()) == place


def test_roots_come_from_the_settings(tmp_path: Path) -> None:
    home = str(tmp_path / "home")
    assert Settings(home=home).readable_roots() == [tmp_path / "home" / "incoming"]
    roots = os.pathsep.join([str(tmp_path / "x"), "", f" {tmp_path / 'y'} "])
    settings = Settings.read({"AWARE_HOME": home, "AWARE_DATA_ROOTS": roots})
    assert settings.readable_roots()[1:] == [tmp_path / "x", tmp_path / "y"]
    assert Settings.read(settings.environ()) == settings


# ---- live ----------------------------------------------------------------------------------------------------------
def test_a_running_job_shows_its_progress_and_can_be_stopped(open_page, workbench) -> None:
    workbench.store.add(
        job_id="prepare-1", kind="prepare", pool="work", spec={"path": "/data/clips", "name": "clips"}, now=1.0,
        worker="w-1",
    )  # fmt: skip
    workbench.store.report("prepare-1", 1, fraction=0.4, message="file 8 of 20: a.mp4")
    test = open_page("datasets")
    assert "No data set yet" not in texts(test), "one is under way"
    assert "The first data set is being prepared" in texts(test)
    assert "file 8 of 20" in str([item.proto for item in test.get("progress")])
    button(test, "Yes, stop it").click().run()
    assert workbench.job("prepare-1").cancel_requested


def test_a_killed_command_is_not_shown_as_if_it_ran(open_page, workbench) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    for pid, said in ((ended.pid, True), (os.getpid(), False)):
        worker = new_worker(slots=0, now=1.0, state="here")
        worker.pid, worker.id = pid, f"w-{pid}"
        workbench.store.enter(worker)
        name = f"prepare-{pid}"
        workbench.store.add(job_id=name, kind="prepare", pool="work", spec={"path": "a"}, now=1.0, worker=f"w-{pid}")
        assert datasets_live.deserted(workbench.job(name), workbench) == said
    shown = str([item.proto for item in open_page("datasets").get("progress")])
    assert shown.count("continues where it stopped") == 1


def test_a_failed_job_says_why_and_goes_again(open_page, workbench) -> None:
    workbench.store.add(
        job_id="prepare-1", kind="prepare", pool="work", spec={"path": "/up/a.zip"}, now=1.0, worker="w-1"
    )
    workbench.store.finish("prepare-1", 1, "failed", 2.0, error="The archive is damaged. Upload it again.")
    test = open_page("datasets", job="prepare-1")
    assert "The archive is damaged" in texts(test)
    button(test, "Retry").click().run()
    assert workbench.job("prepare-1").state == "queued"
    assert "No worker is running" in str([item.proto for item in test.get("progress")])


def test_the_job_just_done_opens_its_data_set(open_page, workbench, folder) -> None:
    face_set(workbench, "newer")
    workbench.store.add(job_id="prepare-1", kind="prepare", pool="work", spec={"path": "x"}, now=1.0, worker="w-1")
    result = {
        "message": "Data set clips is ready.",
        "produced": [{"kind": "dataset", "name": "clips", "path": "datasets/clips"}],
    }
    workbench.store.finish("prepare-1", 1, "done", 2.0, result=json.loads(json.dumps(result)))
    test = open_page("datasets", job="prepare-1", dataset="newer")
    assert by_label(test.selectbox, "Data set").value == "clips"
    by_label(test.selectbox, "Data set").select("newer").run()
    test.run()
    assert by_label(test.selectbox, "Data set").value == "newer", "it opens once and does not hold on"
    assert "Data set clips is ready" in texts(test)
    assert datasets_live.made("prepare-nothing", workbench) == ""


def test_a_gone_job_in_the_address_is_forgotten(open_page, folder) -> None:
    assert open_page("datasets", job="prepare-never").title[0].value == "Datasets"
