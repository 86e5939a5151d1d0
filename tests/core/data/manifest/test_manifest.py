"""Manifests in every dialect, every fault named by row, and a saved one that reads back unharmed."""

import hashlib
import json

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.artifacts.workspace import Workspace
from core.data.manifest.card import dataset_card, filtration_sentence
from core.data.manifest.manifest import COLUMNS, ManifestError, parse_label_map, read_manifest
from core.data.manifest.open import open_dataset
from core.data.manifest.tables import RISKY, guard, unguard


@pytest.fixture
def make(tmp_path):
    """Writes a manifest and the files it names (empty ones do: a manifest never opens them)."""

    def write(text, files=("a.png", "b.png", "c.png", "d.png"), name="set.csv"):
        for file in files:
            path = tmp_path / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return write


def problems(path, **options):
    with pytest.raises(ManifestError) as caught:
        read_manifest(path, **options)
    return caught.value.problems


@pytest.mark.parametrize(
    ("text", "dataset"),
    [
        ("image_path,label,dataset,split\na.png,0,ffhq,train\nb.png,1,ffhq,test\n", "ffhq"),
        ("filepath,label,label_name,dataset\na.png,0,real,ffhq\nb.png,1,fake,ffhq\n", "ffhq"),
        ("path,label\na.png,0\nb.png,1\n", "set"),
        ("\ufeffPath, Label \r\na.png,0\r\n\r\nb.png,1.0\r\n", "set"),
    ],
)
def test_dialects(make, text, dataset):
    manifest = read_manifest(make(text))
    assert tuple(manifest.frame.columns[: len(COLUMNS)]) == COLUMNS
    assert manifest.frame["label"].tolist() == [0, 1]
    assert manifest.frame["path"].tolist() == ["a.png", "b.png"]
    assert set(manifest.frame["dataset"]) == {dataset}
    assert manifest.frame["group"].tolist() == ["a.png", "b.png"]
    assert manifest.frame["sample_id"][0] == hashlib.sha256(b"a.png").hexdigest()[:20]
    assert manifest.frame["method"].tolist() == ["none", "unknown"]


def test_parquet_reads_as_its_csv(make, tmp_path):
    path = make("path,label,native_px\na.png,0,200\nb.png,1,\n")
    pd.DataFrame({"path": ["a.png", "b.png"], "label": [0.0, 1.0], "native_px": [200, None]}).to_parquet(
        tmp_path / "set.parquet"
    )
    pd.testing.assert_frame_equal(read_manifest(path).frame, read_manifest(tmp_path / "set.parquet").frame)


def test_group_follows_clip_person_path(make):
    text = "path,label,group,video,identity\na.png,0,g,v,i\nb.png,0,,v,i\nc.png,0,,,i\nd.png,1,,,\n"
    assert read_manifest(make(text)).frame["group"].tolist() == ["g", "g", "g", "d.png"]


def test_every_problem_is_counted_and_twenty_are_named(make):
    path = make("path,label\n" + "".join(f"x{i}.png,Fake\n" for i in range(30)))
    found = problems(path)
    assert len(found) == 60
    assert "set.csv row 17: label 'Fake' is neither 0 nor 1; map it with --label-map or run prepare" in found
    with pytest.raises(ManifestError, match=r"60 problems(.|\n)*and 40 more"):
        read_manifest(path)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("path,label\na.png,0\nzz.png,1\n", "set.csv row 3: no file 'zz.png'"),
        ("path,label\na.png,0\n,1\n", "set.csv row 3: the path is empty"),
        ("path,label\na.png,0\nb.png,1\na.png,1\n", "set.csv row 4: path 'a.png' is in row 2 already"),
        ("path,label,sample_id\na.png,0,s\nb.png,1,s\n", "set.csv row 3: sample_id 's' is in row 2 already"),
        ("path,label,split\na.png,0,holdout\n", "set.csv row 2: split 'holdout' is not known"),
        ("path,label,group,split\na.png,0,g,train\nb.png,1,h,val\nc.png,1,g,test\n", "set.csv row 4 (test)"),
        ("path,label\na.png,0,9\n", "set.csv row 2 has 3 cells, the header has 2"),
        ("path,image_path,label\na.png,a.png,0\n", "two path columns"),
        ("name,label\na.png,0\n", "no path column: its header is name,label"),
        ("path,klass\na.png,0\n", "no label column"),
        ("path,label,label\na.png,0,0\n", "the column label occurs twice"),
        ("path,label\n", "has a header but no rows"),
        ("", "has no header row"),
        ('path,label\n"a.png,0\n', "not readable CSV"),
    ],
)
def test_faults_are_named(make, text, sentence):
    assert any(sentence in problem for problem in problems(make(text)))


def test_text_that_is_not_utf8(make, tmp_path):
    path = make("")
    path.write_bytes("path,label\nä.png,0\n".encode("latin-1"))
    assert "not UTF-8" in problems(path)[0]


def test_uploaded_manifests_stay_in_their_folder(make, tmp_path):
    (tmp_path / "in").mkdir()
    path = make("path,label\n../a.png,0\n../c.png,1\nb.png,1\n", files=["a.png", "c.png", "in/b.png"], name="in/m.csv")
    assert len(read_manifest(path)) == 3
    found = problems(path, confined=True)
    assert len(found) == 2
    assert "'../a.png' leads out of the manifest's folder" in found[0]
    path.write_text(f"path,label\n{tmp_path / 'a.png'},0\n")
    assert "leads out" in problems(path, confined=True)[0]


