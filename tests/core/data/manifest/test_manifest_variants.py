"""Manifests as other tools write them: separators, encodings, labels, index columns, forms of one name."""

import unicodedata

import pandas as pd
import pytest

from core.data.manifest.manifest import ManifestError, read_manifest
from core.data.sources import find, recognised
from core.data.spec import PrepareSpec

NAME = "gr\u00fcn.png"


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


@pytest.fixture
def folder(tmp_path):
    return touch(tmp_path, "a.png", "b.png")


def labels(folder, text, name="m.csv", encoding="utf-8", **options):
    (folder / name).write_bytes(text.encode(encoding))
    frame = read_manifest(folder / name, **options).frame
    return dict(zip(frame["path"], frame["label"], strict=True))


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_separators_and_encodings(folder, mark, encoding):
    text = f"path{mark}label{mark}note\na.png{mark}0{mark}x, y; z\nb.png{mark}1{mark}\n"
    text = text.replace("x, y; z", '"x, y; z"')
    assert labels(folder, text, encoding=encoding) == {"a.png": 0, "b.png": 1}
    assert recognised(folder / "m.csv")[0] == "manifest"


@pytest.mark.parametrize(("real", "fake"), [("0", "1"), ("0.0", "1.0"), ("0.000000", "1.000000"), ("0.", "1.")])
def test_labels_that_are_numbers(folder, real, fake):
    assert labels(folder, f"path,label\na.png,{real}\nb.png,{fake}\n") == {"a.png": 0, "b.png": 1}


@pytest.mark.parametrize("cell", ["0.5", "10", "-1", "1e0", "nan", ""])
def test_numbers_that_are_no_label_are_refused(folder, cell):
    with pytest.raises(ManifestError, match="is neither 0 nor 1"):
        labels(folder, f"path,label\na.png,{cell}\nb.png,1\n")


@pytest.mark.parametrize(("real", "fake"), [("false", "true"), ("False", "True"), ("0", "1")])
def test_truth_values_of_is_fake_are_read_and_those_of_label_asked_about(folder, real, fake):
    assert labels(folder, f"path,is_fake\na.png,{real}\nb.png,{fake}\n") == {"a.png": 0, "b.png": 1}
    if real == "0":
        return
    text = f"path,label\na.png,{real}\nb.png,{fake}\n"
    with pytest.raises(ManifestError, match="does not say whether true means fake; say it with --label-map true=1,fal"):
        labels(folder, text)
    assert labels(folder, text, label_map={"true": 0, "false": 1}) == {"a.png": 1, "b.png": 0}


def test_an_index_of_pandas_is_left_out(folder):
    frame = pd.DataFrame({"path": ["a.png", "b.png"], "label": [0.0, 1.0]})
    frame.to_csv(folder / "once.csv")
    pd.read_csv(folder / "once.csv").to_csv(folder / "twice.csv")
    for name in ("once.csv", "twice.csv"):
        read = read_manifest(folder / name).frame
        assert list(read["label"]) == [0, 1]
        assert not any("unnamed" in column or not column for column in read.columns)


def test_a_column_without_a_name_that_says_something_is_kept(folder):
    (folder / "m.csv").write_text("path,label,\na.png,0,indoor\nb.png,1,\n")
    assert list(read_manifest(folder / "m.csv").frame["column 3"]) == ["indoor", ""]


@pytest.mark.parametrize("on_disk", ["NFC", "NFD"])
@pytest.mark.parametrize("in_list", ["NFC", "NFD"])
def test_a_name_is_found_in_either_form(tmp_path, on_disk, in_list):
    disk, listed = (unicodedata.normalize(form, NAME) for form in (on_disk, in_list))
    touch(tmp_path, disk, "b.png")
    assert labels(tmp_path, f"path,label\n{listed},0\nb.png,1\n") == {disk: 0, "b.png": 1}


@pytest.mark.parametrize(
    ("one", "two"),
    [("a.png", "./a.png"), ("x/../a.png", "a.png"), (".//a.png", "a.png"), ("a.png", "ABSOLUTE/a.png"),
     (unicodedata.normalize("NFC", NAME), unicodedata.normalize("NFD", NAME))],
)  # fmt: skip
def test_one_file_under_two_names_is_told(tmp_path, one, two):
    touch(tmp_path, "a.png", unicodedata.normalize("NFC", NAME))
    two = two.replace("ABSOLUTE", str(tmp_path))
    with pytest.raises(ManifestError, match="is in row 2 already; remove one"):
        labels(tmp_path, f"path,label\n{one},0\n{two},1\n")


def test_a_dot_before_a_path_says_nothing(tmp_path):
    touch(tmp_path, "img/a.png", "img/b.png")
    assert labels(tmp_path, "path,label\n./img/a.png,0\nimg//b.png,1\n") == {"img/a.png": 0, "img/b.png": 1}


def test_a_folder_with_one_list_is_read_and_with_several_asked_about(folder):
    (folder / "faces.csv").write_text("image_path,label\na.png,0\nb.png,1\n")
    (folder / "notes.txt").write_text("nothing of this is a list")
    spec = PrepareSpec(path=str(folder))
    assert recognised(folder) == ("manifest", "recognised by faces.csv")
    assert len(find(spec).items) == 2
    (folder / "more.csv").write_text("path;label\na.png;0\n")
    with pytest.raises(
        ValueError, match=r"holds 2 manifests \(faces.csv, more.csv\); prepare them one after the other"
    ):
        find(spec)
