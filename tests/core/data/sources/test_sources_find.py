"""Choosing a source, the plain folder, manifests, and names that nobody vouches for."""

import contextlib
import itertools
import json
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.data.manifest.tables import ManifestError
from core.data.prepare.archive import CONTENTS
from core.data.sources import find, recognised
from core.data.sources import walk as walking
from core.data.sources.links import components
from core.data.sources.walk import read_listed_json, walk
from core.data.spec import PrepareSpec
from tests.support import layouts

IDS = st.text("abcdef", min_size=1, max_size=2)


@given(st.lists(IDS), st.lists(st.tuples(IDS, IDS)))
def test_components_are_those_of_scipy(names, pairs):
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    found = components(names, pairs)
    every = sorted({*names, *(name for pair in pairs for name in pair)})
    assert sorted(found) == every
    if not every:
        return
    place = {name: number for number, name in enumerate(every)}
    ends = [[place[pair[side]] for pair in pairs] for side in (0, 1)]
    _, expected = connected_components(coo_matrix(([1] * len(pairs), ends), (len(every),) * 2), directed=False)
    same = {(found[a] == found[b]) == (expected[place[a]] == expected[place[b]]) for a in every for b in every}
    assert same == {True}


@given(st.lists(IDS, unique=True, min_size=1), st.randoms())
def test_a_components_name_depends_on_its_members_alone(names, random):
    pairs = list(itertools.pairwise(names))
    random.shuffle(pairs)
    assert len({components([*reversed(names), "zz"], pairs)[name] for name in names}) == 1
    assert components(names, pairs)[names[0]] == components([], [*pairs, (names[0], names[0])])[names[0]]


def test_two_layouts_in_one_place_are_not_guessed_at(tmp_path):
    layouts.folder(tmp_path)
    layouts.celebdf(tmp_path)
    with pytest.raises(ValueError, match=r"looks like 2 sources \(celebdf: .*; folder: fake/ and real/\); say which"):
        recognised(tmp_path)
    assert len(find(PrepareSpec(path=str(tmp_path), source="folder")).items) == 5


def test_nothing_known_lists_what_would_be(tmp_path):
    with pytest.raises(ValueError, match=r"(?s)no source is recognised.*ffpp: original_sequences/.*manifest: a CSV"):
        recognised(tmp_path)
    with pytest.raises(LookupError, match="unknown data source 'ffp'; known: ffpp, celebdf"):
        find(PrepareSpec(path=str(tmp_path), source="ffp"))
    with pytest.raises(FileNotFoundError):
        find(PrepareSpec(path=str(tmp_path / "gone")))


def test_a_list_with_a_strange_header_is_told_what_lacks(tmp_path):
    (tmp_path / "m.csv").write_text("clip_name,verdict\nx,1\n")
    with pytest.raises(ManifestError, match=r"m\.csv has no path column: its header is clip_name,verdict"):
        find(PrepareSpec(path=str(tmp_path / "m.csv")))
    (tmp_path / "m.json").write_text('{"version": 3}')
    with pytest.raises(ValueError, match=r"m\.json row 1: label '3'|no file 'version'"):
        find(PrepareSpec(path=str(tmp_path / "m.json")))


