"""Road work: lists with and without a header, CSV and JSON; labels in words; pictures stay in place."""

import json

import pytest

from core.artifacts.workspace import Workspace
from core.data.manifest.manifest import ManifestError
from core.data.manifest.open import open_dataset
from core.data.prepare.prepare import prepare
from core.data.sources import find, recognised
from core.data.spec import PrepareSpec
from core.progress import Silent
from tests.support import layouts

LISTS = {
    "headerless.csv": "a.jpg,roadwork\nb.jpg,no_roadwork\n",
    "swapped.csv": "0,b.jpg\n1,a.jpg\n",
    "header.csv": "image,roadwork\na.jpg,1\nb.jpg,0\n",
    "words.csv": "filename,has_roadwork,place\na.jpg,True,x\nb.jpg,False,y\n",
    "objects.json": json.dumps([{"image_name": "a.jpg", "label": 1}, {"image_name": "b.jpg", "label": 0}]),
    "map.json": json.dumps({"a.jpg": "roadwork", "b.jpg": "no_roadwork"}),
    "told.json": json.dumps({"a.jpg": {"label": 1, "scene": "s"}, "b.jpg": {"label": 0, "scene": "t"}}),
    "inside.json": json.dumps({"version": 1, "images": [{"file": "a.jpg", "class": "roadwork"},
                                                       {"file": "b.jpg", "class": "none"}]}),
    "rows.json": json.dumps([["a.jpg", 1], ["b.jpg", 0]]),
    "rows_header.json": json.dumps([["image_path", "label"], ["a.jpg", 1], ["b.jpg", 0]]),
    "lines.jsonl": '{"image": "a.jpg", "label": true}\n{"image": "b.jpg", "label": false}\n',
}  # fmt: skip


@pytest.fixture
def pictures(tmp_path):
    for name in ("a.jpg", "b.jpg"):
        layouts.picture(tmp_path / name)
    return tmp_path


@pytest.mark.parametrize("name", LISTS)
def test_every_kind_of_list_gives_the_same_labels(pictures, name):
    (pictures / name).write_text(LISTS[name])
    listing = find(PrepareSpec(path=str(pictures / name), source="roadwork"))
    assert {item.name: item.row["label"] for item in listing.items} == {"a.jpg": 1, "b.jpg": 0}
    assert {item.row["dataset"] for item in listing.items} == {"roadwork"}
    assert {item.file.parent for item in listing.items} == {pictures}


@pytest.mark.parametrize("name", [name for name in LISTS if name != "rows_header.json"])
def test_lists_that_are_no_manifest_are_recognised(pictures, name):
    (pictures / name).write_text(LISTS[name])
    assert recognised(pictures / name)[0] == "roadwork"


def test_groups_come_from_scenes_or_the_lack_is_said(pictures):
    (pictures / "told.json").write_text(LISTS["told.json"])
    listing = find(PrepareSpec(path=str(pictures / "told.json")))
    assert [item.row["group"] for item in listing.items] == ["s", "t"]
    assert not any("Add a column" in note for note in listing.notes)
    (pictures / "map.json").write_text(LISTS["map.json"])
    assert any("Add a column `group`" in note for note in find(PrepareSpec(path=str(pictures / "map.json"))).notes)


def test_faults_are_named_by_row(pictures):
    (pictures / "list.csv").write_text("a.jpg,roadwork\nb.jpg,perhaps\nc.jpg,no_roadwork\n../x.jpg,roadwork\n")
    with pytest.raises(ValueError, match="no column that can be the label"):
        find(PrepareSpec(path=str(pictures / "list.csv"), source="roadwork"))
    (pictures / "list.csv").write_text("file,label\na.jpg,roadwork\nb.jpg,perhaps\nc.jpg,none\n../x.jpg,1\n")
    with pytest.raises(ManifestError) as refused:
        find(PrepareSpec(path=str(pictures / "list.csv"), source="roadwork"))
    said = "\n".join(refused.value.problems)
    assert "list.csv row 3: label 'perhaps' is neither 0 nor 1" in said
    assert "list.csv row 4: no file 'c.jpg'" in said
    assert "list.csv row 5: '../x.jpg' leads out" in said
    spec = PrepareSpec(path=str(pictures / "list.csv"), source="roadwork", label_map="perhaps=1")
    with pytest.raises(ManifestError, match=r"(?s)^(?!.*perhaps)"):
        find(spec)


def test_pictures_may_lie_elsewhere_and_stay_there(pictures, tmp_path):
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists/train_labels.csv").write_text(LISTS["headerless.csv"])
    workspace = Workspace(tmp_path / "ws").create()
    spec = PrepareSpec(path=str(tmp_path / "lists"), source="roadwork", media=str(pictures), name="roads")
    folder = prepare(spec, workspace, Silent())
    manifest = open_dataset("roads", workspace)
    assert manifest.root == pictures
    assert manifest.frame["label"].tolist() == [1, 0]
    assert not list(folder.glob("pictures/*"))
    with pytest.raises(ValueError, match="judged whole"):
        prepare(spec.model_copy(update={"detect_faces": True, "name": "x"}), workspace, Silent())
    with pytest.raises(ValueError, match="leads out of the upload"):
        find(spec, confined=True)


def test_a_folder_with_two_lists_asks_which(pictures):
    for name in ("map.json", "header.csv"):
        (pictures / name).write_text(LISTS[name])
    with pytest.raises(ValueError, match=r"a folder with 2 lists \(header.csv, map.json\)"):
        find(PrepareSpec(path=str(pictures), source="roadwork"))
