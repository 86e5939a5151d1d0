"""Bundles in force: what a change changes, one click back, a zip that holds the folder."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from app.analysis import bundles
from core.artifacts.files import write_json, write_text
from core.documents.bundle import BundleManifest, Member
from core.documents.inputs import InputSpec
from tests.support.page_text import texts


@pytest.fixture
def two(workbench) -> tuple[Path, Path]:
    """Two bundle folders as far as pages read them."""
    made = []
    for name, members in (("old", ["filter", "texture"]), ("new", ["filter", "convit"])):
        folder = workbench.workspace.bundles / name
        listed = [
            Member(name=m, title=m.title(), role="expert", detector="x", input=InputSpec(), gflops=1.0) for m in members
        ]
        manifest = BundleManifest(
            name=name, version="1", created_at="2026-01-01", code_version="0", members=listed, stacked=True, files={}
        )
        write_json(folder / "bundle.json", manifest.model_dump(mode="json"))
        write_text(folder / "card.md", "# Card\n\nGets things wrong.\n")
        made.append(folder)
    return made[0], made[1]


def test_a_change_is_told_before_it_is_made(two):
    told = bundles.changes(*two)
    assert (told["Now"], told["Then"]) == ("old 1", "new 1")
    assert (told["Members removed"], told["Members added"]) == ("texture", "convit")


def test_put_in_force_and_back_again(two, workbench, open_page):
    old, new = two
    workbench.set_active(bundle=old)
    workbench.set_active(bundle=new)
    assert bundles.previous(workbench.active_history(), workbench) == old
    test = open_page("models")
    assert "new 1" in texts(test)
    next(b for b in test.button if b.label == "Back to old 1").click().run()
    assert workbench.active().bundle == old


def test_a_bundle_that_is_gone_is_not_offered(two, workbench):
    old, new = two
    workbench.set_active(bundle=old)
    workbench.set_active(bundle=new)
    os.remove(old / "bundle.json")
    back = bundles.previous(workbench.active_history(), workbench)
    assert back != old


def test_the_zip_holds_the_folder_under_its_name(two, workbench):
    path = bundles.zipped(two[0], workbench.workspace)
    with zipfile.ZipFile(path) as archive:
        assert sorted(archive.namelist()) == ["old/bundle.json", "old/card.md"]
        assert archive.read("old/card.md") == (two[0] / "card.md").read_bytes()
    assert bundles.zipped(two[0], workbench.workspace) == path


def test_titles_come_from_the_manifest_and_survive_its_loss(two, tmp_path):
    always = {"stage3": "Meta-model", "": "The picture itself"}
    assert bundles.member_titles(two[0]) == {**always, "filter": "Filter", "texture": "Texture"}
    assert bundles.member_titles(tmp_path) == always
