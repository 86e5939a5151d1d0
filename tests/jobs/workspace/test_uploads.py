"""Uploads: names that every disk takes, and a sentence for every way in which the disk refuses."""

import errno
import io
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.client import Workbench
from jobs.settings import Settings
from jobs.workspace import uploads
from jobs.workspace.uploads import UploadFailed, safe_name


@pytest.fixture
def workbench(tmp_path):
    workbench = Workbench.open(Settings.read({"AWARE_HOME": str(tmp_path)}))
    yield workbench
    workbench.close()


@given(st.text(max_size=400))
@settings(deadline=None)
def test_every_name_fits_a_disk(name):
    safe = safe_name(name)
    assert 0 < len(safe.encode()) <= 226
    assert len(safe) <= 80
    assert not set(safe) & set("/\\\0")


@pytest.mark.parametrize("letter", ["a", "\u00e9", "\u5b57", "\U00020000"])
def test_a_long_name_in_any_script_is_kept(workbench, letter):
    path = workbench.store_upload(io.BytesIO(b"abc"), letter * 255 + ".png")
    assert path.read_bytes() == b"abc"
    assert path.suffix == ".png"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.ENOSPC, "disk of the server is full"),
        (errno.EDQUOT, "disk of the server is full"),
        (errno.EROFS, "no right to write"),
        (errno.EACCES, "no right to write"),
        (errno.ENAMETOOLONG, "shorter"),
        (errno.EIO, r"could not keep it \(Input/output error\)"),
    ],
)
@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_disk_that_refuses_is_a_sentence(workbench, monkeypatch, code, words, step):
    def refuse(*args, **kwargs):
        raise OSError(code, os.strerror(code), str(workbench.workspace.uploads))

    monkeypatch.setattr(uploads.os, step, refuse)
    with pytest.raises(UploadFailed, match=words) as failed:
        workbench.store_upload(io.BytesIO(b"abc"), "a.png")
    monkeypatch.undo()
    assert isinstance(failed.value, ValueError), "pages and the demo show every ValueError as a sentence"
    assert str(workbench.workspace.root) not in str(failed.value)
    assert [path for path in workbench.workspace.uploads.rglob("*") if path.is_file()] == []


def test_a_folder_of_uploads_that_is_gone_is_a_sentence(workbench):
    workbench.workspace.uploads.rmdir()
    with pytest.raises(UploadFailed, match="folder of uploads is gone"):
        workbench.store_upload(io.BytesIO(b"abc"), "a.png")
    workbench.workspace.uploads.touch()
    with pytest.raises(UploadFailed, match="folder of uploads is gone"):
        workbench.store_upload(io.BytesIO(b"abc"), "a.png")


def test_a_stream_that_breaks_off_is_a_sentence(workbench):
    class Broken(io.BytesIO):
        def read(self, size=-1):
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    with pytest.raises(UploadFailed, match="upload the file again"):
        workbench.store_upload(Broken(), "a.png")