def test_label_words(make):
    path = make("path,label\na.png,Real\nb.png,FAKE\n")
    assert read_manifest(path, parse_label_map("real=0, fake=1")).frame["label"].tolist() == [0, 1]
    assert parse_label_map("a=b=1") == {"a=b": 1}
    for wrong in ("real", "real=2", "=1", "real=0,real=1"):
        with pytest.raises(ValueError, match="label map"):
            parse_label_map(wrong)


@settings(deadline=None)
@given(st.text())
def test_guarding_a_cell_can_be_undone_and_leaves_no_formula(cell):
    assert unguard(guard(cell)) == cell
    assert not RISKY.match(guard(cell)) or guard(cell).startswith("'")


@settings(deadline=None, max_examples=15)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1), min_size=1, max_size=5))
def test_saved_manifest_reads_back(tmp_path_factory, notes):
    folder = tmp_path_factory.mktemp("m")
    for i, note in enumerate(notes):
        (folder / f"={i}.png").touch()
        notes[i] = f"={note}" if i % 2 else note
    rows = pd.DataFrame({"path": [f"={i}.png" for i in range(len(notes))], "label": 0, "method": notes})
    rows.to_parquet(folder / "raw.parquet")
    manifest = read_manifest(folder / "raw.parquet")
    manifest.save(folder)
    for name in ("manifest.csv", "manifest.parquet"):
        again = read_manifest(folder / name)
        pd.testing.assert_frame_equal(again.frame, manifest.frame)
        assert again.fingerprint() == manifest.fingerprint()
    text = (folder / "manifest.csv").read_text()
    assert not any(line.startswith("=") or ",=" in line for line in text.splitlines()[1:] if '"' not in line)


def test_fingerprint_is_of_rows_not_of_order_or_place(make):
    text = "path,label,group,split\na.png,0,g,train\nb.png,1,h,test\n"
    manifest = read_manifest(make(text))
    expected = sorted(
        "\t".join([hashlib.sha256(p).hexdigest()[:20], y, g, s])
        for p, y, g, s in ((b"a.png", "0", "g", "train"), (b"b.png", "1", "h", "test"))
    )
    assert manifest.fingerprint() == hashlib.sha256("\n".join(expected).encode()).hexdigest()
    turned = read_manifest(make("path,label,group,split\nb.png,1,h,test\na.png,0,g,train\n"))
    changed = read_manifest(make("path,label,group,split\na.png,1,g,train\nb.png,1,h,test\n"))
    assert turned.fingerprint() == manifest.fingerprint() != changed.fingerprint()


def test_select_names_what_there_is(make):
    manifest = read_manifest(make("path,label,split\na.png,0,train\nb.png,1,test\n"))
    assert manifest.select("test").frame["path"].tolist() == ["b.png"]
    with pytest.raises(ValueError, match=r"no rows in split 'val_calib'; it has: test, train"):
        manifest.select("val_calib")


def test_open_dataset_by_name_folder_and_file(make, tmp_path):
    workspace = Workspace(tmp_path / "ws").create()
    path = make("path,label,split\na.png,0,train\nb.png,1,val\nc.png,0,val\nd.png,1,train\n")
    raw = open_dataset(path, workspace)
    assert set(raw.frame["split"]) <= {"train", "val_select", "val_calib", "test"}
    raw.save(workspace.datasets / "mine")
    named = open_dataset("mine", workspace)
    assert (
        named.fingerprint() == open_dataset(workspace.datasets / "mine", workspace).fingerprint() == raw.fingerprint()
    )
    assert named.file(named.frame["path"][0]).is_file()
    with pytest.raises(FileNotFoundError, match=r"no data set 'other': neither in the workspace \(mine\) nor a path"):
        open_dataset("other", workspace)
    with pytest.raises(FileNotFoundError, match=r"holds no manifest"):
        open_dataset(tmp_path / "ws", workspace)


def test_card_counts_and_warns():
    frame = pd.DataFrame(
        {
            "sample_id": list("abcd"),
            "path": ["a.png", "b.png", "c.png", "d.png"],
            "label": [0, 1, 1, 1],
            "dataset": ["x", "y", "y", "x"],
            "method": ["none", "swap", "swap", "gan"],
            "group": ["1", "2", "2", "3"],
            "identity": ["", "p", "p", ""],
            "split": ["train", "test", "test", "test"],
        }
    )
    card = dataset_card(frame)
    assert (card["items"], card["fake"], card["prevalence"], card["groups"], card["identities"]) == (4, 3, 0.75, 3, 1)
    assert card["methods"] == {"swap": 2, "gan": 1}
    assert card["splits"]["test"] == {"items": 3, "real": 0, "fake": 3, "groups": 2}
    text = " ".join(card["warnings"])
    assert "One label only in y:" in text
    assert "The split val_calib is empty." in text
    assert "The split test holds one label only." in text
    json.dumps(card, allow_nan=False)


def test_card_warns_where_a_person_may_stand_on_two_sides():
    """No group column: every picture its own group; groups finer than people: named by their number."""
    frame = pd.DataFrame(
        {
            "sample_id": list("ab"), "path": ["a.png", "b.png"], "label": [0, 1], "dataset": "x",
            "method": ["none", "swap"], "group": ["a.png", "b.png"], "identity": ["p", "p"], "split": ["train", "test"],
        }
    )  # fmt: skip
    assert "No column group, video or identity" in " ".join(dataset_card(frame)["warnings"])
    assert "1 identities appear in more than one split" in " ".join(dataset_card(frame)["warnings"])
    sound = " ".join(dataset_card(frame.assign(group=["g", "h"], identity=["p", "q"]))["warnings"])
    assert "No column" not in sound
    assert "identities" not in sound


def test_filtration_ceiling_of_the_facts():
    sentence = filtration_sentence(0.88)
    assert "exits 12% of them" in sentence
    assert "more than 16%" in sentence
    assert "F1 of 0.94" in sentence
