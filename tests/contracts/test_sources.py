"""Every registered data source: it has a fixture, is recognised by it, and loses no file without a word."""

from pathlib import Path

import pandas as pd
import pytest

from core.artifacts.files import read_json
from core.artifacts.workspace import Workspace
from core.data.manifest.open import open_dataset
from core.data.manifest.splits import SPLITS, leaking_groups
from core.data.prepare.prepare import prepare
from core.data.sources import checked, data_sources, find, recognised
from core.data.sources.base import TEXTS
from core.data.spec import PrepareSpec
from core.progress import Silent
from tests.support.layouts import LAYOUTS

NAMES = data_sources.names()


@pytest.fixture(params=NAMES)
def laid_out(request, tmp_path):
    root = tmp_path / request.param
    root.mkdir()
    return request.param, LAYOUTS[request.param](root)


def test_every_source_has_a_fixture_and_words():
    assert set(LAYOUTS) == set(NAMES)
    for source in data_sources:
        assert source.title
        assert source.tells
    assert len({source.title for source in data_sources}) == len(NAMES)


def test_the_card_of_sources_has_a_row_for_each():
    text = (Path(__file__).parents[2] / "assets/cards/sources.md").read_text()
    assert [line.split("`")[1] for line in text.splitlines() if line.startswith("| `")] == NAMES


def test_auto_recognises_it_and_says_by_what(laid_out):
    name, fields = laid_out
    found, how = recognised(Path(fields["path"]))
    assert found == name
    assert how.startswith("recognised by ")
    assert find(PrepareSpec(**fields)).source == name


def test_rows_are_whole_and_groups_keep_to_one_official_split(laid_out):
    name, fields = laid_out
    listing = find(PrepareSpec(**fields, source=name))
    assert listing.items
    for item in listing.items:
        assert item.file.is_file()
        assert item.row["label"] in (0, 1)
        assert item.row["group"]
        assert item.row["method"]
        if listing.manifest is None:
            assert set(item.row) == {"label", *TEXTS}
    assert {item.row["label"] for item in listing.items} == {0, 1}
    assert len({item.name for item in listing.items}) == len(listing.items)
    assert not leaking_groups(checked(listing))
    assert listing.group
    names = [name for name, _ in listing.refusals]
    assert all(sentence.endswith(".") for _, sentence in listing.refusals)
    assert not set(names) & {item.name for item in listing.items}


def test_no_file_is_lost_without_a_word(laid_out):
    name, fields = laid_out
    listing = find(PrepareSpec(**fields, source=name))
    if listing.manifest is not None:
        return  # a list names its files itself; missing ones are faults of a row
    roots = {"": Path(fields["path"])} | ({"reals/": Path(fields["reals"])} if "reals" in fields else {})
    there = {prefix + p.relative_to(root).as_posix() for prefix, root in roots.items() for p in root.rglob("*.*")}
    told = {item.name for item in listing.items} | {name for name, _ in listing.refusals}
    told |= set(listing.unlisted) | set(listing.lists)
    lost = {name for name in there if not name.startswith(".")} - told
    assert len(lost) == listing.passed_over, lost
    for unlisted in listing.unlisted[:1]:
        assert any("no part of this layout" in note for note in listing.notes), unlisted


def test_the_data_set_has_its_labels_and_its_card(laid_out, tmp_path):
    name, fields = laid_out
    workspace = Workspace(tmp_path / "ws").create()
    folder = prepare(PrepareSpec(**fields, source=name, name="set"), workspace, Silent())
    frame = open_dataset("set", workspace).frame
    listing = find(PrepareSpec(**fields, source=name))
    assert set(frame["split"]) <= set(SPLITS)
    assert set(frame["label"]) == {0, 1}
    if listing.manifest is None:
        label_of = {item.name: item.row["label"] for item in listing.items}
        assert [label_of[source] for source in frame["source"]] == frame["label"].tolist()
        assert set(frame["source"]) == set(label_of)
    card = read_json(folder / "dataset.json")
    assert card["listing"]["source"] == name
    assert card["listing"]["group"] == listing.group
    assert card["listing"]["refused"]["files"] == len(listing.refusals)
    assert card["task"]["classes"] == list(data_sources.get(name).task.classes)
    told = pd.read_csv(folder / "not_listed.csv", keep_default_na=False)
    assert len(told) == len(listing.refusals) + len(listing.unlisted)