KEYS = st.sampled_from(["aaa.mp4", "label", "a.jpg", "..", ""])
CELLS = st.none() | st.booleans() | st.integers(-2, 2) | st.floats(allow_nan=False)
JSON = st.recursive(
    CELLS | st.sampled_from(["REAL", "033", "a.jpg"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner),
    max_leaves=8,
)


@given(document=JSON, name=st.sampled_from(["ffpp", "dfdc", "roadwork"]))
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_json_gives_a_listing_or_a_sentence(document, name, tmp_path):
    """Nothing that a foreign list says makes a source fail otherwise than with a ValueError."""
    root = tmp_path / name
    if not root.exists():
        root.mkdir()
        (root / "splits").mkdir()
        (root / "original_sequences/youtube/c23/videos").mkdir(parents=True)
        for place in ("aaa.mp4", "a.jpg", "original_sequences/youtube/c23/videos/033.mp4"):
            (root / place).touch()
    listed = {"ffpp": "splits/train.json", "dfdc": "metadata.json", "roadwork": "list.json"}[name]
    (root / listed).write_text(json.dumps(document))
    path = root / listed if name == "roadwork" else root
    with contextlib.suppress(ValueError):
        listing = find(PrepareSpec(path=str(path), source=name))
        assert all(item.row["label"] in (0, 1) and item.file.is_file() for item in listing.items)


def test_groupings_that_a_source_does_not_know_are_refused(tmp_path):
    layouts.folder(tmp_path)
    with pytest.raises(ValueError, match="cannot be grouped by identity; it knows: auto, file, folder"):
        find(PrepareSpec(path=str(tmp_path), group_by="identity"))


@pytest.mark.parametrize(
    "header", ["image_path,label,dataset,split", "filepath,label,label_name,dataset", "path,label"]
)
def test_the_three_dialects_are_manifests(tmp_path, header):
    layouts.picture(tmp_path / "a.png")
    cells = {"label": "1", "dataset": "web", "split": "val", "label_name": "fake"}
    (tmp_path / "m.csv").write_text(header + "\n" + ",".join(cells.get(name, "a.png") for name in header.split(",")))
    listing = find(PrepareSpec(path=str(tmp_path / "m.csv")))
    assert listing.source == "manifest"
    assert [(item.file, item.row["label"]) for item in listing.items] == [(tmp_path / "a.png", 1)]


def test_a_folder_with_a_manifest_is_one(tmp_path):
    layouts.picture(tmp_path / "a.png")
    (tmp_path / "manifest.csv").write_text("path,label\na.png,0\n")
    assert recognised(tmp_path) == ("manifest", "recognised by manifest.csv")
    assert len(find(PrepareSpec(path=str(tmp_path))).items) == 1


def test_links_are_followed_only_to_files_below_the_root(tmp_path):
    root = tmp_path / "root"
    layouts.picture(root / "real/a.png")
    layouts.picture(tmp_path / "secret/b.png")
    os.symlink(tmp_path / "secret", root / "real/out")
    os.symlink(tmp_path / "secret/b.png", root / "real/b.png")
    os.symlink(root, root / "real/round")
    os.symlink(root / "nowhere", root / "real/broken.png")
    os.symlink(root / "real/a.png", root / "real/again.png")
    os.mkfifo(root / "real/pipe")
    tree = walk(root)
    assert tree.files == ["real/a.png", "real/again.png"]
    told = dict(tree.skipped)
    assert set(told) == {"real/out", "real/b.png", "real/round", "real/broken.png", "real/pipe"}
    assert "link out of the folder" in told["real/out"]
    assert "leads nowhere" in told["real/broken.png"]


def test_odd_names_are_told_in_ascii_and_hidden_ones_counted(tmp_path):
    for name in (b"bad\xff.png", b"line\nbreak.png", b".hidden.png", b"Icon\r", "gr\u00fc\u00df\u00a0.png".encode()):
        with open(os.path.join(os.fsencode(tmp_path), name), "wb") as stream:
            stream.write(b"x")
    (tmp_path / CONTENTS).touch()  # of a zip that was unpacked here, ours
    tree = walk(tmp_path)
    assert tree.files == ["gr\u00fc\u00df\u00a0.png"]
    assert {name for name, _ in tree.skipped} == {"bad\\udcff.png", "line\\nbreak.png"}
    assert tree.hidden == 2


def test_a_folder_that_may_not_be_read_is_named(tmp_path, monkeypatch):
    layouts.folder(tmp_path)
    (tmp_path / "real/locked").mkdir()
    scandir = os.scandir

    def refuse(path):
        if str(path).rstrip("/").endswith("locked"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(walking.os, "scandir", refuse)
    tree = walk(tmp_path)
    assert tree.skipped == [("real/locked", "The folder may not be read; change its rights.")]
    assert "real/a.png" in tree.files


def test_too_many_files_and_too_large_lists_are_refused(tmp_path, monkeypatch):
    layouts.folder(tmp_path)
    monkeypatch.setattr(walking, "MOST_FILES", 3)
    with pytest.raises(ValueError, match="holds more than 3 files"):
        walk(tmp_path)
    monkeypatch.setattr(walking, "LIST_BYTES", 10)
    (tmp_path / "l.json").write_text(json.dumps(["x" * 20]))
    with pytest.raises(ValueError, match="a list of at most"):
        read_listed_json(tmp_path / "l.json")


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"[" * 200_000, "nested too deeply"), (b"{", "is not JSON"), (b"\xff\xfe{}", "is not UTF-8")],
)
def test_hostile_json_is_refused_with_a_sentence(tmp_path, content, words):
    (tmp_path / "l.json").write_bytes(content)
    with pytest.raises(ValueError, match=words):
        read_listed_json(tmp_path / "l.json")
