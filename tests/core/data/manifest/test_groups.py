"""People, clips and originals that belong together; leaks refused with their rows; typed columns; protocols."""

from __future__ import annotations

import pandas as pd
import pytest

from core.artifacts.workspace import Workspace
from core.data.manifest.groups import groups_of, joined
from core.data.manifest.manifest import ManifestError, read_manifest
from core.data.manifest.open import open_dataset
from core.data.manifest.pin import pin_protocols
from core.data.manifest.protocol_spec import ProtocolSpec
from core.data.manifest.protocols import protocol_rows

HEADER = "path,label,dataset,split,group,method,identity\n"


def write(folder, text):
    for line in text.splitlines()[1:]:
        (folder / line.split(",")[0]).touch()
    (folder / "set.csv").write_text(text)
    return folder / "set.csv"


def test_groups_are_connected_people_and_clips():
    rows = pd.DataFrame(
        {
            "path": list("abcdef"),
            "identity": ["anna;ben", "ben", "", "", "", ""],
            "video": ["v1", "v2", "v3", "", "v4", ""],
            "original": ["", "", "v2", "v4", "", ""],
        }
    )
    assert groups_of(rows).tolist() == ["anna", "anna", "anna", "v4", "v4", "f"]


def test_a_given_group_stands_and_draws_its_people_in():
    rows = pd.DataFrame({"path": list("abc"), "group": ["g", "", "h"], "identity": ["p", "p", "q"]})
    assert groups_of(rows).tolist() == ["g", "g", "h"]


def test_parts_of_one_name_stay_apart():
    rows = pd.DataFrame({"path": list("ab"), "identity": ["x", ""], "video": ["", "x"]})
    assert groups_of(rows).nunique() == 2


def test_look_alikes_join_groups():
    assert joined(pd.Series(["c", "a", "b", "d"]), [(0, 1), (1, 2)]).tolist() == ["a", "a", "a", "d"]


def test_planted_identity_leak_is_refused_with_its_rows(tmp_path):
    path = write(tmp_path, HEADER + "a.png,0,s,train,g,,p\nb.png,1,s,test,h,swap,p\n")
    with pytest.raises(
        ManifestError, match=r"identity 'p' is in two splits: set.csv row 2 \(train\) and .*row 3 \(test"
    ):
        read_manifest(path)
    assert len(read_manifest(path, refuse_leaks=False)) == 2


def test_hashed_splits_refuse_groups_finer_than_people(tmp_path):
    rows = "".join(f"{i}.png,{i % 2},s,,g{i},,p\n" for i in range(30))
    with pytest.raises(ManifestError, match="identity 'p' is in two splits"):
        open_dataset(write(tmp_path, HEADER + rows), Workspace(tmp_path / "ws").create())


def test_known_columns_have_one_type_from_csv_and_parquet(tmp_path):
    text = "path,label,frame,yaw,bystander\na.png,0,3,1.5,True\nb.png,1,,,\n"
    manifest = read_manifest(write(tmp_path, text))
    assert [str(manifest.frame[name].dtype) for name in ("frame", "yaw", "bystander")] == [
        "Int64",
        "float64",
        "boolean",
    ]
    manifest.save(tmp_path)
    for name in ("manifest.csv", "manifest.parquet"):
        pd.testing.assert_frame_equal(read_manifest(tmp_path / name).frame, manifest.frame)
    with pytest.raises(ManifestError, match=r"row 2: frame '2.5' is no whole number"):
        read_manifest(write(tmp_path, "path,label,frame\na.png,0,2.5\n"))


def test_fingerprint_counts_the_files_bytes_where_known(tmp_path):
    text = "path,label,split,sha256\na.png,0,train,{}\nb.png,1,test,bb\n"
    prints = {read_manifest(write(tmp_path, text.format(sha))).fingerprint() for sha in ("aa", "cc")}
    assert len(prints) == 2


@pytest.fixture
def prepared(tmp_path):
    workspace = Workspace(tmp_path / "ws").create()
    splits = ["train", "val_select", "val_calib", "test"]
    lines = [
        f"{i}.png,{int(method != '')},{source},{splits[i // 8 % 4]},g{i // 2},{method},\n"
        for i, (method, source) in enumerate([("", "x"), ("", "y"), ("swap", "x"), ("gan", "z")] * 16)
    ]
    manifest = read_manifest(write(tmp_path, HEADER + "".join(lines)))
    manifest.save(workspace.datasets / "faces")
    return workspace


def test_a_left_out_method_is_in_test_alone_and_pinned(prepared):
    made, _ = pin_protocols(ProtocolSpec(dataset="faces", kind="method", left_out=["gan"]), prepared)
    assert [item.name for item in made] == ["leave-out-method-gan"]
    frame = open_dataset("faces@leave-out-method-gan", prepared).frame
    assert "gan" not in set(frame.loc[frame["split"] != "test", "method"])
    test = frame[frame["split"] == "test"]
    assert set(test.loc[test["label"] == 1, "method"]) == {"gan"}
    assert (frame.groupby("group")["split"].nunique() == 1).all()
    from core.data.manifest.exclusions import exclude, undo_last

    exclude(prepared.datasets / "faces", [frame["sample_id"][0]], "blurred", "me")
    with pytest.raises(ValueError, match="not those that the protocol was pinned to"):
        open_dataset("faces@leave-out-method-gan", prepared)
    undo_last(prepared.datasets / "faces")
    assert len(open_dataset("faces@leave-out-method-gan", prepared)) == len(frame)
    with pytest.raises(FileNotFoundError, match="has no protocol 'other'; it has: leave-out-method-gan"):
        open_dataset("faces@other", prepared)


def test_each_source_in_turn(prepared):
    made, lost = pin_protocols(ProtocolSpec(dataset="faces", kind="source"), prepared)
    assert {item.left_out for item in made} | {(value,) for value in lost} == {("x",), ("y",), ("z",)}
    for item in made:
        frame = open_dataset(f"faces@{item.name}", prepared).frame
        assert not set(frame.loc[frame["split"] != "test", "dataset"]) & set(item.left_out)
        assert frame.loc[frame["split"] == "test", "label"].nunique() == 2


def test_what_cannot_be_left_out_is_named(prepared):
    frame = open_dataset("faces", prepared).frame
    with pytest.raises(ValueError, match="cannot leave out nope: the methods are gan, swap"):
        protocol_rows(frame, "method", ("nope",))
    with pytest.raises(ValueError, match="one label only"):
        protocol_rows(frame, "method", ("gan", "swap"))


def test_a_planted_donor_leak_is_refused_with_its_rows(tmp_path):
    text = "path,label,split,group,identity,donor\na.png,0,train,g,p,\nb.png,1,test,h,q,p\n"
    with pytest.raises(ManifestError, match=r"identity 'p' is in two splits: set.csv row 2 .*row 3 \(test"):
        read_manifest(write(tmp_path, text))
