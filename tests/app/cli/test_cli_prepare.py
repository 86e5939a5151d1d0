"""`aware prepare` before and while it works: --validate-only, --dry-run, --source, --out."""

import json

import pytest
from typer.testing import CliRunner

from app.cli.main import app
from app.cli.prepare import duration, size
from tests.support import layouts


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("AWARE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def aware(*arguments, code=0):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return result


def printed(capfd, *arguments, code=0):
    """The JSON document alone on stdout (the command writes to the real one)."""
    capfd.readouterr()
    aware(*arguments, "--json", code=code)
    return json.loads(capfd.readouterr().out)


def test_a_sound_source_is_valid_and_nothing_is_written(tmp_path, home):
    layouts.manifest(tmp_path)
    text = aware("prepare", tmp_path / "list.csv", "--validate-only").output
    assert "manifest (recognised by columns filepath, label): 10 files, 5 real, 5 fake, 5 groups" in text
    assert "valid: 10 files, nothing written" in text
    assert not home.exists()


def test_bad_files_end_with_1_and_their_names(tmp_path, home, capfd):
    layouts.ffpp(tmp_path)
    (tmp_path / "manipulated_sequences/Deepfakes/c23/videos/033_097.mp4").write_bytes(b"")
    text = aware("prepare", tmp_path, "--source", "ffpp", "--validate-only", code=1).output
    assert "c23/videos/final_cut.mp4: 'final_cut' is no clip name of Deepfakes" in text
    assert "c23/videos/033_097.mp4: The file is empty" in text
    assert "2 files cannot be used" in text
    document = printed(capfd, "prepare", tmp_path, "--validate-only", code=1)
    assert document["valid"] is False
    assert [item["file"].split("/")[-1] for item in document["faults"]] == ["final_cut.mp4", "033_097.mp4"]
    assert not home.exists()


def test_rows_with_faults_end_with_1_and_are_named(tmp_path, capfd):
    layouts.manifest(tmp_path)
    with open(tmp_path / "list.csv", "a") as stream:
        stream.write("p/0.png,2,odd,web,v9\np/none.png,1,fake,web,v9\n")
    text = aware("prepare", tmp_path / "list.csv", "--validate-only", code=1).output
    for words in ("row 12: label '2'", "row 13: no file 'p/none.png'", "path 'p/0.png' is in row 2 already"):
        assert words in text
    document = printed(capfd, "prepare", tmp_path / "list.csv", "--validate-only", code=1)
    assert any("row 13" in problem for problem in document["problems"])


def test_a_planted_leak_ends_with_1_and_its_clips(tmp_path):
    layouts.ffpp(tmp_path)
    layouts.clip(tmp_path / "manipulated_sequences/Deepfakes/c23/videos/033_201.mp4")
    text = aware("prepare", tmp_path, "--validate-only", code=1).output
    assert "033_201.mp4: joins 033 (train) with 201 (test)" in text
    assert "033_201.mp4: joins 033 (train) with 201 (test)" in aware("prepare", tmp_path, code=2).output


def test_a_dry_run_counts_and_estimates(tmp_path, home, capfd):
    layouts.ffpp(tmp_path)
    text = aware("prepare", tmp_path, "--compressions", "c23", "--dry-run").output
    for words in ("another compression than c23", "clips: about", "dry run: nothing is written", "would warn:"):
        assert words in text
    assert not home.exists()
    document = printed(capfd, "prepare", tmp_path, "--dry-run")
    assert {row["method"] for row in document["counts"]["method"]} >= {"none", "Deepfakes", "FaceShifter"}
    assert {one["kind"] for one in document["estimates"]} == {"clips", "pictures"}


def test_bad_use_ends_with_2(tmp_path):
    layouts.folder(tmp_path)
    assert "choose one" in aware("prepare", tmp_path, "--dry-run", "--validate-only", code=2).output
    assert "there is no 'ffp'. Did you mean 'ffpp'?" in aware("prepare", tmp_path, "--source", "ffp", code=2).output
    assert "the demo set is drawn" in aware("prepare", "demo", "--source", "ffpp", code=2).output
    assert "is drawn, not read" in aware("prepare", "demo", "--dry-run", code=2).output


def test_a_named_source_into_a_named_folder(tmp_path, home):
    layouts.folder(tmp_path / "raw")
    text = aware("prepare", tmp_path / "raw", "--source", "folder", "--out", tmp_path / "made").output
    assert (tmp_path / "made/manifest.parquet").is_file()
    assert not list((home / "datasets").iterdir())
    assert "5 items (3 real, 2 fake)" in text
    assert "1 file left out" in text
    assert "note: 1 file not read: no part of this layout (1 .txt)." in text
    assert "warning: No column group" not in text
    assert "warning: The split" in text
    assert (
        "prepared already"
        in aware("prepare", tmp_path / "raw", "--source", "folder", "--out", tmp_path / "made").output
    )


@pytest.mark.parametrize(
    ("count", "text"), [(10, "10 B"), (2048, "2.0 KiB"), (3 << 30, "3.0 GiB"), (5 << 40, "5.0 TiB")]
)
def test_sizes(count, text):
    assert size(count) == text


@pytest.mark.parametrize(("seconds", "text"), [(5.2, "5 s"), (600, "10 min"), (9000, "2.5 h")])
def test_durations(seconds, text):
    assert duration(seconds) == text
